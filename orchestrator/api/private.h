/* Between server.c, request.c and people.c of this folder. */
#pragma once

#include <microhttpd.h>

#include "orchestrator/api/request.h"
#include "orchestrator/people/links.h"
#include "orchestrator/people/throttle.h"

struct server {
	struct world *world;       /* borrowed */
	struct MHD_Daemon *daemon; /* owned */
	struct source *source;     /* owned; its epoll fd */
	struct source *timer;      /* owned */
	struct source *soon;       /* owned; deferred run */
	struct request *requests;  /* owned list */
	struct throttle *logins;   /* owned */
	struct links *links;       /* owned */
	size_t held_bytes;         /* of bodies, all requests' together */
	uid_t gateway_uid;
	bool measure_local; /* numbers are shown to this machine without a token */
	char ctl_key[65];
	bool ending;
};

/* Runs the server in the next round of the loop. */
void server_soon(struct server *s);

/* Fills r->who from headers and cookie. 0; -EACCES: credentials that are no good. */
int request_identify(struct request *r, struct err *e);

/* What has been done and is about to be answered goes into the audit log. */
void audit_request(struct request *r);
