#include "gateway/visit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "gateway/fail.h"
#include "gateway/metrics.h"
#include "gateway/place.h"
#include "gateway/price.h"
#include "gateway/session/json_text.h"
#include "proto/constants.h"

#define VALUES_MAX (2u << 20) /* VALUE frames ahead of one event */
#define SHOW_MAX (16u << 20)

static const char *const phase_names[] = {
	[VISIT_CONNECTED] = "connected",
	[VISIT_ASKING] = "asking",
	[VISIT_JOINED] = "joined",
	[VISIT_ENDED] = "ended",
};

static void set_phase(struct visit *v, enum visit_phase phase)
{
	log_debug("visit=%p %s → %s", (void *)v, phase_names[v->phase], phase_names[phase]);
	v->phase = phase;
}

int visit_new(const struct visit_start *start, struct visit **ret)
{
	struct visit *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	*v = (struct visit){.gateway = start->gateway,
		.space = start->space,
		.ops = start->ops,
		.transport = start->transport,
		.address = start->address,
		.program = start->program != NULL};
	if (start->program)
		v->who = *start->program;
	memcpy(v->visitor, start->visitor, sizeof(v->visitor));
	frame_joiner_init(&v->joiner);
	buf_init(&v->values, VALUES_MAX);
	buf_init(&v->secrets, VALUES_MAX);
	if (start->cookie) {
		v->cookie = strndup(start->cookie, start->cookie_length);
		if (!v->cookie) {
			(void)visit_free(v);
			return -ENOMEM;
		}
	}
	*ret = v;
	return 0;
}

static void leave_session(struct visit *v)
{
	if (v->session)
		session_set_visit(v->gateway->sessions, v->session, NULL);
	v->session = NULL;
	if (v->space)
		space_drop_visit(v->space, v);
}

struct visit *visit_free(struct visit *v)
{
	if (!v)
		return NULL;
	v->asking = identify_cancel(v->asking);
	leave_session(v);
	frame_joiner_done(&v->joiner);
	buf_done(&v->values);
	if (v->secrets.data)
		explicit_bzero(v->secrets.data, v->secrets.cap);
	buf_done(&v->secrets);
	free(v->cookie);
	free(v->join_query);
	price_free(v->price);
	free(v);
	return NULL;
}

/* --- to the page --- */

static void send_frames(struct visit *v, const struct buf *b, bool forced)
{
	if (v->ops->send(v->transport, b->data, b->len, false, forced) < 0)
		v->behind = true;
}

typedef int (*write_fn)(const void *m, struct buf *b);

/* One message with a JSON value. */
static void send_message(struct visit *v, struct frame f, const void *m, write_fn write)
{
	struct buf value, b;

	buf_init(&value, 16384);
	buf_init(&b, 32768);
	if (write(m, &value) == 0) {
		f.value = value.data;
		f.length = value.len;
		if (frame_write(&b, &f) == 0)
			send_frames(v, &b, true);
	}
	buf_done(&value);
	buf_done(&b);
}

static int write_phase(const void *m, struct buf *b)
{
	return wire_phase_write(m, b);
}

static int write_queue(const void *m, struct buf *b)
{
	return wire_queue_write(m, b);
}

static int write_cost(const void *m, struct buf *b)
{
	return wire_cost_write(m, b);
}

static int write_welcome(const void *m, struct buf *b)
{
	return wire_welcome_write(m, b);
}

static int write_bye(const void *m, struct buf *b)
{
	return wire_bye_write(m, b);
}

void visit_end(struct visit *v, bool retry, const char *reason)
{
	struct wire_bye m = {.reason = reason, .retry = retry};

	if (v->phase == VISIT_ENDED)
		return;
	send_message(v, (struct frame){.type = WIRE_BYE}, &m, write_bye);
	set_phase(v, VISIT_ENDED);
	v->asking = identify_cancel(v->asking);
	leave_session(v);
	v->ops->end(v->transport, retry);
}

void visit_show_phase(struct visit *v, const char *phase, const char *message)
{
	struct wire_phase m = {
		.phase = strcmp(phase, "asleep") ? phase : "waking", .message = message};

	if (v->phase == VISIT_JOINED)
		send_message(v, (struct frame){.type = WIRE_PHASE}, &m, write_phase);
}

