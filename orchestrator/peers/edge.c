#include "orchestrator/peers/edge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/dial.h"
#include "base/json.h"
#include "base/link.h"
#include "base/log.h"
#include "orchestrator/peers/told.h"
#include "orchestrator/space/preview.h"
#include "proto/box_class.h"
#include "proto/space_host.h"

#define QUEUE_MAX (32u << 20)
#define SYNC_HIGH (20u << 20) /* over half of the queue, so that on_drained is certain to come */
#define SYNC_PAGE 50
#define ACTIVITIES_MAX 20000
#define KNOWS_MAX 700

struct edge_peer {
	struct edge_peer_config config;
	struct listener *listener; /* owned */
	struct link *link;         /* owned; NULL while away */
	char cursor[33];           /* last Space sent by the running synchronisation */
	uint32_t connection;       /* counts them */
	bool syncing;
	char refusal[201];           /* of uploads; "": none */
	json_t *networks;            /* owned; with a tier of their own; NULL: not known yet */
	struct source *more;         /* owned; deferred: the next page */
	struct activity *activities; /* owned, n used of cap */
	size_t n, cap;
};

/* --- routes --- */

/* "owner/name owner/name" as the labels that these Spaces' hosts would have. */
static void write_labels(const char *names, char *ret, size_t size)
{
	size_t n = 0;

	ret[0] = '\0';
	while (*names && n + HOST_LABEL_MAX + 2 < size) {
		char owner[OWNER_MAX + 1], name[SPACE_NAME_MAX + 1], label[HOST_LABEL_MAX + 1];
		size_t all = strcspn(names, " "), slash = strcspn(names, "/ ");

		if (slash < all && slash < sizeof(owner) && all - slash - 1 < sizeof(name)) {
			(void)snprintf(owner, sizeof(owner), "%.*s", (int)slash, names);
			(void)snprintf(name, sizeof(name), "%.*s", (int)(all - slash - 1),
				names + slash + 1);
			space_host_label(owner, name, label);
			n += (size_t)snprintf(ret + n, size - n, "%s%s", n ? " " : "", label);
		}
		names += all + (names[all] == ' ');
	}
}

/* A folder of pages, or a card, has no box. */
static const char *class_of(struct edge_peer *g, const struct store_row *row)
{
	const char *built = *store_text(row, 6) ? store_text(row, 6) : "small";
	const struct space_wish w = {.owner = store_text(row, 1),
		.name = store_text(row, 2),
		.flavour = store_text(row, 15),
		.class = built};

	return *store_text(row, 4) && box_class_number(built, strlen(built)) >= 0
		       ? g->config.class_of(&w, g->config.data)
		       : built;
}

static int write_route(
	struct edge_peer *g, const struct store_row *row, bool with_tree, struct buf *b)
{
	const char *bundle = store_text(row, 4), *title = store_text(row, 8),
		   *tree = store_text(row, 9), *api = store_text(row, 11);
	struct edge_route m = {.space = store_text(row, 0),
		.owner = store_text(row, 1),
		.name = store_text(row, 2),
		.epoch = (uint64_t)store_int(row, 3),
		.sleep_sec = (uint64_t)store_int(row, 7),
		.replicas = (uint64_t)store_int(row, 10),
		.private = store_int(row, 12) != 0,
		.settings = store_int(row, 13),
		.stopped = store_int(row, 14) != 0,
		.of = *store_text(row, 16) ? store_text(row, 16) : NULL,
		.branch = *store_text(row, 17) ? store_text(row, 17) : NULL};
	CLEANUP(json_unrefp) json_t *parsed = NULL;
	CLEANUP(json_unrefp) json_t *functions = NULL;
	struct err e = {0};
	char was[1088];

