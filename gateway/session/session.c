/* What a visitor and a worker do with a session. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gateway/metrics.h"
#include "gateway/session/frames.h"
#include "gateway/session/presence.h"
#include "gateway/session/secret.h"
#include "gateway/session/sessions_private.h"
#include "proto/messages.h"

#define ACK_AT_ONCE (32 * 1024) /* a worker keeps 256 KiB unacknowledged */

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

static void set_phase(struct session *s, enum session_phase phase)
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

static void group_clear(struct session_group *g)
{
	/* Most groups are small; a large one does not keep its memory. */
	if (g->image.cap > 16384)
		buf_done(&g->image);
	if (g->visible.cap > 16384)
		buf_done(&g->visible);
	buf_clear(&g->image);
	buf_clear(&g->visible);
	g->frames = 0;
	g->fails = false;
}

static void show_head(struct sessions *t, struct session *s, uint8_t type, uint8_t op,
	uint32_t node, uint32_t seq, bool lazy)
{
	struct frame f = {.type = type, .op = op, .node = node, .seq = seq};
	uint8_t bytes[FRAME_HEADER + 1];
	struct buf b = {.data = bytes, .cap = sizeof(bytes), .max = FRAME_HEADER};

	if (s->live->visit && frame_write(&b, &f) == 0)
		t->ops.show(s, b.data, b.len, false, lazy, t->data);
}

/* --- to the worker --- */

static void send_head(struct sessions *t, struct session *s, uint8_t type, uint32_t seq)
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

static void send_ack(struct sessions *t, struct session *s)
{
	s->live->ack_bytes = 0;
	send_head(t, s, APP_ACK, s->last_seq);
}

/* May say yes too often, never no: a file is written {"file": id}. */
static bool names_files(const uint8_t *bytes, size_t n)
{
	return memmem(bytes, n, "\"file\"", 6) != NULL;
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

static void send_event(struct sessions *t, struct session *s, struct pending *p)
{
	struct send_context c = {t, s};

	t->ops.cork(s, true, t->data);
	if (s->live->ack_bytes)
		send_ack(t, s);
	if (names_files(p->frames, p->length))
		t->ops.send_files(s, p->frames, p->length, t->data);
	(void)frames_each(p->frames, p->length, SESSION_VALUE_MAX, send_frame, &c, NULL);
	p->state = EVENT_SENT;
	/* A worker knows calls by their number, events as what is above the last one. */
	if (!p->call && p->n > s->live->sent_n)
		s->live->sent_n = p->n;
	if (p->cancelled) {
		send_head(t, s, APP_CANCEL, p->n);
		p->cancelled = false;
	}
	/* The last one may have ended the link; then there is nothing to uncork. */
	if (s->live->replica)
		t->ops.cork(s, false, t->data);
}

/* The worker forgets the session, says so, and gets it anew: then old events are new to it. */
static void begin_reopening(struct sessions *t, struct session *s)
{
	set_phase(s, SESSION_REOPENING);
	t->ops.cork(s, true, t->data);
	send_head(t, s, APP_CLOSE, 0);
	if (s->live->replica)
		session_ask(t, s);
	if (s->live->replica)
		t->ops.cork(s, false, t->data);
}

/* The log calls them sent; those before that number have not been. */
static void mark_waiting(struct sessions *t, struct session *s, uint32_t before, bool again)
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
				mark_waiting(t, s, p->n, false);
			send_event(t, s, p);
		}
	}
	if (old && s->live->phase == SESSION_OPEN && session_count_pending(s, EVENT_SENT) == 0)
		begin_reopening(t, s);
}

void session_go_on(struct sessions *t, struct session *s)
{
	if (s->live->phase == SESSION_OPEN)
		session_pump(t, s);
}

/* --- from the visitor --- */

void session_set_visit(struct sessions *t, struct session *s, void *visit)
{
	s->live->visit = visit;
	s->live->left_usec = visit ? 0 : t->ops.now_usec(t->data);
	presence_tell(t, s);
}

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

