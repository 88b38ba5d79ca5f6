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

/*
 * What a request changes in the store from audit_begin on is in the audit log with it: the first
 * transaction that changes anything takes the row along, so that no kill leaves one without the
 * other. A handler is called in between; what is called back later begins and ends by itself.
 */
void audit_begin(struct request *r);
void audit_end(struct request *r);

/* For what a request changes elsewhere: the row is there before it is done, or it must not be done.
 * One that fails has a second row, with its status. */
int audit_ahead(struct request *r, struct err *e);

/* What has been done and is about to be answered goes into the audit log, unless it is there: what
 * is not in the store, and what has failed after a change. */
void audit_request(struct request *r);
