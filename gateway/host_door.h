/*
 * What a Host means to whoever asks: a private Space's is nobody's to all who show nothing that may
 * open it, whatever they ask for and however. hosts.h says which Space has it, pass.h what opens.
 *
 * Knows no request: it is asked from a head alone, before there is one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/gateway.h"
#include "gateway/head.h"
#include "gateway/hosts.h"
#include "gateway/pass.h"

/* What a client shows of itself; cookie: the header, {NULL} for none. */
struct shown {
	struct span cookie;
	bool token; /* a program's, which is looked at later by those who take one */
};

/*
 * As hosts_find, and the host's name, "" at the platform's. HOST_NOBODY without a route: also a
 * private Space's, for whoever has no pass that opens there, and no token.
 */
enum host_kind host_door_find(const struct gateway *g, const struct span *host,
	const struct shown *shown, char name[DOMAIN_NAME_MAX + 1], struct route **ret);

/* The sign-in in the pass among those cookies for the host of that name, *ret_n bytes in ret.
 * False: there is none that opens. */
bool host_door_open(const struct gateway *g, const char *name, const struct span *cookie,
	char ret[SIGN_IN_MAX + 1], size_t *ret_n);
