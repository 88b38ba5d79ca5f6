#include "gateway/edge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/dial.h"
#include "base/link.h"
#include "base/log.h"
#include "gateway/host.h"
#include "gateway/map.h"
#include "gateway/price.h"
#include "gateway/prove.h"
#include "gateway/route.h"
#include "gateway/space.h"
#include "proto/messages.h"

#define QUEUE_MAX (32u << 20) /* calls of apps among them: HOST_EDGE_UNDER_WAY */
#define COOKIE_MAX 512
#define CACHE_MAX 10000
#define CACHE_USEC (10 * USEC_PER_SEC)
#define ANSWER_USEC (500 * USEC_PER_MSEC)

struct cached {
	struct identity who;
	uint64_t until_usec;
};

struct edge {
	struct gateway *gateway;
	struct dialer *dialer;  /* owned */
	struct link *link;      /* owned; NULL: down */
	struct identify *asked; /* owned; waiting for an answer */
	struct source *timer;   /* owned; the oldest question's deadline */
	struct map cache;       /* cookie → struct cached, owned */
	uint32_t next_seq;
	bool synced;
};

struct identify {
	struct identify *next;
	struct edge *edge;
	uint32_t seq;
	uint64_t deadline_usec;
	identify_fn fn; /* NULL: cancelled */
	void *data;
	size_t n;
	char cookie[COOKIE_MAX];
};

bool edge_is_up(const struct edge *e)
{
	return e->link &&
	       e->synced; /* a connection may still wait in the queue of one that starts */
}

/* --- identities --- */

static void free_value(void *value, void *data)
{
	(void)data;
	free(value);
}

static void cache_clear(struct edge *e)
{
	map_each(&e->cache, free_value, NULL);
	map_done(&e->cache);
	map_init(&e->cache);
}

static void cache_put(struct edge *e, const struct identify *i, const struct identity *who)
{
	struct cached *c = map_get(&e->cache, i->cookie, i->n);

	if (!c) {
		if (e->cache.n >= CACHE_MAX)
			cache_clear(e);
		c = malloc(sizeof(*c));
		if (!c)
			return;
		if (map_put(&e->cache, i->cookie, i->n, c) < 0) {
			free(c);
			return;
		}
	}
	*c = (struct cached){*who, clock_mono_usec() + CACHE_USEC};
}

static void answer(struct edge *e, struct identify *i, const struct identity *who)
{
	for (struct identify **at = &e->asked; *at; at = &(*at)->next) {
		if (*at == i) {
			*at = i->next;
			break;
		}
	}
	if (i->fn)
		i->fn(who, i->data);
	explicit_bzero(i->cookie, sizeof(i->cookie));
	free(i);
}

static void answer_all_unknown(struct edge *e)
{
	static const struct identity unknown;

	while (e->asked)
		answer(e, e->asked, &unknown);
}

static void on_deadline(void *data)
{
	static const struct identity unknown;
	struct edge *e = data;
	uint64_t now = clock_mono_usec();
	struct identify *last;

	/* New questions go to the front, so the oldest is last. */
	for (;;) {
		for (last = e->asked; last && last->next;)
			last = last->next;
		if (!last || last->deadline_usec > now)
			break;
		answer(e, last, &unknown);
	}
	if (last)
		timer_arm(e->timer, last->deadline_usec);
}

static int ask(struct edge *e, struct identify *i)
{
	char cookie[COOKIE_MAX + 1];
	struct edge_identify m = {.cookie = cookie};
	struct frame f = {.type = EDGE_IDENTIFY, .seq = i->seq};
	struct buf value;
	int r;

	memcpy(cookie, i->cookie, i->n);
	cookie[i->n] = '\0';
	buf_init(&value, 1024);
	r = edge_identify_write(&m, &value);
	f.value = value.data;
	f.length = value.len;
	if (r == 0)
		r = link_send(e->link, &f);
	buf_done(&value);
	return r;
}

int edge_identify(struct edge *e, const char *cookie, size_t n, struct identity *ret,
	identify_fn fn, void *data, struct identify **ret_wait)
{
	struct cached *c;
	struct identify *i;

	*ret = (struct identity){0};
	if (n > COOKIE_MAX)
		return -EMSGSIZE;
	c = map_get(&e->cache, cookie, n);
	if (c && c->until_usec > clock_mono_usec()) {
		*ret = c->who;
		return 1;
	}
	if (!e->link)
		return 1;
	i = calloc(1, sizeof(*i));
	if (!i)
		return -ENOMEM;
	*i = (struct identify){.edge = e,
		.seq = ++e->next_seq,
		.deadline_usec = clock_mono_usec() + ANSWER_USEC,
		.fn = fn,
		.data = data,
		.n = n};
	memcpy(i->cookie, cookie, n);
	if (ask(e, i) < 0) {
		free(i);
		return 1;
	}
	if (!e->asked)
		timer_arm(e->timer, i->deadline_usec);
	i->next = e->asked;
	e->asked = i;
	*ret_wait = i;
	return 0;
}

