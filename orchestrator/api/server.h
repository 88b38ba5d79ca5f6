/* The HTTP server on http.sock: libmicrohttpd nested in the loop. */
#pragma once

#include "base/cleanup.h"
#include "orchestrator/world.h"

struct server;

struct server_config {
	int listen_fd;      /* owned from now on */
	uid_t gateway_uid;  /* may connect, beside root and ourselves */
	bool measure_local; /* GET /metrics needs no token from 127.0.0.0/8 and ::1 */
	const char *
		ctl_key; /* the header X-Vitrine-Ctl with this value is the administrator; copied */
};

int server_new(
	struct world *w, const struct server_config *config, struct server **ret, struct err *e);

/* Ends every connection, whatever it waits for. */
struct server *server_free(struct server *s);
DEFINE_CLEANUP(struct server *, server_free)
