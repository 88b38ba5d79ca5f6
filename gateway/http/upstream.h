/*
 * Requests that the orchestrator answers, streamed both ways through its http.sock with constant
 * memory: 64 KiB each way, and whoever is slower holds the other one up.
 */
#pragma once

#include <microhttpd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/loop.h"

struct exchange;
struct request;
struct upstreams;

int upstreams_new(struct loop *loop, const char *run_dir, struct upstreams **ret);
struct upstreams *upstreams_free(struct upstreams *u);
DEFINE_CLEANUP(struct upstreams *, upstreams_free)

/* Ends every request under way: the process is about to end. */
void upstreams_abandon(struct upstreams *u);

/*
 * A question of the gateway's own on behalf of a request: POSTs JSON to path. The request is
 * resumed when upstream_status is no longer 0. NULL: it cannot be asked. Given back with
 * upstream_forget.
 */
struct exchange *upstream_ask(struct request *r, const char *path, const struct buf *json);
/* The same, a GET of path as whoever sent the request, by its cookie or token. */
struct exchange *upstream_look(struct request *r, const char *path);
long upstream_status(const struct exchange *x); /* of the answer; 0: none yet, -1: none comes */
void upstream_copy_header(
	const struct exchange *x, const char *name, struct MHD_Response *response);
/* Caller owns it; NULL: the answer has no such header. */
char *upstream_header(const struct exchange *x, const char *name);
void upstream_forget(struct exchange *x); /* NULL is fine */
