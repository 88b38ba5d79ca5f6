#include "gateway/models/models.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/dial.h"
#include "base/json.h"
#include "base/link.h"
#include "base/log.h"
#include "gateway/map.h"
#include "gateway/replica.h"
#include "proto/messages.h"

#define CONTROL_QUEUE_MAX (64u << 10)
#define CALLS_QUEUE_MAX (8u << 20)
#define LOOK_USEC (USEC_PER_SEC / 2)

struct models {
	struct gateway *gateway;
	struct dialer *dialer;    /* owned */
	struct link *control;     /* owned; NULL: down */
	struct link *calls;       /* owned; NULL: down */
	struct source *timer;     /* owned; armed while there are calls */
	struct source *broken;    /* owned; the links are to be made anew */
	json_t *list;             /* owned; NULL: not known yet */
	struct map by_seq;        /* struct model_call, owned */
	struct model_call *first; /* borrowed; all of them, newest first */
	size_t n, held_bytes;
	uint32_t next_seq;
};

struct model_call {
	struct model_call *next, **at;
	struct models *models;
	const struct model_call_ops *ops;
	void *data;
	struct buf value; /* of its CALL; empty once it is sent */
	bool sent;
	uint32_t seq;
	uint64_t until_usec; /* then it has failed */
	char payer[MODELS_PAYER_MAX + 1];
};

json_t *models_list(const struct models *m)
{
	return m->list;
}

/* --- calls --- */

static void wait_from_now(struct model_call *c)
{
	c->until_usec =
		clock_mono_usec() + (c->sent ? MODELS_SILENCE_SEC : MODELS_HOLD_SEC) * USEC_PER_SEC;
}

static void call_free(struct model_call *c)
{
	struct models *m = c->models;

	(void)map_take_u32(&m->by_seq, c->seq);
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	m->held_bytes -= c->value.len;
	m->n--;
	buf_done(&c->value);
	free(c);
}

static void fail(struct model_call *c, const char *code, const char *message)
{
	const struct model_call_ops *ops = c->ops;
	void *data = c->data;

	call_free(c);
	ops->on_failed(code, message, data);
}

static void stop(const struct models *m, const struct model_call *c)
{
	const struct frame f = {.type = INFER_STOP, .seq = c->seq};

	if (c->sent && m->calls)
		(void)link_send(m->calls, &f);
}

struct model_call *model_call_drop(struct model_call *c)
{
	if (!c)
		return NULL;
	stop(c->models, c);
	call_free(c);
	return NULL;
}

/* What the link does not take now is tried again soon. */
static void send_held(struct models *m)
{
	for (struct model_call *c = m->first; c && m->calls; c = c->next) {
		struct frame f = {.type = INFER_CALL,
			.seq = c->seq,
			.value = c->value.data,
			.length = c->value.len};

		if (c->sent || link_send(m->calls, &f) < 0)
			continue;
		c->sent = true;
		m->held_bytes -= c->value.len;
		buf_done(&c->value);
		wait_from_now(c);
	}
}

/* Callbacks may end other calls too, so the row is begun anew after each. */
static struct model_call *find_late(const struct models *m, uint64_t now)
{
	struct model_call *c = m->first;

	while (c && c->until_usec > now)
		c = c->next;
	return c;
}

static void on_look(void *data)
{
	struct models *m = data;
	uint64_t now = clock_mono_usec();
	struct model_call *c;

	while ((c = find_late(m, now))) {
		stop(m, c);
		fail(c, "away",
			c->sent ? "nothing was heard of the call for 300 seconds, the limit"
				: "models are not served just now; the call was held for 60 "
				  "seconds, the limit");
	}
	send_held(m);
	if (m->first)
		timer_arm_after(m->timer, LOOK_USEC);
}

static size_t calls_of(const struct models *m, const char *payer)
{
	size_t n = 0;

	for (const struct model_call *c = m->first; c; c = c->next)
		n += !strcmp(c->payer, payer);
	return n;
}

static int write_call(const struct model_ask *ask, struct buf *value, struct err *e)
{
	struct infer_call m = {.model = ask->model,
		.task = ask->task,
		.inputs = ask->inputs,
		.options = ask->options,
		.payer = ask->payer};
	int r;

	buf_init(value, proto_infer_call.value_max);
	r = infer_call_write(&m, value);
	if (r == 0 && ask->rgb)
		r = buf_add(value, "", 1);
	if (r == 0 && ask->rgb)
		r = buf_add(value, ask->rgb, ask->rgb_n);
	if (r == -ENOSPC)
		return err_set(e, -EMSGSIZE, "the call is over the limit of %zu bytes",
			(size_t)proto_infer_call.value_max);
	return r < 0 ? err_set(e, r, "%s", r == -ENOMEM ? "out of memory" : "malformed") : 0;
}

