/*
 * What requests for models share, whatever they speak (OpenAI's API, pipelines): who asks and may,
 * a call of inference, and its answer as one JSON text or as a stream of events that begins when
 * the model does. Until then a failure still has a status of its own. The handler's state begins
 * with a struct ask. Only for the files of gateway/http/.
 *
 * No answer here is 503: inference clients of Hugging Face's ask again at once, for ever.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "gateway/http/request.h"
#include "gateway/models/models.h"

#define ASK_BODY_MAX (2u << 20)
#define ASK_VALUES_MAX 65536 /* of JSON in a body */

struct ask;

/* How a protocol words it. Each appends to ask->out. */
struct ask_voice {
	/* Who asks is known and may, the body is there: ask_call, ask_refuse, or text in out and
	 * over. Again after ask_wait_list has said false. */
	void (*start)(struct ask *a);
	int (*text)(struct ask *a, const char *text, size_t n); /* of a stream */
	/* 1: it goes on, with an ask_call now or later. */
	int (*result)(struct ask *a, const struct infer_result *result);
	/* Of a stream an event and its end, else the body. code: as model_call_ops has it, or
	 * "refused"; param: the field, or "". */
	int (*error)(struct ask *a, const char *code, const char *param, const char *message);
};

struct ask {
	struct request *request; /* NULL: not begun */
	const struct ask_voice *voice;
	struct buf body;
	size_t body_max;
	size_t reserved; /* of what all bodies under way may have */
	struct source *timer, *hangup;
	uint64_t give_up_usec; /* waiting for what is served; 0: not waiting */
	char payer[MODELS_PAYER_MAX + 1];
	struct model_call *call;
	bool keeps;      /* the body, until ask_release or the end */
	bool streams;    /* the answer is a stream of events */
	bool started;    /* start is over */
	bool begun;      /* so is the answer's head */
	bool over;       /* nothing more will be told */
	unsigned status; /* of an answer whose head has not begun */
	struct buf text; /* of the stream, not told yet: a slow reader gets it in larger pieces */
	struct buf out;
	size_t at; /* of out, what the socket has taken */
	uint64_t beat_usec;
	char waits_for[256]; /* the call, in words; "": it does not */
};

/* For the handler; a is zeroed, and the body is gathered from then on. */
void ask_begin(struct request *r, struct ask *a, const struct ask_voice *voice);
size_t ask_feed(struct request *r, const char *bytes, size_t n);
enum MHD_Result ask_finish(struct request *r);
void ask_end(struct ask *a);

/* The body as JSON, of at most max bytes and ASK_VALUES_MAX values. Errors of json_parse, and
 * -EMSGSIZE. Caller owns *ret. */
int ask_parse(const struct ask *a, size_t max, json_t **ret, struct err *e);

/* For start, and later. The body is gone with it, if it is not kept. */
void ask_call(struct ask *a, const struct model_ask *what);
/* status: of HTTP. */
void ask_refuse(
	struct ask *a, unsigned status, const char *code, const char *param, const char *message);
void ask_release(struct ask *a);
/* True: what is served is known. False: start is called again when it is, or it was refused. */
bool ask_wait_list(struct ask *a);
/* The same, and what this model is, if there is such a one: inference looks at it first. */
bool ask_wait_model(struct ask *a, const char *model);
/* The row of models.LIST of the model; NULL: there is none. Borrowed. */
const json_t *ask_find(const struct ask *a, const char *model);

/* The path behind prefix, without its query and decoded. False: it is not below prefix, too long,
 * or holds a NUL. */
bool ask_path(const struct request *r, const char *prefix, char *ret, size_t size);

/* HTTP's status for a code of inference's. */
unsigned ask_status(const char *code);
