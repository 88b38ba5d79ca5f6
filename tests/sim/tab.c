/*
 * Visitors' tabs, following the rules of ui/src/state/session.ts and outgoing.ts: events are kept
 * until the gateway has them, numbered anew from what WELCOME says, groups are applied whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/constants.h"
#include "proto/messages.h"
#include "tests/sim/sim.h"

#define CONNS_MAX 64
#define QUEUED_MAX 16
#define INTERRUPTED_MAX 64
#define SOCKET_BYTES 3000 /* of what a page has not taken yet; a small socket, to fall behind */

struct tab;

struct conn {
	bool used, ended; /* ended: by the gateway, after what is in down */
	bool cut;         /* nobody is at the other end any more; the gateway does not know yet */
	bool behind;      /* the gateway was refused, and is to be told when down is empty */
	struct tab *tab;  /* NULL: the tab has another one, or none */
	struct visit *visit; /* the gateway's; NULL: it has none */
	struct queue up, down;
	char session[ID_LEN + 1]; /* that the page of this connection was given */
};

struct event {
	uint32_t n, node;
	char text[48]; /* of the VALUE ahead of it; "": none */
	bool accepted;
};

struct tab {
	unsigned number;
	char visitor[ID_LEN + 1];
	struct conn *conn; /* NULL: not connected */
	bool joined;
	char session[ID_LEN + 1]; /* "": none yet */
	char bundle[65], boot[17];
	uint32_t seq, last_n;
	bool shows, fresh, replays;
	json_t *comps;                   /* owned */
	json_t *staged;                  /* owned; a tree whose COMMIT has not come */
	struct buf group;                /* PATCH frames */
	struct event queued[QUEUED_MAX]; /* not accepted yet */
	size_t n_queued;
	uint32_t interrupted[INTERRUPTED_MAX];
	size_t n_interrupted;
};

static struct tab tabs[TABS];
static struct conn conns[CONNS_MAX];

/* --- from the gateway --- */

static int on_send(void *transport, const uint8_t *frames, size_t n, bool lazy, bool forced)
{
	struct conn *c = transport;
	bool was_inside = gateway_inside;

	(void)lazy;
	gateway_effect();
	if (!forced && c->down.bytes + n > SOCKET_BYTES) {
		c->behind = true;
		return -ENOBUFS;
	}
	gateway_inside = false;
	if (c->visit && c->visit->session)
		truth_shown(truth_of(c->visit->session->id), frames, n);
	if (!c->cut)
		queue_put(&c->down, frames, n);
	gateway_inside = was_inside;
	return 0;
}

static void on_end(void *transport, bool retry)
{
	(void)retry;
	((struct conn *)transport)->ended = true;
}

static const struct visit_ops ops = {.send = on_send, .end = on_end};

/* --- the page --- */

static void drop_group(struct tab *t)
{
	buf_clear(&t->group);
	json_decref(t->staged);
	t->staged = NULL;
}

static void show_staged(struct tab *t)
{
	if (!t->staged)
		return;
	json_decref(t->comps);
	t->comps = t->staged;
	t->staged = NULL;
	t->shows = true;
}

static void apply_group(struct tab *t)
{
	size_t at = 0;

	show_staged(t);
	while (at < t->group.len) {
		struct frame f;
		int used = frame_read(&f, t->group.data + at, t->group.len - at, NULL);

		at += (size_t)used;
		if (f.type == APP_PATCH)
			comps_apply_frame(t->comps, &f);
	}
	buf_clear(&t->group);
}

static void take_over(struct tab *t, uint32_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->n_queued; i++) {
		struct event *e = &t->queued[i];

		if (e->n > n) {
			t->queued[kept++] = *e;
			continue;
		}
		/* The gateway keeps what was typed now. */
		if (e->node == NODE_ECHO && t->shows) {
			json_t *text = json_string(e->text);
			char *json = json_dumps(text, JSON_ENCODE_ANY);

			comps_apply(t->comps, NODE_SAID, PATCH_SET, "value", 5, (uint8_t *)json,
				strlen(json));
			free(json);
			json_decref(text);
		}
		if (e->node == NODE_FAIL)
			truth_of(t->session)->failed[e->n] = 1;
	}
	t->n_queued = kept;
}

static void send_queued(struct tab *t);