struct identify *identify_cancel(struct identify *i)
{
	if (i)
		i->fn = NULL; /* freed when it is answered or its time is up */
	return NULL;
}

static int on_identity(struct edge *e, const struct frame *f, struct err *why)
{
	struct identity who = {.known = true};
	struct edge_identity m;
	struct identify *i = e->asked;
	int r = edge_identity_read(&m, f->value, f->length, why);

	if (r < 0)
		return r;
	(void)snprintf(who.user, sizeof(who.user), "%s", m.user ? m.user : "");
	who.admin = m.admin;
	(void)snprintf(who.knows, sizeof(who.knows), "%s", m.knows ? m.knows : who.user);
	edge_identity_done(&m);
	while (i && i->seq != f->seq)
		i = i->next;
	if (!i)
		return 0; /* too late */
	cache_put(e, i, &who);
	answer(e, i, &who);
	return 0;
}

/* --- routes --- */

static int on_route(struct edge *e, const struct frame *f, struct err *why)
{
	struct route *route = NULL;
	int r = route_table_put(e->gateway->routes, f->value, f->length, &route, why);

	if (r == -ENOSPC) {
		log_error("%s; a route was not taken", why->text);
		*why = (struct err){0};
		return 0;
	}
	if (r == 1)
		space_route_changed(e->gateway->spaces, route);
	return r < 0 ? r : 0;
}

static void drop_route(struct route *route, void *data)
{
	struct gateway *g = data;

	space_route_gone(g->spaces, route);
	route_table_drop(g->routes, route);
}

static int on_route_gone(struct edge *e, const struct frame *f, struct err *why)
{
	struct edge_route_gone m;
	struct route *route;
	int r = edge_route_gone_read(&m, f->value, f->length, why);

	if (r < 0)
		return r;
	route = route_by_space(e->gateway->routes, m.space);
	if (route)
		drop_route(route, e->gateway);
	edge_route_gone_done(&m);
	return 0;
}

static int on_wake(struct edge *e, const struct frame *f, struct err *why)
{
	struct edge_wake m;
	struct route *route;
	int r = edge_wake_read(&m, f->value, f->length, why);

	if (r < 0)
		return r;
	route = route_by_space(e->gateway->routes, m.space);
	if (route)
		space_restarted(e->gateway->spaces, route);
	edge_wake_done(&m);
	return 0;
}

static int on_synced(struct edge *e, const struct frame *f, struct err *why)
{
	(void)f;
	(void)why;
	route_table_sync_end(e->gateway->routes, drop_route, e->gateway);
	e->synced = true;
	host_edge_up(e->gateway->host);
	log_info("%zu Spaces known", route_table_count(e->gateway->routes));
	return 0;
}

static int on_disk(struct edge *e, const struct frame *f, struct err *why)
{
	struct edge_disk m;
	int r = edge_disk_read(&m, f->value, f->length, why);

	if (r < 0)
		return r;
	(void)snprintf(e->gateway->upload_refusal, sizeof(e->gateway->upload_refusal), "%s",
		m.refusal ? m.refusal : "");
	edge_disk_done(&m);
	return 0;
}

static int on_host_result(struct edge *e, const struct frame *f, struct err *why)
{
	return host_edge_result(e->gateway->host, f, why);
}

int edge_host_send(const struct frame *f, void *edge)
{
	struct edge *e = edge;

	return e->link ? link_send(e->link, f) : -ENOTCONN;
}

int edge_balance_of(struct edge *e, uint32_t session, const char *payer)
{
	const struct edge_balance_of m = {.payer = payer};
	struct frame f = {.type = EDGE_BALANCE_OF, .seq = session};
	CLEANUP(buf_done) struct buf value;
	int r;

	buf_init(&value, 256);
	r = e && e->link ? edge_balance_of_write(&m, &value) : -ENOTCONN;
	f.value = value.data;
	f.length = value.len;
	return r < 0 ? r : link_send(e->link, &f);
}

static int on_balance(struct edge *e, const struct frame *f, struct err *why)
{
	struct edge_balance m;
	int r = edge_balance_read(&m, f->value, f->length, why);

	if (r < 0)
		return r;
	price_balance(e->gateway, f->seq, &m);
	edge_balance_done(&m);
	return 0;
}

static int on_prove(struct edge *e, const struct frame *f, struct err *why)
{
	struct edge_prove m;
	int r = edge_prove_read(&m, f->value, f->length, why);

	if (r < 0)
		return r;
	proofs_ask(e->gateway->proofs, m.host, m.token);
	edge_prove_done(&m);
	return 0;
}

void edge_proved(struct edge *e, const char *host, const char *token, const char *words)
{
	const struct edge_proved m = {.host = host, .token = token, .words = words};
	struct frame f = {.type = EDGE_PROVED};
	CLEANUP(buf_done) struct buf value;

	buf_init(&value, 1024);
	if (!e || !e->link || edge_proved_write(&m, &value) < 0)
		return;
	f.value = value.data;
	f.length = value.len;
	(void)link_send(e->link, &f);
}

