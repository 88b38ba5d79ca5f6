#include "gateway/grant_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dial.h"
#include "base/link.h"
#include "base/log.h"
#include "gateway/grants.h"
#include "proto/messages.h"

#define QUEUE_MAX (1u << 20)

struct grant_link {
	struct loop *loop;     /* borrowed */
	struct grants *grants; /* borrowed */
	struct dialer *dialer; /* owned */
	struct link *link;     /* owned; NULL: down */
};

/* What is served, and its numbers, are for others. */
static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct grant_link *g = data;

	(void)l;
	(void)files;
	return f->type == MODELS_SPENT && g->grants ? grants_spent(g->grants, f, e) : 0;
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct grant_link *g = data;

	log_warn("inference is away%s%s", reason->code ? ": " : "", reason->text);
	g->link = link_free(l);
	dialer_again(g->dialer);
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_MODELS, PROTO_DOWN, type);
}

static void on_connected(int fd, void *data)
{
	static const struct link_ops ops = {
		.on_frame = on_frame, .on_closed = on_closed, .value_max = value_max};
	static const struct link_limits limits = {.queue_max = QUEUE_MAX};
	struct grant_link *g = data;

	g->link = link_free(g->link);
	if (link_new(g->loop, fd, &ops, &limits, g, &g->link) < 0)
		dialer_again(g->dialer);
	else if (g->grants)
		grants_greet(g->grants);
}

int grant_link_new(struct loop *loop, const char *run_dir, struct grant_link **ret)
{
	CLEANUP(grant_link_freep) struct grant_link *g = calloc(1, sizeof(*g));
	char path[4096];
	int r;

	if (!g)
		return -ENOMEM;
	g->loop = loop;
	(void)snprintf(path, sizeof(path), "%s/infer.sock", run_dir);
	r = dialer_new(loop, path, on_connected, g, &g->dialer);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(g);
	return 0;
}

struct grant_link *grant_link_free(struct grant_link *g)
{
	if (!g)
		return NULL;
	(void)dialer_free(g->dialer);
	(void)link_free(g->link);
	free(g);
	return NULL;
}

void grant_link_serve(struct grant_link *g, struct grants *grants)
{
	g->grants = grants;
}

void grant_link_send(const struct frame *f, void *data)
{
	struct grant_link *g = data;

	if (g->link)
		(void)link_send(g->link, f); /* a lost key or end is made good by a deadline */
}