static int check_room(const struct models *m, const struct model_ask *ask, size_t n, struct err *e)
{
	if (calls_of(m, ask->payer) >= MODELS_PAYER_CALLS_MAX)
		return err_set(e, -EBUSY, "you have %d calls under way, the limit; wait for one",
			MODELS_PAYER_CALLS_MAX);
	if (m->n >= MODELS_CALLS_MAX || m->held_bytes + n > MODELS_HELD_MAX)
		return err_set(
			e, -EBUSY, "too many calls are under way just now; try again in a second");
	return 0;
}

int models_call(struct models *m, const struct model_ask *ask, const struct model_call_ops *ops,
	void *data, struct model_call **ret, struct err *e)
{
	CLEANUP(freep) struct model_call *c = calloc(1, sizeof(*c));
	int r;

	assert(strlen(ask->payer) <= MODELS_PAYER_MAX);
	if (!c)
		return err_set(e, -ENOMEM, "out of memory");
	*c = (struct model_call){.models = m, .ops = ops, .data = data, .seq = ++m->next_seq};
	(void)snprintf(c->payer, sizeof(c->payer), "%s", ask->payer);
	r = write_call(ask, &c->value, e);
	if (r == 0)
		r = check_room(m, ask, c->value.len, e);
	if (r == 0 && map_put_u32(&m->by_seq, c->seq, c) < 0)
		r = err_set(e, -ENOMEM, "out of memory");
	if (r < 0) {
		buf_done(&c->value);
		return r;
	}
	c->next = m->first;
	c->at = &m->first;
	if (c->next)
		c->next->at = &c->next;
	m->first = c;
	m->n++;
	m->held_bytes += c->value.len;
	wait_from_now(c);
	send_held(m);
	timer_arm_after(m->timer, LOOK_USEC);
	*ret = TAKE_PTR(c);
	return 0;
}

/* --- what inference says --- */

static int on_token(struct model_call *c, const struct frame *f, struct err *why)
{
	(void)why;
	wait_from_now(c);
	c->ops->on_text((const char *)f->value, f->length, c->data);
	return 0;
}

static int on_result(struct model_call *c, const struct frame *f, struct err *why)
{
	const struct model_call_ops *ops = c->ops;
	void *data = c->data;
	struct infer_result m;
	int r = infer_result_read(&m, f->value, f->length, why);

	if (r < 0)
		return r;
	call_free(c);
	ops->on_result(&m, data);
	infer_result_done(&m);
	return 0;
}

static int on_error(struct model_call *c, const struct frame *f, struct err *why)
{
	struct infer_error m;
	int r = infer_error_read(&m, f->value, f->length, why);

	if (r < 0)
		return r;
	fail(c, m.code, m.message);
	infer_error_done(&m);
	return 0;
}

static const struct {
	uint8_t type;
	int (*handle)(struct model_call *c, const struct frame *f, struct err *why);
} call_handlers[] = {
	{INFER_TOKEN, on_token},
	{INFER_RESULT, on_result},
	{INFER_ERROR, on_error},
};

static int on_call_frame(struct link *l, const struct frame *f, struct link_files *files,
	struct err *why, void *data)
{
	struct models *m = data;
	struct model_call *c = map_get_u32(&m->by_seq, f->seq);

	(void)l;
	(void)files;
	for (size_t i = 0; i < sizeof(call_handlers) / sizeof(*call_handlers); i++)
		if (call_handlers[i].type == f->type) /* one that was dropped is heard of still */
			return c ? call_handlers[i].handle(c, f, why) : 0;
	return -EPROTO;
}

/* One row of WAITS. */
static void on_wait(struct models *m, const json_t *row)
{
	const char *replica = json_string_value(json_object_get(row, "replica"));
	const char *reason = json_string_value(json_object_get(row, "reason"));
	uint32_t n = (uint32_t)json_integer_value(json_object_get(row, "event"));
	struct model_call *c;
	const struct wire_queue wait = {.place = json_integer_value(json_object_get(row, "place")),
		.of = json_integer_value(json_object_get(row, "of")),
		.expected_ms = json_integer_value(json_object_get(row, "expected_ms")),
		.reason = reason};

	if (!replica || !reason)
		return;
	if (strcmp(replica, "gateway") != 0) {
		replicas_wait(m->gateway, replica,
			(uint32_t)json_integer_value(json_object_get(row, "session")), n, &wait);
		return;
	}
	c = map_get_u32(&m->by_seq, n);
	if (c && wait.place > 0 && c->ops->on_wait)
		c->ops->on_wait(reason, c->data);
}

