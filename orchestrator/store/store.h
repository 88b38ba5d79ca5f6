/*
 * Truth: rows behind named statements. Knows no Space and no user, only the statements of
 * statements.sql and the versions of schema.sql, both written so that SQLite and PostgreSQL accept
 * them alike, but for the text index (repo_text); a driver is one .c file (sqlite.c). What
 * store_commit has returned 0 for survives power loss.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

struct store;
struct store_row;

/* The errors a caller may want to tell apart; everything else is -ENOMEM or a programmer's. */
enum store_error {
	STORE_BUSY = -16 /* -EBUSY: another writer; the same call may succeed in a moment */,
	STORE_CONFLICT = -17 /* -EEXIST: a row says otherwise; nothing was changed */,
	STORE_LOST = -5 /* -EIO: the database cannot be reached or is damaged */,
	STORE_FULL = -28 /* -ENOSPC: no room left; nothing was changed */,
};

/*
 * Opens the database at where (for SQLite a file, created when missing) and brings its schema to
 * the newest version. STORE_CONFLICT: its schema is newer than this program.
 */
int store_open(const char *where, struct store **ret, struct err *e);
/*
 * The same for what apps keep (data_schema.sql, data_statements.sql). Here a commit survives the
 * end of this process, and power loss only once the log has been synced: store_log_open.
 */
int store_open_data(const char *where, struct store **ret, struct err *e);
/* The log that commits were written to, and the folder it is in; the caller's. -errno. */
int store_log_open(const struct store *s, int ret_fds[2]);

struct store *store_close(struct store *s);
DEFINE_CLEANUP(struct store *, store_close)

/* Bytes that it takes of the disk; 0: not known. */
uint64_t store_bytes(const struct store *s);

/* One transaction at a time. store_rollback outside of one is fine, so it can end every path. */
int store_begin(struct store *s, struct err *e);
int store_commit(struct store *s, struct err *e);
void store_rollback(struct store *s);

/*
 * Whoever writes down what is changed, in the same transaction: add is called in each that has
 * changed something and is about to be committed; where it fails, nothing is changed. done: it is
 * committed. While there is a witness, a statement outside of a transaction gets one of its own.
 */
struct store_witness {
	int (*add)(struct store *s, void *data, struct err *e);
	void (*done)(void *data);
};

/* w borrowed; NULL: nobody any more. */
void store_set_witness(struct store *s, const struct store_witness *w, void *data);

/* Called per row; 0: go on, 1: enough, negative: stop with that error. */
typedef int (*store_row_fn)(const struct store_row *row, void *data);

/* Text is borrowed until the callback returns; a null reads as "" and 0. */
const char *store_text(const struct store_row *row, int column);
int64_t store_int(const struct store_row *row, int column);

/*
 * Runs the statement called name. types: one letter per argument, 's' const char * (NULL: null),
 * 'i' int64_t. Returns the rows read, or, of a statement that writes, the rows changed.
 */
int store_run(struct store *s, const char *name, store_row_fn fn, void *data, struct err *e,
	const char *types, ...);
