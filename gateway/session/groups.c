/* What a worker says of a session: groups of frames, kept whole or not at all, and acknowledged. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gateway/metrics.h"
#include "gateway/session/presence.h"
#include "gateway/session/secret.h"
#include "gateway/session/sessions_private.h"
#include "proto/messages.h"

#define ACK_AT_ONCE (32 * 1024) /* a worker keeps 256 KiB unacknowledged */

void session_group_clear(struct session_group *g)
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
		session_send_ack(t, s);
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
			session_send_ack(t, s);
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
		session_group_clear(g);
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
		session_arrive(t, s, live->target, live->target_replica);
	live->resend = append_out(t, s, f->seq) < 0;
	if (live->resend) {
		/* The worker still has the group; sessions_tick asks for it again. */
		out_trial_done(&trial);
		session_group_clear(g);
		return 0;
	}
	keep_group(t, s, f, &trial);
	if (moves) {
		session_set_phase(s, SESSION_OPEN);
		live->target[0] = '\0';
	}
	show_group(t, s, moves);
	schedule_ack(t, s, g->image.len + g->visible.len);
	session_group_clear(g);
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
		session_lost(t, s, f->node);
		return 0;
	default:
		return err_set(e, -EPROTO, "message type %u is not a session's", f->type);
	}
}
