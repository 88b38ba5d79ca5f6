/* A session's phase, and what its worker gets when. */
#include <string.h>

#include "base/log.h"
#include "gateway/session/frames.h"
#include "gateway/session/presence.h"
#include "gateway/session/sessions_private.h"
#include "proto/messages.h"

static const char *const phase_names[] = {
	[SESSION_DETACHED] = "detached",
	[SESSION_RESUMING] = "resuming",
	[SESSION_OPEN] = "open",
	[SESSION_REOPENING] = "reopening",
	[SESSION_MOVING] = "moving",
};

#define TO(phase) (1u << (phase))

static const unsigned phase_allowed[] = {
	[SESSION_DETACHED] = TO(SESSION_RESUMING) | TO(SESSION_OPEN) | TO(SESSION_REOPENING) |
			     TO(SESSION_MOVING),
	[SESSION_RESUMING] = TO(SESSION_DETACHED) | TO(SESSION_OPEN),
	[SESSION_OPEN] = TO(SESSION_DETACHED) | TO(SESSION_REOPENING),
	[SESSION_REOPENING] = TO(SESSION_DETACHED) | TO(SESSION_OPEN) | TO(SESSION_MOVING),
	[SESSION_MOVING] = TO(SESSION_DETACHED) | TO(SESSION_OPEN),
};

void session_set_phase(struct session *s, enum session_phase phase)
{
	struct session_live *live = s->live;

	if (live->phase == phase)
		return;
	if (!(phase_allowed[live->phase] & TO(phase)))
		log_error("session=%u %s → %s is no legal step", s->number,
			phase_names[live->phase], phase_names[phase]);
	log_debug("session=%u %s → %s", s->number, phase_names[live->phase], phase_names[phase]);
	live->phase = phase;
}

void session_show_head(struct sessions *t, struct session *s, uint8_t type, uint8_t op,
	uint32_t node, uint32_t seq, bool lazy)
{
	struct frame f = {.type = type, .op = op, .node = node, .seq = seq};
	uint8_t bytes[FRAME_HEADER + 1];
	struct buf b = {.data = bytes, .cap = sizeof(bytes), .max = FRAME_HEADER};

	if (s->live->visit && frame_write(&b, &f) == 0)
		t->ops.show(s, b.data, b.len, false, lazy, t->data);
}

/* --- to the worker --- */

void session_send_head(struct sessions *t, struct session *s, uint8_t type, uint32_t seq)
{
	struct frame f = {.type = type, .channel = s->number, .seq = seq};

	t->ops.send(s, &f, t->data);
}

void session_ask(struct sessions *t, struct session *s)
{
	struct frame f = {.type = APP_RESUME,
		.channel = s->number,
		.node = ++s->live->asked,
		.seq = s->last_seq};

	t->ops.send(s, &f, t->data);
}

void session_send_ack(struct sessions *t, struct session *s)
{
	s->live->ack_bytes = 0;
	session_send_head(t, s, APP_ACK, s->last_seq);
}

struct send_context {
	struct sessions *t;
	struct session *s;
};

static int send_frame(const struct frame *f, void *data, struct err *e)
{
	struct send_context *c = data;
	struct frame out = *f;

	(void)e;
	out.channel = c->s->number;
	c->t->ops.send(c->s, &out, c->t->data);
	return 0;
}

void session_send_event(struct sessions *t, struct session *s, struct pending *p)
{
	struct send_context c = {t, s};

	t->ops.cork(s, true, t->data);
	if (s->live->ack_bytes)
		session_send_ack(t, s);
	if (frames_name_files(p->frames, p->length))
		t->ops.send_files(s, p->frames, p->length, t->data);
	(void)frames_each(p->frames, p->length, SESSION_VALUE_MAX, send_frame, &c, NULL);
	p->state = EVENT_SENT;
	/* A worker knows calls by their number, events as what is above the last one. */
	if (!p->call && p->n > s->live->sent_n)
		s->live->sent_n = p->n;
	if (p->cancelled) {
		session_send_head(t, s, APP_CANCEL, p->n);
		p->cancelled = false;
	}
	/* The last one may have ended the link; then there is nothing to uncork. */
	if (s->live->replica)
		t->ops.cork(s, false, t->data);
}

void session_reopen(struct sessions *t, struct session *s)
{
	session_set_phase(s, SESSION_REOPENING);
	t->ops.cork(s, true, t->data);
	session_send_head(t, s, APP_CLOSE, 0);
	if (s->live->replica)
		session_ask(t, s);
	if (s->live->replica)
		t->ops.cork(s, false, t->data);
}

void session_mark_waiting(struct sessions *t, struct session *s, uint32_t before, bool again)
{
	for (struct pending *p = s->pending; p && p->n < before; p = p->next)
		if (p->state == EVENT_HELD && (again || !p->retried) &&
			session_append(t, s, LOG_IN, p->n, NULL, 0) == 0)
			p->retried = true;
}

/*
 * Sends what waits, in order. A retried event is older than what the worker has seen since; it
 * would ignore it, so the session is opened anew once nothing runs. Calls stand in no order.
 */
void session_pump(struct sessions *t, struct session *s)
{
	bool old = false, waits = false;

	for (struct pending *p = s->pending; p && s->live->phase == SESSION_OPEN; p = p->next) {
		if (p->state != EVENT_HELD)
			continue;
		if (t->ops.may_send && !t->ops.may_send(s, p, waits, t->data))
			waits = waits || !p->call;
		else if (!p->call && p->n <= s->live->sent_n)
			old = true;
		else {
			if (waits &&
				!p->call) /* it overtakes; the worker will ignore what is older */
				session_mark_waiting(t, s, p->n, false);
			session_send_event(t, s, p);
		}
	}
	if (old && s->live->phase == SESSION_OPEN && session_count_pending(s, EVENT_SENT) == 0)
		session_reopen(t, s);
}

void session_go_on(struct sessions *t, struct session *s)
{
	if (s->live->phase == SESSION_OPEN)
		session_pump(t, s);
}

void session_set_visit(struct sessions *t, struct session *s, void *visit)
{
	s->live->visit = visit;
	s->live->left_usec = visit ? 0 : t->ops.now_usec(t->data);
	presence_tell(t, s);
}
