/*
 * One request of an app, from its URL to its answer, with the redirects between them: each hop is a
 * request of its own that is checked like the first. libcurl follows nothing, keeps no cookie, no
 * connection and no name, and connects where open_socket (request.c) has looked at the very address
 * it is about to use. Knows no link and no Space.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "fetch/address.h"
#include "fetch/multi.h"
#include "fetch/target.h"

#define REQUEST_BODY_MAX (1u << 20)
#define REQUEST_ANSWER_MAX (8u << 20)          /* unpacked */
#define REQUEST_ANSWER_HEADERS_MAX (64u << 10) /* lines of one answer */
#define REQUEST_REDIRECTS_MAX 5
#define REQUEST_CONNECT_MS 10000
#define REQUEST_MS_MAX 60000
#define REQUEST_MS_DEFAULT 30000
#define REQUEST_HELD_MAX (256u << 20) /* bytes of answers on their way, of all requests */

/* What all requests share. */
struct request_world {
	struct multi *multi;              /* borrowed */
	struct host_list hosts;           /* the operator's */
	struct address_exceptions except; /* likewise */
	bool proves;                      /* and whether ask.prove is heard */
	size_t held;                      /* bytes of answers in memory */
};

/* What the app wants. */
struct ask {
	const char *method, *url;
	json_t *headers, *allow; /* arrays; headers may be NULL */
	const uint8_t *body;
	size_t body_len;
	bool has_body;
	bool prove;          /* as in fetch.REQUEST */
	uint64_t timeout_ms; /* 0: the default */
};

struct answer {
	int status;
	const json_t *headers;
	const uint8_t *body;
	size_t body_len;
	const char *url; /* that answered */
	unsigned int redirects;
};

struct request;

/* Called once, from the loop; a is NULL where v says why not. Everything is borrowed; free r now or
 * later. */
typedef void (*request_done_fn)(
	struct request *r, const struct answer *a, const struct verdict *v, void *data);

/*
 * Begins; ask is copied. Less than 0: refused at once, with words in v, and done will not be
 * called. The request remains to be asked for its name, and to be freed. NULL in *ret: out of
 * memory.
 */
int request_new(struct request_world *world, const struct ask *ask, request_done_fn done,
	void *data, struct request **ret, struct verdict *v);

/* Ends it without a call back. NULL is fine. Returns NULL. */
struct request *request_free(struct request *r);
DEFINE_CLEANUP(struct request *, request_free)

/* The host, with its port where that is not the usual one; "" before the URL was read. */
const char *request_host(const struct request *r);
uint64_t request_age_usec(const struct request *r);