void visit_show_queue(
	struct visit *v, uint32_t n, uint32_t node, size_t place, size_t of, int64_t expected_ms)
{
	visit_show_wait(v, n, node,
		&(struct wire_queue){.place = (int64_t)place,
			.of = (int64_t)of,
			.expected_ms = (int64_t)expected_ms});
}

void visit_show_wait(struct visit *v, uint32_t n, uint32_t node, const struct wire_queue *m)
{
	if (v->phase == VISIT_JOINED)
		send_message(v, (struct frame){.type = WIRE_QUEUE, .node = node, .seq = n}, m,
			write_queue);
}

void visit_show_cost(struct visit *v, const struct wire_cost *m)
{
	if (v->phase == VISIT_JOINED)
		send_message(v, (struct frame){.type = WIRE_COST}, m, write_cost);
}

void visit_show_started(struct visit *v, uint32_t n, uint32_t node)
{
	if (v->program)
		visit_show_queue(v, n, node, 0, 0, 0);
}

/* A group ends with its COMMIT, which is a bare header. */
static void note_shown(struct visit *v, const uint8_t *frames, size_t n)
{
	struct frame last;

	if (n >= FRAME_HEADER &&
		frame_read(&last, frames + n - FRAME_HEADER, FRAME_HEADER, NULL) > 0 &&
		last.type == APP_COMMIT && last.length == 0)
		v->shown_seq = last.seq;
}

/* A page waits for it even when it has no tree yet, and gives its socket up when it does not come.
 */
static bool is_accepted(const uint8_t *frames, size_t n)
{
	struct frame f;

	return n == FRAME_HEADER && frame_read(&f, frames, n, NULL) > 0 && f.type == WIRE_ACCEPTED;
}

void visit_show(struct visit *v, const uint8_t *frames, size_t n, bool fails, bool lazy)
{
	struct buf redacted;

	if (v->phase != VISIT_JOINED || v->behind || (v->wants_tree && !is_accepted(frames, n)))
		return;
	if (fails && !v->owner) {
		buf_init(&redacted, SHOW_MAX);
		if (fail_redact(frames, n, &redacted) == 0)
			send_frames(v, &redacted, false);
		else
			v->behind = true;
		buf_done(&redacted);
	} else if (v->ops->send(v->transport, frames, n, lazy, false) < 0) {
		v->behind = true;
	}
	if (!v->behind)
		note_shown(v, frames, n);
}

static const char *shown_bundle(const struct visit *v)
{
	if (v->session && v->session->bundle[0])
		return v->session->bundle;
	return v->space && v->space->route ? v->space->route->bundle : "";
}

void visit_show_all(struct visit *v)
{
	struct page *page = v->space ? space_page(v->space, shown_bundle(v)) : NULL;
	bool waited = v->wants_tree;
	const struct buf *tree;
	struct buf b;
	int r;

	if (v->phase != VISIT_JOINED || v->program)
		return;
	v->wants_tree = !page;
	if (!page)
		return;
	tree = page_tree_frames(page);
	buf_init(&b, SHOW_MAX);
	r = buf_add(&b, tree->data, tree->len);
	/* A new session's first tree is shown at once, so state that came meanwhile needs another.
	 */
	if (r == 0 && v->fresh && !session_is_untouched(v->session))
		r = buf_add(&b, tree->data, tree->len);
	/* The COMMIT says that the state is complete; with its first tree a new session has none.
	 */
	if (r == 0 && !(v->fresh && session_is_untouched(v->session)))
		r = session_write_overlay(v->session, &b);
	v->fresh = false;
	v->behind = false;
	if (r == 0)
		send_frames(v, &b, true);
	v->shown_seq = v->session->last_seq;
	buf_done(&b);
	if (waited)
		session_show_interrupted(v->gateway->sessions, v->session);
}

void visit_page_known(struct visit *v)
{
	if (v->phase == VISIT_JOINED && v->wants_tree && space_page(v->space, shown_bundle(v)))
		visit_show_all(v);
}

static void show_state(struct visit *v)
{
	const char *phase = space_phase(v->space, shown_bundle(v));
	struct frame accepted = {.type = WIRE_ACCEPTED, .seq = v->session->last_event};
	struct buf b;

	visit_show_phase(
		v, phase, !strcmp(phase, "failed") ? space_failure(v->space, v->owner) : NULL);
	if (v->session->last_event == 0)
		return;
	buf_init(&b, 64);
	if (frame_write(&b, &accepted) == 0)
		send_frames(v, &b, true);
	buf_done(&b);
}

