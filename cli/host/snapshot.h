/*
 * A data folder as it is at one time, beside itself, while the platform goes on working in it.
 *
 * Nobody is asked to wait. What is written once and then only read (mode without any w: blobs,
 *git's objects) becomes a second link, which costs nothing; everything else is copied, databases
 *through SQLite's own backup, in such an order that what is copied later may be newer than what
 *refers to it, never older (but sessions, which move on to a newer version of a Space by
 *themselves):
 *
 *	sessions, files, the database, refs, objects, blobs, usage that is not in the ledger yet
 *
 * A repo may then be ahead of the database by the pushes of those seconds; the orchestrator settles
 * that at its next start (live.h). Knows no archive.
 */
#pragma once

#include "base/err.h"
#include "cli/host/manifest.h"

#define SNAPSHOT_NAME MANIFEST_SNAPSHOT /* below the data folder, for root alone */

/*
 * data: an absolute path. ret: the snapshot's, SNAPSHOT_PATH_MAX bytes; a snapshot that a killed
 * run has left is removed first. *ret_lock is kept until the snapshot is removed. -EBUSY: another
 * one is being taken. -EAGAIN: a folder changed each time it was read.
 */
#define SNAPSHOT_PATH_MAX 4200
int snapshot_take(const char *data, char ret[SNAPSHOT_PATH_MAX], int *ret_lock, struct err *e);

/* Removes it and closes the lock. */
void snapshot_drop(const char *data, int lock);
