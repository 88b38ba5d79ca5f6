#include "gateway/call/call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/call/slice.h"
#include "gateway/map.h"
#include "gateway/page.h"
#include "gateway/session/frames.h"
#include "gateway/session/json_text.h"
#include "gateway/space.h"
#include "gateway/visit.h"
#include "proto/messages.h"

#define INBOX_MAX                                                                                  \
	(128u << 20) /* between two rounds of the loop; far over what a Space may queue            \
		      */
#define MAP_KEY_MAX (33 + 41 + CALLER_KEY_MAX)

struct callers {
	struct gateway *gateway;
	struct map by_key; /* of those that have a key */
	size_t n;
};

struct call {
	struct call *next, **at;
	struct caller *caller;
	uint32_t n; /* event of the session; 0: no more */
	bool started, told, cancelled;
	const struct call_ops *ops;
	void *data;
};

struct caller {
	struct callers *callers;
	struct space *space;
	struct visit *visit; /* owned */
	struct call *calls;  /* owned; oldest last */
	struct buf inbox;    /* frames that have not been looked at */
	struct source *due;  /* owned; deferred: they are looked at. NULL: nothing to look at */
	size_t refs;
	bool busy;  /* it is calling back: freed later */
	bool ended; /* its visit is over … */
	bool retry; /* … and another one may do better */
	char reason[256];
	size_t key_length; /* 0: a session of its own */
	char key[MAP_KEY_MAX];
};

int callers_new(struct gateway *g, struct callers **ret)
{
	struct callers *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->gateway = g;
	map_init(&t->by_key);
	*ret = t;
	return 0;
}

struct callers *callers_free(struct callers *t)
{
	if (!t)
		return NULL;
	map_done(&t->by_key);
	free(t);
	return NULL;
}

/* --- the end of a call --- */

static struct call *call_free(struct call *call)
{
	*call->at = call->next;
	if (call->next)
		call->next->at = call->at;
	free(call);
	return NULL;
}

static void fail(struct call *call, enum call_failure why, const char *message)
{
	const struct call_ops *ops = call->ops;
	void *data = call->data;

	(void)call_free(call);
	ops->on_failed(why, message, data);
}

static void withdraw(struct caller *c, uint32_t n)
{
	const struct frame f = {.type = APP_CANCEL, .seq = n};
	CLEANUP(buf_done) struct buf b;
	struct err e = {0};

	buf_init(&b, 64);
	if (!c->ended && frame_write(&b, &f) == 0)
		(void)visit_take(c->visit, b.data, b.len, &e);
}

struct call *call_drop(struct call *call)
{
	if (!call)
		return NULL;
	if (!call->cancelled)
		withdraw(call->caller, call->n);
	return call_free(call);
}

/* --- what the session says --- */

static struct call *call_of(struct caller *c, uint32_t n)
{
	struct call *call = c->calls;

	while (call && (call->n != n || !n))
		call = call->next;
	return call;
}

static void start(struct call *call)
{
	if (call->started)
		return;
	call->started = call->told = true;
	call->ops->on_started(call->data);
}

static void on_queue(struct caller *c, const struct frame *f)
{
	struct call *call = call_of(c, f->seq);
	struct wire_queue m;

	if (!call || wire_queue_read(&m, f->value, f->length, NULL) < 0)
		return;
	if (m.place == 0) {
		start(call);
	} else if (!call->started || m.reason) {
		call->told = true;
		call->ops->on_queue((size_t)m.place, (size_t)m.of, (int64_t)m.expected_ms, m.reason,
			call->data);
	}
	wire_queue_done(&m);
}

static void on_result(struct caller *c, const struct frame *f)
{
	struct call *call = call_of(c, f->node);
	const struct call_ops *ops = call ? call->ops : NULL;
	void *data = call ? call->data : NULL;

	if (!call)
		return;
	/* It comes from a worker. */
	if (!json_text_valid_nul(f->value, f->length)) {
		withdraw(c, call->n);
		fail(call, CALL_ERROR, "the function's result is not JSON");
		return;
	}
	switch (f->op) {
	case RESULT_YIELD:
		ops->on_yield(f->value, f->length, data);
		break;
	case RESULT_FINAL:
		(void)call_free(call);
		ops->on_final(f->value, f->length, data);
		break;
	case RESULT_PROGRESS:
		ops->on_progress(f->value, f->length, data);
		break;
	case RESULT_LOG:
		ops->on_log(f->value, f->length, data);
		break;
	default:
		break;
	}
}

