/*
 * Inside the engine: what its files share. engine.c keeps the queue and the step loop, texts.c the
 * requests that write (decoders), encodings.c those that are read (encoders),
 * pictures.c those that look.
 */
#pragma once

#include "inference/engine/engine.h"
#include "inference/engine/pages.h"
#include "inference/engine/sample.h"
#include "inference/engine/share.h"
#include "inference/grammars/matcher.h"
#include "inference/models/adapter.h"
#include "inference/schedule/memory.h"

#define LANES_MAX 256        /* models with work */
#define PROMPT_ROWS_MIN 4    /* a prompt moves on at least this much in a step */
#define PROMPT_ROWS_ALONE 32 /* and this much where nobody else waits: weights are read for all */

struct request {
	struct request *next;
	struct engine *engine;
	struct lane *lane;
	const struct request_ops *ops;
	void *data;
	uint64_t serial; /* in the order they came */
	uint32_t group;
	struct party *party; /* counted in its requests; NULL: it has left */
	uint32_t taken;      /* sequences, or rows of its prompt, that the step at hand has taken */
	bool dead;           /* cancelled or ended while a step runs; freed at its end */

	struct sequences in; /* owned; of an encoder */
	size_t in_done;      /* sequences of it */
	struct reader reader;
	struct look *look; /* owned; of pictures.c, with its texts in in */

	/* A text: ids is what has been said so far, by the prompt and by the model. */
	struct tokens ids; /* owned */
	uint32_t prompt_n; /* of ids; the others were written */
	bool running;      /* has a place among the texts under way */
	uint32_t *pages;   /* owned; hold the first of ids; NULL unless running */
	uint32_t n_pages;
	uint32_t position;             /* of ids, what the pages hold */
	struct chain chain;            /* of the full pages' tokens */
	uint32_t n_chained;            /* full pages, found or kept */
	uint32_t n_cached;             /* of ids, what was found when it began */
	uint64_t memory_max;           /* that its payer's texts may hold; 0: nobody says */
	uint32_t gave_way;             /* how often, of ENGINE_GIVE_WAYS_MAX */
	uint32_t most;                 /* of ids, what was read before it last began anew */
	enum lack lacks;               /* why it was not let in when it last could have been */
	uint64_t lacks_bytes;          /* of what */
	uint64_t lacks_nsec;           /* since when; 0: it lacks nothing */
	const struct adapter *adapter; /* borrowed from the model; NULL: none */
	char *moved;                   /* owned; its name, while the model is being moved */
	struct sampling sampling;
	struct sampler sampler;
	struct bias *biases; /* owned */
	size_t n_biases;
	struct grammar *grammar; /* owned; NULL: any text */
	struct matcher *matcher; /* owned */
	struct likely *logprobs; /* owned; NULL: nobody asked */
	uint32_t top_logprobs;
	size_t n_logprobs;
	struct writer writer;
	struct decoding decoding; /* of what it has written */

	struct wait wait; /* of the last engine_rank */
	uint64_t born_nsec, device_nsec;
	uint64_t queue_nsec;
	bool begun;
	bool broke; /* ends with the step at hand: it cannot be paid for any longer */
	uint32_t tokens_out;
};

/* The requests of one model, oldest first. */
struct lane {
	struct engine *engine;
	struct model *model; /* borrowed; NULL: the entry is free */
	struct request *head, **tail;
	struct kv *kv;           /* owned; the pool; NULL until the first text */
	struct lexicon *lexicon; /* owned; NULL until a grammar asks for it */
	struct pages *pages;     /* owned; who holds what of it */
	uint64_t page_bytes;
	size_t writing;   /* requests that run */
	uint64_t stepped; /* in which step it was last */
	double row_nsec;  /* running average of one row's time */
	/* The same of the time from one beginning to the next, while some wait; when one was. */
	double begin_gap_nsec;
	uint64_t begun_nsec;
	bool moved;          /* requests are to find their adapters again */
	struct err stranded; /* its model does not come back, and why */
};

struct engine {
	struct lane lanes[LANES_MAX];
	size_t n_lanes;
	struct schedule *schedule; /* owned */
	struct shares shares;      /* scratch of the decision at hand */
	size_t requests;
	uint64_t serials;
	uint64_t kv_bytes, kv_max, kv_group_max; /* of held and kept pages */
	uint64_t gave_way_step;                  /* in which somebody gave way last */
	/* Scratch of claims.c: who lacks memory, who of them is next of all, who holds some. */
	struct request *lacking[ENGINE_REQUESTS_MAX], *next, *holders[ENGINE_REQUESTS_MAX];
	struct holding holdings[ENGINE_REQUESTS_MAX];
	size_t n_lacking;
	uint64_t steps;
	uint8_t salt[SHA256_LEN];
	uint64_t busy_nsec;
	bool idle; /* there was nothing that the last step could do */
	bool stepping;
	bool broke;                /* a request did, in whichever lane */
	struct request *graveyard; /* dead, freed after the step */
	float *logits;             /* owned; scratch */
	size_t logits_cap;
};

