/*
 * The link to inference: what is served, and calls of models on behalf of programs.
 *
 * A call that cannot be sent, because inference is away or starts, is held; so is one whose model
 * is still being loaded, by inference. Whatever is held, and whatever nothing is heard of, ends
 * after a limit. A call that was sent to an inference that then died fails: what it did is charged.
 * Knows no HTTP and no token.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "gateway/gateway.h"

#define MODELS_CALLS_MAX 512        /* of everybody */
#define MODELS_PAYER_CALLS_MAX 16   /* of one payer */
#define MODELS_HELD_MAX (64u << 20) /* bytes of calls that are not sent yet */
#define MODELS_HOLD_SEC 60          /* until it is sent */
#define MODELS_SILENCE_SEC 300      /* until something is heard of it, again and again */
#define MODELS_PAYER_MAX 64

struct infer_result;
struct model_call;
struct models;

/* Callbacks come from the loop, never from inside models_call. */
struct model_call_ops {
	/* More of a text that is written: whole characters. */
	void (*on_text)(const char *text, size_t n, void *data);
	/* It waits, and for what, in words; now and then while it does. NULL: nobody asks. */
	void (*on_wait)(const char *reason, void *data);
	/* The end, one of them; the call is gone when it returns. code: as of infer.ERROR, or
	 * "away" (held in vain), "ended" (inference died). */
	void (*on_result)(const struct infer_result *result, void *data);
	void (*on_failed)(const char *code, const char *message, void *data);
};

struct model_ask {
	const char *model, *task;
	const char *payer; /* as in models.WANT */
	json_t *inputs;
	json_t *options;    /* NULL: none */
	const uint8_t *rgb; /* of a picture that is asked about; NULL: none */
	size_t rgb_n;
};

int models_new(struct gateway *g, const char *run_dir, struct models **ret);
/* Every call has been dropped. */
struct models *models_free(struct models *m);
DEFINE_CLEANUP(struct models *, models_free)

/* What is served, as in models.LIST: an array; NULL: not known yet. Borrowed until the loop goes
 * on. What was known last stays while inference is away. */
json_t *models_list(const struct models *m);

/*
 * Calls. ask and what it points to are the caller's. -EBUSY: the payer, or everybody, has too many
 * under way, or too much is held. -EMSGSIZE: over what a call may carry. -EINVAL: what JSON cannot
 * say. -ENOMEM. Words for people with each.
 */
int models_call(struct models *m, const struct model_ask *ask, const struct model_call_ops *ops,
	void *data, struct model_call **ret, struct err *e);
/* Nobody waits for it: it is stopped, and no callback follows. NULL is fine. Returns NULL. */
struct model_call *model_call_drop(struct model_call *c);