	m.domains = *store_text(row, 20) ? store_text(row, 20) : NULL;
	write_labels(store_text(row, 21), was, sizeof(was));
	m.was = *was ? was : NULL;
	m.http = *store_text(row, 19) ? store_text(row, 19) : NULL;
	if (m.of)
		m.ends_sec = (store_int(row, 18) + (int64_t)PREVIEW_KEPT_USEC) / 1000000;
	m.title = *title ? title : m.name;
	m.bundle = *bundle ? bundle : NULL;
	m.entry = *store_text(row, 5) ? store_text(row, 5) : NULL;
	m.class = class_of(g, row);
	if (with_tree && *tree && json_parse(tree, strlen(tree), 4u << 20, &parsed, &e) == 0)
		m.tree = parsed;
	if (m.tree && *api && json_parse(api, strlen(api), 4u << 20, &functions, &e) == 0)
		m.api = functions;
	return edge_route_write(&m, b);
}

static int send_route(const struct store_row *row, void *data)
{
	struct edge_peer *g = data;
	struct frame f = {.type = EDGE_ROUTE};
	CLEANUP(buf_done) struct buf b;
	int r;

	buf_init(&b, (size_t)proto_value_max(PROTO_EDGE, PROTO_DOWN, EDGE_ROUTE));
	r = write_route(g, row, true, &b);
	if (r == -ENOSPC) { /* the tree only shortens the wait for the worker's own */
		buf_clear(&b);
		r = write_route(g, row, false, &b);
	}
	if (r < 0)
		return r;
	(void)snprintf(g->cursor, sizeof(g->cursor), "%s", store_text(row, 0));
	f.value = b.data;
	f.length = b.len;
	return link_send(g->link, &f);
}

static void send_page(void *data);

static void sync_on(struct edge_peer *g)
{
	if (!g->more)
		(void)loop_defer(g->config.loop, send_page, g, &g->more);
}

static void lose_link(struct edge_peer *g, const char *why)
{
	log_error("link=edge dropped, the gateway will ask for everything again: %s", why);
	g->link = link_free(g->link);
	g->syncing = false;
}

static void send_page(void *data)
{
	const struct frame synced = {.type = EDGE_SYNCED};
	struct edge_peer *g = data;
	struct err e = {0};
	int rows;

	g->more = NULL;
	if (!g->link || !g->syncing)
		return;
	if (link_queued(g->link) > SYNC_HIGH)
		return; /* on_drained goes on */
	link_cork(g->link);
	rows = store_run(g->config.store, "space_routes", send_route, g, &e, "si", g->cursor,
		(int64_t)SYNC_PAGE);
	link_uncork(g->link);
	if (rows < 0) {
		lose_link(g, e.text);
	} else if (rows == SYNC_PAGE) {
		sync_on(g);
	} else {
		g->syncing = false;
		if (link_send(g->link, &synced) < 0)
			lose_link(g, "its queue is full");
	}
}

void edge_peer_route(struct edge_peer *g, const char *space_id)
{
	char cursor[33];
	struct err e = {0};

	if (!g->link)
		return;
	memcpy(cursor, g->cursor, sizeof(cursor));
	if (store_run(g->config.store, "space_route", send_route, g, &e, "s", space_id) < 0) {
		lose_link(g, e.text);
		return;
	}
	memcpy(g->cursor, cursor, sizeof(cursor));
}

static void drop_activity(struct edge_peer *g, const char *space_id);

void edge_peer_route_gone(struct edge_peer *g, const char *space_id)
{
	const struct edge_route_gone m = {.space = space_id};
	struct frame f = {.type = EDGE_ROUTE_GONE};
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 256);
	drop_activity(g, space_id);
	if (!g->link)
		return;
	if (edge_route_gone_write(&m, &b) < 0)
		return;
	f.value = b.data;
	f.length = b.len;
	if (link_send(g->link, &f) < 0)
		lose_link(g, "its queue is full");
}

static void send_disk(struct edge_peer *g)
{
	const struct edge_disk m = {.refusal = *g->refusal ? g->refusal : NULL};
	struct frame f = {.type = EDGE_DISK};
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 512);
	if (!g->link || edge_disk_write(&m, &b) < 0)
		return;
	f.value = b.data;
	f.length = b.len;
	if (link_send(g->link, &f) < 0)
		lose_link(g, "its queue is full");
}

