#include "orchestrator/peers/models.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/dial.h"
#include "base/json.h"
#include "base/link.h"
#include "base/log.h"
#include "orchestrator/peers/told.h"
#include "proto/messages.h"

#define ORDERS_MAX 16 /* under way */

struct models_order {
	struct models_order *next;
	int64_t id;
	models_order_fn *on_done; /* NULL: nobody listens any more */
	void *data;
};

struct models_peer {
	struct loop *loop;              /* borrowed */
	struct dialer *dialer;          /* owned */
	struct link *link;              /* owned; NULL while away */
	struct accounts_peer *accounts; /* borrowed */
	json_t *list;                   /* owned */
	json_t *top;                    /* owned; NULL: none has come */
	uint64_t top_usec;
	struct models_order *orders; /* owned */
	size_t n_orders;
	int64_t last_order;
};

static int on_top(struct models_peer *p, const struct frame *f, struct err *e)
{
	struct models_top m;
	int r = models_top_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	json_decref(p->top);
	p->top = json_incref(m.top);
	p->top_usec = clock_mono_usec();
	models_top_done(&m);
	return 0;
}

const json_t *models_peer_top(const struct models_peer *m, uint64_t *ret_usec)
{
	*ret_usec = m->top_usec;
	return m->top;
}

/* --- orders --- */

static void end_order(struct models_peer *p, struct models_order *o, int code, const char *error)
{
	struct models_order **at = &p->orders;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	p->n_orders--;
	if (o->on_done)
		o->on_done(code, error, o->data);
	free(o);
}

static void end_orders(struct models_peer *p)
{
	while (p->orders)
		end_order(p, p->orders, -ENOTCONN,
			"inference has gone away; whether it was done is not known");
}

static int on_done(struct models_peer *p, const struct frame *f, struct err *e)
{
	struct models_done m;
	int r = models_done_read(&m, f->value, f->length, e);
	struct models_order *o = p->orders;

	if (r < 0)
		return r;
	while (o && o->id != m.id)
		o = o->next;
	if (o)
		end_order(p, o, m.error ? -(int)m.code : 0, m.error ? m.error : "");
	models_done_done(&m);
	return 0;
}

void models_order_drop(struct models_order *o)
{
	o->on_done = NULL;
}

int models_peer_order(struct models_peer *p, const char *name, const char *act, const char *reason,
	models_order_fn *done, void *data, struct models_order **ret, struct err *e)
{
	struct models_device m = {
		.name = name, .act = act, .reason = reason, .id = p->last_order + 1};
	CLEANUP(buf_done) struct buf value;
	struct frame f = {.type = MODELS_DEVICE};
	struct models_order *o;
	int r;

	if (!p->link)
		return err_set(e, -ENOTCONN, "inference is not connected");
	if (p->n_orders == ORDERS_MAX)
		return err_set(e, -EBUSY, "%d orders are under way already", ORDERS_MAX);
	buf_init(&value, proto_models_device.value_max);
	r = models_device_write(&m, &value);
	if (r < 0)
		return err_set(e, r, "the name or the reason is too long");
	f.value = value.data;
	f.length = value.len;
	o = calloc(1, sizeof(*o));
	r = o ? link_send(p->link, &f) : -ENOMEM;
	if (r < 0) {
		free(o);
		return err_set(e, r, "the order was not sent: %s", strerror(-r));
	}
	*o = (struct models_order){p->orders, ++p->last_order, done, data};
	p->orders = o;
	p->n_orders++;
	*ret = o;
	return 0;
}

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct models_peer *p = data;
	struct models_list m;
	int r;

	(void)files;
	if (f->type == MODELS_METRICS)
		return told_take(TOLD_INFERENCE, f->value, f->length, e);
	if (f->type == MODELS_WANT || f->type == MODELS_USAGE)
		return accounts_peer_take(p->accounts, l, f, e);
	if (f->type == MODELS_TOP)
		return on_top(p, f, e);
	if (f->type == MODELS_DONE)
		return on_done(p, f, e);
	if (f->type != MODELS_LIST)
		return err_set(e, -EPROTO, "%s has no handler", proto_name(PROTO_MODELS, f->type));
	r = models_list_read(&m, f->value, f->length, e);
	if (r < 0)
		return r;
	if (json_is_array(m.models)) {
		json_decref(p->list);
		p->list = json_incref(m.models);
	} else {
		r = err_set(e, -EINVAL, "models: must be an array");
	}
	models_list_done(&m);
	return r;
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_MODELS, PROTO_DOWN, type);
}

static void lose_link(struct models_peer *p)
{
	accounts_peer_leave(p->accounts);
	p->link = link_free(p->link);
	end_orders(p);
	dialer_again(p->dialer);
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	(void)l;
	log_warn("link=infer closed: %s", reason->code ? reason->text : "the peer is gone");
	lose_link(data);
}

static void on_behind(const char *why, void *data)
{
	log_error("link=infer dropped, inference is told everything again: %s", why);
	lose_link(data);
}

static void on_drained(struct link *l, void *data)
{
	struct models_peer *p = data;

	(void)l;
	accounts_peer_drained(p->accounts);
}

static const struct link_ops ops = {.on_frame = on_frame,
	.on_closed = on_closed,
	.value_max = value_max,
	.on_drained = on_drained};

static void on_dialled(int fd, void *data)
{
	const struct link_limits limits = {.queue_max = ACCOUNTS_QUEUE_MAX};
	struct models_peer *p = data;
	struct err e = {0};
	int r;

	accounts_peer_leave(p->accounts);
	p->link = link_free(p->link);
	r = link_new(p->loop, fd, &ops, &limits, p, &p->link);
	if (r == 0)
		r = accounts_peer_greet(p->accounts, p->link, &e);
	if (r < 0) {
		log_error("link=infer cannot be used: %s", e.code ? e.text : strerror(-r));
		accounts_peer_leave(p->accounts);
		p->link = link_free(p->link);
		dialer_again(p->dialer);
	}
}

int models_peer_new(struct loop *loop, const char *run_dir, struct accounts_peer *accounts,
	struct models_peer **ret)
{
	CLEANUP(models_peer_freep) struct models_peer *p = calloc(1, sizeof(*p));
	char path[4096];
	int r;

	if (!p)
		return -ENOMEM;
	p->loop = loop;
	p->accounts = accounts;
	(void)snprintf(path, sizeof(path), "%s/infer.sock", run_dir);
	r = dialer_new(loop, path, on_dialled, p, &p->dialer);
	if (r < 0)
		return r;
	accounts_peer_watch(accounts, on_behind, p);
	*ret = TAKE_PTR(p);
	return 0;
}

struct models_peer *models_peer_free(struct models_peer *p)
{
	if (!p)
		return NULL;
	end_orders(p);
	(void)link_free(p->link);
	(void)dialer_free(p->dialer);
	json_decref(p->list);
	json_decref(p->top);
	free(p);
	return NULL;
}

bool models_peer_is_connected(const struct models_peer *p)
{
	return p->link != NULL;
}

const json_t *models_peer_list(const struct models_peer *p)
{
	return p->list;
}
