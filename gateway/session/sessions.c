#include "gateway/session/sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "gateway/metrics.h"
#include "gateway/session/presence.h"
#include "gateway/session/secret.h"
#include "gateway/session/sessions_private.h"
#include "proto/messages.h"

#define MOVING_MAX_USEC (15ull * 1000 * 1000)
#define OUTBOX_IDLE_USEC (600ull * 1000 * 1000)

/* --- counts per Space and visitor, kept in the pointer itself --- */

static size_t count_of(const struct map *m, const char *key)
{
	return (size_t)(uintptr_t)map_get_str(m, key);
}

static int count_change(struct map *m, const char *key, int by)
{
	size_t n = count_of(m, key) + (size_t)by;

	if (n == 0) {
		(void)map_take_str(m, key);
		return 0;
	}
	return map_put_str(m, key, (void *)(uintptr_t)n);
}

/* --- the table --- */

static int enter(struct sessions *t, struct session *s)
{
	if (map_put_str(&t->by_id, s->id, s) < 0 ||
		count_change(&t->space_counts, s->space, 1) < 0 ||
		count_change(&t->visitor_counts, s->visitor, 1) < 0)
		return -ENOMEM;
	return 0;
}

static void leave(struct sessions *t, struct session *s)
{
	if (map_take_str(&t->by_id, s->id)) {
		(void)count_change(&t->space_counts, s->space, -1);
		(void)count_change(&t->visitor_counts, s->visitor, -1);
	}
	(void)map_take_u32(&t->by_number, s->number);
}

struct session *sessions_by_id(struct sessions *t, const char *id)
{
	return map_get_str(&t->by_id, id);
}

struct session *sessions_by_number(struct sessions *t, uint32_t number)
{
	return map_get_u32(&t->by_number, number);
}

size_t sessions_count(const struct sessions *t)
{
	return t->by_number.n;
}

void sessions_each(struct sessions *t, void (*fn)(struct session *s, void *data), void *data)
{
	map_each(&t->by_number, (void (*)(void *, void *))fn, data);
}

struct by_visitor {
	const char *space, *visitor;
	struct session *found;
};

static void look_for_visitor(struct session *s, void *data)
{
	struct by_visitor *c = data;

	if (!c->found && !strcmp(s->visitor, c->visitor) && !strcmp(s->space, c->space))
		c->found = s;
}

struct session *sessions_by_visitor(struct sessions *t, const char *space, const char *visitor)
{
	struct by_visitor c = {space, visitor, NULL};

	if (count_of(&t->visitor_counts, visitor) > 0)
		sessions_each(t, look_for_visitor, &c);
	return c.found;
}

struct session_log *sessions_log(struct sessions *t)
{
	return t->log;
}

/* --- replay --- */

static struct session *replayed(struct sessions *t, const struct log_record *rec)
{
	struct session *s = sessions_by_number(t, rec->session);

	if (s)
		return s;
	if (rec->kind != LOG_BEGIN && rec->kind != LOG_STATE)
		return NULL;
	if (session_new(rec->session, &s) < 0)
		return NULL;
	if (map_put_u32(&t->by_number, rec->session, s) < 0)
		return session_free(s);
	return s;
}

static int replay_one(
	struct sessions *t, struct session *s, const struct log_record *rec, struct err *e)
{
	int r;

	switch (rec->kind) {
	case LOG_BEGIN:
	case LOG_STATE:
		leave(t, s);
		(void)map_put_u32(&t->by_number, s->number, s);
		r = rec->kind == LOG_BEGIN ? session_apply_begin(s, rec->value, rec->length, e)
					   : session_apply_state(s, rec->value, rec->length, e);
		if (r == 0)
			r = enter(t, s);
		if (r < 0) {
			leave(t, s);
			(void)session_free(s);
		}
		return r;
	case LOG_IN:
		return session_apply_in(s, rec->n, rec->value, rec->length, e);
	case LOG_OUT:
		return session_replay_out(s, rec->n, rec->value, rec->length, e);
	case LOG_MOVE:
		return session_apply_move(s, rec->value, rec->length, e);
	case LOG_FORGET:
		if (rec->n && rec->length)
			session_apply_withdraw(s, rec->n);
		else if (rec->n)
			session_apply_dismiss(s, rec->n);
		if (rec->n)
			return 0;
		leave(t, s);
		(void)session_free(s);
		return 0;
	default:
		return err_set(e, -EBADMSG, "record kind %u", rec->kind);
	}
}

static int on_record(const struct log_record *rec, void *data)
{
	struct sessions *t = data;
	struct err e = {0};
	struct session *s;

	if (rec->session == 0) {
		if (rec->kind == LOG_STATE && rec->n > t->next_number)
			t->next_number = rec->n;
		return 0;
	}
	if (rec->session >= t->next_number)
		t->next_number = rec->session + 1;
	s = replayed(t, rec);
	/* Records of a session that was forgotten since, in segments being compacted away. */
	if (!s)
		return 0;
	if (replay_one(t, s, rec, &e) < 0) {
		t->damaged++;
		log_warn("session=%u record kind %u n %u: %s", rec->session, rec->kind, rec->n,
			e.text);
	}
	return 0;
}

