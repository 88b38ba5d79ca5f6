#include "proto/space_limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 9

static const struct {
	const char *name;
	uint64_t most, usual; /* from 1 */
} limits[SPACE_LIMITS] = {
	[LIMIT_REPLICAS] = {"replicas", 64, 4},
	[LIMIT_CALM] = {"calm", 86400, 30},
	[LIMIT_LEAVE] = {"leave", 86400, 15},
	[LIMIT_SESSIONS] = {"sessions", 1000000, 20000},
	[LIMIT_VISITOR_SESSIONS] = {"visitor-sessions", 100000, 64},
	[LIMIT_SESSION_EVENTS] = {"session-events", 1000000, 500},
	[LIMIT_SPACE_EVENTS] = {"space-events", 1000000, 20000},
	[LIMIT_ADDRESS_REQUESTS] = {"address-requests", 1000000, 1000},
	[LIMIT_TOKEN_REQUESTS] = {"token-requests", 1000000, 1000},
	[LIMIT_SPACE_REQUESTS] = {"space-requests", 1000000, 5000},
};

void space_limits_default(struct space_limits *ret)
{
	for (int i = 0; i < SPACE_LIMITS; i++)
		ret->of[i] = limits[i].usual;
}

int space_limits_set(struct space_limits *l, const char *text, struct err *e)
{
	const char *equals = strchr(text, '=');
	size_t n = equals ? (size_t)(equals - text) : strlen(text);
	size_t digits = equals ? strspn(equals + 1, "0123456789") : 0;

	for (int i = 0; i < SPACE_LIMITS; i++) {
		uint64_t value;

		if (strlen(limits[i].name) != n || memcmp(limits[i].name, text, n) != 0)
			continue;
		value = digits > 0 && digits <= DIGITS_MAX && !equals[1 + digits]
				? strtoull(equals + 1, NULL, 10)
				: 0;
		if (value < 1 || value > limits[i].most)
			return err_set(e, -EINVAL,
				"--limit %s: takes a number from 1 to %" PRIu64 ", like %s=%" PRIu64
				" (got '%.40s')",
				limits[i].name, limits[i].most, limits[i].name, limits[i].usual,
				text);
		l->of[i] = value;
		return 0;
	}
	return err_set(
		e, -ENOENT, "--limit: there is none named '%.*s'", n < 40 ? (int)n : 40, text);
}

void space_limit_write(const struct space_limits *l, enum space_limit which, char ret[64])
{
	(void)snprintf(ret, 64, "%s=%" PRIu64, limits[which].name, l->of[which]);
}