void edge_peer_disk(struct edge_peer *g, const char *refusal)
{
	(void)snprintf(g->refusal, sizeof(g->refusal), "%s", refusal);
	send_disk(g);
}

static void send_networks(struct edge_peer *g)
{
	const struct edge_networks m = {.networks = g->networks};
	struct frame f = {.type = EDGE_NETWORKS};
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, (size_t)proto_edge_networks.value_max);
	if (!g->link || !g->networks || edge_networks_write(&m, &b) < 0)
		return;
	f.value = b.data;
	f.length = b.len;
	if (link_send(g->link, &f) < 0)
		lose_link(g, "its queue is full");
}

void edge_peer_networks(struct edge_peer *g, json_t *networks)
{
	json_decref(g->networks);
	g->networks = networks;
	send_networks(g);
}

/* --- messages --- */

/* As IDENTITY has it: owners' names, and single Spaces with a '#' before their ids. */
static void write_knows(const struct identity *who, char ret[KNOWS_MAX + 1])
{
	size_t n = 0;

	ret[0] = '\0';
	if (!who->narrow)
		n = (size_t)snprintf(ret, KNOWS_MAX + 1, "%s", who->user);
	for (size_t i = 0; !who->narrow && i < who->n_memberships; i++)
		n += (size_t)snprintf(
			ret + n, KNOWS_MAX + 1 - n, " %s", who->memberships[i].organisation);
	for (size_t i = 0; i < who->n_repos && n < KNOWS_MAX - ID_LEN - 2; i++)
		n += (size_t)snprintf(
			ret + n, KNOWS_MAX + 1 - n, "%s#%s", n ? " " : "", who->repos[i]);
}

static int on_identify(struct edge_peer *g, const struct frame *f, struct err *e)
{
	struct frame answer = {.type = EDGE_IDENTITY, .seq = f->seq};
	struct edge_identify m;
	struct edge_identity who_is = {0};
	struct identity who = {0};
	CLEANUP(buf_done) struct buf b;
	char knows[KNOWS_MAX + 1];
	struct err ignored = {0};
	int r = edge_identify_read(&m, f->value, f->length, e);

	buf_init(&b, 1024);
	if (r < 0)
		return r;
	if ((strncmp(m.cookie, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) == 0
			    ? people_by_token(g->config.people, m.cookie, &who, &ignored)
			    : people_by_cookie(g->config.people, m.cookie, &who, &ignored)) == 0) {
		who_is.user = who.user;
		who_is.admin = who.admin;
		write_knows(&who, knows);
		who_is.knows = knows;
	}
	edge_identify_done(&m);
	r = edge_identity_write(&who_is, &b);
	if (r < 0)
		return r;
	answer.value = b.data;
	answer.length = b.len;
	return link_send(g->link, &answer);
}

/* Where the Space's activity is, or would have to be: they are kept in order of ids. */
static size_t activity_at(const struct edge_peer *g, const char *space_id, bool *ret_found)
{
	size_t low = 0, high = g->n;

	*ret_found = false;
	while (low < high && !*ret_found) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(g->activities[middle].space, space_id);

		*ret_found = order == 0;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return *ret_found ? high : low;
}

static struct activity *find_activity(const struct edge_peer *g, const char *space_id)
{
	bool found;
	size_t at = activity_at(g, space_id, &found);

	return found ? &g->activities[at] : NULL;
}

static void drop_activity(struct edge_peer *g, const char *space_id)
{
	struct activity *a = find_activity(g, space_id);

	if (!a)
		return;
	g->n--;
	memmove(a, a + 1, (size_t)(g->activities + g->n - a) * sizeof(*a));
}

static struct activity *add_activity(struct edge_peer *g, const char *space_id)
{
	bool found;
	size_t at;

	if (g->n == ACTIVITIES_MAX)
		return NULL;
	if (g->n == g->cap) {
		size_t cap = g->cap ? 2 * g->cap : 32;
		struct activity *grown = reallocarray(g->activities, cap, sizeof(*grown));

		if (!grown)
			return NULL;
		g->activities = grown;
		g->cap = cap;
	}
	at = activity_at(g, space_id, &found);
	memmove(&g->activities[at + 1], &g->activities[at], (g->n++ - at) * sizeof(*g->activities));
	g->activities[at] = (struct activity){.sessions = 0};
	return &g->activities[at];
}

