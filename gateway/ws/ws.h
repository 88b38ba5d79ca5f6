/*
 * WebSockets: the only home of libwebsockets, whose loop is the outer one of this process
 * (libuv's: its own polls every socket at every turn); base/loop nests in it as one more file
 * descriptor.
 *
 * Carries whole frames in binary messages. What a socket has not taken waits in a queue with a
 * ceiling; a page that falls behind catches up when it has drained.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "gateway/gateway.h"
#include "gateway/limits.h"
#include "gateway/space.h"

/* Before the process confines itself: the library loads a part of itself from a file. */
int ws_load(struct ws **ret);
int ws_begin(struct ws *w, struct gateway *g);
struct ws *ws_free(struct ws *w);
DEFINE_CLEANUP(struct ws *, ws_free)

/* Serves until ws_stop, which closes every socket with 1012 (service restart) first. */
void ws_run(struct ws *w);
void ws_stop(struct ws *w);

struct ws_offer {
	struct space *space;
	struct address *address; /* given back when the socket ends, also on failure */
	char visitor[ID_LEN + 1];
	char set_cookie[VISITOR_COOKIE_LEN + 1]; /* "": the visitor has one */
	const char *visitor_cookie;              /* what that is called; static */
	bool tls;                                /* by vitrine-tls */
	bool secure;                             /* that cookie goes over TLS only */
	const char *cookie; /* sign-in cookie or NULL; cookie_length bytes; copied */
	size_t cookie_length;
};

/* Takes a socket whose request head, still unread, asks for a WebSocket. The fd is taken. */
int ws_adopt(struct ws *w, int fd, const struct ws_offer *offer);

/* The same for a page that finds out whether WebSockets get through. */
int ws_adopt_echo(struct ws *w, int fd, struct address *address);

size_t ws_count(const struct ws *w);
