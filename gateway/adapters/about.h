/*
 * What documents for programs say about a Space: its card and its functions. Everything is
 * borrowed.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct about {
	const char *owner, *name;
	const char *title;
	const char *url;         /* where it lies: "https://host/spaces/owner/name" */
	const char *revision;    /* tells one version of its functions from another */
	bool private;            /* a token is needed */
	const json_t *functions; /* HELLO.api; NULL: none is known */
};
