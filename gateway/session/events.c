/* What a visitor does with a session: events, taken once, cancelled, withdrawn, tried again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gateway/metrics.h"
#include "gateway/session/secret.h"
#include "gateway/session/sessions_private.h"
#include "proto/messages.h"

static size_t count_frames(const uint8_t *bytes, size_t n)
{
	struct frame f;
	size_t count = 0;
	int used;

	for (; n > 0 && (used = frame_read(&f, bytes, n, NULL)) > 0; count++) {
		bytes += used;
		n -= (size_t)used;
	}
	return count;
}

static bool is_call(const uint8_t *frames, size_t n)
{
	struct frame f;

	return n > 0 && frame_read(&f, frames, n, NULL) > 0 && f.type == APP_CALL;
}

static int check_event(
	const struct session *s, uint32_t n, size_t length, size_t frames, bool call, struct err *e)
{
	size_t open = session_count_pending(s, EVENT_HELD) + session_count_pending(s, EVENT_SENT);

	if (n != s->last_event + 1)
		return err_set(e, -EPROTO, "EVENT seq: %u came, %u is next", n, s->last_event + 1);
	if (open >= EVENTS_PENDING_MAX)
		return err_set(e, -EBUSY, "more than %d events are unfinished", EVENTS_PENDING_MAX);
	if (session_count_pending(s, EVENT_INTERRUPTED) > SESSION_INTERRUPTED_MAX)
		return err_set(e, -EBUSY, "more than %d events were interrupted and not decided on",
			SESSION_INTERRUPTED_MAX);
	if (s->pending_bytes + length > SESSION_PENDING_BYTES_MAX)
		return err_set(e, -EMSGSIZE, "unfinished events: over the limit of %u bytes",
			SESSION_PENDING_BYTES_MAX);
	if (!call && (s->overlay.bytes + length + 4096 > OVERLAY_MAX ||
			     s->overlay.n + frames > OVERLAY_CELLS_MAX))
		return err_set(e, -EMSGSIZE, "this page's values: over the limit of %d bytes",
			OVERLAY_MAX);
	return 0;
}

static int take_event(struct sessions *t, struct session *s, uint32_t n, const uint8_t *frames,
	size_t length, const uint8_t *secret, size_t secret_length, struct err *e)
{
	int r = 0;

	if (secret_length)
		r = secret_write(t->secret_fd, s->number, n, secret, secret_length);
	if (r == 0)
		r = session_append(t, s, LOG_IN, n, frames, length);
	if (r < 0) {
		if (secret_length)
			secret_remove(t->secret_fd, s->number, n);
		return err_set(e, r, "the event cannot be stored: %s", strerror(-r));
	}
	r = session_apply_in(s, n, frames, length, e);
	if (r == 0 && secret_length)
		r = session_add_secret(s, n, secret, secret_length);
	if (r < 0) {
		/* It is in the log but not here: only a replay makes that whole again. */
		log_error("session=%u event=%u %s; starting over from the log", s->number, n,
			strerror(-r));
		abort();
	}
	return 0;
}

/* It is kept, so its visitor may hear so; it goes to the worker now, or to the one that comes. */
static void run(struct sessions *t, struct session *s, uint32_t n)
{
	s->live->refused = false;
	if (s->live->phase == SESSION_OPEN)
		session_pump(t, s);
	else if (s->live->phase == SESSION_DETACHED)
		t->ops.want_worker(s, t->data);
	session_show_head(t, s, WIRE_ACCEPTED, 0, 0, n, true);
}

int session_event(struct sessions *t, struct session *s, uint32_t n, const uint8_t *frames,
	size_t length, const uint8_t *secret, size_t secret_length, struct err *e)
{
	struct pending *p;
	int r;

	if (n <= s->last_event && n > 0) {
		session_show_head(t, s, WIRE_ACCEPTED, 0, 0, n, true);
		return 0;
	}
	r = check_event(s, n, length + secret_length, count_frames(frames, length),
		is_call(frames, length), e);
	if (r < 0)
		gateway_count(GATEWAY_REFUSED_EVENTS, 1);
	if (r == 0)
		r = take_event(t, s, n, frames, length, secret, secret_length, e);
	if (r < 0)
		return r;
	/* The state table said SENT when the session stands on a worker; here it is made true. */
	p = session_pending(s, n);
	p->state = EVENT_HELD;
	p->taken_usec = t->ops.now_usec(t->data);
	gateway_count(GATEWAY_ACCEPTED, 1);
	run(t, s, n);
	return 0;
}