void visit_drained(struct visit *v)
{
	if (!v->behind || v->phase != VISIT_JOINED)
		return;
	v->behind = false;
	if (!session_catch_up(v->gateway->sessions, v->session, v->shown_seq))
		visit_show_all(v);
	show_state(v);
	session_show_interrupted(v->gateway->sessions, v->session);
}

/* --- joining --- */

static void set_identity(struct visit *v, const struct identity *who)
{
	v->who = *who;
	v->owner = v->space->route &&
		   identity_knows(who, v->space->route->owner, v->space->route->space);
}

static bool may_join(const struct visit *v, const struct session *s)
{
	if (strcmp(s->space, v->space->id))
		return false;
	if (s->user[0])
		return v->who.known && !strcmp(s->user, v->who.user);
	return !strcmp(s->visitor, v->visitor);
}

static struct session *begin(struct visit *v, struct err *e)
{
	struct session *s;

	if (!limits_take(v->address, LIMIT_SESSION, clock_mono_usec())) {
		gateway_count(GATEWAY_REFUSED_SESSIONS, 1);
		(void)err_set(e, -EBUSY, "too many sessions are begun from your address");
		return NULL;
	}
	if (sessions_begin(v->gateway->sessions, v->space->id, v->visitor,
		    v->who.user[0] ? v->who.user : NULL, v->join_query, &s, e) < 0) {
		gateway_count(GATEWAY_REFUSED_SESSIONS, 1);
		return NULL;
	}
	v->space->begun++;
	gateway_count(GATEWAY_SESSIONS_BEGUN, 1);
	return s;
}

static void welcome(struct visit *v, const char *state)
{
	struct wire_welcome m = {.session = v->session->id,
		.state = state,
		.bundle = shown_bundle(v),
		.boot = v->gateway->boot[0] ? v->gateway->boot : NULL,
		.user = v->who.user[0] ? v->who.user : NULL,
		.owner = v->owner,
		.upload_max = (int64_t)v->gateway->upload_bytes};
	struct frame f = {
		.type = WIRE_WELCOME, .seq = v->session->last_seq, .node = v->session->last_event};

	send_message(v, f, &m, write_welcome);
}

static bool can_resume(const struct visit *v)
{
	bool all;

	(void)outbox_after(&v->session->outbox, v->join_seq, v->session->last_seq, &all);
	if (v->join_boot[0] && strcmp(v->join_boot, v->gateway->boot))
		return false;
	return all && v->join_seq > 0 && !strcmp(v->join_bundle, shown_bundle(v));
}

static void note_network(const struct visit *v, struct session *s)
{
	size_t n;
	const uint8_t *network = address_network(v->address, &n);

	visitor_network(&v->gateway->key, network, n, s->live->network);
	memcpy(s->live->address, network, n);
	s->live->address_n = n;
}

static void take_session(struct visit *v, struct session *s, bool fresh)
{
	struct sessions *t = v->gateway->sessions;
	struct visit *other = s->live->visit;
	bool resumes;

	if (other) {
		other->session = NULL;
		visit_end(other, false, "This session was opened in another window.");
	}
	v->session = s;
	v->fresh = fresh;
	note_network(v, s);
	session_set_visit(t, s, v);
	space_add_visit(v->space, v);
	set_phase(v, VISIT_JOINED);
	resumes = !fresh && can_resume(v);
	welcome(v, fresh ? "new" : resumes ? "resumed" : "resynchronised");
	show_state(v);
	if (resumes) {
		v->shown_seq = v->join_seq;
		(void)session_catch_up(t, s, v->join_seq);
	} else {
		visit_show_all(v);
	}
	session_show_interrupted(t, s);
	price_joined(v);
	space_place(v->space, s);
}

static void join(struct visit *v)
{
	const struct route *route = v->space->route;
	struct session *s = NULL;
	struct err e = {0};
	bool fresh = false;

	if (!route || (route->private && !v->owner)) {
		visit_end(v, v->cookie && !v->who.known, "There is no such Space.");
		return;
	}
	if (!route->bundle[0]) {
		visit_end(v, true, "Nothing has been built in this Space yet.");
		return;
	}
	if (v->join_session[0])
		s = sessions_by_id(v->gateway->sessions, v->join_session);
	if (s && !may_join(v, s))
		s = NULL;
	if (!s) {
		fresh = true;
		s = begin(v, &e);
	}
	if (!s) {
		visit_end(v, true, e.text);
		return;
	}
	take_session(v, s, fresh);
}

