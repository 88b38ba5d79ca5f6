/*
 * Calls that the orchestrator answers. It gets few at a time, and of each Space fewer; while it is
 * away, or ends and starts again, they are kept and sent again: it does each one once.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/host.h"
#include "proto/messages.h"

static bool is_ours(const struct host_call *c)
{
	return c->service->start == host_edge_start;
}

/* Calls at the orchestrator; space NULL: of all. */
static size_t under_way(const struct host *h, const char *space)
{
	size_t n = 0;

	for (const struct host_call *c = h->calls; c; c = c->next)
		if (is_ours(c) && c->sent && (!space || !strcmp(c->stamp.space, space)))
			n++;
	return n;
}

static int send(const struct host_call *c)
{
	const struct host_stamp *from = &c->stamp;
	char id[49];
	struct edge_host_call m = {.id = id,
		.space = from->space,
		.user = from->user[0] ? from->user : NULL,
		.visitor = from->visitor[0] ? from->visitor : NULL,
		.op = c->op};
	struct frame f = {.type = EDGE_HOST_CALL, .seq = c->number};
	CLEANUP(buf_done) struct buf value;
	int r;

	(void)snprintf(id, sizeof(id), "%s-%u", from->worker, c->seq);
	buf_init(&value, (size_t)proto_value_max(PROTO_EDGE, PROTO_UP, EDGE_HOST_CALL));
	r = edge_host_call_write(&m, &value);
	if (r == 0)
		r = buf_add(&value, "", 1);
	if (r == 0)
		r = buf_add(&value, c->body.data, c->body.len);
	f.value = value.data;
	f.length = value.len;
	return r < 0 ? r : c->host->config.edge(&f, c->host->config.data);
}

/* Sends what may be. Nothing is answered from here: whoever began a call is still at it. */
static void pump(struct host *h)
{
	size_t total = under_way(h, NULL);

	for (struct host_call *c = h->calls; c && h->edge_up && total < HOST_EDGE_UNDER_WAY;
		c = c->next) {
		if (!is_ours(c) || c->sent ||
			under_way(h, c->stamp.space) >= HOST_EDGE_UNDER_WAY_SPACE)
			continue;
		if (send(c) < 0)
			return; /* the next answer, or its time being up, goes on */
		c->sent = true;
		total++;
	}
}

static void arm(struct host *h)
{
	uint64_t first = 0, now = clock_mono_usec();

	for (const struct host_call *c = h->calls; c; c = c->next)
		if (is_ours(c) && (!first || c->deadline_usec < first))
			first = c->deadline_usec;
	if (first)
		timer_arm_after(h->timer, first > now ? first - now : 0);
}

void host_edge_tick(void *data)
{
	struct host *h = data;
	uint64_t now = clock_mono_usec();
	struct host_call *next;

	for (struct host_call *c = h->calls; c; c = next) {
		next = c->next;
		if (is_ours(c) && c->deadline_usec <= now)
			host_fail(c, "unavailable",
				c->sent ? "the platform did not say in time whether it was done"
					: "the platform's store is not there right now; try again");
	}
	pump(h);
	arm(h);
}

void host_edge_start(struct host_call *c)
{
	struct host *h = c->host;

	do
		c->number = ++h->numbers;
	while (c->number == 0);
	c->deadline_usec = clock_mono_usec() + HOST_EDGE_WAIT_SEC * USEC_PER_SEC;
	pump(h);
	arm(h);
}

void host_edge_up(struct host *h)
{
	struct host_call *next;

	h->edge_up = true;
	for (struct host_call *c = h->calls; c; c = next) {
		next = c->next;
		if (!is_ours(c))
			continue;
		c->sent = false;
		if (!c->worker)
			host_fail(c, "", "");
	}
	pump(h);
}

void host_edge_down(struct host *h)
{
	h->edge_up = false;
}

/* What it has been sent fills its queue until it answers, whoever waits. */
bool host_edge_stop(struct host_call *c)
{
	return !c->sent;
}

int host_edge_result(struct host *h, const struct frame *f, struct err *e)
{
	struct host_call *c = h->calls;
	const uint8_t *nul;

	while (c && (!is_ours(c) || c->number != f->seq))
		c = c->next;
	if (!c)
		return 0;
	if (f->op == HOST_DONE) {
		host_answer(c, f->value, f->length);
	} else {
		nul = memchr(f->value, '\0', f->length);
		if (!nul || f->length > 1100)
			return err_set(e, -EPROTO, "HOST_RESULT: a failure is a code and words");
		char words[1101];

		memcpy(words, f->value, f->length);
		words[f->length] = '\0';
		host_fail(c, words, words + (nul - f->value) + 1);
	}
	pump(h);
	return 0;
}