static void on_welcome(struct tab *t, const struct frame *f)
{
	struct wire_welcome m;
	bool anew;

	if (wire_welcome_read(&m, f->value, f->length, NULL) < 0)
		broken("WELCOME makes no sense");
	anew = !strcmp(m.state, "new");
	trace("tab %u is welcomed: %s, group %u, event %u", t->number, m.state, f->seq, f->node);
	PROMISE(!anew || !t->session[0] || truth_of(t->session)->accepted == 0 ||
			truth_of(t->session)->lost,
		"a page lost its session, which had accepted %u events",
		truth_of(t->session)->accepted);
	(void)snprintf(t->session, sizeof(t->session), "%s", m.session);
	(void)snprintf(t->boot, sizeof(t->boot), "%s", m.boot);
	(void)snprintf(t->conn->session, sizeof(t->conn->session), "%s", m.session);
	t->joined = true;
	t->n_interrupted = 0;
	t->fresh = anew;
	take_over(t, anew ? 0 : f->node);
	t->last_n = f->node;
	if (anew)
		t->seq = f->seq;
	for (size_t i = 0; i < t->n_queued; i++)
		t->queued[i].n = ++t->last_n;
	send_queued(t);
	wire_welcome_done(&m);
}

static void on_tree(struct tab *t, const struct frame *f)
{
	struct wire_tree m;

	if (wire_tree_read(&m, f->value, f->length, NULL) < 0)
		broken("TREE makes no sense");
	(void)snprintf(t->bundle, sizeof(t->bundle), "%s", m.bundle);
	wire_tree_done(&m);
	trace("tab %u gets a tree%s", t->number, t->fresh ? ", its first" : "");
	drop_group(t);
	t->staged = comps_new();
	t->replays = true;
	if (t->fresh) {
		t->fresh = t->replays = false;
		show_staged(t);
	}
}

static void on_commit(struct tab *t, const struct frame *f)
{
	trace("tab %u gets COMMIT %u of event %u", t->number, f->seq, f->node);
	bool replay = f->node == 0 && t->replays;

	t->replays = false;
	if (f->seq <= t->seq && !replay) {
		drop_group(t);
		return;
	}
	PROMISE(replay || f->seq == t->seq + 1, "tab %u: group %u came after %u", t->number, f->seq,
		t->seq);
	apply_group(t);
	t->seq = f->seq;
}

static void on_interrupted(struct tab *t, uint32_t n)
{
	for (size_t i = 0; i < t->n_interrupted; i++)
		if (t->interrupted[i] == n)
			return;
	if (t->n_interrupted < INTERRUPTED_MAX)
		t->interrupted[t->n_interrupted++] = n;
	trace("tab %u hears that event %u was interrupted", t->number, n);
}

static void take_frame(struct tab *t, const struct frame *f)
{
	switch (f->type) {
	case WIRE_WELCOME:
		on_welcome(t, f);
		break;
	case WIRE_TREE:
		on_tree(t, f);
		break;
	case APP_PATCH:
	case APP_FAIL:
		(void)frame_write(&t->group, f);
		break;
	case APP_COMMIT:
		on_commit(t, f);
		break;
	case WIRE_ACCEPTED:
		take_over(t, f->seq);
		break;
	case WIRE_INTERRUPTED:
		on_interrupted(t, f->seq);
		break;
	case WIRE_BYE:
		trace("tab %u hears BYE: %.*s", t->number, (int)f->length, (const char *)f->value);
		break;
	default:
		break;
	}
}

static void take_packet(struct tab *t, const struct packet *p)
{
	struct frame_joiner joiner;
	size_t at = 0;

	frame_joiner_init(&joiner);
	while (at < p->n) {
		struct frame f;
		int used = frame_read(&f, p->bytes + at, p->n - at, NULL);

		PROMISE(used > 0, "a page was sent half a frame");
		at += (size_t)used;
		if (frame_join(&joiner, &f, 64u << 20, NULL) > 0)
			take_frame(t, &f);
	}
	frame_joiner_done(&joiner);
}

/* --- to the gateway --- */

static void post(struct tab *t, const struct frame *f, size_t n)
{
	struct buf b;

	if (!t->conn)
		return;
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < n; i++)
		if (frame_write(&b, &f[i]) < 0)
			broken("out of memory");
	queue_put(&t->conn->up, b.data, b.len);
	buf_done(&b);
}

