/*
 * One command's talk with one platform, over HTTP and with one token: the API, git and large files
 * alike.
 */
#pragma once

#include "cli/client.h"
#include "cli/repo/pass.h"

struct session {
	struct client_options options; /* its address and token */
	struct pass pass;
	char base[512];        /* its address, without a slash at its end */
	struct client *client; /* owned */
};

/* name: what a token that has to be made is listed as. 0, or ASK_FAILED after saying why; to be
 * closed in any case. */
int session_open(struct session *s, const struct client_options *o, const char *name);
void session_close(struct session *s);

/*
 * One request; ret may be NULL. Returns 0, or a negative errno with the platform's words: -ENOENT
 * of 404, -EEXIST of 409, -EACCES of 401 and 403, else -EREMOTEIO.
 */
int session_ask(struct session *s, const char *method, const json_t *body, json_t **ret,
	struct err *e, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* "space" → "spaces/", "model" → "", "dataset" → "datasets/". NULL: no such kind. */
const char *session_prefix(const char *kind);
