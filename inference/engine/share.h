/*
 * Who takes part in one of a step's decisions, and with which request: a small table, an entry for
 * each party. inference/schedule says whose turn it is.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "inference/schedule/schedule.h"

#define SHARES_MAX 1024 /* as many as there are requests */

struct request;

struct shares {
	struct party *of[SHARES_MAX];     /* NULL: it wants no more */
	struct request *pick[SHARES_MAX]; /* its next, as the caller says */
	size_t n;
};

/* Begins anew. */
void shares_begin(struct shares *s, struct schedule *schedule);

/* The party's entry; a new one has no pick. */
size_t share_of(struct shares *s, struct schedule *schedule, struct party *p);

/* It wants to give pick next; NULL: it wants no more. */
void share_pick(struct shares *s, size_t i, struct request *pick);
