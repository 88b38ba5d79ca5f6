/*
 * The queue and the step loop.
 *
 * A step runs one model once over rows of many requests: every text under way gets its next
 * token, and what is left of the step's time goes to prompts, in pieces. So requests of all
 * Spaces share the weights' way through the cache, a long prompt stalls nobody, and a cancelled
 * request is gone before the next step. Single-threaded; knows no link.
 *
 * Which model a step runs, which texts are under way, and whose rows come first, is said by
 * inference/schedule: payers are fair to each other by weight, and so are the groups (Spaces) of
 * each. What room that leaves in a step is filled with whatever else there is.
 *
 * Keys and values live in pages (pages.h) within a budget of all and of each group. A text that
 * begins as one of its own group did before begins where they part; of another group's it finds
 * nothing. Whose turn it is for pages is said by inference/schedule too (claims.c): where they run
 * out, texts of whoever holds most give way. Such a text waits, reads again what it had said, and
 * goes on as if nothing had been; after ENGINE_GIVE_WAYS_MAX times it is let in with room for all
 * that it may still say, and stays. So every text ends: one that stays needs nothing any more, and
 * one that does not can be put back.
 *
 * A request:
 *
 *	queued ──first rows──▶ reading ──prompt done──▶ writing ──▶ ended (on_end, then freed)
	   ▲                     │                         │
	   ├─────── put back ────┴─────────────────────────┤
 *	   └──────────┴────────request_cancel──────────────┴──────▶ gone (no callback)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/engine/model.h"
#include "inference/engine/sample.h"
#include "inference/engine/writer.h"
#include "inference/grammars/grammar.h"
#include "inference/schedule/pools.h"

#define ENGINE_REQUESTS_MAX 1024           /* queued and running */
#define ENGINE_WRITING_MAX 32              /* texts under way in one model */
#define ENGINE_SEQUENCES_MAX 64            /* that one request has read */
#define ENGINE_KV_MAX (512ull << 20)       /* bytes of all keys and values */
#define ENGINE_KV_GROUP_MAX (256ull << 20) /* of one group */
#define ENGINE_GIVE_WAYS_MAX 3 /* times that a text gives way to others; then it stays */
#define ENGINE_BIASES_MAX 300
#define ENGINE_TOP_LOGPROBS_MAX 20
#define ENGINE_LOGPROBS_MAX 8192 /* of one answer: tokens times the likeliest of each */
#define ENGINE_STEP_USEC 10000   /* a step aims to take no longer */

struct engine;
struct request;

struct usage {
	/* Its share of its steps' measured time, but for what was read again. */
	uint64_t device_usec;
	uint64_t device_nsec; /* the same; with on_again's a step's add up to the step */
	uint64_t queue_usec;  /* until its first step */
	uint32_t tokens_in, tokens_cached, tokens_out; /* cached: of tokens_in, not read again */
};

struct outcome {
	int r; /* 0, or a negative errno and words */
	struct err error;
	const char *finish_reason; /* "stop", "length", "quota"; texts only */
	const char *text;          /* all of it; borrowed */
	size_t text_n;
	const struct likely *logprobs; /* per token 1 + top_logprobs: itself, then the likeliest */
	size_t n_logprobs, top_logprobs;
	const float *seen; /* of a look: the picture's row, then each text's; borrowed */
	size_t n_seen, seen_width;
	struct usage usage;
};

struct request_ops {
	void (*on_text)(const char *text, size_t n, void *data); /* whole characters */
	void (*on_end)(const struct outcome *o, void *data);     /* last call */
	/* Its share of a step that has run. False: whoever pays has no more, and it ends with this
	 * step: a text with what it has (finish_reason "quota"), anything else with -EDQUOT. NULL:
	 * nobody counts. Must not cancel. */
	bool (*on_charge)(uint64_t nsec, void *data);
	/* A share of a step in which it was read again, since it had given way to others: no work
	 * of its own. NULL: nobody counts. */
	void (*on_again)(uint64_t nsec, void *data);
};

struct text {
	const char *s;
	size_t n;
};

struct prompt {
	struct text text;
	bool framed; /* with the tokenizer's own beginning; a template has written its own */
	struct sampling sampling;
	struct text stops[WRITER_STOPS_MAX];
	size_t n_stops;
	const char *adapter;     /* the name of one of the model's; NULL: none */
	struct grammar *grammar; /* NULL: any text; engine_write takes it over, failing too */
	const struct bias *biases;
	size_t n_biases;
	bool logprobs; /* of the tokens that are written, and of so many likeliest at each place */
	uint32_t top_logprobs;
};

/* What an encoder is to read, one sequence after the other, and which of its rows are wanted. */
struct sequences {
	struct tokens ids;    /* owned; places, where it has them, tell token types */
	struct tokens wanted; /* owned; indexes into ids, in order, each once */
	/* The i-th is ids[starts[i], starts[i + 1]), of which wanted[wants[i], wants[i + 1]). */
	uint32_t starts[ENGINE_SEQUENCES_MAX + 1], wants[ENGINE_SEQUENCES_MAX + 1];
	size_t n;
	bool headless; /* hidden states are wanted, not what the model's head makes of them */
};

void sequences_done(struct sequences *s); /* for CLEANUP() too */

/* What came of a sequence: n rows, as many as were wanted of it. */
struct rows {
	size_t sequence;
	const float *x; /* borrowed; n x width, all finite */
	size_t n, width;
	const uint32_t *ids;       /* borrowed; of the sequence */
	const struct token_at *at; /* borrowed; where the ids have places */
	size_t n_ids;
};

