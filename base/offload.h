/*
 * Brings files to the disk, or reads them for their SHA-256, each in a thread that lives for that
 * alone: a disk that takes its time must not hold up clicks.
 */
#pragma once

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/loop.h"

#define OFFLOAD_FDS_MAX 2

struct offload;
struct offload_job;

int offload_new(struct loop *loop, struct offload **ret);
struct offload *offload_free(struct offload *o); /* waits; nobody is called any more */
DEFINE_CLEANUP(struct offload *, offload_free)

/*
 * fsyncs the fds, of which there are n, and closes them. Returns 1: done is called from the loop
 * with 0 or -errno, unless offload_forget comes first; 0: they are there already; -errno: they are
 * not.
 */
int offload_sync(struct offload *o, const int *fds, size_t n, void (*done)(int outcome, void *data),
	void *data, struct offload_job **ret);

/*
 * The SHA-256 of everything in fd, which is closed. done is called from the loop, never from here:
 * outcome 0 and the hash, or -errno and ""; -ECANCELED: the process ends. Few run at once, the rest
 * wait. -ENOMEM: it is not, and fd stays the caller's.
 */
int offload_hash(struct offload *o, int fd,
	void (*done)(int outcome, const char hash[SHA256_HEX + 1], void *data), void *data,
	struct offload_job **ret);

/* done will not be called; a hash is given up, a sync goes on. NULL is fine. Returns NULL. */
struct offload_job *offload_forget(struct offload_job *j);

/* Waits for all, but gives hashes up, and calls their done; from now on offload_sync itself waits.
 * The process ends. */
void offload_settle(struct offload *o);
