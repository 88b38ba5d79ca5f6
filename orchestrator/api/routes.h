/* Every path this program answers, and who may ask. */
#pragma once

#include "orchestrator/api/request.h"

enum route_kind {
	ROUTE_JSON,   /* the body, if any, is JSON; handle is called once it is there */
	ROUTE_BUFFER, /* the body is kept as it comes, up to the handler's own limit */
	ROUTE_STREAM, /* handle is called before the body, take for each piece of it, finish at its
			 end */
};

struct route {
	const char *method;
	/* ":owner", ":name", ":id" stand for one part of the path, ":kind" for "models", "datasets"
	   or "spaces", ":repo" for what stands before a repo's web addresses: "OWNER/NAME",
	   "datasets/OWNER/NAME", "spaces/OWNER/NAME"; a '*' at the end for all that is left. */
	const char *pattern;
	enum action action;
	enum route_kind kind;
	void (*handle)(struct request *r);
	ssize_t (*take)(
		struct request *r, const char *bytes, size_t n); /* ROUTE_STREAM: bytes taken */
	void (*finish)(struct request *r);                       /* ROUTE_STREAM */
	size_t body_max;                                         /* 0: BODY_MAX */
	bool git;            /* errors as text, which git shows; 401 asks for a password */
	bool before_sign_in; /* a stale cookie needs no CSRF token */
	bool previews;       /* ":name" may be a preview's */
};

/*
 * Finds the route of a target, percent-encoded and with its query, and fills the request's path
 * parts. NULL: *ret_allow is "" when the path is
 * unknown, or the methods that it takes.
 */
const struct route *route_find(
	const char *method, const char *target, struct request *r, char ret_allow[64]);