static void on_fail(struct caller *c, const struct frame *f)
{
	static const enum call_failure whys[] = {
		[FAIL_ERROR] = CALL_ERROR,
		[FAIL_LIMIT] = CALL_LIMIT,
		[FAIL_CANCELLED] = CALL_CANCELLED,
		[FAIL_INVALID] = CALL_INVALID,
	};
	struct call *call = call_of(c, f->node);
	enum call_failure why = f->op < sizeof(whys) / sizeof(*whys) ? whys[f->op] : CALL_ERROR;
	struct app_fail m;

	if (!call)
		return;
	if (app_fail_read(&m, f->value, f->length, NULL) < 0) {
		fail(call, why, "Something went wrong in this demo");
		return;
	}
	fail(call, why, m.message);
	app_fail_done(&m);
}

/* The group that finishes it held neither a result nor a failure. */
static void on_commit(struct caller *c, const struct frame *f)
{
	struct call *call = f->op == COMMIT_FINISH ? call_of(c, f->node) : NULL;

	if (call)
		fail(call, CALL_ERROR, "the function ended without a result");
}

static void on_interrupted(struct caller *c, const struct frame *f)
{
	struct call *call = call_of(c, f->seq);
	struct wire_interrupted m;
	char words[400];

	withdraw(c, f->seq); /* nobody will decide to try again */
	if (!call)
		return;
	if (wire_interrupted_read(&m, f->value, f->length, NULL) < 0)
		m = (struct wire_interrupted){0};
	(void)snprintf(words, sizeof(words), "The function was interrupted%s%.300s",
		m.message ? ": " : "", m.message ? m.message : "");
	wire_interrupted_done(&m);
	fail(call, CALL_INTERRUPTED, words);
}

/* Those that have not started wait for a worker that does not come. */
static void fail_waiting(struct caller *c, const char *message)
{
	uint32_t below = UINT32_MAX;

	for (;;) {
		struct call *call = c->calls;

		while (call && (call->started || call->cancelled || call->n >= below))
			call = call->next;
		if (!call)
			return;
		below = call->n;
		withdraw(c, call->n);
		fail(call, CALL_UNAVAILABLE, message);
	}
}

static void on_phase(struct caller *c, const struct frame *f)
{
	struct wire_phase m;

	if (wire_phase_read(&m, f->value, f->length, NULL) < 0)
		return;
	if (!strcmp(m.phase, "failed"))
		fail_waiting(c, m.message ? m.message : "This demo could not be started.");
	else if (!strcmp(m.phase, "stopped"))
		fail_waiting(c, "This Space is paused by its owner.");
	wire_phase_done(&m);
}

static void on_bye(struct caller *c, const struct frame *f)
{
	struct wire_bye m;

	if (wire_bye_read(&m, f->value, f->length, NULL) < 0)
		return;
	(void)snprintf(c->reason, sizeof(c->reason), "%s", m.reason);
	wire_bye_done(&m);
}

static const struct {
	uint8_t type;
	void (*handle)(struct caller *c, const struct frame *f);
} handlers[] = {
	{APP_RESULT, on_result},
	{APP_FAIL, on_fail},
	{APP_COMMIT, on_commit},
	{WIRE_QUEUE, on_queue},
	{WIRE_PHASE, on_phase},
	{WIRE_INTERRUPTED, on_interrupted},
	{WIRE_BYE, on_bye},
};

static int on_frame(const struct frame *f, void *data, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++)
		if (handlers[i].type == f->type)
			handlers[i].handle(data, f);
	return 0;
}

/* --- one round --- */

static void caller_free(struct caller *c)
{
	struct session *session = c->visit ? c->visit->session : NULL;
	struct callers *t = c->callers;

	while (c->calls)
		(void)call_free(c->calls);
	if (c->key_length && map_get(&t->by_key, c->key, c->key_length) == c)
		(void)map_take(&t->by_key, c->key, c->key_length);
	c->ended = true;
	(void)visit_free(c->visit);
	if (session && !c->key_length)
		sessions_forget(t->gateway->sessions, session);
	(void)source_free(c->due);
	buf_done(&c->inbox);
	t->n--;
	free(c);
}

/* Who waits for a worker, and not for a turn at one, is the first in a row of its own. */
static void tell_waiting(struct caller *c)
{
	struct call *call = c->calls;

	while (call) {
		const struct session *s = c->visit->session;
		const struct pending *p =
			s && !call->told && call->n ? session_pending(s, call->n) : NULL;

		if (!p || p->state != EVENT_HELD || p->ticket) {
			call = call->next;
			continue;
		}
		call->told = true;
		call->ops->on_queue(1, 1, 0, NULL, call->data);
		call = c->calls; /* others may have gone meanwhile */
	}
}

