/*
 * One operation on what a Space keeps: reads its arguments, works on rows, writes its answer. Knows
 * no transaction and no link.
 */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/random.h"
#include "orchestrator/data/data.h"

struct op_call {
	struct store *db;
	const struct data_limits *limits;
	const char *space;
	const char *scope; /* whose keys: "" the Space's, "u:ID", "v:PSEUDONYM"; NULL: nobody's */
	const json_t *args;
	const char *dir; /* of the Space's files; may be missing */
	/* The Space's files whose end is under way: parts no more, and no row says them yet. */
	size_t n_ending;
	int64_t ending_bytes;
	bool gone;       /* file.end: its file is removed once a commit before is on the disk */
	const void *raw; /* bytes behind the arguments */
	size_t n_raw;
	struct buf *out;         /* the answer's JSON */
	const char *code;        /* of a refusal; "bad_input" unless set */
	char doomed[ID_LEN + 1]; /* file that is nobody's once this is on the disk; "": none */
};

/*
 * 0, or -EINVAL: refused with words for the app, nothing was changed. Anything else: the database
 * failed.
 */
typedef int (*op_fn)(struct op_call *c, struct err *e);

int op_get(struct op_call *c, struct err *e);
int op_set(struct op_call *c, struct err *e);
int op_delete(struct op_call *c, struct err *e);
int op_list(struct op_call *c, struct err *e);
int op_dump(struct op_call *c, struct err *e); /* keys of all scopes */

/*
 * Before the row of a key or a file changes or goes: keeps what stands there for a snapshot that
 * has it. now: its revision, 0: nothing stands there. next: what the Space's revision will be. 1:
 * it is kept; 0: no snapshot has it.
 */
int snapshot_keep_item(
	struct op_call *c, const char *key, int64_t now, int64_t next, struct err *e);
int snapshot_keep_file(
	struct op_call *c, const char *name, int64_t now, int64_t next, struct err *e);
int op_snapshot_make(struct op_call *c, struct err *e);
int op_snapshot_list(struct op_call *c, struct err *e);
int op_snapshot_remove(struct op_call *c, struct err *e);
int op_usage(struct op_call *c, struct err *e);
