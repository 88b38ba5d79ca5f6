/*
 * Which flavour a Space has, and what that says: the one that it asks for where the policy lets it
 * have that, else the policy's for those that ask for none, else the one of its box.
 */
#pragma once

#include "base/err.h"
#include "orchestrator/store/store.h"
#include "orchestrator/usage/policy.h"

/* Borrowed texts. */
struct space_wish {
	const char *owner, *name;
	const char *flavour; /* that it asks for; "": none */
	const char *class;   /* of a box, that it was built for; anything else is none */
};

/* Texts of the policy, or static. */
struct space_flavour {
	const char *name, *class, *pool, *device; /* "": none in particular */
};

/* Negative with words where the store fails. */
int flavours_of(struct store *s, const struct usage_policy *p, const struct space_wish *w,
	struct space_flavour *ret, struct err *e);

/* Whether the Space may ask for w->flavour. -EINVAL: there is none of that name; where the policy
 * says no flavours any name may be asked for. -EPERM: it is for others. Both with words. */
int flavours_check(
	struct store *s, const struct usage_policy *p, const struct space_wish *w, struct err *e);

/* A Space that has another flavour by another policy, or one that says something else. */
struct flavour_move {
	const char *id;
	const struct space_wish *space;
	struct space_flavour from, to;
};

typedef int (*flavour_move_fn)(const struct flavour_move *m, void *data);

/* Calls fn with each, until it returns something else than 0; a negative one is returned. */
int flavours_compare(struct store *s, const struct usage_policy *from,
	const struct usage_policy *to, flavour_move_fn fn, void *data, struct err *e);
