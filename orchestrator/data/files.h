/*
 * Files that apps keep, in a folder of their Space, each under an id of its own; names are rows. A
 * file that is being written is parts/ID, and nobody's until its end: then it is synced as ID, and
 * the row of its name says its id from one commit on.
 */
#pragma once

#include <dirent.h>

#include "orchestrator/data/ops.h"

#define FILES_READ_MAX (512u << 10) /* at once */
#define FILES_PARTS 8               /* of a Space, being written */
#define FILES_PART_SEC 3600         /* without a write, until it is forgotten */

int op_file_begin(struct op_call *c, struct err *e);
int op_file_write(struct op_call *c, struct err *e);
int op_file_end(struct op_call *c, struct err *e);
int op_file_read(struct op_call *c, struct err *e);
int op_file_stat(struct op_call *c, struct err *e);
int op_file_list(struct op_call *c, struct err *e);
int op_file_remove(struct op_call *c, struct err *e);

/*
 * The part of that id in dir becomes a file without a name: before op_file_end, once the two fds
 * have been synced, which are the caller's. 1; 0: it was one already. -ENOENT: there is none, which
 * op_file_end says in words.
 */
int files_settle(const char *dir, const char *id, int ret_fds[2]);

/* After op_file_end: a file that no row names is a part again, counted and to be ended once more.
 */
void files_unsettle(struct store *db, const char *space, const char *dir, const char *id);

/*
 * Looks at the next few of the Space's folder d, and removes parts and files that were last written
 * before that time (wall clock) and that no row names. False: those were the last.
 */
bool files_sweep(struct store *db, const char *space, DIR *d, int64_t before_sec);
