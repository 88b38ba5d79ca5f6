/*
 * Whose budget a payer's is, and which tier that account has: what the policy says of names, and
 * what the database says of who is a member of which organisation and whose Space it is.
 */
#pragma once

#include "base/err.h"
#include "orchestrator/store/store.h"
#include "orchestrator/usage/policy.h"

#define ACCOUNT_MAX 64

/* Whose budget a payer's is. -ENOENT: nobody's. */
int tiers_account_of(struct store *s, const struct usage_policy *p, const char *payer,
	char ret[ACCOUNT_MAX + 1], struct err *e);

/*
 * The tier of an account, which the payer uses ("": nobody in particular does). A user has the one
 * bound to the name, or else of the organisations' that has the most seconds. A network's class
 * stands behind its key, as the gateway says it: network:KEY@TIER. *ret is borrowed from p.
 * -EINVAL: there is no such account.
 */
int tiers_of(struct store *s, const struct usage_policy *p, const char *payer, const char *account,
	const struct tier **ret, struct err *e);