/* --- engine.c --- */

uint64_t engine_now_nsec(void); /* monotonic */

/* Between them requests may end, with callbacks that end others; the dead are freed at the end. */
void engine_begin_step(struct engine *e);
void engine_end_step(struct engine *e);

/* Whose turn it is of those in e->shares; SCHEDULE_NOBODY. */
size_t engine_first(struct engine *e);
/* Whether its pool lets it have a part of the step (schedule_may_go). */
bool engine_may_go(const struct request *q);
/* It gets so many rows of the step that is being put together. */
void engine_expect(struct request *q, size_t rows);

/* A request that is not queued yet: fill it, then request_enqueue or request_destroy. -EBUSY: the
 * queue is full. -ENOMEM. */
int request_new(struct engine *e, struct model *m, const struct request_ops *ops, void *data,
	struct request **ret, struct err *why);
void request_destroy(struct request *q);
void request_enqueue(struct request *q);

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
 * to ends[i]. The shares add up to it. again: which of them it had had before; NULL: none. */
void engine_charge(struct engine *e, struct request *const *of, const uint32_t *ends,
	const bool *again, size_t m, uint64_t nsec);

/* --- texts.c --- */

/* All three: false where there was nothing that could be done. */
bool lane_step_texts(struct engine *e, struct lane *lane);
void request_finish_text(struct request *q, const char *reason); /* with what is written */

/* --- room.c: pages for texts --- */

/* The most tokens of the lane's model that one group, and all, may keep at a time. */
uint64_t lane_tokens_max(const struct engine *e, const struct lane *lane);

/* What one group's pages take, held or kept. */
uint64_t room_bytes(const struct engine *e, uint32_t group);
/* For how many tokens it needs pages when it is let in: all it has said, and of all that it may
 * still say more with each time that it gave way. */
uint64_t room_tokens(const struct request *q);
/* Gives a waiting text its place and pages for room_tokens, those found again included. -EAGAIN:
 * there is no room now, or others come first; gave_way_step says whether somebody made some.
 * -ENOMEM. */
int room_enter(struct request *q);
/* A page for its next token. Where there is none, a text of whoever holds most waits and begins
 * anew; false: that was q. */
bool room_grow(struct request *q);
/* Its position has moved: what is full now may be found by those who begin the same. */
void room_mark(struct request *q);
void room_leave(struct request *q);
void lane_close_pages(struct lane *lane);

/* --- claims.c: whose turn it is for pages --- */

/* Looks at who waits for memory, before any is let in. */
void claims_begin(struct engine *e);
/* Whether q, which has its place and what was found of its pages, may have the others, with texts
 * of others giving way for it. -EAGAIN: q->lacks says what it waits for. */
int claim_entry(struct request *q);
/* There is memory for a page of a text under way, some of others' or q itself having given way;
 * false: q has. */
bool claim_page(struct request *q);
/* It waits for so much. */
void request_lack(struct request *q, enum lack lack, uint64_t bytes);
/* Whether what x holds counts to the budget that q lacks. */
bool request_shares(const struct request *x, const struct request *q, enum lack lack);
/* Of two that wait for memory. */
bool request_before(const struct request *a, const struct request *b, uint64_t now_nsec);

/* --- choice.c: which token comes next --- */

/* How the tokens of a text are chosen, checked and made ready; takes p's grammar over. */
int request_prepare_choice(struct request *q, const struct prompt *p, struct err *why);
/* The next token by logits, which it changes; spare: room for twice as many. -EDOM: they are no
 * numbers. -ENODATA: the model has no token that the grammar allows. -ENOMEM. */
int request_choose(struct request *q, float *logits, float *spare, uint32_t *ret);
/* It is written. False: it is all that the grammar allows. -ENOMEM. */
int request_chose(struct request *q, uint32_t id, bool *ret_more);
bool model_stops_at(const struct model *m, uint32_t id);

/* --- encodings.c --- */

bool lane_step_encodings(struct engine *e, struct lane *lane);

/* --- pictures.c --- */

bool lane_step_pictures(struct engine *e, struct lane *lane);
void request_release_look(struct request *q);