static void send_event(struct tab *t, const struct event *e)
{
	char text[64];
	struct frame f[2] = {{.type = APP_VALUE, .seq = e->n},
		{.type = APP_EVENT, .op = EVENT_CLICK, .node = e->node, .seq = e->n}};

	trace("tab %u sends event %u at %u", t->number, e->n, e->node);
	if (!e->text[0]) {
		post(t, f + 1, 1);
		return;
	}
	(void)snprintf(text, sizeof(text), "\"%s\"", e->text);
	f[0].node = e->node == NODE_PASSWORD ? NODE_PASSWORD : NODE_SAID;
	f[0].value = (uint8_t *)text;
	f[0].length = strlen(text);
	post(t, f, 2);
}

static void send_queued(struct tab *t)
{
	for (size_t i = 0; i < t->n_queued; i++)
		send_event(t, &t->queued[i]);
}

static void fire(struct tab *t)
{
	struct event e = {.node = NODE_ADD + dice(NODE_LIST_ADD - NODE_ADD + 1)};

	if (t->n_queued == QUEUED_MAX || t->last_n > 900)
		return;
	if (e.node == NODE_ECHO)
		(void)snprintf(e.text, sizeof(e.text), "typed %u", dice(100000));
	if (e.node == NODE_PASSWORD)
		(void)snprintf(e.text, sizeof(e.text), SECRET_MARK "%u", dice(100000));
	e.n = ++t->last_n;
	t->queued[t->n_queued++] = e;
	if (t->joined)
		send_event(t, &e);
}

static void decide(struct tab *t, bool retry)
{
	uint32_t n = t->interrupted[--t->n_interrupted];
	struct frame f = {.type = retry ? WIRE_RETRY : APP_CANCEL, .seq = n};

	trace("tab %u %s event %u", t->number, retry ? "wants again" : "dismisses", n);
	truth_of(t->session)->typed_late = true;
	if (!retry)
		truth_of(t->session)->may_miss[n] = 1;
	post(t, &f, 1);
}

static void cancel(struct tab *t)
{
	uint32_t n = t->last_n > 3 ? t->last_n - dice(3) : t->last_n;
	struct frame f = {.type = APP_CANCEL, .seq = n};

	if (n == 0)
		return;
	truth_of(t->session)->may_miss[n] = 1;
	truth_of(t->session)->typed_late = true;
	trace("tab %u cancels event %u", t->number, n);
	post(t, &f, 1);
}

void tab_act(unsigned i)
{
	struct tab *t = &tabs[i];

	if (!t->joined)
		return;
	if (t->n_interrupted > 0 && dice(3) == 0)
		decide(t, dice(3) > 0);
	else if (dice(20) == 0)
		cancel(t);
	else
		fire(t);
}

void tab_decide(unsigned i)
{
	if (tabs[i].joined && tabs[i].n_interrupted > 0)
		decide(&tabs[i], true);
}

/* --- connections --- */

static void leave(struct tab *t)
{
	if (!t->conn)
		return;
	t->conn->tab = NULL;
	t->conn->cut = true;
	queue_clear(&t->conn->down);
	t->conn = NULL;
	t->joined = t->replays = t->fresh = false;
	drop_group(t);
}

void tab_cut(unsigned i)
{
	if (!tabs[i].conn)
		return;
	trace("tab %u is cut off", i);
	leave(&tabs[i]);
}

void tab_reload(unsigned i)
{
	struct tab *t = &tabs[i];

	trace("tab %u is loaded again", i);
	leave(t);
	json_decref(t->comps);
	t->comps = comps_new();
	t->shows = false;
	t->seq = 0;
	t->n_interrupted = 0;
	/* What was not accepted is kept by the browser, but for passwords. */
	size_t kept = 0;

	for (size_t k = 0; k < t->n_queued; k++)
		if (t->queued[k].node != NODE_PASSWORD)
			t->queued[kept++] = t->queued[k];
	t->n_queued = kept;
}

static void make_visit(struct conn *c)
{
	struct visit_start start = {.gateway = gateway,
		.space = space_of(gateway->spaces, route_by_space(gateway->routes, "space")),
		.ops = &ops,
		.transport = c,
		.address = NULL,
		.visitor = c->tab->visitor};
	extern struct address *world_address;

	start.address = world_address;
	if (visit_new(&start, &c->visit) < 0)
		broken("out of memory");
}