static void on_identity(const struct identity *who, void *data)
{
	struct visit *v = data;

	v->asking = NULL;
	set_identity(v, who);
	if (v->phase == VISIT_ASKING)
		join(v);
}

static void ask(struct visit *v)
{
	struct identity who = v->who;
	int r = v->cookie ? edge_identify(v->gateway->edge, v->cookie, strlen(v->cookie), &who,
				    on_identity, v, &v->asking)
			  : 1;

	if (r == 0)
		return;
	on_identity(&who, v);
}

/* Who it is may become known after all; what an owner sees changes from then on. */
void visit_tick(struct visit *v)
{
	if (v->cookie && !v->who.known && !v->asking && edge_is_up(v->gateway->edge))
		ask(v);
}

static int keep_query(struct visit *v, const json_t *query, struct err *e)
{
	struct buf b;
	int r;

	if (!query || json_is_null(query))
		return 0;
	if (!json_is_object(query))
		return err_set(e, -EINVAL, "JOIN query: must be an object");
	buf_init(&b, 8192);
	r = json_write(&b, query);
	if (r == 0) {
		free(v->join_query);
		v->join_query = strdup(buf_str(&b));
		r = v->join_query ? 0 : -ENOMEM;
	}
	buf_done(&b);
	return r;
}

static int on_join(struct visit *v, const struct frame *f, struct err *e)
{
	struct wire_join m;
	int r = wire_join_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	v->join_seq = f->seq;
	(void)snprintf(v->join_session, sizeof(v->join_session), "%s", m.session ? m.session : "");
	(void)snprintf(v->join_bundle, sizeof(v->join_bundle), "%s", m.bundle ? m.bundle : "");
	(void)snprintf(v->join_boot, sizeof(v->join_boot), "%s", m.boot ? m.boot : "");
	r = keep_query(v, m.query, e);
	wire_join_done(&m);
	if (r < 0)
		return r;
	set_phase(v, VISIT_ASKING);
	if (v->space->route && !v->space->route->private)
		space_expect(v->space);
	ask(v);
	return 0;
}

/* --- events --- */

static bool is_secret(const struct visit *v, uint32_t node)
{
	const struct page *page = space_page(v->space, shown_bundle(v));

	if (!page && v->space->route)
		page = v->space->route->page;
	/* Without any page nobody can tell, and what is not stored cannot leak. */
	return !page || page_is_secret(page, node);
}

static void drop_values(struct visit *v)
{
	buf_clear(&v->values);
	if (v->secrets.data)
		explicit_bzero(v->secrets.data, v->secrets.len);
	buf_clear(&v->secrets);
}

static int on_value(struct visit *v, const struct frame *f, struct err *e)
{
	struct frame copy = *f;

	if (!json_text_valid(f->value, f->length))
		return err_set(e, -EBADMSG, "VALUE: is not JSON");
	if (f->seq != v->values_n)
		drop_values(v); /* of an event that never came */
	v->values_n = f->seq;
	copy.channel = 0;
	if (frame_write(is_secret(v, f->node) ? &v->secrets : &v->values, &copy) < 0)
		return err_set(e, -EMSGSIZE, "VALUE: over the limit of %u bytes ahead of one event",
			VALUES_MAX);
	return 0;
}

#define BURST_SEC 10 /* of events that may come at once */

static int check_rate(struct visit *v, struct err *e)
{
	const uint64_t *of = v->gateway->space_limits.of;
	double session = (double)of[LIMIT_SESSION_EVENTS], space = (double)of[LIMIT_SPACE_EVENTS];
	uint64_t now = clock_mono_usec();

	if (!rate_take(&v->session->live->rate, session, session * BURST_SEC, now))
		return err_set(e, -EAGAIN,
			"This page did more than %.0f things a second, which is the limit. It goes "
			"on in a moment.",
			session);
	if (!rate_take(&v->space->rate, space, space * BURST_SEC, now))
		return err_set(e, -EAGAIN,
			"All visitors of this Space together did more than %.0f things a second, "
			"which is the limit. It goes on in a moment.",
			space);
	return 0;
}

