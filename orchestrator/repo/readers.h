/*
 * The orchestrator's side of vitrine-reader: jobs that read a repo, each answered once from the
 * loop. Starts the program when the first job comes and again when it has died. Knows no HTTP.
 *
 * Light jobs (a file, a folder, a few paths) go before heavy ones (walks of the history, whole
 * trees), of which only as many run as leave the machine room.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"

struct readers;
struct reading;

struct readers_config {
	struct loop *loop;
	const char *program; /* path of vitrine-reader; copied */
	const char *repos;   /* folder below which all repos lie; copied */
	const char *spool;   /* folder for contents of files under way, on disk; copied */
};

int readers_new(const struct readers_config *config, struct readers **ret);
struct readers *readers_free(struct readers *rs); /* without callbacks */
DEFINE_CLEANUP(struct readers *, readers_free)

/* Of the program; 0 while it does not run. */
pid_t readers_pid(const struct readers *rs);

struct reading_answer {
	const json_t *head; /* borrowed; NULL: the job has failed, and why is in e */
	int body;           /* fd, taken over by whoever sets it to -1; from its start on */
	uint64_t size;      /* of the body */
	const struct err *e;
};

typedef void (*reading_fn)(struct reading_answer *a, void *data);

struct reading_plan {
	const char *repo; /* path */
	json_t *args;     /* {op, …} as in orchestrator/reader/jobs.c; taken */
	bool heavy;
	bool content; /* the answer may be large: it lies on disk, not in memory */
	int input;    /* a file to read, the caller's; -1: none */
};

/* -EBUSY: too many wait. -ENOSPC, -EMFILE … with words; -EPERM, -ENOENT: the program. */
int readers_ask(struct readers *rs, const struct reading_plan *plan, reading_fn fn, void *data,
	struct reading **ret, struct err *e);

/* fn will not be called. NULL is fine. */
void reading_cancel(struct reading *r);