void tab_reconnect(unsigned i)
{
	struct tab *t = &tabs[i];
	struct wire_join m = {.session = t->session[0] ? t->session : NULL,
		.bundle = t->bundle[0] ? t->bundle : NULL,
		.boot = t->boot[0] ? t->boot : NULL};
	struct frame f = {.type = WIRE_JOIN, .seq = t->shows ? t->seq : 0};
	struct conn *c = conns;
	struct buf value;

	if (t->conn || !gateway)
		return;
	while (c < conns + CONNS_MAX && c->used)
		c++;
	if (c == conns + CONNS_MAX)
		broken("more than %d connections", CONNS_MAX);
	*c = (struct conn){.used = true, .tab = t};
	memcpy(c->session, t->session, sizeof(c->session));
	t->conn = c;
	make_visit(c);
	buf_init(&value, 8192);
	if (wire_join_write(&m, &value) < 0)
		broken("JOIN cannot be written");
	f.value = value.data;
	f.length = value.len;
	trace("tab %u joins with group %u", i, f.seq);
	post(t, &f, 1);
	buf_done(&value);
}

static void close_conn(struct conn *c)
{
	queue_clear(&c->up);
	queue_clear(&c->down);
	if (c->tab)
		leave(c->tab);
	c->used = false;
}

static void free_visit(struct conn *c)
{
	struct visit *v = c->visit;

	c->visit = NULL;
	GATEWAY(visit_free(v));
}

static void hear(struct conn *c)
{
	struct packet *p = queue_take(&c->up);
	struct err e = {0};

	GATEWAY((void)visit_take(c->visit, p->bytes, p->n, &e));
	free(p);
	if (e.code && c->used && c->tab)
		trace("tab %u: %s", c->tab->number, e.text);
}

static bool has_work(const struct conn *c)
{
	return c->used && (c->up.n || c->down.n || c->ended || c->cut || c->behind || !c->visit ||
				  (c->tab && c->tab->staged));
}

bool conns_have_work(void)
{
	for (size_t i = 0; i < CONNS_MAX; i++)
		if (has_work(&conns[i]))
			return true;
	return false;
}

static void down(struct conn *c)
{
	struct packet *p = queue_take(&c->down);

	if (p && c->tab)
		take_packet(c->tab, p);
	free(p);
	if (c->down.n)
		return;
	if (c->tab)
		show_staged(c->tab);
	if (c->behind && c->visit && !c->ended) {
		c->behind = false;
		GATEWAY(visit_drained(c->visit));
	}
}

static void step(struct conn *c)
{
	if (!c->visit) { /* the gateway is gone; what it had sent still arrives */
		if (c->down.n)
			down(c);
		else
			close_conn(c);
	} else if (c->up.n && !c->ended && dice(2) == 0) {
		hear(c);
	} else if (c->down.n || c->behind || (c->tab && c->tab->staged)) {
		c->behind &= !c->ended;
		down(c);
	} else if (c->up.n && !c->ended) {
		hear(c);
	} else if (c->ended || c->cut) {
		free_visit(c);
		close_conn(c);
	}
}

void conns_step(void)
{
	size_t first = dice(CONNS_MAX);

	for (size_t i = 0; i < CONNS_MAX; i++) {
		struct conn *c = &conns[(first + i) % CONNS_MAX];

		if (!has_work(c))
			continue;
		step(c);
		return;
	}
}

void conns_gateway_died(void)
{
	for (size_t i = 0; i < CONNS_MAX; i++) {
		conns[i].visit = NULL;
		queue_clear(&conns[i].up);
	}
}

/* --- looked at by the world --- */

void tabs_start(void)
{
	memset(conns, 0, sizeof(conns));
	for (unsigned i = 0; i < TABS; i++) {
		tabs[i] = (struct tab){.number = i, .comps = comps_new()};
		buf_init(&tabs[i].group, 16u << 20);
		random_id(tabs[i].visitor);
	}
}

void tabs_end(void)
{
	for (size_t i = 0; i < CONNS_MAX; i++) {
		queue_clear(&conns[i].up);
		queue_clear(&conns[i].down);
	}
	for (unsigned i = 0; i < TABS; i++) {
		drop_group(&tabs[i]);
		buf_done(&tabs[i].group);
		json_decref(tabs[i].comps);
	}
}

bool tab_is_live(unsigned i)
{
	return tabs[i].joined;
}

bool tab_is_settled(unsigned i)
{
	return tabs[i].joined && tabs[i].n_queued == 0 && tabs[i].n_interrupted == 0 &&
	       !tabs[i].staged;
}

const char *tab_session(unsigned i)
{
	return tabs[i].session;
}

const json_t *tab_comps(unsigned i)
{
	return tabs[i].comps;
}
