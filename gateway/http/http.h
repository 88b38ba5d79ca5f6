/*
 * HTTP: the only home of libmicrohttpd, which nests in base/loop by its epoll fd. Serves pages,
 * assets, uploads and files itself, and passes /api and git to the orchestrator.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "gateway/gateway.h"
#include "gateway/limits.h"

int http_new(struct gateway *g, const char *ui_dir, const char *run_dir, struct http **ret,
	struct err *e);
struct http *http_free(struct http *h);
DEFINE_CLEANUP(struct http *, http_free)

/* Takes a socket with an unread request, and the address's count of it. tls: it is encrypted on its
 * way to the client. */
void http_adopt(struct http *h, int fd, const struct sockaddr *peer, socklen_t length,
	struct address *address, bool tls);
