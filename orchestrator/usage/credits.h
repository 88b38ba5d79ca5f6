/*
 * Credits: seconds beside a tier's, given by an administrator with a reason. They are used once the
 * window has nothing left, those that expire first at first. Grants are rows that nobody changes;
 * what was used of each stands beside it.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "orchestrator/store/store.h"

#define CREDIT_SEC_MAX 8640000
#define CREDIT_WHY_MAX 500

struct credit {
	const char *account;
	uint64_t nsec;
	uint64_t expires_usec; /* wall clock; 0: never */
	const char *who, *why; /* the administrator; the reason */
};

/* Gives it. As store_run. */
int credit_give(struct store *s, const struct credit *c, uint64_t now_usec, struct err *e);

/* What the account has left of all that are good now. */
int credit_left(
	struct store *s, const char *account, uint64_t now_usec, uint64_t *ret, struct err *e);

/* Uses up to nsec of them, inside the caller's transaction; *ret: so much. */
int credit_use(struct store *s, const char *account, uint64_t nsec, uint64_t now_usec,
	uint64_t *ret, struct err *e);