static void dismiss(struct sessions *t, struct session *s, struct pending *p)
{
	bool secret = p->secret_length > 0;
	uint32_t n = p->n;

	if (session_append(t, s, LOG_FORGET, n, NULL, 0) < 0)
		return;
	session_apply_dismiss(s, n);
	/* Last: as long as the event may be wanted again, so is its password. */
	if (secret)
		secret_remove(t->secret_fd, s->number, n);
}

static void cancel_one(struct sessions *t, struct session *s, struct pending *p)
{
	switch (p->state) {
	case EVENT_HELD:
		p->cancelled = true;
		break;
	case EVENT_SENT:
		if (s->live->replica)
			session_send_head(t, s, APP_CANCEL, p->n);
		break;
	case EVENT_INTERRUPTED:
		dismiss(t, s, p);
		break;
	}
}

void session_cancel(struct sessions *t, struct session *s, uint32_t n)
{
	struct pending *next;

	for (struct pending *p = s->pending; p; p = next) {
		next = p->next;
		if (p->n == n || (n == 0 && p->state != EVENT_INTERRUPTED))
			cancel_one(t, s, p);
	}
	session_go_on(t, s); /* one that waited for its turn need not */
}

bool session_withdraw(struct sessions *t, struct session *s, uint32_t n)
{
	struct pending *p = session_pending(s, n);
	bool secret = p && p->secret_length > 0;

	if (!p || p->state == EVENT_SENT)
		return false;
	if (session_append(t, s, LOG_FORGET, n, "", 1) < 0)
		return false;
	session_apply_withdraw(s, n);
	if (secret)
		secret_remove(t->secret_fd, s->number, n);
	return true;
}

int session_retry_one(struct sessions *t, struct session *s, struct pending *p)
{
	int r = session_append(t, s, LOG_IN, p->n, NULL, 0);

	if (r < 0)
		return r;
	session_apply_retry(s, p->n);
	p->state = EVENT_HELD; /* the log calls it sent when the session stands on a worker */
	return 0;
}

int session_retry(struct sessions *t, struct session *s, uint32_t n, struct err *e)
{
	struct pending *p = session_pending(s, n);
	size_t open = session_count_pending(s, EVENT_HELD) + session_count_pending(s, EVENT_SENT);

	if (!p || p->state != EVENT_INTERRUPTED)
		return 0; /* finished or running after all */
	if (open >= EVENTS_PENDING_MAX)
		return err_set(e, -EBUSY, "more than %d events are unfinished", EVENTS_PENDING_MAX);
	if (session_retry_one(t, s, p) < 0)
		return err_set(e, -EIO, "the event cannot be stored");
	run(t, s, n);
	return 0;
}

int session_catch_up(struct sessions *t, struct session *s, uint32_t seq)
{
	bool all;
	const struct outbox_group *g = outbox_after(&s->outbox, seq, s->last_seq, &all);

	if (!all)
		return 0;
	for (; g && s->live->visit; g = g->next)
		t->ops.show(s, g->frames, g->length, g->fails, false, t->data);
	return 1;
}

void session_show_one(
	struct sessions *t, struct session *s, const struct pending *p, const char *why)
{
	struct wire_interrupted m = {.message = why};
	struct frame f = {.type = WIRE_INTERRUPTED, .op = p->kind, .node = p->node, .seq = p->n};
	struct buf value, b;

	if (!s->live->visit)
		return;
	buf_init(&value, 4096);
	buf_init(&b, 8192);
	if (wire_interrupted_write(&m, &value) == 0) {
		f.value = value.data;
		f.length = value.len;
		if (frame_write(&b, &f) == 0)
			t->ops.show(s, b.data, b.len, false, false, t->data);
	}
	buf_done(&value);
	buf_done(&b);
}

void session_show_interrupted(struct sessions *t, struct session *s)
{
	for (const struct pending *p = s->pending; p; p = p->next)
		if (p->state == EVENT_INTERRUPTED)
			session_show_one(t, s, p, NULL);
}

int session_write_overlay(const struct session *s, struct buf *b)
{
	struct frame commit = {.type = APP_COMMIT, .op = COMMIT_INTERIM, .seq = s->last_seq};
	int r = overlay_write_frames(&s->overlay, b);

	return r < 0 ? r : frame_write(b, &commit);
}
