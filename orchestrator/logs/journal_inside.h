/* What journal.c and journal_sweep.c share: the open names and the files of one folder. */
#pragma once

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "orchestrator/logs/journal.h"

#define SEGMENTS_MAX 64 /* in one folder; we make JOURNAL_SEGMENTS, another setting made more */
#define SEGMENT_NAME 24
#define SWEEP_USEC (3600ull * 1000000)
#define SWEEP_FIRST_USEC (5ull * 1000000)

struct segment {
	int64_t at, size;
};

struct journal {
	struct journal *next;
	char name[JOURNAL_NAME_MAX + 1];
	int dir;                               /* owned; -1: there is none yet */
	int write_fd;                          /* owned; of the newest segment */
	int read_fd;                           /* owned; of the older one at read_at */
	struct segment segments[SEGMENTS_MAX]; /* n of them, oldest first */
	size_t n;
	int64_t read_at;
	uint64_t begun_usec; /* wall clock; of the newest segment; 0: not known */
	uint64_t used;       /* for closing the one that was used longest ago */
	struct journal_watch *watches;
};

struct journals {
	int dir; /* owned */
	struct journal_limits limits;
	struct source *timer; /* owned; NULL: nobody sweeps */
	bool sweeps_soon;
	struct journal *open; /* owned list of n */
	size_t n;
	uint64_t clock, dropped;
	uint64_t total; /* bytes of all names by the last sweep, and what came since */
};

static inline int64_t segment_end(const struct segment *s)
{
	return s->at + s->size;
}

static inline void segment_name(int64_t at, char ret[SEGMENT_NAME])
{
	(void)snprintf(ret, SEGMENT_NAME, "%016" PRIx64, (uint64_t)at);
}

static inline uint64_t stat_usec(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000 + (uint64_t)st->st_mtim.tv_nsec / 1000;
}

/* Lets go of the files; the name is opened again when needed. Nobody watches it. */
void journal_close(struct journals *j, struct journal *g);

/* Calls fn for each segment in a name's folder, in no order. */
void segments_each(int dir, void (*fn)(const char *file, int64_t at, void *data), void *data);
