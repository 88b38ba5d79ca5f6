/*
 * Model calls: out over the infer link, back as tokens and a result that the calling handler
 * waits for. A call belongs to one handler and is stopped with it.
 */
#pragma once

#include "sdk-lua/host/inside.h"

#define CALLS_TASK_MAX 8

enum call_state { CALL_RUNNING, CALL_DONE, CALL_FAILED };

struct call {
	struct call *next; /* of its task */
	struct task *task; /* borrowed */
	uint32_t id;
	enum call_state state;
	struct buf tokens;          /* text not yet read */
	bool waits;                 /* for its model, and that is news */
	int64_t percent;            /* of the model that are loaded */
	struct infer_result result; /* CALL_DONE */
	char code[33];              /* CALL_FAILED */
	char words[1025];
};

/* Takes the link's end; calls of the one before fail. -errno. */
int infer_attach(struct worker *w, int fd);

/*
 * Starts a call for the running handler; request: value of infer.CALL, an object that is not empty;
 * raw: what follows it, NULL: nothing.
 * The grant of the handler's event goes with it, which the app never sees. -ENOENT: no link;
 * -ENOBUFS: the link is full, or the handler has CALLS_TASK_MAX calls; -ENOMEM.
 */
int call_start(struct task *t, const uint8_t *request, size_t n, const char *raw, size_t n_raw,
	struct call **ret);

/* NULL: the running handler has no such call. */
struct call *call_find(struct task *t, uint32_t id);

/* There is something to read, or nothing more will come. */
bool call_has_news(const struct call *c);

/* Ends it: STOP when it still runs. Frees. */
void call_end(struct call *c);
void calls_free(struct task *t);
