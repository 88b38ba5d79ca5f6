/*
 * One HTTP request, from its head to its answer. This folder is the only home of libmicrohttpd;
 * handlers see this header.
 *
 * A handler answers now (request_json and its kin) or returns without an answer, which parks the
 * request until somebody answers it. Either way it is answered once.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "orchestrator/people/people.h"
#include "orchestrator/space/space.h"
#include "orchestrator/world.h"

struct server;
struct route;

#define BODY_MAX 65536
#define ARG_MAX_BYTES 64

struct request {
	struct world *world;
	const struct route *route;
	void *conn; /* libmicrohttpd's */
	struct server *server;
	struct request *prev, *next;
	char owner[ARG_MAX_BYTES + 64], name[ARG_MAX_BYTES + 64],
		id[ARG_MAX_BYTES + 64]; /* of the path */
	struct identity who;
	char cookie[COOKIE_LEN + 1]; /* "": none that is valid */
	char remote[64];             /* address of the client, for limits */
	struct buf body;
	json_t *json; /* owned; the parsed body, NULL: there was none */

	/* For handlers that outlive one call. */
	void *state;
	void (*on_end)(struct request *r); /* the connection is done or gone: let go of state */

	/* private */
	ssize_t (*read)(struct request *r, char *bytes, size_t n);
	void *response;
	unsigned int status;
	bool dispatched, parked, ended_early;
};

/* Answers. field may be NULL. */
void request_json(struct request *r, unsigned int status, json_t *body); /* takes body */
void request_error(struct request *r, unsigned int status, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* By code: -EACCES 401, -EPERM 403, -ENOENT 404, -EEXIST 409, -EINVAL 400, -ENOSPC 507 and so on.
 */
void request_fail(struct request *r, int code, const struct err *e);
void request_text(
	struct request *r, unsigned int status, const char *type, const void *bytes, size_t n);
void request_empty(struct request *r, unsigned int status);

/* Streams: read is called for more and returns bytes, 0 after request_park, or STREAM_END. */
#define STREAM_END ((ssize_t)-1)
#define STREAM_BROKEN ((ssize_t)-2)
typedef ssize_t (*stream_fn)(struct request *r, char *bytes, size_t n);
void request_stream(struct request *r, const char *content_type, stream_fn read);

/* Stops the connection until request_wake; only from inside a callback of this request. */
void request_park(struct request *r);
void request_wake(struct request *r);

void request_add_header(struct request *r, const char *name, const char *value);
const char *request_header(struct request *r, const char *name); /* or NULL */
const char *request_query(struct request *r, const char *name);  /* or NULL */

/* The Space of the path, known to whoever asks. 0; otherwise answered: 404. */
int request_space(struct request *r, struct space *ret);

/* Text that may hold anything, as a JSON string: what is no UTF-8 becomes '?'. */
json_t *json_words(const char *text);

/* "2026-01-31T12:00:00.000Z" */
json_t *json_time(int64_t wall_usec);
