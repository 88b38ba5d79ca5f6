#include "gateway/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "proto/constants.h"
#include "proto/messages.h"

static const struct host_service services[] = {
	{"store", host_edge_start, host_edge_stop},
	{"http", host_fetch_start, host_fetch_stop},
};

int host_new(const struct host_config *config, struct host **ret)
{
	CLEANUP(host_freep) struct host *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->config = *config;
	r = loop_add_timer(config->loop, host_edge_tick, h, &h->timer);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(h);
	return 0;
}

static void drop(struct host_call *c)
{
	for (struct host_call **at = &c->host->calls; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	c->host->bytes -= c->body.len;
	buf_done(&c->body);
	free(c);
}

static void stop(struct host_call *c)
{
	if (c->service->stop(c)) {
		drop(c);
		return;
	}
	c->worker = NULL;
	c->host->bytes -= c->body.len;
	buf_done(&c->body);
}

struct host *host_free(struct host *h)
{
	if (!h)
		return NULL;
	while (h->calls) {
		(void)h->calls->service->stop(h->calls);
		drop(h->calls);
	}
	h->timer = source_free(h->timer);
	free(h);
	return NULL;
}

/* --- answers --- */

static void send_failure(struct host *h, void *worker, uint32_t channel, uint32_t seq,
	const char *code, const char *words)
{
	struct frame f = {
		.type = APP_HOST_RESULT, .op = HOST_FAILED, .channel = channel, .seq = seq};
	char value[1100];
	int n = snprintf(value, sizeof(value), "%.32s%c%.1024s", code, '\0', words);

	f.value = (const uint8_t *)value;
	f.length = (size_t)n;
	h->config.answer(worker, &f);
}

void host_answer(struct host_call *c, const void *value, size_t n)
{
	const struct frame f = {.type = APP_HOST_RESULT,
		.op = HOST_DONE,
		.channel = c->channel,
		.seq = c->seq,
		.value = value,
		.length = n};

	if (c->worker)
		c->host->config.answer(c->worker, &f);
	drop(c);
}

void host_fail(struct host_call *c, const char *code, const char *words)
{
	if (c->worker)
		send_failure(c->host, c->worker, c->channel, c->seq, code, words);
	drop(c);
}

/* --- calls --- */

static struct host_call *find(struct host *h, const void *worker, uint32_t seq)
{
	for (struct host_call *c = h->calls; c; c = c->next)
		if (c->worker == worker && c->seq == seq)
			return c;
	return NULL;
}

static const struct host_service *service_of(const char *name)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (!strcmp(services[i].name, name))
			return &services[i];
	return NULL;
}

/* Takes a name that a NUL ends off the front of what f still holds. It is printable: no JSON holds
 * another, and a call that cannot be written for its service would hold up those behind it. */
static int take_name(struct frame *f, char ret[HOST_NAME_MAX + 1])
{
	const uint8_t *end = memchr(f->value, '\0', f->length);
	size_t n = end ? (size_t)(end - f->value) : 0;

	if (n == 0 || n > HOST_NAME_MAX)
		return -EPROTO;
	for (size_t i = 0; i < n; i++)
		if (f->value[i] < '!' || f->value[i] > '~')
			return -EPROTO;
	memcpy(ret, f->value, n + 1);
	f->value += n + 1;
	f->length -= n + 1;
	return 0;
}

/* Why the call has no room; NULL: it has. */
static const char *refusal(const struct host *h, const void *worker, size_t n)
{
	size_t calls = 0, bytes = 0;

	for (const struct host_call *c = h->calls; c; c = c->next)
		if (c->worker == worker) {
			calls++;
			bytes += c->body.len;
		}
	if (calls >= HOST_WORKER_CALLS || bytes + n > HOST_WORKER_BYTES)
		return "the app asks too much of the platform at once; try again in a moment";
	if (h->bytes + n > HOST_TOTAL_BYTES)
		return "the platform is asked too much at once; try again in a moment";
	return NULL;
}

static struct host_call *add(
	struct host *h, void *worker, const struct host_stamp *stamp, const struct frame *f)
{
	struct host_call *c = calloc(1, sizeof(*c)), **at = &h->calls;

	if (!c)
		return NULL;
	c->host = h;
	c->worker = worker;
	c->stamp = *stamp;
	c->channel = f->channel;
	c->node = f->node;
	c->seq = f->seq;
	c->again = f->op == HOST_AGAIN;
	buf_init(&c->body, f->length);
	if (buf_add(&c->body, f->value, f->length) < 0) {
		free(c);
		return NULL;
	}
	h->bytes += c->body.len;
	while (*at)
		at = &(*at)->next;
	*at = c;
	return c;
}

int host_take(struct host *h, void *worker, const struct host_stamp *stamp, const struct frame *f,
	struct err *e)
{
	char name[HOST_NAME_MAX + 1], op[HOST_NAME_MAX + 1];
	const struct host_service *service;
	struct frame body = *f;
	struct host_call *c;
	const char *why;

	if (f->seq == 0 || take_name(&body, name) < 0 || take_name(&body, op) < 0)
		return err_set(e, -EPROTO,
			"HOST_CALL: a call id, a service and an operation of 1 to %d printable "
			"bytes are needed",
			HOST_NAME_MAX);
	if (find(h, worker, f->seq))
		return 0;
	service = service_of(name);
	why = service ? refusal(h, worker, body.length)
		      : "this platform has no such service; is it a newer app?";
	c = why ? NULL : add(h, worker, stamp, &body);
	if (!c) {
		send_failure(h, worker, f->channel, f->seq, service ? "busy" : "unknown",
			why ? why : "the gateway is out of memory");
		return 0;
	}
	c->service = service;
	memcpy(c->op, op, sizeof(c->op));
	service->start(c);
	return 0;
}

void host_stop(struct host *h, void *worker, uint32_t seq)
{
	struct host_call *c = find(h, worker, seq);

	if (c)
		stop(c);
}

void host_forget(struct host *h, void *worker)
{
	struct host_call *next;

	if (!h)
		return;
	for (struct host_call *c = h->calls; c; c = next) {
		next = c->next;
		if (c->worker == worker)
			stop(c);
	}
}
