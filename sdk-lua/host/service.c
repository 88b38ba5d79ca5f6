#include "sdk-lua/host/service.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "sdk-lua/host/say.h"
#include "sdk-lua/host/task.h"

#define SENT_MAX (4u << 20) /* of all calls under way, for sending them again */

static struct service_call *free_call(struct service_call *c)
{
	if (!c)
		return NULL;
	buf_done(&c->sent);
	buf_done(&c->answer);
	free(c);
	return NULL;
}

static struct task *find_task(struct worker *w, uint32_t id)
{
	for (size_t i = 0; i < TASKS_MAX; i++)
		if (w->tasks[i].service && w->tasks[i].service->id == id)
			return &w->tasks[i];
	return NULL;
}

static int send(struct worker *w, const struct service_call *c, uint8_t op)
{
	const struct frame f = {.type = APP_HOST_CALL,
		.op = op,
		.channel = c->channel,
		.node = c->n,
		.seq = c->id,
		.value = c->sent.data,
		.length = c->sent.len};

	return link_send(w->app, &f);
}

void service_free(struct task *t)
{
	struct service_call *c = t->service;
	struct worker *w = t->worker;

	if (c && !c->answered && w->app) {
		const struct frame f = {.type = APP_HOST_STOP, .channel = c->channel, .seq = c->id};

		(void)link_send(w->app, &f); /* a dead link has nothing to stop */
	}
	t->service = free_call(c);
}

void service_resend(struct worker *w)
{
	for (size_t i = 0; i < TASKS_MAX; i++)
		if (w->tasks[i].service && !w->tasks[i].service->answered)
			(void)send(w, w->tasks[i].service, HOST_AGAIN);
}

int service_take(struct worker *w, const struct frame *f, struct err *e)
{
	struct task *t = find_task(w, f->seq);
	struct service_call *c = t ? t->service : NULL;

	if (f->op != HOST_DONE && f->op != HOST_FAILED)
		return err_set(
			e, -EPROTO, "app.HOST_RESULT op: %u is neither done nor failed", f->op);
	if (!c || c->answered)
		return 0;
	if (buf_add(&c->answer, f->value, f->length) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	c->answered = true;
	c->op = f->op;
	buf_done(&c->sent);
	if (t->wait == WAIT_SERVICE)
		task_wake(t);
	return 0;
}

static size_t bytes_sent(const struct worker *w)
{
	size_t n = 0;

	for (size_t i = 0; i < TASKS_MAX; i++)
		n += w->tasks[i].service ? w->tasks[i].service->sent.len : 0;
	return n;
}

/* [-0, +0, m] Writes the call's value from the arguments on the stack. */
static int write_call(lua_State *L, struct buf *b, struct value_why *why)
{
	struct worker *w = worker_of(L);
	const struct value_rules rules = {
		.depth_max = SESSION_IMAGE_DEPTH_MAX + 1, .object_mark = w->object_mark};
	size_t n_service, n_op, n_raw = 0;
	const char *service = luaL_checklstring(L, 1, &n_service);
	const char *op = luaL_checklstring(L, 2, &n_op);
	const char *raw = luaL_optlstring(L, 4, NULL, &n_raw);
	int r;

	buf_clear(b);
	b->max = (size_t)proto_value_max(PROTO_APP, PROTO_UP, APP_HOST_CALL);
	r = buf_add(b, service, n_service + 1);
	if (r == 0)
		r = buf_add(b, op, n_op + 1);
	if (r == 0)
		r = value_encode(L, 3, &rules, b, why);
	if (r == 0 && raw)
		r = buf_add(b, "", 1);
	if (r == 0 && raw)
		r = buf_add(b, raw, n_raw);
	return r;
}

/* The buffer's bytes become the call of the running handler. -EBUSY: too much is under way. */
static int start(struct task *t, const struct buf *value)
{
	struct worker *w = t->worker;
	struct service_call *c;
	int r;

	if (bytes_sent(w) + value->len > SENT_MAX)
		return -EBUSY;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->channel = t->session->channel;
	c->n = t->n;
	do
		c->id = ++w->next_service;
	while (c->id == 0);
	buf_init(&c->sent, value->len);
	buf_init(&c->answer, (size_t)proto_value_max(PROTO_APP, PROTO_DOWN, APP_HOST_RESULT));
	r = buf_add(&c->sent, value->data, value->len);
	if (r == 0)
		r = send(w, c, 0);
	if (r < 0) {
		(void)free_call(c);
		return r == -ENOMEM ? r : -EBUSY;
	}
	t->service = c;
	return 0;
}

static int failed(lua_State *L, const char *code, const char *words)
{
	lua_pushboolean(L, false);
	lua_pushstring(L, code);
	lua_pushstring(L, words);
	return 3;
}

/* [-0, +3, m] */
static int push_result(lua_State *L, const struct service_call *c)
{
	const struct value_form form = {.object_ref = worker_of(L)->object_ref, .nulls = true};
	const uint8_t *nul = memchr(c->answer.data, '\0', c->answer.len);
	size_t n = nul ? (size_t)(nul - c->answer.data) : c->answer.len;
	json_t *value = NULL;
	struct err e = {0};

	/* A task's end frees no json_t: what is parsed is the worker's until it is on the stack. */
	json_decref(worker_of(L)->service_value);
	worker_of(L)->service_value = NULL;
	if (json_parse(c->answer.data, n, c->answer.max, &value, &e) < 0)
		return failed(
			L, "failed", "the platform answered in a form that this app cannot read");
	worker_of(L)->service_value = value;
	lua_pushboolean(L, true);
	value_push(L, value, &form);
	worker_of(L)->service_value = NULL;
	json_decref(value);
	if (!nul)
		return 2;
	lua_pushlstring(L, (const char *)nul + 1, c->answer.len - n - 1);
	return 3;
}

static int answered(lua_State *L, int status, lua_KContext context)
{
	struct task *t = worker_of(L)->current;
	const struct service_call *c = t->service;
	int results;

	(void)status;
	(void)context;
	if (c->op == HOST_DONE)
		results = push_result(L, c);
	else if (memchr(c->answer.data, '\0', c->answer.len))
		results = failed(L, (const char *)c->answer.data,
			(const char *)c->answer.data + strlen((const char *)c->answer.data) + 1);
	else
		results = failed(L, "failed", "the platform refused it without a word");
	t->service = free_call(t->service);
	return results;
}

int service_host_ask(lua_State *L)
{
	struct worker *w = worker_of(L);
	struct task *t = w->current;
	struct value_why why;
	int r;

	if (!t || !t->session)
		return luaL_error(L, "there is no visitor yet: the app is loading");
	if (!lua_isyieldable(L))
		return luaL_error(L, "cannot wait inside a library function that calls back");
	lua_settop(L, 4);
	t->service = free_call(t->service); /* of a handler whose memory was full */
	r = write_call(L, &w->scratch, &why);
	if (r == 0)
		r = start(t, &w->scratch);
	if (r == 0)
		return task_wait(L, WAIT_SERVICE, answered, 0);
	if (r == -EINVAL)
		return failed(L, "bad_input", why.words[0] == '.' ? why.words + 1 : why.words);
	if (r == -ENOSPC)
		return failed(L, "too_large", "over 1 MiB");
	return failed(
		L, "busy", "too much is asked of the platform at once; try again in a moment");
}