static void end_cancelled(struct caller *c)
{
	struct call *call = c->calls;

	while (call) {
		if (!call->cancelled) {
			call = call->next;
			continue;
		}
		fail(call, CALL_CANCELLED, "Cancelled");
		call = c->calls;
	}
}

static void on_due(void *data)
{
	struct caller *c = data;
	struct buf inbox = c->inbox;

	c->due = NULL;
	c->busy = true;
	buf_init(&c->inbox, INBOX_MAX);
	if (frames_each(inbox.data, inbox.len, SESSION_VALUE_MAX, on_frame, c, NULL) < 0)
		log_error("a program's session cannot be read");
	buf_done(&inbox);
	end_cancelled(c);
	if (c->ended)
		while (c->calls)
			fail(c->calls, CALL_UNAVAILABLE,
				c->reason[0] ? c->reason : "This session has ended.");
	else
		tell_waiting(c);
	/* Whoever comes next to this session has no page that lacks what was said. */
	if (c->visit->session)
		outbox_trim(&c->visit->session->outbox, c->visit->session->last_seq);
	c->busy = false;
	if (c->refs == 0)
		caller_free(c);
}

static void look_soon(struct caller *c)
{
	if (!c->due && loop_defer(c->callers->gateway->loop, on_due, c, &c->due) < 0)
		log_error("out of memory: a program hears its results later");
}

static int on_send(void *transport, const uint8_t *frames, size_t n, bool lazy, bool forced)
{
	struct caller *c = transport;

	(void)lazy;
	(void)forced;
	look_soon(c);
	return buf_add(&c->inbox, frames, n) < 0 ? -ENOBUFS : 0;
}

static void on_end(void *transport, bool retry)
{
	struct caller *c = transport;

	c->ended = true;
	c->retry = retry;
	look_soon(c);
}

static const struct visit_ops visit_ops = {.send = on_send, .end = on_end};

/* --- opening --- */

static int join(struct caller *c, const char *session, struct err *e)
{
	struct wire_join m = {.session = session};
	struct frame f = {.type = WIRE_JOIN};
	CLEANUP(buf_done) struct buf value;
	CLEANUP(buf_done) struct buf b;
	int r;

	buf_init(&value, 1024);
	buf_init(&b, 2048);
	r = wire_join_write(&m, &value);
	f.value = value.data;
	f.length = value.len;
	if (r == 0)
		r = frame_write(&b, &f);
	return r < 0 ? r : visit_take(c->visit, b.data, b.len, e);
}

static int refusal(struct caller *c, struct err *e)
{
	(void)frames_each(c->inbox.data, c->inbox.len, SESSION_VALUE_MAX, on_frame, c, NULL);
	return err_set(e, c->retry ? -EAGAIN : -ENOENT, "%s",
		c->reason[0] ? c->reason : "This Space cannot be opened.");
}

static int enter(struct caller *c, const struct caller_start *start, struct err *e)
{
	struct gateway *g = c->callers->gateway;
	const char *user = start->who->known ? start->who->user : "";
	struct visit_start visit = {.gateway = g,
		.space = start->space,
		.ops = &visit_ops,
		.transport = c,
		.address = start->address,
		.program = start->who};
	char visitor[ID_LEN + 1];
	struct session *s = NULL;
	int r;

	if (start->key) {
		visitor_of_program(
			&g->key, start->space->id, user, start->key, start->key_length, visitor);
		s = sessions_by_visitor(g->sessions, start->space->id, visitor);
	} else {
		random_id(visitor);
		visitor[0] = SESSION_PROGRAM;
	}
	visit.visitor = visitor;
	r = visit_new(&visit, &c->visit);
	if (r == 0)
		r = join(c, s ? s->id : NULL, e);
	if (r == 0 && c->ended)
		r = refusal(c, e);
	if (r == 0)
		c->visit->address = NULL; /* it may go before we do */
	return r;
}

static size_t write_key(const struct caller_start *start, char ret[MAP_KEY_MAX])
{
	int n = snprintf(ret, 33 + 41, "%s\n%s\n", start->space->id,
		start->who->known ? start->who->user : "");

	memcpy(ret + n, start->key, start->key_length);
	return (size_t)n + start->key_length;
}

