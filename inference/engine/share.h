/*
 * Who has how much of something, by group: a small table for one step's decisions.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHARES_MAX 64 /* groups told apart at a time; the others count as one */

struct request;

struct share {
	uint32_t group;
	uint32_t used;
	struct request *pick; /* the caller's */
};

struct shares {
	struct share of[SHARES_MAX];
	size_t n;
};

/* The group's entry, added empty where it is new. The table must be zeroed first. */
struct share *share_of(struct shares *s, uint32_t group);
