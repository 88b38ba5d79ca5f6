/*
 * Organisations and who is a member of them, as rows. What a member may is permit.h's. Knows no
 * request.
 */
#pragma once

#include "orchestrator/people/permit.h"
#include "orchestrator/store/store.h"

#define FULLNAME_MAX 100

/* 0: there is one of that name; -ENOENT. */
int organisation_check(struct store *s, const char *name, struct err *e);

/* head becomes its first admin. -EINVAL; -EEXIST: the name is taken, or head is in too many. */
int organisation_add(struct store *s, const char *name, const char *fullname,
	const struct identity *head, struct err *e);

/* -EEXIST: it still has repos, or had some that can be brought back. */
int organisation_remove(struct store *s, const char *name, struct err *e);

/*
 * Adds them or changes their role. -EEXIST: nobody would be its admin any more, or they are in too
 * many.
 */
int member_set(struct store *s, const char *name, const struct identity *member, enum role role,
	struct err *e);
/* -ENOENT: is no member; -EEXIST as above. */
int member_remove(struct store *s, const char *name, const struct identity *member, struct err *e);