static int on_event(struct visit *v, const struct frame *f, struct err *e)
{
	struct frame copy = *f;
	int r;

	if (f->length > 0 && !json_text_valid(f->value, f->length))
		return err_set(e, -EBADMSG, "EVENT: is not JSON");
	r = f->seq > v->session->last_event ? check_rate(v, e) : 0;
	if (r < 0) {
		gateway_count(GATEWAY_REFUSED_EVENTS, 1);
		return r;
	}
	if (f->seq != v->values_n)
		drop_values(v);
	copy.channel = 0;
	if (frame_write(&v->values, &copy) < 0)
		return err_set(e, -EMSGSIZE, "EVENT: over the limit with its values");
	r = session_event(v->gateway->sessions, v->session, f->seq, v->values.data, v->values.len,
		v->secrets.data, v->secrets.len, e);
	drop_values(v);
	v->values_n = 0;
	return r;
}

int visit_call(struct visit *v, struct frame *call, struct err *e)
{
	CLEANUP(buf_done) struct buf b;
	int r;

	if (v->phase != VISIT_JOINED)
		return err_set(e, -ENOTCONN, "this session has ended");
	r = check_rate(v, e);
	if (r < 0) {
		gateway_count(GATEWAY_REFUSED_EVENTS, 1);
		return r;
	}
	call->channel = 0;
	call->seq = v->session->last_event + 1;
	buf_init(&b, SESSION_PENDING_BYTES_MAX);
	if (frame_write(&b, call) < 0)
		return err_set(e, -EMSGSIZE, "the arguments are over the limit of %u bytes",
			SESSION_PENDING_BYTES_MAX);
	return session_event(
		v->gateway->sessions, v->session, call->seq, b.data, b.len, NULL, 0, e);
}

static int on_cancel(struct visit *v, const struct frame *f, struct err *e)
{
	(void)e;
	/* Nobody has to be told by a worker that it never saw the call. */
	if (v->program && session_withdraw(v->gateway->sessions, v->session, f->seq)) {
		spaces_look_now(v->space->spaces);
		return 0;
	}
	session_cancel(v->gateway->sessions, v->session, f->seq);
	return 0;
}

static int on_ack(struct visit *v, const struct frame *f, struct err *e)
{
	if (f->seq > v->session->last_seq)
		return err_set(e, -EPROTO, "ACK seq: %u is over the last group, %u", f->seq,
			v->session->last_seq);
	outbox_trim(&v->session->outbox, f->seq);
	return 0;
}

static int on_retry(struct visit *v, const struct frame *f, struct err *e)
{
	return session_retry(v->gateway->sessions, v->session, f->seq, e);
}

static const struct {
	uint8_t type;
	unsigned phases;
	int (*handle)(struct visit *v, const struct frame *f, struct err *e);
} handlers[] = {
	{APP_EVENT, 1u << VISIT_JOINED, on_event},
	{APP_VALUE, 1u << VISIT_JOINED, on_value},
	{APP_ACK, 1u << VISIT_JOINED, on_ack},
	{APP_CANCEL, 1u << VISIT_JOINED, on_cancel},
	{WIRE_RETRY, 1u << VISIT_JOINED, on_retry},
	{WIRE_JOIN, 1u << VISIT_CONNECTED, on_join},
};

static int handle(struct visit *v, const struct frame *f, struct err *e)
{
	if (f->channel != 0)
		return err_set(e, -EPROTO, "channel: %u came, a page has only 0", f->channel);
	for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++)
		if (handlers[i].type == f->type && (handlers[i].phases & 1u << v->phase))
			return handlers[i].handle(v, f, e);
	return err_set(e, -EPROTO, "%s is out of turn", proto_name(PROTO_WIRE, f->type));
}

static int take_frame(struct visit *v, struct frame *f, struct err *e)
{
	long max = proto_value_max(PROTO_WIRE, PROTO_UP, f->type);
	int r;

	if (max < 0)
		return err_set(e, -EPROTO, "frame type 0x%02x is not known here", f->type);
	r = frame_join(&v->joiner, f, (size_t)max, e);
	return r <= 0 ? r : handle(v, f, e);
}

int visit_take(struct visit *v, const uint8_t *bytes, size_t n, struct err *e)
{
	while (n > 0 && v->phase != VISIT_ENDED) {
		struct frame f;
		int used = frame_read(&f, bytes, n, e);
		int r = used < 0 ? used : take_frame(v, &f, e);

		if (r < 0) {
			/* A full disk or too much at once may pass; a broken page will not. */
			visit_end(v, r == -ENOSPC || r == -EIO || r == -EAGAIN, e->text);
			return r;
		}
		bytes += used;
		n -= (size_t)used;
	}
	return 0;
}
