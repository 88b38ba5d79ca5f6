#include "gateway/fetch_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/dial.h"
#include "base/link.h"
#include "base/log.h"
#include "gateway/host.h"
#include "gateway/prove.h"
#include "proto/messages.h"

#define QUEUE_MAX (64u << 20)
#define PATIENCE_USEC (5 * USEC_PER_SEC) /* for it to be started again; then calls are refused */

struct fetch_link {
	struct loop *loop;     /* borrowed */
	struct host *host;     /* borrowed */
	struct proofs *proofs; /* borrowed; NULL: none yet */
	struct dialer *dialer; /* owned */
	struct link *link;     /* owned; NULL: down */
	struct source *gone;   /* owned; timer */
};

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct fetch_link *fetch = data;

	(void)l;
	(void)files;
	if (f->seq & PROOF_SEQ && fetch->proofs) {
		proofs_result(fetch->proofs, f);
		return 0;
	}
	return host_fetch_result(fetch->host, f, e);
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct fetch_link *fetch = data;

	log_warn("outgoing HTTP is away%s%s", reason->code ? ": " : "", reason->text);
	fetch->link = link_free(l);
	timer_arm_after(fetch->gone, PATIENCE_USEC);
	host_fetch_down(fetch->host);
	if (fetch->proofs)
		proofs_down(fetch->proofs);
	dialer_again(fetch->dialer);
}

static void on_gone(void *data)
{
	struct fetch_link *fetch = data;

	host_fetch_gone(fetch->host);
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_FETCH, PROTO_DOWN, type);
}

static void on_connected(int fd, void *data)
{
	static const struct link_ops ops = {
		.on_frame = on_frame, .on_closed = on_closed, .value_max = value_max};
	static const struct link_limits limits = {.queue_max = QUEUE_MAX};
	struct fetch_link *fetch = data;

	fetch->link = link_free(fetch->link);
	if (link_new(fetch->loop, fd, &ops, &limits, fetch, &fetch->link) < 0) {
		dialer_again(fetch->dialer);
		return;
	}
	timer_disarm(fetch->gone);
	host_fetch_up(fetch->host);
}

int fetch_link_new(
	struct loop *loop, const char *run_dir, struct host *host, struct fetch_link **ret)
{
	CLEANUP(fetch_link_freep) struct fetch_link *fetch = calloc(1, sizeof(*fetch));
	char path[4096];
	int r;

	if (!fetch)
		return -ENOMEM;
	fetch->loop = loop;
	fetch->host = host;
	(void)snprintf(path, sizeof(path), "%s/fetch.sock", run_dir);
	r = loop_add_timer(loop, on_gone, fetch, &fetch->gone);
	if (r == 0)
		r = dialer_new(loop, path, on_connected, fetch, &fetch->dialer);
	if (r < 0)
		return r;
	timer_arm_after(fetch->gone, PATIENCE_USEC);
	*ret = TAKE_PTR(fetch);
	return 0;
}

struct fetch_link *fetch_link_free(struct fetch_link *fetch)
{
	if (!fetch)
		return NULL;
	(void)dialer_free(fetch->dialer);
	(void)link_free(fetch->link);
	(void)source_free(fetch->gone);
	free(fetch);
	return NULL;
}

void fetch_link_prove(struct fetch_link *fetch, struct proofs *proofs)
{
	fetch->proofs = proofs;
}

int fetch_link_send(struct fetch_link *fetch, const struct frame *f)
{
	return fetch && fetch->link ? link_send(fetch->link, f) : -ENOTCONN;
}
