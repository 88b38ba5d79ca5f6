/*
 * Lines that are kept, by name: a folder of segments per name, each line once, the oldest segment
 * going first when there are too many bytes, when they are too old, or when all names together are
 * over their limit. Knows no product word: a line is bytes without a newline.
 *
 * A position counts the bytes ever kept under a name; it grows for ever, also over restarts and
 * after everything old has gone, and fits a double. Followers read the files at their own pace, so
 * a slow one costs nothing; one that falls behind all there is goes on with the oldest line.
 *
 *	DIR/NAME/POSITION	16 hexadecimal digits: where this segment begins
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"

#define JOURNAL_LINE_MAX 65536 /* bytes of a line with its newline */
#define JOURNAL_NAME_MAX 40
#define JOURNAL_SEGMENTS 8 /* so many make up name_max */

struct journal_limits {
	size_t name_max;    /* bytes of one name */
	uint64_t age_usec;  /* a line may get an eighth older than this */
	uint64_t total_max; /* bytes of all names; reached within a sweep */
};

struct journals;
struct journal_watch;

/*
 * dir is made where it is missing. loop: for the sweeps, a first one soon and then every hour;
 * NULL: only journals_sweep sweeps. The errnos of the file system.
 */
int journals_new(struct loop *loop, const char *dir, const struct journal_limits *limits,
	struct journals **ret, struct err *e);
struct journals *journals_free(struct journals *j);
DEFINE_CLEANUP(struct journals *, journals_free)

/*
 * Keeps a line and tells the watchers. Returns the position behind it. What write(2) fails with
 * (disk full): the line is dropped and counted. -EINVAL: no such name can be.
 */
int64_t journal_append(struct journals *j, const char *name, const void *line, size_t n);

/* Lines that could not be kept since the start. */
uint64_t journals_dropped(const struct journals *j);

/* Positions of the oldest line and behind the newest one. */
int64_t journal_oldest(struct journals *j, const char *name);
int64_t journal_end(struct journals *j, const char *name);

/* At or before the first line that was kept at this wall clock time or later. */
int64_t journal_since(struct journals *j, const char *name, uint64_t wall_usec);

/* Whether a line (newline included) counts. */
typedef bool (*journal_match_fn)(const char *line, size_t n, void *data);

/* Where the last n lines that match begin; match NULL: every line does. */
int64_t journal_tail(
	struct journals *j, const char *name, size_t n, journal_match_fn match, void *data);

/*
 * Copies whole lines from *at on, at most n bytes (at least JOURNAL_LINE_MAX), and moves *at; they
 * end at *at. Returns the bytes; 0: no more for now. *at that is gone, or never was: the oldest
 * line.
 */
ssize_t journal_read(struct journals *j, const char *name, int64_t *at, char *bytes, size_t n);

/* fn is called after each appended line until journal_unwatch. */
int journal_watch(struct journals *j, const char *name, void (*fn)(void *data), void *data,
	struct journal_watch **ret);
struct journal_watch *journal_unwatch(struct journal_watch *w);

/* Something else is new under that name: calls the watchers. */
void journal_poke(struct journals *j, const char *name);

/* Everything under that name goes. */
void journal_delete(struct journals *j, const char *name);

/* Removes what is too old at that time and, oldest first, what is too much. */
void journals_sweep(struct journals *j, uint64_t wall_usec);