static struct caller *find(struct callers *t, const char *key, size_t n)
{
	struct caller *c = map_get(&t->by_key, key, n);

	if (c && c->ended) { /* whoever has it gives it back; its place is another one's */
		(void)map_take(&t->by_key, key, n);
		return NULL;
	}
	return c;
}

int caller_open(
	struct callers *t, const struct caller_start *start, struct caller **ret, struct err *e)
{
	char key[MAP_KEY_MAX];
	size_t n = 0;
	struct caller *c;
	int r;

	if (start->key && (start->key_length == 0 || start->key_length > CALLER_KEY_MAX))
		return err_set(
			e, -EINVAL, "the session's name must have 1 to %d bytes", CALLER_KEY_MAX);
	if (start->key)
		n = write_key(start, key);
	c = n ? find(t, key, n) : NULL;
	if (c) {
		c->refs++;
		*ret = c;
		return 0;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->callers = t;
	c->space = start->space;
	c->refs = 1;
	t->n++;
	buf_init(&c->inbox, INBOX_MAX);
	memcpy(c->key, key, n);
	c->key_length = n;
	r = enter(c, start, e);
	if (r == 0 && n)
		r = map_put(&t->by_key, c->key, n, c);
	if (r < 0) {
		caller_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct caller *caller_close(struct caller *c)
{
	if (!c || --c->refs > 0)
		return NULL;
	while (c->calls)
		(void)call_free(c->calls);
	if (!c->busy)
		caller_free(c);
	return NULL;
}

bool caller_is_over(const struct caller *c)
{
	return c->ended && !c->calls;
}

/* --- calling --- */

const struct function_table *space_functions(struct space *s, struct page **ret_page)
{
	struct page *page = s->route ? space_page(s, s->route->bundle) : NULL;
	const struct function_table *t = page ? page_functions(page) : NULL;

	if (t)
		*ret_page = page_ref(page);
	else
		space_expect(s);
	return t;
}

static int check_args(const struct function *f, const uint8_t *args, size_t n, struct err *e)
{
	struct slice s = slice_of(args, n);

	if (n > CALL_ARGS_MAX)
		return err_set(e, -EMSGSIZE, "the arguments are over the limit of %u bytes",
			CALL_ARGS_MAX);
	if (!json_text_valid_nul(args, n) || *s.at != '[')
		return err_set(e, -EBADMSG, "the arguments are not a JSON array");
	if (slice_count(s) > f->n_inputs)
		return err_set(e, -EBADMSG, "%zu arguments were given, %s takes %zu",
			slice_count(s), f->name, f->n_inputs);
	return 0;
}

static int send_call(struct caller *c, const struct function *f, const uint8_t *args, size_t n,
	uint32_t *ret_n, struct err *e)
{
	struct frame call = {.type = APP_CALL, .op = f->kind, .node = f->node};
	CLEANUP(buf_done) struct buf b;
	int r;

	buf_init(&b, CALL_ARGS_MAX + 256);
	r = buf_add(&b, f->name, strlen(f->name) + 1);
	if (r == 0)
		r = buf_add(&b, args, n);
	if (r < 0)
		return err_set(e, r, "out of memory");
	call.value = b.data;
	call.length = b.len;
	r = visit_call(c->visit, &call, e);
	*ret_n = call.seq;
	return r;
}

int call_start(struct caller *c, const struct function *f, const uint8_t *args, size_t n,
	const struct call_ops *ops, void *data, struct call **ret, struct err *e)
{
	struct call *call;
	int r = check_args(f, args, n, e);

	if (r < 0)
		return r;
	if (c->ended || !c->space->route)
		return err_set(e, -ENOTCONN, "this session has ended");
	if (c->space->route->stopped)
		return err_set(e, -ENOTCONN, "This Space is paused by its owner.");
	call = calloc(1, sizeof(*call));
	if (!call)
		return err_set(e, -ENOMEM, "out of memory");
	*call = (struct call){
		.next = c->calls, .at = &c->calls, .caller = c, .ops = ops, .data = data};
	if (call->next)
		call->next->at = &call->next;
	c->calls = call;
	r = send_call(c, f, args, n, &call->n, e);
	if (r < 0) {
		(void)call_free(call);
		return r;
	}
	look_soon(c);
	*ret = call;
	return 0;
}

void call_cancel(struct call *call)
{
	if (call->cancelled)
		return;
	call->cancelled = true;
	withdraw(call->caller, call->n);
	call->n = 0; /* whatever its handler still says is nobody's */
	look_soon(call->caller);
}
