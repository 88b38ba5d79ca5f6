/*
 * What one Space and its visitors may have of the platform, and how an operator writes it:
 *
 *	--limit replicas=8          to `vitrine up`, which passes it on to the gateway
 *
 * One home for names, bounds and defaults: `vitrine up` refuses what is wrong before anything
 * starts, the gateway keeps to it. Knows nothing of how.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"

enum space_limit {
	LIMIT_REPLICAS,         /* workers of one Space */
	LIMIT_CALM,             /* s without anybody waiting until one of several workers goes */
	LIMIT_LEAVE,            /* s that a page may be gone until its visitor has left */
	LIMIT_SESSIONS,         /* sessions of one Space */
	LIMIT_VISITOR_SESSIONS, /* sessions of one visitor, in all Spaces */
	LIMIT_SESSION_EVENTS,   /* a second, of one session */
	LIMIT_SPACE_EVENTS,     /* a second, of one Space */
	LIMIT_ADDRESS_REQUESTS, /* a second, of one network address */
	LIMIT_TOKEN_REQUESTS,   /* the same of one access token */
	LIMIT_SPACE_REQUESTS,   /* the same to one Space, from all together */
	SPACE_LIMITS
};

struct space_limits {
	uint64_t of[SPACE_LIMITS];
};

void space_limits_default(struct space_limits *ret);

/* Takes one --limit. -ENOENT: there is none of that name; -EINVAL: both with words, *l unchanged.
 */
int space_limits_set(struct space_limits *l, const char *text, struct err *e);

/* As --limit takes it. */
void space_limit_write(const struct space_limits *l, enum space_limit which, char ret[64]);
