/* Inside the world: what its files share. world.c keeps who is there, the steps and what comes of
 * them, seats.c the places and the memory of texts. */
#pragma once

#include "inference/schedule/memory.h"
#include "inference/schedule/schedule.h"
#include "tests/bench/scheduler/world.h"

#define WORLD_PAGE 32 /* tokens that are kept, or given up, together */
#define PICKS 4096    /* waits that are kept, to take a percentile of */

struct work {
	struct work *next;
	const struct arrival *of;
	uint32_t party;
	uint32_t read, most_read, written; /* rows of prompt and text: now, at most so far */
	uint32_t taken;
	uint32_t pages; /* that it holds */
	uint32_t gave_way;
	uint64_t lacks_nsec; /* it waits for memory since; 0: it does not */
	bool seated, begun;
};

struct payer_seen {
	double got, fair;         /* nsec of useful rows, of all windows that are over */
	double got_now, left_now; /* of the window at hand; left: what it still wants */
	double charged;
	uint64_t since; /* it wants something and has got nothing */
	size_t waiting;
};

struct party_seen {
	struct party *party; /* while it has work */
	uint32_t payer, space;
	uint32_t calls, held, waiting;
	uint32_t order;    /* of round robin: when it had its last turn */
	struct work *pick; /* the next of its work in this step */
};

struct world {
	const struct trace *t;
	enum rule rule;
	struct schedule *schedule;
	struct work *head, **tail;
	uint64_t pages;       /* that are held */
	uint64_t now, window; /* when the one at hand ends */
	struct party_seen parties[WORLD_PARTIES_MAX];
	size_t n_parties;
	struct payer_seen payers[WORLD_PAYERS_MAX];
	uint32_t turns, lane_turn;
	uint64_t waits[PICKS];
	size_t n_waits;
	struct outcome_of *out;
	double decided_nsec;
	size_t steps;
};

/* A text says its next token: all before it is read. */
bool seats_is_writing(const struct work *q);
/* Places in that model for texts that wait. */
void seats_give(struct world *w, uint32_t lane);
/* Memory for the next token of one that writes; it, or others, may have to begin anew. */
void seats_grow(struct world *w, struct work *q);
void seats_release(struct world *w, struct work *q);
