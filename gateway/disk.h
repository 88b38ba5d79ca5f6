/*
 * Brings files to the disk, each in a thread that lives for one fsync: a disk that takes its time
 * must not hold up clicks.
 */
#pragma once

#include "base/cleanup.h"
#include "base/loop.h"

#define DISK_FDS_MAX 2

struct disk;
struct disk_job;

int disk_new(struct loop *loop, struct disk **ret);
struct disk *disk_free(struct disk *d); /* waits; nobody is called any more */
DEFINE_CLEANUP(struct disk *, disk_free)

/*
 * fsyncs the fds, of which there are n, and closes them. Returns 1: done is called from the loop
 * with 0 or -errno, unless disk_forget comes first; 0: they are there already; -errno: they are
 * not.
 */
int disk_sync(struct disk *d, const int *fds, size_t n, void (*done)(int outcome, void *data),
	void *data, struct disk_job **ret);

/* done will not be called. NULL is fine. Returns NULL. */
struct disk_job *disk_forget(struct disk_job *j);

/* Waits for all and calls their done; from now on disk_sync itself waits. The process ends. */
void disk_settle(struct disk *d);
