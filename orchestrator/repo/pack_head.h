/*
 * The first bytes of an object that lies in a pack, without the rest of it: libgit2 reads objects
 * whole, and one may be as large as a pack. gitformat-pack(5), index version 2.
 */
#pragma once

#include <git2.h>
#include <sys/types.h>

/* objects: a folder with pack/ in it. How many bytes, up to n. -ENOENT: it is in no pack there;
 * -EOPNOTSUPP: it is stored as a difference to another; -EBADMSG, -EIO. */
ssize_t pack_head(const char *objects, const git_oid *oid, void *bytes, size_t n);
