#include "sdk-lua/host/infer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sdk-lua/host/say.h"
#include "sdk-lua/host/task.h"

#define TOKENS_MAX (1u << 20) /* read by nobody */
#define QUEUE_MAX (4u << 20)

static struct call *find_anywhere(struct worker *w, uint32_t id)
{
	for (size_t i = 0; i < TASKS_MAX; i++)
		for (struct call *c = w->tasks[i].calls; c; c = c->next)
			if (c->id == id)
				return c;
	return NULL;
}

bool call_has_news(const struct call *c)
{
	return c->tokens.len > 0 || c->waits || c->state != CALL_RUNNING;
}

static void wake(struct call *c)
{
	if (c->task->state == TASK_WAITING && c->task->wait_call == c)
		task_wake(c->task);
}

static void fail(struct call *c, const char *code, const char *words)
{
	if (c->state != CALL_RUNNING)
		return;
	c->state = CALL_FAILED;
	(void)snprintf(c->code, sizeof(c->code), "%s", code);
	(void)snprintf(c->words, sizeof(c->words), "%s", words);
	wake(c);
}

static void fail_all(struct worker *w)
{
	for (size_t i = 0; i < TASKS_MAX; i++)
		for (struct call *c = w->tasks[i].calls; c; c = c->next)
			fail(c, "unavailable", "the model service was restarted; run it again");
}

static void send_stop(struct call *c)
{
	struct worker *w = c->task->worker;
	const struct frame f = {.type = INFER_STOP, .seq = c->id};

	if (w->infer)
		(void)link_send(w->infer, &f); /* a dead link has nothing to stop */
}

static int on_token(struct call *c, const struct frame *f, struct err *e)
{
	(void)e;
	if (c->state == CALL_RUNNING && buf_add(&c->tokens, f->value, f->length) < 0) {
		send_stop(c);
		fail(c, "too_long", "the model wrote more than 1 MiB that the app did not read");
	}
	wake(c);
	return 0;
}

static int on_result(struct call *c, const struct frame *f, struct err *e)
{
	int r = infer_result_read(&c->result, f->value, f->length, e);

	if (r < 0)
		return r;
	c->state = CALL_DONE;
	wake(c);
	return 0;
}

static int on_error(struct call *c, const struct frame *f, struct err *e)
{
	struct infer_error m;
	int r = infer_error_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	fail(c, m.code, m.message);
	infer_error_done(&m);
	return 0;
}

static int on_loading(struct call *c, const struct frame *f, struct err *e)
{
	struct infer_loading m;
	int r = infer_loading_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	c->waits = true;
	c->percent = m.percent;
	infer_loading_done(&m);
	wake(c);
	return 0;
}

static const struct {
	uint8_t type;
	int (*handle)(struct call *c, const struct frame *f, struct err *e);
} messages[] = {
	{INFER_TOKEN, on_token},
	{INFER_RESULT, on_result},
	{INFER_ERROR, on_error},
	{INFER_LOADING, on_loading},
};

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct call *c = find_anywhere(data, f->seq);

	(void)l;
	(void)files;
	if (!c || c->state != CALL_RUNNING)
		return 0; /* stopped while the answer was on its way */
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (messages[i].type == f->type)
			return messages[i].handle(c, f, e);
	return err_set(e, -EPROTO, "%s is out of turn", proto_name(PROTO_INFER, f->type));
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct worker *w = data;

	if (reason->code)
		say(w, "warn", NULL, "the infer link was ended: %s", reason->text);
	w->infer = link_free(l);
	fail_all(w);
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_INFER, PROTO_DOWN, type);
}

static const struct link_ops ops = {
	.on_frame = on_frame, .on_closed = on_closed, .value_max = value_max};

int infer_attach(struct worker *w, int fd)
{
	static const struct link_limits limits = {.queue_max = QUEUE_MAX};

	w->infer = link_free(w->infer);
	fail_all(w);
	return link_new(w->loop, fd, &ops, &limits, w, &w->infer);
}

/* Appends the request with the grant as its first field. */
static int add_grant(const struct grant *g, const uint8_t *request, size_t n, struct buf *b)
{
	int r;

	if (g->n == 0)
		return buf_add(b, request, n);
	r = buf_addf(b, "{\"grant\":\"%s\",", g->text);
	return r < 0 ? r : buf_add(b, request + 1, n - 1);
}

static int send_call(struct task *t, uint32_t id, const uint8_t *request, size_t n, const char *raw,
	size_t n_raw)
{
	struct frame f = {.type = INFER_CALL,
		.channel = t->session ? t->session->channel : 0,
		.node = t->n,
		.seq = id};
	CLEANUP(buf_done) struct buf value;
	int r;

	buf_init(&value, (size_t)proto_value_max(PROTO_INFER, PROTO_UP, INFER_CALL));
	r = add_grant(&t->grant, request, n, &value);
	if (r == 0 && raw)
		r = buf_add(&value, "", 1);
	if (r == 0 && raw)
		r = buf_add(&value, raw, n_raw);
	if (r < 0)
		return r;
	f.value = value.data;
	f.length = value.len;
	return link_send(t->worker->infer, &f);
}

int call_start(struct task *t, const uint8_t *request, size_t n, const char *raw, size_t n_raw,
	struct call **ret)
{
	struct worker *w = t->worker;
	struct call *c;
	size_t running = 0;
	int r;

	if (!w->infer)
		return -ENOENT;
	for (c = t->calls; c; c = c->next)
		running++;
	if (running >= CALLS_TASK_MAX)
		return -ENOBUFS;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->task = t;
	do
		c->id = ++w->next_call;
	while (c->id == 0 || find_anywhere(w, c->id));
	buf_init(&c->tokens, TOKENS_MAX);
	r = send_call(t, c->id, request, n, raw, n_raw);
	if (r < 0) {
		free(c);
		return r == -EPIPE ? -ENOENT : r;
	}
	c->next = t->calls;
	t->calls = c;
	*ret = c;
	return 0;
}

struct call *call_find(struct task *t, uint32_t id)
{
	for (struct call *c = t->calls; c; c = c->next)
		if (c->id == id)
			return c;
	return NULL;
}

void call_end(struct call *c)
{
	for (struct call **at = &c->task->calls; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	if (c->task->wait_call == c)
		c->task->wait_call = NULL;
	if (c->state == CALL_RUNNING)
		send_stop(c);
	if (c->state == CALL_DONE)
		infer_result_done(&c->result);
	buf_done(&c->tokens);
	free(c);
}

void calls_free(struct task *t)
{
	while (t->calls)
		call_end(t->calls);
}
