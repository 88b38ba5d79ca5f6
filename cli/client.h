/*
 * The CLI's way to the orchestrator: over DATA/run/http.sock with the control key (whoever may
 * read DATA/orchestrator/ctl.key is the administrator), or over --url with a token. Without --data
 * and --url it is the platform that was signed in to last (hosts.h), or else this machine's.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"

struct client;

struct client_options {
	const char *data;  /* data folder; NULL: the default one */
	const char *url;   /* NULL: the local socket */
	const char *token; /* for url; NULL: $VITRINE_TOKEN, or login's */
	bool nobody;       /* url without a token: cookies count, as in a browser */
};

/* The getopt_long values that client_option understands: --data, --url, --token. */
#define CLIENT_OPTIONS                                                                             \
	{"data", required_argument, NULL, 1001}, {"url", required_argument, NULL, 1002},           \
	{                                                                                          \
		"token", required_argument, NULL, 1003                                             \
	}
bool client_option(struct client_options *o, int c, const char *value);

/* -ENOENT: nothing runs there; the words say how to start it. */
int client_new(const struct client_options *o, struct client **ret, struct err *e);
struct client *client_free(struct client *c);
DEFINE_CLEANUP(struct client *, client_free)

/*
 * One request; body may be NULL. Caller owns *ret (NULL for an answer that is empty or no JSON). A
 * status of 400 and above is -EREMOTEIO with the server's words.
 */
int client_request(struct client *c, const char *method, const char *path, const json_t *body,
	json_t **ret, struct err *e);

/* The same with a body that is no JSON; its Content-Type is a header that was added. */
int client_post_text(
	struct client *c, const char *path, const char *text, json_t **ret, struct err *e);

/* Of the last answer; 0: there was none. */
long client_status(struct client *c);

/* Sent with each later request. -ENOMEM. */
int client_add_header(struct client *c, const char *name, const char *value, struct err *e);

/* Where it talks to and with which token, borrowed; "": this machine's platform. */
const char *client_url(const struct client *c);
const char *client_token(const struct client *c);

/* Follows a text/event-stream; fn gets each data line as JSON. Ends when the server ends it. */
typedef void (*client_event_fn)(const json_t *event, void *data);
int client_follow(
	struct client *c, const char *path, client_event_fn fn, void *data, struct err *e);

/*
 * The same, for a stream that never ends: when the platform restarts it goes on behind the last
 * event, so that none is missed and none comes twice. Returns 0 after SIGINT or SIGTERM; an error
 * when the first connection fails, or a later one is refused.
 */
int client_follow_on(
	struct client *c, const char *path, client_event_fn fn, void *data, struct err *e);

/* Opens the client of a subcommand or prints why not; NULL then. */
struct client *client_or_complain(const struct client_options *o);

/*
 * The services of the platform in a data folder: array of {name, state, pid, starts}, as the
 * supervisor last wrote it; it answers even when the orchestrator does not. The caller's; NULL
 * with words: there is none.
 */
json_t *client_read_services(const char *data, struct err *e);
