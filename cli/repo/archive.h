/*
 * The file that vitrine export writes and vitrine import reads: a tar archive whose last file,
 * manifest.txt, has SHA-256 and size of each before it. Knows no repo.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "cli/repo/tar.h"

#define ARCHIVE_FILES_MAX 200000
#define ARCHIVE_MANIFEST "manifest.txt"

struct archive_writer;

/* PATH.part until archive_close gives it its name. -EEXIST: there is such a file. */
int archive_create(const char *path, struct archive_writer **ret, struct err *e);
/* A file of exactly size bytes, in pieces; archive_end also says what its SHA-256 is. */
int archive_begin(struct archive_writer *w, const char *name, uint64_t size, struct err *e);
int archive_add(struct archive_writer *w, const void *bytes, size_t n, struct err *e);
int archive_end(struct archive_writer *w, char ret_hash[SHA256_HEX + 1], struct err *e);
/* The same of all that fd holds, from its start. */
int archive_add_fd(struct archive_writer *w, const char *name, int fd, struct err *e);
/* Whole and on the disk, under its name. */
int archive_close(struct archive_writer *w, struct err *e);
/* Frees it; without archive_close nothing is left of the file. NULL is fine. */
struct archive_writer *archive_abort(struct archive_writer *w);
DEFINE_CLEANUP(struct archive_writer *, archive_abort)

struct archive_file {
	struct tar_entry entry;
	char hash[SHA256_HEX + 1];
};

struct archive {
	int fd;                     /* owned */
	struct archive_file *files; /* owned; by name, without the manifest */
	size_t n, cap;
};

/*
 * Reads all of it, and compares each file with the manifest. -EBADMSG with words: it is no such
 * archive, or a byte of it is another one. *ret is to be done with in any case.
 */
int archive_open(const char *path, struct archive *ret, struct err *e);
void archive_done(struct archive *a);

/* NULL: there is none. Borrowed. */
const struct archive_file *archive_find(const struct archive *a, const char *name);

/* Appends a file's bytes. -ENOSPC: over the buffer's ceiling. */
int archive_read(
	const struct archive *a, const struct archive_file *f, struct buf *ret, struct err *e);

/* A copy of it in a new file. */
int archive_extract(
	const struct archive *a, const struct archive_file *f, const char *path, struct err *e);
