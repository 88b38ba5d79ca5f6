/*
 * Policies as they were applied, each a version with who, when and why; the last one counts. What a
 * new one changes for whom is told before it is applied.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/store/store.h"
#include "orchestrator/usage/policy.h"
#include "orchestrator/usage/tiers.h"

#define POLICY_WHY_MAX 500
#define POLICIES_KEPT 1000 /* versions */

/*
 * The policy that counts: the one applied last, or policy_usual(quota). *ret_version: 0 where none
 * was. One that this version of the platform does not take any more is logged, and the usual one
 * stands. Caller owns *ret.
 */
int policies_load(struct store *s, const char *quota, struct usage_policy **ret,
	int64_t *ret_version, struct err *e);

/* The names that it binds are all there. -EINVAL: words begin with the place of one that is not. */
int policies_check_names(struct store *s, const struct usage_policy *p, struct err *e);

/* Inside the caller's transaction: keeps text as the version after `version`. STORE_CONFLICT:
 * another one was applied meanwhile. */
int policies_put(struct store *s, int64_t version, const char *text, const char *who,
	const char *why, uint64_t now_usec, struct err *e);

enum plan_change { PLAN_SAME, PLAN_GAINS, PLAN_LOSES, PLAN_MIXED };

/* What a new policy is for one account, or for the networks of one class. */
struct plan_row {
	const char *account; /* or "network:CIDR", "network:*" for those of no class */
	const struct tier *from, *to;
	const struct usage_policy *before, *after; /* that have them */
	enum plan_change change;
	uint64_t used_nsec; /* in the window */
	bool over;          /* it has used more than the new tier gives, and not the old one's */
};

typedef void (*plan_fn)(const struct plan_row *row, void *data);

#define PLAN_ACCOUNTS_MAX 20000

/* Calls fn for every user, every owner of Spaces, every Space with a tier of its own, every class.
 */
int policies_plan(struct store *s, const struct usage_policy *from, const struct usage_policy *to,
	uint64_t now_usec, plan_fn fn, void *data, struct err *e);
