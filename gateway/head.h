/*
 * The head of an HTTP/1.1 request as it lies in the socket's buffer: enough of it to say who
 * serves it, and whether a WebSocket may be opened. Knows no socket.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define HEAD_MAX (16 * 1024) /* bytes of a request's head */
#define HEAD_FIELDS_MAX 100

struct span {
	const char *at; /* borrowed from the head; NULL: missing */
	size_t n;
};

struct head {
	struct span method, target; /* target with its query, as sent */
	struct span host, origin, cookie;
	struct span forwarded_for; /* the last of them */
	bool upgrade_websocket;
	bool http10;
	size_t length; /* of the whole head */
};

/*
 * Returns 1 when the head is complete and well formed, 0 when more has to come.
 * -EBADMSG: not HTTP/1, a malformed field, no or more than one Host. -EMSGSIZE: over HEAD_MAX or
 * HEAD_FIELDS_MAX. Words name the field.
 */
int head_parse(const char *bytes, size_t n, struct head *ret, struct err *e);

/* Host is a name or address with an optional port, nothing else. */
bool host_is_sane(const char *host, size_t n);

#define PROBE_WS_PATH "/-/probe/ws" /* a WebSocket that says back what it hears */

/* True when an Origin header ("https://host:port") names the same host and port as Host. */
bool origin_matches(const struct span *origin, const struct span *host);

/*
 * /spaces/OWNER/NAME and what follows, from a target; query cut off. A page inside another site's
 * has no cookies: its requests say between the two who the visitor is, /-/as/VISITOR.
 */
struct space_path {
	char owner[41];
	char name[97];
	struct span visitor; /* borrowed; as in the cookie, not checked yet */
	const char *rest;    /* borrowed: "" or starts with '/' */
	size_t rest_length;
};

/* False when target does not begin with /spaces/OWNER/NAME in legal characters. */
bool space_path_parse(const char *target, size_t n, struct space_path *ret);