static int keep_secret(uint32_t number, uint32_t n, void *data)
{
	struct sessions *t = data;
	struct session *s = sessions_by_number(t, number);
	struct buf b;
	int r;

	if (!s || !session_pending(s, n))
		return 0;
	buf_init(&b, 2 << 20);
	r = secret_read(t->secret_fd, number, n, &b);
	if (r == 0)
		r = session_add_secret(s, n, b.data, b.len);
	if (b.data)
		explicit_bzero(b.data, b.len);
	buf_done(&b);
	return r == 0;
}

static void make_live(struct session *s, void *data)
{
	struct sessions *t = data;

	if (session_make_live(s) < 0)
		return;
	s->live->replayed = true;
	s->live->left_usec = t->ops.now_usec(t->data);
	/* Replayed groups are not held any more, so a page that lacks some is told everything. */
	outbox_done(&s->outbox);
	outbox_init(&s->outbox, s->last_seq);
}

int sessions_new(const char *dir, const struct sessions_ops *ops,
	const struct sessions_limits *limits, void *data, struct sessions **ret, struct err *e)
{
	CLEANUP(sessions_freep) struct sessions *t = calloc(1, sizeof(*t));
	char secret[4096];
	int r;

	if (!t)
		return -ENOMEM;
	*t = (struct sessions){
		.ops = *ops, .limits = *limits, .data = data, .secret_fd = -1, .next_number = 1};
	map_init(&t->by_number);
	map_init(&t->by_id);
	map_init(&t->space_counts);
	map_init(&t->visitor_counts);
	r = session_log_open(dir, on_record, t, &t->log, e);
	if (r < 0)
		return r;
	(void)snprintf(secret, sizeof(secret), "%s/secret", dir);
	t->secret_fd = secret_open(secret, e);
	if (t->secret_fd < 0)
		return t->secret_fd;
	secret_sweep(t->secret_fd, keep_secret, t);
	sessions_each(t, make_live, t);
	if (t->damaged + session_log_damaged(t->log) > 0)
		log_error("%llu records of the session log were damaged and passed over",
			(unsigned long long)(t->damaged + session_log_damaged(t->log)));
	*ret = TAKE_PTR(t);
	return 0;
}

static void free_one(struct session *s, void *data)
{
	(void)data;
	session_drop_live(s);
	(void)session_free(s);
}

struct sessions *sessions_free(struct sessions *t)
{
	if (!t)
		return NULL;
	if (t->log)
		sessions_flush_acks(t);
	sessions_each(t, free_one, NULL);
	map_done(&t->by_number);
	map_done(&t->by_id);
	map_done(&t->space_counts);
	map_done(&t->visitor_counts);
	sessions_compact_done(t);
	if (t->secret_fd >= 0)
		close(t->secret_fd);
	(void)session_log_free(t->log);
	free(t);
	return NULL;
}

/* --- beginning and ending --- */

int session_make_live(struct session *s)
{
	struct session_live *live = calloc(1, sizeof(*live));

	if (!live)
		return -ENOMEM;
	buf_init(&live->group.image, GROUP_BYTES_MAX);
	buf_init(&live->group.visible, GROUP_BYTES_MAX);
	s->live = live;
	return 0;
}

void session_drop_live(struct session *s)
{
	if (!s->live)
		return;
	buf_done(&s->live->group.image);
	buf_done(&s->live->group.visible);
	free(s->live);
	s->live = NULL;
}

int session_append(struct sessions *t, struct session *s, enum log_kind kind, uint32_t n,
	const void *value, size_t length)
{
	struct iovec part = {(void *)value, length};
	int r = session_log_append(t->log, s->number, kind, n, &part, 1);

	if (r < 0) {
		gateway_count(GATEWAY_LOG_FAILED, 1);
		log_error("session=%u cannot write the session log: %s", s->number, strerror(-r));
	}
	return r;
}

struct oldest {
	const char *space, *visitor; /* one of them is NULL */
	struct session *found;
};

static void consider(struct session *s, void *data)
{
	struct oldest *o = data;

	if (s->live->visit || (o->space && strcmp(s->space, o->space)) ||
		(o->visitor && strcmp(s->visitor, o->visitor)) ||
		(o->space && !session_is_untouched(s) && !session_is_program(s)))
		return;
	if (!o->found || s->live->left_usec < o->found->live->left_usec)
		o->found = s;
}

/* Room for one more: the longest abandoned session of the visitor gives way, of the Space only
 * one in which nothing ever happened, or a program's. */
