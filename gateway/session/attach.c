/* Which worker a session is on: leaving one, joining one, moving to a new version, or not. */
#include <string.h>

#include "base/log.h"
#include "gateway/metrics.h"
#include "gateway/session/frames.h"
#include "gateway/session/presence.h"
#include "gateway/session/sessions_private.h"
#include "proto/messages.h"

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

void session_arrive(struct sessions *t, struct session *s, const char *bundle, const char *replica)
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
			session_retry_one(t, s, p) == 0)
			continue;
		session_show_one(t, s, p, why);
	}
}

void session_detach(struct sessions *t, struct session *s, bool close, const char *why)
{
	struct session_live *live = s->live;
	bool interrupted;

	if (close && live->replica)
		session_send_head(t, s, APP_CLOSE, 0);
	/* Also one that is lost for this session only may be given it again. */
	if (live->replica) {
		memcpy(live->former[1], live->former[0], sizeof(live->former[1]));
		memcpy(live->former[0], live->target[0] ? live->target_replica : s->replica_id,
			sizeof(live->former[0]));
	}
	drop_from_acks(t, s);
	session_group_clear(&live->group);
	live->replica = NULL;
	live->resend = false;
	live->sent_n = 0;
	live->told_presence = 0;
	live->target[0] = '\0'; /* of a move under way the log has not heard */
	session_set_phase(s, SESSION_DETACHED);
	if (!s->replica_id[0])
		return;
	interrupted = session_count_pending(s, EVENT_SENT) > 0;
	gateway_count(GATEWAY_INTERRUPTED, session_count_pending(s, EVENT_SENT));
	(void)move_in_log(t, s, s->bundle, "");
	session_mark_waiting(t, s, UINT32_MAX, true);
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
	if (r == 0 && frames_name_files(b->data, b->len)) {
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
		if (s->live->replica && frames_name_files(b.data, b.len))
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
	session_set_phase(s, SESSION_OPEN);
	presence_tell(t, s);
	session_pump(t, s);
}

static void begin_moving(struct sessions *t, struct session *s)
{
	s->live->moving_usec = t->ops.now_usec(t->data);
	session_set_phase(s, SESSION_MOVING);
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
		session_arrive(t, s, h->bundle, h->id);
	}
	if (may_know(h, s)) {
		session_reopen(t, s);
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
	session_set_phase(s, SESSION_RESUMING);
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
	session_set_phase(s, SESSION_OPEN);
	presence_tell(t, s);
	for (struct pending *p = s->pending; p && s->live->replica; p = p->next) {
		if (p->state == EVENT_INTERRUPTED)
			continue;
		if (p->retried)
			p->state = EVENT_HELD;
		else
			session_send_event(t, s, p);
	}
	s->live->sent_n = s->last_event;
	session_pump(t, s);
	if (s->live->phase == SESSION_OPEN && session_count_pending(s, EVENT_SENT) == 0)
		t->ops.settled(s, t->data);
}

void session_lost(struct sessions *t, struct session *s, uint32_t asked)
{
	bool answers = asked == s->live->asked;

	/* Of before it was closed and asked again. */
	if (!answers && (asked || s->live->phase != SESSION_OPEN))
		return;
	switch (s->live->phase) {
	case SESSION_RESUMING:
	case SESSION_REOPENING:
		session_group_clear(&s->live->group);
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