static int on_activity(struct edge_peer *g, const struct frame *f, struct err *e)
{
	struct edge_activity m;
	struct activity *a;
	int r = edge_activity_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	a = find_activity(g, m.space);
	if (!a)
		a = add_activity(g, m.space);
	if (a) {
		*a = (struct activity){
			.sessions = (int64_t)m.sessions, .visits = (int64_t)m.visits};
		(void)snprintf(a->space, sizeof(a->space), "%s", m.space);
		(void)snprintf(a->phase, sizeof(a->phase), "%s", m.phase);
	}
	g->config.on_begun(m.space, (int64_t)m.visits, g->config.data);
	edge_activity_done(&m);
	return 0;
}

static int on_worker_up(struct edge_peer *g, const struct frame *f, struct err *e)
{
	struct edge_worker_up m;
	int r = edge_worker_up_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	g->config.on_worker_up(&m, g->config.data);
	edge_worker_up_done(&m);
	return 0;
}

void edge_peer_wake(struct edge_peer *g, const char *space_id)
{
	const struct edge_wake m = {.space = space_id};
	struct frame f = {.type = EDGE_WAKE};
	struct activity *a = find_activity(g, space_id);
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 256);
	if (!g->link || edge_wake_write(&m, &b) < 0)
		return;
	f.value = b.data;
	f.length = b.len;
	if (link_send(g->link, &f) < 0) {
		lose_link(g, "its queue is full");
		return;
	}
	if (!a)
		a = add_activity(g, space_id);
	if (!a)
		return;
	(void)snprintf(a->space, sizeof(a->space), "%s", space_id);
	(void)snprintf(a->phase, sizeof(a->phase), "waking");
}

struct activity edge_peer_activity(const struct edge_peer *g, const char *space_id)
{
	const struct activity *a = find_activity(g, space_id);

	return a ? *a : (struct activity){.phase = "asleep"};
}

/* A ticket is the number of the connection and the call's own in it: another gateway counts anew.
 */
static int on_host_call(struct edge_peer *g, const struct frame *f, struct err *e)
{
	const uint8_t *nul = memchr(f->value, '\0', f->length);
	size_t head = nul ? (size_t)(nul - f->value) : f->length;
	struct edge_host_call m;
	int r = edge_host_call_read(&m, f->value, head, e);

	if (r < 0)
		return r;
	g->config.on_host_call(&m, nul ? nul + 1 : f->value + head, nul ? f->length - head - 1 : 0,
		(uint64_t)g->connection << 32 | f->seq, g->config.data);
	edge_host_call_done(&m);
	return 0;
}

void edge_peer_answer(struct edge_peer *g, uint64_t ticket, uint8_t op, const void *value, size_t n)
{
	const struct frame f = {.type = EDGE_HOST_RESULT,
		.op = op,
		.seq = (uint32_t)ticket,
		.value = value,
		.length = n};

	if (g->link && (uint32_t)(ticket >> 32) == g->connection)
		(void)link_send(g->link, &f); /* the gateway gives up in words */
}

int edge_peer_prove(struct edge_peer *g, const char *host, const char *token)
{
	const struct edge_prove m = {.host = host, .token = token};
	struct frame f = {.type = EDGE_PROVE};
	CLEANUP(buf_done) struct buf b;
	int r;

	buf_init(&b, 512);
	r = g->link ? edge_prove_write(&m, &b) : -ENOTCONN;
	f.value = b.data;
	f.length = b.len;
	return r < 0 ? r : link_send(g->link, &f);
}

static int on_proved(struct edge_peer *g, const struct frame *f, struct err *e)
{
	struct edge_proved m;
	int r = edge_proved_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	g->config.on_proved(m.host, m.token, m.words, g->config.data);
	edge_proved_done(&m);
	return 0;
}