static int on_networks(struct edge *e, const struct frame *f, struct err *why)
{
	struct edge_networks m;
	int r = edge_networks_read(&m, f->value, f->length, why);

	if (r < 0)
		return r;
	r = classes_set(&e->gateway->classes, m.networks, why);
	edge_networks_done(&m);
	return r;
}

/* --- the link --- */

static const struct {
	uint8_t type;
	int (*handle)(struct edge *e, const struct frame *f, struct err *why);
} handlers[] = {
	{EDGE_ROUTE, on_route},
	{EDGE_ROUTE_GONE, on_route_gone},
	{EDGE_WAKE, on_wake},
	{EDGE_SYNCED, on_synced},
	{EDGE_IDENTITY, on_identity},
	{EDGE_DISK, on_disk},
	{EDGE_HOST_RESULT, on_host_result},
	{EDGE_NETWORKS, on_networks},
	{EDGE_PROVE, on_prove},
	{EDGE_BALANCE, on_balance},
};

static int on_frame(struct link *l, const struct frame *f, struct link_files *files,
	struct err *why, void *data)
{
	struct edge *e = data;

	(void)l;
	(void)files;
	for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++)
		if (handlers[i].type == f->type)
			return handlers[i].handle(e, f, why);
	return -EPROTO;
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct edge *e = data;

	log_warn("the orchestrator is away%s%s; serving the last known routes",
		reason->code ? ": " : "", reason->text);
	e->link = link_free(l);
	host_edge_down(e->gateway->host);
	answer_all_unknown(e);
	dialer_again(e->dialer);
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_EDGE, PROTO_DOWN, type);
}

static void on_connected(int fd, void *data)
{
	static const struct link_ops ops = {
		.on_frame = on_frame, .on_closed = on_closed, .value_max = value_max};
	static const struct link_limits limits = {.queue_max = QUEUE_MAX};
	struct edge *e = data;

	if (link_new(e->gateway->loop, fd, &ops, &limits, e, &e->link) < 0) {
		dialer_again(e->dialer);
		return;
	}
	route_table_sync_begin(e->gateway->routes);
	e->synced = false;
	spaces_report_all(e->gateway->spaces);
}

void edge_metrics(struct edge *e, const struct buf *text)
{
	struct frame f = {.type = EDGE_METRICS, .value = text->data, .length = text->len};

	if (e->link)
		(void)link_send(e->link, &f); /* the next ones say more */
}

void edge_tls_metrics(struct edge *e, const struct buf *text)
{
	struct frame f = {.type = EDGE_TLS_METRICS, .value = text->data, .length = text->len};

	if (e->link)
		(void)link_send(e->link, &f);
}

void edge_worker_up(struct edge *e, const char *space, const char *replica, uint64_t wake_usec)
{
	const struct edge_worker_up m = {
		.space = space, .replica = replica, .wake_usec = (int64_t)wake_usec};
	struct frame f = {.type = EDGE_WORKER_UP};
	CLEANUP(buf_done) struct buf value;

	buf_init(&value, 256);
	if (!e->link || edge_worker_up_write(&m, &value) < 0)
		return;
	f.value = value.data;
	f.length = value.len;
	(void)link_send(e->link, &f);
}

void edge_activity(
	struct edge *e, const char *space, const char *phase, size_t sessions, uint64_t visits)
{
	struct edge_activity m = {.space = space,
		.phase = phase,
		.sessions = (int64_t)sessions,
		.visits = (int64_t)visits};
	struct frame f = {.type = EDGE_ACTIVITY};
	struct buf value;

	if (!e->link)
		return;
	buf_init(&value, 1024);
	if (edge_activity_write(&m, &value) == 0) {
		f.value = value.data;
		f.length = value.len;
		(void)link_send(e->link, &f); /* a lost note is followed by the next change */
	}
	buf_done(&value);
}

int edge_new(struct gateway *g, const char *run_dir, struct edge **ret)
{
	CLEANUP(edge_freep) struct edge *e = calloc(1, sizeof(*e));
	char path[4096];
	int r;

	if (!e)
		return -ENOMEM;
	e->gateway = g;
	map_init(&e->cache);
	(void)snprintf(path, sizeof(path), "%s/edge.sock", run_dir);
	r = loop_add_timer(g->loop, on_deadline, e, &e->timer);
	if (r == 0)
		r = dialer_new(g->loop, path, on_connected, e, &e->dialer);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(e);
	return 0;
}

struct edge *edge_free(struct edge *e)
{
	if (!e)
		return NULL;
	while (e->asked) {
		struct identify *i = e->asked;

		e->asked = i->next;
		free(i);
	}
	(void)dialer_free(e->dialer);
	(void)link_free(e->link);
	(void)source_free(e->timer);
	cache_clear(e);
	map_done(&e->cache);
	free(e);
	return NULL;
}