static int on_waits(struct models *m, const struct frame *f, struct err *why)
{
	struct models_waits waits;
	int r = models_waits_read(&waits, f->value, f->length, why);
	const json_t *row;
	size_t i;

	if (r < 0)
		return r;
	json_array_foreach(waits.rows, i, row) on_wait(m, row);
	models_waits_done(&waits);
	return 0;
}

static int on_control_frame(struct link *l, const struct frame *f, struct link_files *files,
	struct err *why, void *data)
{
	struct models *m = data;
	struct models_list list;
	int r;

	(void)l;
	(void)files;
	if (f->type == MODELS_METRICS)
		return 0; /* the orchestrator's */
	if (f->type == MODELS_WAITS)
		return on_waits(m, f, why);
	if (f->type != MODELS_LIST)
		return -EPROTO;
	r = models_list_read(&list, f->value, f->length, why);
	if (r < 0)
		return r;
	if (!json_is_array(list.models)) {
		models_list_done(&list);
		return err_set(why, -EPROTO, "LIST: models is no array");
	}
	json_decref(m->list);
	m->list = json_incref(list.models);
	models_list_done(&list);
	return 0;
}

/* --- the links --- */

static long control_value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_MODELS, PROTO_DOWN, type);
}

static long calls_value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_INFER, PROTO_DOWN, type);
}

static struct model_call *find_sent(const struct models *m)
{
	struct model_call *c = m->first;

	while (c && !c->sent)
		c = c->next;
	return c;
}

static void on_broken(void *data)
{
	struct models *m = data;
	struct model_call *c;

	m->broken = NULL;
	m->calls = link_free(m->calls);
	m->control = link_free(m->control);
	while ((c = find_sent(m)))
		fail(c, "ended", "the model's service ended during the call; try again");
	dialer_again(m->dialer);
}

/* Either end means that all of it is made anew, once. */
static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct models *m = data;

	(void)l;
	if (m->broken)
		return;
	log_warn("inference is away%s%s; calls of models are held", reason->code ? ": " : "",
		reason->text);
	(void)loop_defer(m->gateway->loop, on_broken, m, &m->broken);
}

static int hand_over(struct models *m)
{
	static const struct link_ops ops = {
		.on_frame = on_call_frame, .on_closed = on_closed, .value_max = calls_value_max};
	static const struct link_limits limits = {.queue_max = CALLS_QUEUE_MAX};
	const struct frame f = {.type = MODELS_CALLER};
	int pair[2];
	int r = link_pair(pair);

	if (r < 0)
		return r;
	r = link_send_files(m->control, &f, &pair[1], 1);
	close(pair[1]);
	if (r < 0) {
		close(pair[0]);
		return r;
	}
	return link_new(m->gateway->loop, pair[0], &ops, &limits, m, &m->calls);
}

static void on_connected(int fd, void *data)
{
	static const struct link_ops ops = {.on_frame = on_control_frame,
		.on_closed = on_closed,
		.value_max = control_value_max};
	static const struct link_limits limits = {.queue_max = CONTROL_QUEUE_MAX};
	struct models *m = data;

	if (link_new(m->gateway->loop, fd, &ops, &limits, m, &m->control) < 0 || hand_over(m) < 0) {
		m->control = link_free(m->control);
		dialer_again(m->dialer);
		return;
	}
	send_held(m);
}

int models_new(struct gateway *g, const char *run_dir, struct models **ret)
{
	CLEANUP(models_freep) struct models *m = calloc(1, sizeof(*m));
	char path[4096];
	int r;

	if (!m)
		return -ENOMEM;
	m->gateway = g;
	map_init(&m->by_seq);
	(void)snprintf(path, sizeof(path), "%s/infer.sock", run_dir);
	r = loop_add_timer(g->loop, on_look, m, &m->timer);
	if (r == 0)
		r = dialer_new(g->loop, path, on_connected, m, &m->dialer);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(m);
	return 0;
}

struct models *models_free(struct models *m)
{
	if (!m)
		return NULL;
	assert(!m->first);
	(void)dialer_free(m->dialer);
	(void)source_free(m->timer);
	(void)source_free(m->broken);
	(void)link_free(m->calls);
	(void)link_free(m->control);
	json_decref(m->list);
	map_done(&m->by_seq);
	free(m);
	return NULL;
}