struct reader {
	/* The rows of one sequence, from a step; sequences come in order. A negative errno ends
	 * the request with it. */
	int (*take)(const struct rows *rows, void *to);
	void *to;
};

#define SIGHTS_TEXTS_MAX 64

/* A picture, texts that say what it may show, or both. */
struct sights {
	const uint8_t *rgb; /* of the model's sight; NULL: none */
	size_t n_rgb;
	const struct text *texts;
	size_t n_texts;
};

int engine_new(struct engine **ret);
struct engine *engine_free(struct engine *e); /* cancels what is left */
DEFINE_CLEANUP(struct engine *, engine_free)

/* Sets the bytes that keys and values may take, of all and of each group; before any request. */
void engine_limit_kv(struct engine *e, uint64_t all, uint64_t each);

/*
 * Queue a request. -EMSGSIZE: longer than the model's context. -EINVAL: not text. -EBUSY: the
 * queue is full. -ENOTSUP: the model does not do that. -ETIME, -ENOMEM. Callbacks come from
 * engine_step only. *ret is valid until on_end returns or request_cancel.
 */
int engine_write(struct engine *e, struct model *m, const struct prompt *p,
	const struct request_ops *ops, void *data, struct request **ret, struct err *why);
/* With success s is empty. Each sequence has 1 to context tokens, and something is wanted of it. */
int engine_encode(struct engine *e, struct model *m, struct sequences *s,
	const struct reader *reader, const struct request_ops *ops, void *data,
	struct request **ret, struct err *why);

/* Words for a text that the model's context does not hold; -EMSGSIZE. */
int model_too_long(const struct model *m, struct err *why);

int engine_look(struct engine *e, struct model *m, const struct sights *s,
	const struct request_ops *ops, void *data, struct request **ret, struct err *why);

/* Whose it is; 0 until then. */
void request_set_group(struct request *q, uint32_t group);

/* Who pays for it, from which pool and with what weight beside others; "", "" and 1 until then. */
void request_set_payer(struct request *q, const char *pool, const char *payer, uint32_t weight);

/* What all texts of its payer may keep on the device at a time; 0: nobody says, as until then. What
 * does not fit beside others waits. -EMSGSIZE: with all that it may write it never fits. */
int request_limit_memory(struct request *q, uint64_t bytes, struct err *why);

/* Whose budget of memory has no room for a text. */
enum lack { LACK_NOTHING, LACK_OWN, LACK_SPACE, LACK_ALL };

/* Why a request has not begun, or not gone on. */
struct wait {
	uint32_t place, of;     /* in the row for its model, from 1 */
	uint32_t others;        /* payers and Spaces that the model, or the device, works for */
	uint64_t held_nsec;     /* that the longest of them has been at it */
	uint64_t expected_nsec; /* until it begins, about; 0: nobody knows */
	bool elsewhere;         /* the device works on other models */
	enum lack lack;         /* it waits for memory, which the others hold */
	uint64_t lack_bytes, lack_max;
	enum pool_hold hold; /* its pool has no turn */
	struct pool_look pool;
};

/* Looks at who waits for what; request_wait says it until the next look. */
void engine_rank(struct engine *e);
/* False: it does not wait. */
bool request_wait(const struct request *q, struct wait *ret);

/* What it has had so far, for one that is about to be cancelled. */
void request_usage(const struct request *q, struct usage *ret);

/* Ends it now: no further step includes it, no callback follows. May be called from callbacks. */
void request_cancel(struct request *q);

/* It ends as if its own on_charge had said so, also where this step is another's. From on_charge.
 */
void request_break(struct request *q);

/* Runs one step. True while there is more to do. */
bool engine_step(struct engine *e);

/*
 * The device is to be left, now: nothing of any request is on it afterwards, and its networks may
 * be freed. What had begun there ends with why; NULL: it waits until its model has a network again,
 * as does what had not begun, and goes on from what it has said. Calls on_end.
 */
void engine_vacate(struct engine *e, const struct device *d, const struct err *why);
/* The model will not have one again: its requests end with why, in the next step. */
void engine_strand(struct engine *e, const struct model *m, const struct err *why);
uint64_t engine_kv_bytes_on(const struct engine *e, const struct device *d);

/* As schedule_set_pools and pools_look (inference/schedule/pools.h). */
void engine_set_pools(struct engine *e, const struct pool_terms *of, size_t n);
size_t engine_look_pools(const struct engine *e, struct pool_look *ret, size_t max);

/* Until the next step makes sense, since pools keep what nobody may use; 0: at once, and never
 * longer than a step, so that whoever comes meanwhile need not be looked for. */
uint64_t engine_pause_usec(struct engine *e);

/* Gives back what is kept for a model that has no requests, before it is freed. */
void engine_forget(struct engine *e, const struct model *m);

size_t engine_requests(const struct engine *e);
size_t engine_requests_of(const struct engine *e, const struct model *m);
uint64_t engine_kv_bytes(const struct engine *e); /* of pages held and kept */
uint64_t engine_kv_max(const struct engine *e);
uint64_t engine_steps(const struct engine *e);
const struct model *engine_model_now(const struct engine *e); /* of the last step; NULL: none */
uint64_t engine_busy_usec(const struct engine *e);            /* measured time of all steps */
