/*
 * Inside the engine: what its files share. engine.c keeps the queue and the step loop, texts.c the
 * requests that write (decoders), encodings.c those that label (encoders).
 */
#pragma once

#include "inference/engine/engine.h"
#include "inference/engine/sample.h"
#include "inference/engine/share.h"

#define LANES_MAX 256     /* models with work */
#define PROMPT_ROWS_MIN 4 /* a prompt moves on at least this much in a step */

struct request {
	struct request *next;
	struct engine *engine;
	struct lane *lane;
	const struct request_ops *ops;
	void *data;
	uint32_t group;
	uint32_t taken; /* texts, or rows of its prompt, that the step at hand has taken */
	bool dead;      /* cancelled or ended while a step runs; freed at its end */

	struct tokens ids; /* owned; the prompt, or all texts one after the other */
	uint32_t starts[ENGINE_TEXTS_MAX + 1]; /* classification: of each text in ids */
	size_t n_texts, texts_done;
	float *scores; /* owned; n_texts x labels */

	struct kv *kv; /* owned; NULL while queued */
	uint64_t kv_bytes;
	uint32_t capacity; /* tokens that fit in kv */
	uint32_t position; /* tokens in kv */
	uint32_t next_id;  /* the token to read next, once the prompt is done */
	struct sampling sampling;
	struct sampler sampler;
	struct writer writer;

	uint64_t born_nsec, device_nsec;
	uint64_t queue_nsec;
	bool begun;
	uint32_t tokens_out;
};

/* The requests of one model, oldest first. */
struct lane {
	struct model *model; /* borrowed */
	struct request *head, **tail;
	size_t writing;  /* requests with a kv */
	size_t turn;     /* of the groups: whose text comes first */
	double row_nsec; /* running average of one row's time */
};

struct engine {
	struct lane lanes[LANES_MAX];
	size_t n_lanes, turn;
	size_t requests;
	uint64_t kv_bytes;
	uint64_t busy_nsec;
	bool stepping;
	struct request *graveyard; /* dead, freed after the step */
	float *logits;             /* owned; scratch */
	size_t logits_cap;
};

/* --- engine.c --- */

uint64_t engine_now_nsec(void); /* monotonic */

/* A request that is not queued yet: fill it, then request_enqueue or request_destroy. -EBUSY: the
 * queue is full. -ENOMEM. */
int request_new(struct engine *e, struct model *m, const struct request_ops *ops, void *data,
	struct request **ret, struct err *why);
void request_destroy(struct request *q);
void request_enqueue(struct request *q);

/* Words for a text that the model's context does not hold; -EMSGSIZE. */
int model_too_long(const struct model *m, struct err *why);

/* Both end it with on_end, from a step only; what is dead stays so. */
void request_finish(struct request *q, struct outcome *o);
void request_fail(struct request *q, int code, const char *words);
void requests_fail(struct request *const *of, size_t m, int code, const char *words);

/* Room for n floats in e->logits. -ENOMEM. */
int engine_reserve_logits(struct engine *e, size_t n);

/* Rows that fit into a step's time, and what a step says about that. */
size_t lane_row_budget(const struct lane *lane);
void lane_learn_row_time(struct lane *lane, uint64_t nsec, size_t rows);

/* It has its first step. */
void request_begin(struct request *q, uint64_t now);

/* Splits a step's time over its members: the i-th did the work from ends[i - 1] (0 of the first)
 * to ends[i]. The shares add up to it. */
void engine_charge(
	struct engine *e, struct request *const *of, const uint32_t *ends, size_t m, uint64_t nsec);

/* --- texts.c --- */

void lane_step_texts(struct engine *e, struct lane *lane);
void request_release_text(struct request *q); /* gives back what it holds while it writes */

/* --- encodings.c --- */

void lane_step_encodings(struct engine *e, struct lane *lane);