int session_event(struct sessions *t, struct session *s, uint32_t n, const uint8_t *frames,
	size_t length, const uint8_t *secret, size_t secret_length, struct err *e)
{
	struct pending *p;
	int r;

	if (n <= s->last_event && n > 0) {
		show_head(t, s, WIRE_ACCEPTED, 0, 0, n, true);
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
	s->live->refused = false;
	if (s->live->phase == SESSION_OPEN)
		session_pump(t, s);
	else if (s->live->phase == SESSION_DETACHED)
		t->ops.want_worker(s, t->data);
	show_head(t, s, WIRE_ACCEPTED, 0, 0, n, true);
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
			send_head(t, s, APP_CANCEL, p->n);
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

static int retry_one(struct sessions *t, struct session *s, struct pending *p)
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
	if (retry_one(t, s, p) < 0)
		return err_set(e, -EIO, "the event cannot be stored");
	s->live->refused = false;
	if (s->live->phase == SESSION_OPEN)
		session_pump(t, s);
	else if (s->live->phase == SESSION_DETACHED)
		t->ops.want_worker(s, t->data);
	show_head(t, s, WIRE_ACCEPTED, 0, 0, n, true);
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

static void show_interrupted(
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
			show_interrupted(t, s, p, NULL);
}

int session_write_overlay(const struct session *s, struct buf *b)
{
	struct frame commit = {.type = APP_COMMIT, .op = COMMIT_INTERIM, .seq = s->last_seq};
	int r = overlay_write_frames(&s->overlay, b);

	return r < 0 ? r : frame_write(b, &commit);
}

/* --- leaving a worker --- */

static int move_in_log(
	struct sessions *t, struct session *s, const char *bundle, const char *replica)
{
	struct buf b;
	int r;

	buf_init(&b, 256);
	r = session_write_move(bundle, replica, &b);
	if (r == 0)
		r = session_append(t, s, LOG_MOVE, 0, b.data, b.len);
	/* Even unwritten it is true: the worker is gone, or has the session. */
	(void)session_apply_move(s, b.data, b.len, NULL);
	buf_done(&b);
	return r;
}

/* For the log, what is held counts as sent from here on; here it still has to be. */
static void arrive_in_log(
	struct sessions *t, struct session *s, const char *bundle, const char *replica)
{
	(void)move_in_log(t, s, bundle, replica);
	for (struct pending *p = s->pending; p; p = p->next)
		if (p->state == EVENT_SENT)
			p->state = EVENT_HELD;
}

static void drop_from_acks(struct sessions *t, struct session *s)
{
	for (struct session **at = &t->ack_list; s->live->ack_due && *at;
		at = &(*at)->live->next_ack) {
		if (*at == s) {
			*at = s->live->next_ack;
			break;
		}
	}
	s->live->ack_due = false;
	s->live->ack_bytes = 0;
}

/* What the log calls running on the worker that has just gone. */
static void settle_interrupted(struct sessions *t, struct session *s, const char *why)
{
	struct pending *next;

	for (struct pending *p = s->pending; p; p = next) {
		next = p->next;
		if (p->state != EVENT_INTERRUPTED)
			continue;
		if (!s->live->refused && t->ops.may_retry(s, p->node, p->kind, t->data) &&
			retry_one(t, s, p) == 0)
			continue;
		show_interrupted(t, s, p, why);
	}
}

void session_detach(struct sessions *t, struct session *s, bool close, const char *why)
{
	struct session_live *live = s->live;
	bool interrupted;

	if (close && live->replica)
		send_head(t, s, APP_CLOSE, 0);
	/* Also one that is lost for this session only may be given it again. */
	if (live->replica) {
		memcpy(live->former[1], live->former[0], sizeof(live->former[1]));
		memcpy(live->former[0], live->target[0] ? live->target_replica : s->replica_id,
			sizeof(live->former[0]));
	}
	drop_from_acks(t, s);
	group_clear(&live->group);
	live->replica = NULL;
	live->resend = false;
	live->sent_n = 0;
	live->told_presence = 0;
	live->target[0] = '\0'; /* of a move under way the log has not heard */
	set_phase(s, SESSION_DETACHED);
	if (!s->replica_id[0])
		return;
	interrupted = session_count_pending(s, EVENT_SENT) > 0;
	gateway_count(GATEWAY_INTERRUPTED, session_count_pending(s, EVENT_SENT));
	(void)move_in_log(t, s, s->bundle, "");
	mark_waiting(t, s, UINT32_MAX, true);
	if (interrupted)
		settle_interrupted(t, s, why);
}

/* --- joining a worker --- */

static int write_open(struct sessions *t, const struct session *s, const char *from, struct buf *b)
{
	int r = buf_addf(b, "{\"session\":\"%s\",\"image\":", s->id);

	if (r == 0)
		r = image_write_json(&s->image, b);
	if (r == 0)
		r = buf_add_str(b, ",\"overlay\":");
	if (r == 0)
		r = overlay_write_json(&s->overlay, b);
	if (r == 0 && names_files(b->data, b->len)) {
		size_t state = b->len;

		r = buf_add_str(b, ",\"files\":");
		if (r == 0)
			r = t->ops.list_files((struct session *)s, b->data, state, b, t->data);
	}
	if (r == 0 && s->user[0])
		r = buf_addf(b, ",\"user\":\"%s\"", s->user);
	if (r == 0 && from)
		r = buf_addf(b, ",\"from\":\"%s\"", from);
	if (r == 0 && s->query)
		r = buf_addf(b, ",\"query\":%s", s->query);
	return r < 0 ? r : buf_add(b, "}", 1);
}

static void send_open(struct sessions *t, struct session *s, const char *from)
{
	struct frame f = {.type = APP_OPEN, .channel = s->number, .seq = s->last_seq};
	struct buf b;

	s->live->told_presence = 0;
	buf_init(&b, 16 << 20);
	if (write_open(t, s, from, &b) < 0) {
		log_error("session=%u is too large to be opened", s->number);
	} else {
		f.value = b.data;
		f.length = b.len;
		t->ops.cork(s, true, t->data);
		t->ops.send(s, &f, t->data);
		if (s->live->replica && names_files(b.data, b.len))
			t->ops.send_files(s, b.data, b.len, t->data);
		if (s->live->replica)
			t->ops.cork(s, false, t->data);
	}
	buf_done(&b);
}

/* A worker that has just got the session gets all of its unfinished events. */
static void send_unfinished(struct sessions *t, struct session *s)
{
	for (struct pending *p = s->pending; p; p = p->next)
		if (p->state == EVENT_SENT)
			p->state = EVENT_HELD;
	set_phase(s, SESSION_OPEN);
	presence_tell(t, s);
	session_pump(t, s);
}

static void begin_moving(struct sessions *t, struct session *s)
{
	s->live->moving_usec = t->ops.now_usec(t->data);
	set_phase(s, SESSION_MOVING);
	send_open(t, s, s->bundle);
}

/* A move is in the log when it has ended, so the last gateway may have begun one to this worker. */
static bool may_know(const struct session_host *h, const struct session *s)
{
	return !strcmp(h->id, s->live->former[0]) || !strcmp(h->id, s->live->former[1]) ||
	       (h->handed_over && s->live->replayed);
}

void session_attach(struct sessions *t, struct session *s, const struct session_host *h)
{
	struct session_live *live = s->live;
	bool moves = s->bundle[0] && strcmp(s->bundle, h->bundle);

	if (live->replica)
		session_detach(t, s, true, NULL);
	live->replica = h->replica;
	if (moves && h->upgrade) {
		(void)snprintf(live->target, sizeof(live->target), "%s", h->bundle);
		(void)snprintf(live->target_replica, sizeof(live->target_replica), "%s", h->id);
	} else {
		arrive_in_log(t, s, h->bundle, h->id);
	}
	if (may_know(h, s)) {
		begin_reopening(t, s);
	} else if (live->target[0]) {
		begin_moving(t, s);
	} else {
		send_open(t, s, NULL);
		send_unfinished(t, s);
	}
	if (moves && !h->upgrade)
		t->ops.show_all(s, t->data);
}

struct failure_words {
	char text[600];
};

static int read_failure(const struct frame *f, void *data, struct err *e)
{
	struct failure_words *w = data;
	struct app_fail m;

	if (f->type != APP_FAIL || app_fail_read(&m, f->value, f->length, e) < 0)
		return 0;
	if (m.file)
		(void)snprintf(w->text, sizeof(w->text), "%s:%lld: %.400s", m.file,
			(long long)m.line, m.message);
	else
		(void)snprintf(w->text, sizeof(w->text), "%.400s", m.message);
	app_fail_done(&m);
	return 0;
}

/* The visitor sees nothing of it, so the owner must. */
static void tell_of_stay(struct sessions *t, struct session *s, const char *why)
{
	char words[900];

	(void)snprintf(words, sizeof(words),
		"session=%u goes on with version %.8s, its state is kept: version %.8s could not "
		"take "
		"it over: %s",
		s->number, s->bundle, s->live->target, why);
	log_warn("%s", words);
	if (s->live->replica)
		t->ops.tell_owner(s, words, t->data);
}

void session_refuse_move(struct sessions *t, struct session *s, const char *why)
{
	struct session_live *live = s->live;
	struct failure_words failure = {"it does not know it"};
	const struct buf *said = &live->group.visible;

	if (!why && said->len)
		(void)frames_each(
			said->data, said->len, SESSION_VALUE_MAX, read_failure, &failure, NULL);
	tell_of_stay(t, s, why ? why : failure.text);
	memcpy(live->stuck, live->target, sizeof(live->stuck));
	session_detach(t, s, true, why);
	if (live->visit || session_count_pending(s, EVENT_HELD))
		t->ops.want_worker(s, t->data);
}

void session_resume(struct sessions *t, struct session *s, void *replica)
{
	s->live->replica = replica;
	set_phase(s, SESSION_RESUMING);
	session_ask(t, s);
}

/*
 * One that had it before gets them too and ignores those it knows; it would also ignore a retried
 * one that it does not know, so those wait until the session can be opened anew.
 */
void session_resumed(struct sessions *t, struct session *s)
{
	if (s->live->phase != SESSION_RESUMING)
		return;
	set_phase(s, SESSION_OPEN);
	presence_tell(t, s);
	for (struct pending *p = s->pending; p && s->live->replica; p = p->next) {
		if (p->state == EVENT_INTERRUPTED)
			continue;
		if (p->retried)
			p->state = EVENT_HELD;
		else
			send_event(t, s, p);
	}
	s->live->sent_n = s->last_event;
	session_pump(t, s);
	if (s->live->phase == SESSION_OPEN && session_count_pending(s, EVENT_SENT) == 0)
		t->ops.settled(s, t->data);
}

static void on_lost(struct sessions *t, struct session *s, uint32_t asked)
{
	bool answers = asked == s->live->asked;

	/* Of before it was closed and asked again. */
	if (!answers && (asked || s->live->phase != SESSION_OPEN))
		return;
	switch (s->live->phase) {
	case SESSION_RESUMING:
	case SESSION_REOPENING:
		group_clear(&s->live->group);
		s->live->sent_n = 0;
		if (s->live->target[0]) {
			begin_moving(t, s);
			break;
		}
		send_open(t, s, NULL);
		send_unfinished(t, s);
		break;
	case SESSION_MOVING:
		session_refuse_move(t, s, NULL);
		break;
	case SESSION_OPEN:
		/* It has refused to open it, with a FAIL; asking again at once would not end. */
		if (s->live->replica)
			t->ops.tell_owner(s,
				"a session could not be opened; its state is kept, and a visitor's "
				"next event tries again",
				t->data);
		s->live->refused = true;
		session_detach(t, s, false, "this demo could not open the session");
		break;
	case SESSION_DETACHED:
		break;
	}
}

/* --- from the worker --- */

static int gather(struct session_group *g, struct buf *into, const struct frame *f, struct err *e)
{
	struct frame copy = *f;

	if (++g->frames > GROUP_FRAMES_MAX)
		return err_set(e, -EMSGSIZE, "group: more than %d frames", GROUP_FRAMES_MAX);
	if (g->image.len + g->visible.len + f->length > GROUP_BYTES_MAX - FRAME_HEADER)
		return err_set(e, -EMSGSIZE, "group: over the limit of %u bytes", GROUP_BYTES_MAX);
	copy.channel = 0;
	return frame_write(into, &copy);
}

static void measure_finish(struct sessions *t, const struct session *s, const struct frame *commit)
{
	const struct pending *p = session_pending(s, commit->node);

	if (!p || commit->op != COMMIT_FINISH)
		return;
	gateway_count(GATEWAY_FINISHED, 1);
	gateway_count(GATEWAY_FAILED, s->live->group.fails);
	if (p->taken_usec)
		gateway_observe(GATEWAY_EVENTS, t->ops.now_usec(t->data) - p->taken_usec);
}

static void finish_secret(struct sessions *t, struct session *s, const struct frame *commit)
{
	const struct pending *p = session_pending(s, commit->node);

	if (p && p->secret_length && commit->op == COMMIT_FINISH)
		secret_remove(t->secret_fd, s->number, p->n);
}

static int append_out(struct sessions *t, struct session *s, uint32_t seq)
{
	struct session_group *g = &s->live->group;
	struct iovec parts[2] = {
		{g->image.data, g->image.len},
		{g->visible.data, g->visible.len},
	};
	int r = session_log_append(t->log, s->number, LOG_OUT, seq, parts, 2);

	if (r < 0) {
		gateway_count(GATEWAY_LOG_FAILED, 1);
		log_error("session=%u cannot write the session log: %s", s->number, strerror(-r));
	}
	return r;
}

static void schedule_ack(struct sessions *t, struct session *s, size_t bytes)
{
	struct session_live *live = s->live;

	live->ack_bytes += (uint32_t)bytes + 1;
	if (live->ack_bytes >= ACK_AT_ONCE) {
		send_ack(t, s);
		return;
	}
	if (live->ack_due)
		return;
	if (!t->ack_list)
		t->ops.acks_due(t->data);
	live->ack_due = true;
	live->next_ack = t->ack_list;
	t->ack_list = s;
}

void sessions_flush_acks(struct sessions *t)
{
	while (t->ack_list) {
		struct session *s = t->ack_list;

		t->ack_list = s->live->next_ack;
		s->live->ack_due = false;
		if (s->live->ack_bytes && s->live->replica)
			send_ack(t, s);
	}
}

/* --- groups --- */

/* -ESTALE: the group is not wanted. */
static int check_commit(const struct session *s, const struct frame *f, struct err *e)
{
	bool resent = s->live->resend || s->live->phase == SESSION_RESUMING;

	if (f->op != COMMIT_INTERIM && f->op != COMMIT_FINISH)
		return err_set(e, -EBADMSG, "COMMIT op: %u is not known", f->op);
	/* What it says before it has read RESUME, or ahead of what could not be written, comes
	 * again in its turn. */
	if (f->seq <= s->last_seq || (resent && f->seq > s->last_seq + 1))
		return -ESTALE;
	if (f->seq != s->last_seq + 1)
		return err_set(
			e, -EPROTO, "COMMIT seq: %u came, %u is next", f->seq, s->last_seq + 1);
	if (s->live->phase == SESSION_MOVING && f->node != 0)
		return err_set(
			e, -EPROTO, "COMMIT node: event %u finished before the upgrade", f->node);
	return 0;
}

static void show_group(struct sessions *t, struct session *s, bool moved)
{
	struct session_group *g = &s->live->group;

	outbox_add(&s->outbox, s->last_seq, g->fails, g->visible.data, g->visible.len);
	if (moved) {
		/* Groups of the old version's page mean nothing on the new one. */
		outbox_trim(&s->outbox, s->last_seq);
		t->ops.show_all(s, t->data);
	} else if (s->live->visit) {
		t->ops.show(s, g->visible.data, g->visible.len, g->fails, false, t->data);
	}
}

static void keep_group(
	struct sessions *t, struct session *s, const struct frame *f, struct out_trial *trial)
{
	struct session_group *g = &s->live->group;
	struct err e = {0};

	measure_finish(t, s, f);
	finish_secret(t, s, f);
	if (session_apply_out(
		    s, f->seq, f->node, f->op, g->visible.data, g->visible.len, trial, &e) < 0) {
		/* It is in the log but not here: only a replay makes that whole again. */
		log_error("session=%u group=%u %s; starting over from the log", s->number, f->seq,
			e.text);
		abort();
	}
}

static int commit(struct sessions *t, struct session *s, const struct frame *f, struct err *e)
{
	struct session_live *live = s->live;
	struct session_group *g = &live->group;
	bool moves = live->phase == SESSION_MOVING;
	struct out_trial trial;
	int r = check_commit(s, f, e);

	if (r == -ESTALE) {
		group_clear(g);
		if (f->seq <= s->last_seq)
			schedule_ack(t, s, 0);
		return 0;
	}
	if (r == 0)
		r = gather(g, &g->visible, f, e);
	if (r == 0 && moves && g->fails) {
		session_refuse_move(t, s, NULL);
		return 0;
	}
	if (r == 0)
		r = session_try_out(
			s, g->image.data, g->image.len, g->visible.data, g->visible.len, &trial, e);
	if (r < 0)
		return r;
	if (moves)
		arrive_in_log(t, s, live->target, live->target_replica);
	live->resend = append_out(t, s, f->seq) < 0;
	if (live->resend) {
		/* The worker still has the group; sessions_tick asks for it again. */
		out_trial_done(&trial);
		group_clear(g);
		return 0;
	}
	keep_group(t, s, f, &trial);
	if (moves) {
		set_phase(s, SESSION_OPEN);
		live->target[0] = '\0';
	}
	show_group(t, s, moves);
	schedule_ack(t, s, g->image.len + g->visible.len);
	group_clear(g);
	if (moves)
		presence_tell(t, s);
	if (moves)
		session_pump(t, s);
	if (f->op == COMMIT_FINISH && live->phase == SESSION_OPEN &&
		session_count_pending(s, EVENT_SENT) == 0) {
		session_pump(t, s); /* a retried event may have waited for this */
		t->ops.settled(s, t->data);
	}
	return 0;
}

int session_worker_frame(
	struct sessions *t, struct session *s, const struct frame *f, struct err *e)
{
	struct session_group *g = &s->live->group;
	struct patch p;
	int r;

	/* Until LOST, what comes is of the opening that was closed. */
	if (s->live->phase == SESSION_REOPENING && f->type != APP_LOST)
		return 0;
	switch (f->type) {
	case APP_PATCH:
		r = patch_read(&p, f, e);
		return r < 0 ? r : gather(g, &g->visible, f, e);
	case APP_FAIL:
		g->fails = true;
		return gather(g, &g->visible, f, e);
	case APP_RESULT:
		return gather(g, &g->visible, f, e);
	case APP_IMAGE:
		return gather(g, &g->image, f, e);
	case APP_COMMIT:
		return commit(t, s, f, e);
	case APP_BLOB:
		return t->ops.keep_blob(s, f, e, t->data);
	case APP_LOST:
		on_lost(t, s, f->node);
		return 0;
	default:
		return err_set(e, -EPROTO, "message type %u is not a session's", f->type);
	}
}