static bool make_room(struct sessions *t, const char *space, const char *visitor)
{
	struct oldest o = {.space = space, .visitor = visitor};

	sessions_each(t, consider, &o);
	if (!o.found)
		return false;
	sessions_forget(t, o.found);
	return true;
}

static int check_room(struct sessions *t, const char *space, const char *visitor, struct err *e)
{
	if (count_of(&t->visitor_counts, visitor) >= t->limits.per_visitor &&
		!make_room(t, NULL, visitor))
		return err_set(e, -EUSERS, "you have %zu sessions open, which is the limit",
			t->limits.per_visitor);
	if (count_of(&t->space_counts, space) >= t->limits.per_space && !make_room(t, space, NULL))
		return err_set(e, -EUSERS, "this Space has %zu sessions, which is the limit",
			t->limits.per_space);
	return 0;
}

static int append_begin(struct sessions *t, struct session *s, struct err *e)
{
	struct buf b;
	int r;

	buf_init(&b, 64 << 10);
	r = session_write_begin(s, &b);
	if (r == 0)
		r = session_append(t, s, LOG_BEGIN, 0, b.data, b.len);
	buf_done(&b);
	return r < 0 ? err_set(e, r, "the session cannot be stored: %s", strerror(-r)) : 0;
}

static void fill(
	struct session *s, const char *space, const char *visitor, const char *user, int64_t now)
{
	random_id(s->id);
	(void)snprintf(s->space, sizeof(s->space), "%s", space);
	(void)snprintf(s->visitor, sizeof(s->visitor), "%s", visitor);
	(void)snprintf(s->user, sizeof(s->user), "%s", user ? user : "");
	s->begun_sec = now;
}

int sessions_begin(struct sessions *t, const char *space, const char *visitor, const char *user,
	const char *query, struct session **ret, struct err *e)
{
	CLEANUP(session_freep) struct session *s = NULL;
	int r = check_room(t, space, visitor, e);

	if (r < 0)
		return r;
	r = session_new(t->next_number, &s);
	if (r < 0)
		return err_set(e, r, "out of memory");
	fill(s, space, visitor, user, t->ops.wall_sec(t->data));
	s->query = query ? strdup(query) : NULL;
	if (map_put_u32(&t->by_number, s->number, s) < 0 || enter(t, s) < 0 ||
		session_make_live(s) < 0)
		r = err_set(e, -ENOMEM, "out of memory");
	if (r == 0)
		r = append_begin(t, s, e);
	if (r < 0) {
		leave(t, s);
		session_drop_live(s);
		return r;
	}
	t->next_number++;
	s->live->left_usec = t->ops.now_usec(t->data);
	*ret = TAKE_PTR(s);
	return 0;
}

static void drop_ack(struct sessions *t, struct session *s)
{
	for (struct session **at = &t->ack_list; *at; at = &(*at)->live->next_ack) {
		if (*at == s) {
			*at = s->live->next_ack;
			return;
		}
	}
}

void sessions_forget(struct sessions *t, struct session *s)
{
	if (s->live->replica) {
		struct frame f = {.type = APP_CLOSE, .channel = s->number};

		t->ops.send(s, &f, t->data);
	}
	(void)session_append(t, s, LOG_FORGET, 0, NULL, 0);
	for (const struct pending *p = s->pending; p; p = p->next)
		if (p->secret_length)
			secret_remove(t->secret_fd, s->number, p->n);
	t->ops.forgotten(s, t->data);
	drop_ack(t, s);
	leave(t, s);
	session_drop_live(s);
	(void)session_free(s);
}

/* --- housekeeping --- */

struct tick {
	struct sessions *t;
	uint64_t now;
};

static void request_again(struct sessions *t, struct session *s)
{
	if (s->live->replica)
		session_ask(t, s);
}

static void tick_one(struct session *s, void *data)
{
	struct tick *k = data;
	struct session_live *live = s->live;
	uint64_t idle = live->left_usec ? k->now - live->left_usec : 0;
	uint64_t keep =
		session_is_untouched(s) ? k->t->limits.untouched_sec : k->t->limits.keep_sec;

	if (session_is_program(s) && k->t->limits.program_sec)
		keep = k->t->limits.program_sec;
	presence_tell(k->t, s);
	if (live->resend)
		request_again(k->t, s);
	if (live->phase == SESSION_MOVING && k->now - live->moving_usec > MOVING_MAX_USEC) {
		session_refuse_move(k->t, s, "it took too long");
		k->t->ops.show_all(s, k->t->data);
		return;
	}
	if (idle > OUTBOX_IDLE_USEC)
		outbox_trim(&s->outbox, s->last_seq);
	if (idle / 1000000 > keep && session_count_pending(s, EVENT_SENT) == 0)
		sessions_forget(k->t, s);
}

void sessions_tick(struct sessions *t)
{
	struct tick k = {t, t->ops.now_usec(t->data)};

	sessions_each(t, tick_one, &k);
	sessions_compact_step(t);
}
