/*
 * Calls that vitrine-fetch answers: service "http", whose operation is the method. The gateway adds
 * the Space and the hosts that its app may speak with; what the worker says is only passed on.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "gateway/host.h"
#include "gateway/metrics.h"
#include "gateway/prove.h"
#include "proto/messages.h"

#define URL_MAX 16384
#define METHOD_MAX 16 /* as in fetch.REQUEST: a longer one would end the link for every Space */
#define TIMEOUT_MS_MAX 60000
#define UNTAKEN_MAX (16u << 20) /* bytes that the worker has not read yet */

static const char away[] = "outgoing HTTP is not there right now; try again in a moment";

static bool is_ours(const struct host_call *c)
{
	return c->service->start == host_fetch_start;
}

/* A call that may have arrived once is not made again: it may have changed something there. */
static bool may_be_repeated(const char *method)
{
	return !strcmp(method, "GET") || !strcmp(method, "HEAD") || !strcmp(method, "OPTIONS");
}

static bool is_method(const char *op)
{
	size_t n = strlen(op);

	return n <= METHOD_MAX && strspn(op, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n;
}

/* "a b c" as an array. NULL: out of memory. */
static json_t *list_of(const char *hosts)
{
	json_t *list = json_array();

	while (list && *hosts) {
		size_t n = strcspn(hosts, " ");

		if (json_array_append_new(list, json_stringn(hosts, n)) < 0) {
			json_decref(list);
			return NULL;
		}
		hosts += n + (hosts[n] == ' ');
	}
	return list;
}

static int write_request(
	const struct host_call *c, const json_t *args, struct buf *b, struct err *e)
{
	CLEANUP(json_unrefp) json_t *allow = list_of(c->stamp.http ? c->stamp.http : "");
	struct fetch_request m = {.space = c->stamp.space,
		.allow = allow,
		.method = c->op,
		.headers = json_object_get(args, "headers")};
	int64_t timeout_ms;
	int r = json_get_str(args, "url", URL_MAX, &m.url, e);

	if (r == 0)
		r = json_opt_int(args, "timeout_ms", 1, TIMEOUT_MS_MAX, 0, &timeout_ms, e);
	if (r < 0)
		return r;
	m.timeout_ms = (uint64_t)timeout_ms;
	if (!allow)
		return err_set(e, -ENOMEM, "the gateway is out of memory");
	return fetch_request_write(&m, b);
}

/* What the worker sent becomes the REQUEST. */
static int prepare(struct host_call *c, struct err *e)
{
	const uint8_t *nul = memchr(c->body.data, '\0', c->body.len);
	size_t n = nul ? (size_t)(nul - c->body.data) : c->body.len;
	CLEANUP(json_unrefp) json_t *args = NULL;
	struct buf b;
	int r = json_parse(c->body.data, n, c->body.len, &args, e);

	buf_init(&b, (size_t)proto_value_max(PROTO_FETCH, PROTO_UP, FETCH_REQUEST));
	if (r == 0)
		r = write_request(c, args, &b, e);
	if (r == 0 && nul)
		r = buf_add(&b, nul, c->body.len - n);
	if (r == -ENOSPC)
		(void)err_set(e, r, "the request is over its limit of 1 MiB");
	if (r < 0) {
		buf_done(&b);
		return r;
	}
	c->host->bytes += b.len - c->body.len;
	buf_done(&c->body);
	c->body = b;
	return 0;
}

static int send(struct host_call *c)
{
	const struct frame f = {.type = FETCH_REQUEST,
		.seq = c->number,
		.value = c->body.data,
		.length = c->body.len};
	int r = c->host->config.fetch(&f, c->host->config.data);

	c->sent = r == 0;
	if (c->sent) {
		/* Never sent twice: while its answer takes its time, others may have the room. */
		c->host->bytes -= c->body.len;
		buf_done(&c->body);
	}
	return r;
}

/* For the log of the Space: no path, no query, no header. */
static void note(const struct host_call *c, const char *host, const char *end, uint64_t ms)
{
	char line[512];

	(void)snprintf(line, sizeof(line), "http %s %.270s %.80s %llu ms", c->op, host ? host : "?",
		end, (unsigned long long)ms);
	if (c->worker && c->host->config.note)
		c->host->config.note(c->worker, line);
}

void host_fetch_start(struct host_call *c)
{
	struct host *h = c->host;
	struct err e = {0};

	if (!is_method(c->op)) {
		host_fail(c, "bad_request", "a method is a word in capitals, like GET");
		return;
	}
	if (c->again && !may_be_repeated(c->op)) {
		host_fail(c, "interrupted",
			"the platform started anew while this request was under way; whether it "
			"arrived is not known");
		return;
	}
	if (prepare(c, &e) < 0) {
		host_fail(c, "bad_request", e.text);
		return;
	}
	do
		c->number = ++h->numbers & ~PROOF_SEQ; /* those are proofs' */
	while (c->number == 0);
	if (h->fetch_up ? send(c) < 0 : h->fetch_gone)
		host_fail(c, "unavailable", away);
}

bool host_fetch_stop(struct host_call *c)
{
	const struct frame f = {.type = FETCH_CANCEL, .seq = c->number};

	if (c->sent && c->host->fetch_up)
		(void)c->host->config.fetch(&f, c->host->config.data);
	return true;
}

void host_fetch_up(struct host *h)
{
	h->fetch_up = true;
	h->fetch_gone = false;
	for (struct host_call *c = h->calls; c; c = c->next)
		if (is_ours(c) && !c->sent && send(c) < 0)
			return; /* the link has ended again, or there is no memory */
}

void host_fetch_down(struct host *h)
{
	struct host_call *next;

	h->fetch_up = false;
	for (struct host_call *c = h->calls; c; c = next) {
		next = c->next;
		if (is_ours(c) && c->sent)
			host_fail(c, "unavailable",
				"outgoing HTTP ended while this request was under way; whether it "
				"arrived is not known");
	}
}

void host_fetch_gone(struct host *h)
{
	struct host_call *next;

	h->fetch_gone = !h->fetch_up;
	for (struct host_call *c = h->calls; h->fetch_gone && c; c = next) {
		next = c->next;
		if (is_ours(c))
			host_fail(c, "unavailable", away);
	}
}

static int on_answer(struct host_call *c, const struct frame *f, struct err *e)
{
	const uint8_t *nul = memchr(f->value, '\0', f->length);
	struct fetch_answer m;
	char status[16];
	int r;

	if (!nul)
		return err_set(e, -EPROTO, "ANSWER without a body");
	r = fetch_answer_read(&m, f->value, (size_t)(nul - f->value), e);
	if (r < 0)
		return r;
	gateway_count(GATEWAY_FETCHED, 1);
	(void)snprintf(status, sizeof(status), "%u", (unsigned int)m.status);
	note(c, m.host, status, m.ms);
	fetch_answer_done(&m);
	if (c->worker && c->host->config.untaken &&
		c->host->config.untaken(c->worker) + f->length > UNTAKEN_MAX)
		host_fail(c, "busy", "the app has not taken its earlier answers yet");
	else
		host_answer(c, f->value, f->length);
	return 0;
}

static int on_failed(struct host_call *c, const struct frame *f, struct err *e)
{
	struct fetch_failed m;
	char end[80];
	int r = fetch_failed_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	gateway_count(m.rule ? GATEWAY_FETCH_REFUSED : GATEWAY_FETCH_FAILED, 1);
	(void)snprintf(end, sizeof(end), "%s%s%s%s", m.code, m.rule ? " (" : "",
		m.rule ? m.rule : "", m.rule ? ")" : "");
	note(c, m.host, end, m.ms);
	host_fail(c, m.code, m.message);
	fetch_failed_done(&m);
	return 0;
}

int host_fetch_result(struct host *h, const struct frame *f, struct err *e)
{
	struct host_call *c = h->calls;

	while (c && (!is_ours(c) || !c->sent || c->number != f->seq))
		c = c->next;
	if (!c)
		return 0;
	return f->type == FETCH_ANSWER ? on_answer(c, f, e) : on_failed(c, f, e);
}
