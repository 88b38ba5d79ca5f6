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
#include "orchestrator/hub/hub.h"
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
	char *target;        /* owned; as the client sent it, with its query */
	bool head;           /* only headers are wanted */
	enum repo_kind kind; /* of ":kind" or ":repo" in the path */
	const char *rest;    /* what '*' stood for, still percent-encoded; rest_n bytes of target */
	size_t rest_n;
	char owner[ARG_MAX_BYTES + 64], name[ARG_MAX_BYTES + 64],
		id[ARG_MAX_BYTES + 64]; /* of the path, decoded */
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
	uint64_t thrown_away; /* bytes of a body that came after the refusal */
	bool begun, dispatched, parked, ended_early;
	bool audited;            /* what it has changed is in the audit log */
	bool readable_elsewhere; /* pages of other sites may read the answer */
	char number[ID_LEN + 1]; /* X-Request-Id */
	char base_url[300];
};

/* Answers. field may be NULL. */
void request_json(struct request *r, unsigned int status, json_t *body); /* takes body */
void request_json_as(struct request *r, unsigned int status, const char *type, json_t *body);
void request_error(struct request *r, unsigned int status, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* code: of X-Error-Code, as Hugging Face's clients know them ("RepoNotFound"); NULL: none. */
void request_hub_error(struct request *r, unsigned int status, const char *code, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));
/* By code: -EACCES 401, -EPERM 403, -ENOENT 404, -EEXIST 409, -EINVAL 400, -ENOSPC 507 and so on.
 */
void request_fail(struct request *r, int code, const struct err *e);
void request_text(
	struct request *r, unsigned int status, const char *type, const void *bytes, size_t n);
/*
 * The file in fd, which it takes over, or the range of it that was asked for; 304 when the client
 * has it. etag: with its quotes.
 */
void request_file(struct request *r, int fd, uint64_t size, const char *type, const char *etag);
/* All of the file in fd, which it takes over, without ETag or ranges. */
void request_answer_fd(
	struct request *r, unsigned int status, const char *type, int fd, uint64_t size);
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

/* Calls fn for every value of NAME and NAME[] in the query; false from it ends the walk. */
void request_query_each(
	struct request *r, const char *name, bool (*fn)(const char *value, void *data), void *data);

/*
 * Scheme and host the client asked for, without a slash at the end: what URLs in answers begin
 * with. Borrowed from the request.
 */
const char *request_base_url(struct request *r);

/*
 * The repo of the path, for whoever may do action to it. 0; otherwise answered: 404, or 401 for
 * somebody unknown, when there is none or none to know of; 403; 307 for a former name.
 */
int request_repo(struct request *r, enum action action, struct hub_repo *ret);

/* Of the repo that the path names: a preview's name is one of its own kind. */
enum repo_kind request_kind(const struct request *r);

/* What permit_repo says of whoever asks. */
int request_permit(
	struct request *r, enum action action, const struct hub_repo *repo, struct err *e);

/* As request_repo, but for the permission, and without an answer: -ENOENT with words, or -ESTALE
 * and answered (307). */
int request_find_repo(struct request *r, struct hub_repo *ret, struct err *e);
/* Whether a repo may have that owner and name: -EINVAL, or -ENOENT, there is no such owner. */
int request_check_new(
	struct request *r, enum repo_kind kind, const char *owner, const char *name, struct err *e);
/* -ENOSPC: the platform's disk is full. */
int request_check_room(struct request *r, struct err *e);

/* Answers what request_find_repo says. */
void request_fail_repo(struct request *r, int code, const struct err *e);

/* The Space of the path, for whoever may do what the route says; as request_repo. */
int request_space(struct request *r, struct space *ret);

/* Text that may hold anything, as a JSON string: what is no UTF-8 becomes '?'. */
json_t *json_words(const char *text);

/* "2026-01-31T12:00:00.000Z" */
json_t *json_time(int64_t wall_usec);