static int on_balance_of(struct edge_peer *g, const struct frame *f, struct err *e)
{
	struct frame answer = {.type = EDGE_BALANCE, .seq = f->seq};
	struct edge_balance_of m;
	struct edge_balance b = {0};
	CLEANUP(buf_done) struct buf value;
	char words[256];
	int r = edge_balance_of_read(&m, f->value, f->length, e);

	buf_init(&value, (size_t)proto_edge_balance.value_max);
	if (r < 0)
		return r;
	r = g->config.balance(m.payer, &b, words, g->config.data);
	if (r == 0)
		r = edge_balance_write(&b, &value);
	edge_balance_of_done(&m);
	if (r < 0)
		return 0; /* the page does without */
	answer.value = value.data;
	answer.length = value.len;
	return link_send(g->link, &answer);
}

/* Not the gateway's own words: it cannot help it when they are wrong. */
static int on_tls_metrics(const struct frame *f, struct err *e)
{
	int r = told_take(TOLD_TLS, f->value, f->length, e);

	if (r != -EBADMSG)
		return r;
	log_warn("numbers of vitrine-tls: %s", e->text);
	*e = (struct err){0};
	return 0;
}

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	(void)l;
	(void)files;
	switch (f->type) {
	case EDGE_BALANCE_OF:
		return on_balance_of(data, f, e);
	case EDGE_PROVED:
		return on_proved(data, f, e);
	case EDGE_IDENTIFY:
		return on_identify(data, f, e);
	case EDGE_ACTIVITY:
		return on_activity(data, f, e);
	case EDGE_WORKER_UP:
		return on_worker_up(data, f, e);
	case EDGE_HOST_CALL:
		return on_host_call(data, f, e);
	case EDGE_METRICS:
		return told_take(TOLD_GATEWAY, f->value, f->length, e);
	case EDGE_TLS_METRICS:
		return on_tls_metrics(f, e);
	default:
		return err_set(e, -EPROTO, "%s has no handler", proto_name(PROTO_EDGE, f->type));
	}
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_EDGE, PROTO_UP, type);
}

static void on_drained(struct link *l, void *data)
{
	struct edge_peer *g = data;

	(void)l;
	if (g->syncing)
		sync_on(g);
}

/* --- life --- */

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct edge_peer *g = data;

	(void)l;
	log_warn("link=edge closed: %s", reason->code ? reason->text : "the peer is gone");
	g->link = link_free(g->link);
	g->syncing = false;
	g->n = 0; /* nobody is connected through a dead gateway */
}

static const struct link_ops ops = {.on_frame = on_frame,
	.on_closed = on_closed,
	.value_max = value_max,
	.on_drained = on_drained};

static void on_connected(int fd, uid_t uid, void *data)
{
	const struct link_limits limits = {.queue_max = QUEUE_MAX};
	struct edge_peer *g = data;
	int r;

	(void)uid;
	g->link = link_free(g->link);
	r = link_new(g->config.loop, fd, &ops, &limits, g, &g->link);
	if (r < 0) {
		log_error("link=edge cannot be used: %s", strerror(-r));
		return;
	}
	g->connection++;
	log_info("link=edge connected");
	g->n = 0;
	g->cursor[0] = '\0';
	g->syncing = true;
	send_disk(g);
	send_networks(g);
	if (g->link)
		sync_on(g);
}

int edge_peer_new(const struct edge_peer_config *config, struct edge_peer **ret)
{
	CLEANUP(edge_peer_freep) struct edge_peer *g = calloc(1, sizeof(*g));
	int r;

	if (!g) {
		close(config->listen_fd);
		return -ENOMEM;
	}
	g->config = *config;
	r = listener_new(
		config->loop, config->listen_fd, &config->uid, 1, on_connected, g, &g->listener);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(g);
	return 0;
}

struct edge_peer *edge_peer_free(struct edge_peer *g)
{
	if (!g)
		return NULL;
	(void)source_free(g->more);
	(void)link_free(g->link);
	(void)listener_free(g->listener);
	json_decref(g->networks);
	free(g->activities);
	free(g);
	return NULL;
}

bool edge_peer_is_connected(const struct edge_peer *g)
{
	return g->link != NULL;
}
