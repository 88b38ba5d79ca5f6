/*
 * Rows of usage on disk until the orchestrator has them: numbered from 1 without gaps, written with
 * write(2) before anybody is told, so that they outlive a kill at any point, and synced a little
 * later. What was torn by a crash is cut off at the next start.
 *
 * Two files, opened once, since a confined process opens none later: one is written, the other
 * holds what has not been taken yet or is empty. A record is {u32 length, u32 crc32c, u64 n} and
 * its JSON; the first of a file names the journal, with the n before its first row.
 *
 * Knows no link, and of a row only that it is a JSON object.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

#define JOURNAL_ROW_MAX 2048           /* bytes of a row */
#define JOURNAL_FILE_BYTES (1u << 20)  /* then the other file is written, if it is empty */
#define JOURNAL_BYTES_MAX (256u << 20) /* of both, while nobody takes anything */

struct journal;

/* Opens or makes the files in dir. -EBADMSG: one is not a journal's. */
int journal_open(const char *dir, struct journal **ret, struct err *e);
struct journal *journal_close(struct journal *j);
DEFINE_CLEANUP(struct journal *, journal_close)

const char *journal_id(const struct journal *j);   /* names the numbering; borrowed */
uint64_t journal_last(const struct journal *j);    /* number of the last row; 0: none ever */
uint64_t journal_synced(const struct journal *j);  /* up to there rows are on the disk */
uint64_t journal_waiting(const struct journal *j); /* rows that have not been taken */
bool journal_has_room(const struct journal *j);

/* Adds a row, n bytes that are a JSON object with a field or more; returns its number in *ret.
 * -ENOSPC: JOURNAL_BYTES_MAX. -EIO and the like: nothing was written. */
int journal_add(struct journal *j, const char *row, size_t n, uint64_t *ret);

/* What was added is on the disk when this returns. */
int journal_sync(struct journal *j);

/* Rows up to n are elsewhere and may go. */
void journal_taken(struct journal *j, uint64_t n);

/* Where somebody reads; zeroed: at the first row that has not been taken. */
struct journal_cursor {
	uint64_t next; /* number of the next row; 0: not begun */
	unsigned int file;
	uint64_t at; /* in it */
};

/* Appends the next row as JSON with its number as first field, n. 0: there is none yet. 1: it was
 * appended. -ENOSPC: the buffer is full, nothing was appended. -EIO. */
int journal_read(struct journal *j, struct journal_cursor *c, struct buf *b);
