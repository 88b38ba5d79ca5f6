#include "gateway/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/place.h"
#include "gateway/replica.h"
#include "gateway/visit.h"
#include "proto/messages.h"

#define TELL_USEC (500 * USEC_PER_MSEC)  /* at least, between two words to one visitor */
#define QUIET_USEC (100 * USEC_PER_MSEC) /* who waits no longer is told nothing */
#define LANES_MAX 32                     /* that get an expected start */

struct ticket {
	struct ticket *next, **at;
	uint32_t session, n, node;
	struct lane_id lane;
	bool call, program; /* of a call; of a program's session */
	bool own_lane;      /* its handler declares a concurrency */
	uint32_t concurrency;
	uint64_t since_usec;
	/* what its visitor was told last */
	const void *told_visit;
	size_t told_place, told_of;
	uint64_t told_expected_usec; /* as a moment, monotonic; 0: none */
	uint64_t told_usec;
};

void queue_init(struct row *q)
{
	*q = (struct row){.tail = &q->head};
}

void queue_done(struct row *q)
{
	while (q->head) {
		struct ticket *t = q->head;

		q->head = t->next;
		free(t);
	}
	queue_init(q);
}

void runs_done(struct runs *r)
{
	free(r->list);
	*r = (struct runs){0};
}

/* --- what runs --- */

static struct lane_id lane_id(const struct gesture *h, uint32_t node, uint8_t kind)
{
	return h && h->group ? (struct lane_id){h->group, 0} : (struct lane_id){node, kind};
}

static struct run *find_run(const struct runs *r, uint32_t session, uint32_t n)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->list[i].session == session && r->list[i].n == n)
			return &r->list[i];
	return NULL;
}

static void add_run(struct replica *r, struct run run)
{
	struct runs *runs = &r->runs;

	if (find_run(runs, run.session, run.n))
		return;
	if (runs->n == runs->cap) {
		size_t cap = runs->cap ? runs->cap * 2 : TASKS_MAX;
		struct run *grown = reallocarray(runs->list, cap, sizeof(*grown));

		if (!grown)
			return; /* it runs uncounted */
		runs->list = grown;
		runs->cap = cap;
	}
	runs->list[runs->n++] = run;
}

/* In order: the worker starts it when the session's earlier ones are done. */
static bool stands_behind(const struct replica *r, const struct session *s, uint32_t n)
{
	for (const struct pending *p = s->pending; p; p = p->next) {
		const struct gesture *h;

		if (p->state != EVENT_SENT || p->n == n || p->call)
			continue;
		h = r->page ? page_gesture(r->page, p->node, p->kind) : NULL;
		if (!h || !h->parallel)
			return true;
	}
	return false;
}

/* A session's event is done: the one that stood behind it runs now. */
static void promote(struct replica *r, struct session *s, uint64_t now)
{
	for (const struct pending *p = s->pending; p; p = p->next) {
		const struct gesture *h = r->page ? page_gesture(r->page, p->node, p->kind) : NULL;
		struct run *run;

		if (p->state != EVENT_SENT || p->call)
			continue;
		run = find_run(&r->runs, s->number, p->n);
		if (run && !run->parallel)
			return;
		if (run)
			continue;
		add_run(r, (struct run){.session = s->number,
				   .n = p->n,
				   .lane = lane_id(h, p->node, p->kind),
				   .since_usec = now});
		return;
	}
}

static bool same_lane(struct lane_id a, struct lane_id b)
{
	return a.node == b.node && a.kind == b.kind;
}

static bool has_room(const struct replica *r, struct lane_id lane, uint32_t concurrency)
{
	uint32_t here = 0;

	if (r->runs.n >= TASKS_MAX)
		return false;
	for (size_t i = 0; i < r->runs.n && concurrency; i++)
		here += same_lane(r->runs.list[i].lane, lane);
	return !concurrency || here < concurrency;
}

/* A worker that lost sessions without a word about their events. */
static void drop_stale_runs(struct replica *r)
{
	struct sessions *t = r->space->gateway->sessions;

	for (size_t i = 0; i < r->runs.n;) {
		const struct run *run = &r->runs.list[i];
		const struct session *s = sessions_by_number(t, run->session);
		const struct pending *p = s ? session_pending(s, run->n) : NULL;

		if (p && s->live->replica == r &&
			(p->state == EVENT_SENT || s->live->phase == SESSION_REOPENING))
			i++;
		else
			r->runs.list[i] = r->runs.list[--r->runs.n];
	}
}

/* --- who waits --- */

static struct ticket *ticket_of(const struct session *s)
{
	return s->live->ticket;
}

static void unhook(struct session *session, const struct ticket *t)
{
	struct pending *p = t->call ? session_pending(session, t->n) : NULL;

	if (p)
		p->ticket = NULL;
	else if (!t->call)
		session->live->ticket = NULL;
}

static void ticket_free(struct space *s, struct ticket *t)
{
	struct row *q = &s->queue;
	struct session *session = sessions_by_number(s->gateway->sessions, t->session);

	if (session)
		unhook(session, t);
	/* Whoever is a program is told when the row moves. */
	if (q->programs > 0)
		spaces_look_now(s->spaces);
	q->programs -= t->program;
	*t->at = t->next;
	if (t->next)
		t->next->at = t->at;
	else
		q->tail = t->at;
	q->n--;
	free(t);
}

/* The visitor, if there is one, hears that the wait is over. */
static void drop_ticket(struct space *s, struct ticket *t)
{
	struct session *session = sessions_by_number(s->gateway->sessions, t->session);

	if (t->told_place && session && session->live->visit == t->told_visit && t->told_visit)
		visit_show_queue(session->live->visit, t->n, t->node, 0, 0, 0);
	ticket_free(s, t);
}

static void add_ticket(
	struct space *s, const struct session *session, struct pending *p, const struct gesture *h)
{
	struct ticket *t;

	if (p->call ? p->ticket : ticket_of(session))
		return;
	t = calloc(1, sizeof(*t));
	if (!t)
		return; /* its turn comes with the session's next event */
	*t = (struct ticket){.at = s->queue.tail,
		.session = session->number,
		.n = p->n,
		.node = p->node,
		.lane = lane_id(h, p->node, p->kind),
		.call = p->call,
		.program = session_is_program(session),
		.own_lane = h && h->concurrency,
		.concurrency = h ? h->concurrency : 0,
		.since_usec = clock_mono_usec()};
	if (p->call)
		p->ticket = t;
	else
		session->live->ticket = t;
	*s->queue.tail = t;
	s->queue.tail = &t->next;
	s->queue.n++;
	s->queue.programs += t->program;
	if (t->program)
		spaces_look_now(s->spaces);
	else
		spaces_look_soon(s->spaces);
}

bool queue_may_send(struct space *s, struct session *session, struct pending *p, bool behind)
{
	const struct replica *r = session->live->replica;
	const struct gesture *h;
	bool parallel;

	if (!r || !r->page)
		return !behind;
	h = page_gesture(r->page, p->node, p->kind);
	parallel = p->call || (h && h->parallel);
	if (behind && !parallel)
		return false;
	/* What stops others must not wait for them. */
	if (p->cancelled || (h && h->cancels))
		return true;
	if (!parallel && stands_behind(r, session, p->n))
		return !(h && h->concurrency);
	if (find_run(&r->runs, session->number, p->n) || /* its place was kept */
		has_room(r, lane_id(h, p->node, p->kind), h ? h->concurrency : 0))
		return true;
	add_ticket(s, session, p, h);
	return false;
}

void queue_sent(struct space *s, struct session *session, const struct frame *event)
{
	struct replica *r = session->live->replica;
	const struct gesture *h = r->page ? page_gesture(r->page, event->node, event->op) : NULL;
	struct pending *p = event->type == APP_CALL ? session_pending(session, event->seq) : NULL;
	struct ticket *t = p ? p->ticket : ticket_of(session);
	bool parallel = p || (h && h->parallel);
	struct run *kept;

	if (t && t->n == event->seq)
		drop_ticket(s, t);
	kept = find_run(&r->runs, session->number, event->seq);
	if (kept)
		*kept = r->runs.list[--r->runs.n];
	if (parallel || !stands_behind(r, session, event->seq))
		add_run(r, (struct run){.session = session->number,
				   .n = event->seq,
				   .lane = lane_id(h, event->node, event->op),
				   .parallel = parallel,
				   .since_usec = clock_mono_usec()});
}

void queue_finished(struct replica *r, struct session *session, uint32_t n)
{
	struct run *run = find_run(&r->runs, session->number, n);
	struct space *s = r->space;
	uint64_t now = clock_mono_usec();

	if (run) {
		pace_note(&s->queue.pace, run->lane.node, run->lane.kind, now - run->since_usec);
		pace_note(&s->queue.pace, 0, 0, now - run->since_usec);
		*run = r->runs.list[--r->runs.n];
	}
	if (session->live->replica == r)
		promote(r, session, now);
	queue_go_on(s);
	if (session->pending)
		session_go_on(s->gateway->sessions, session);
}

/* --- whose turn it is --- */

static struct replica *with_room(const struct space *s, const char *bundle, const struct ticket *t)
{
	struct replica *best = NULL;

	for (struct replica *r = s->replicas; r; r = r->next)
		if (replica_serves(r, bundle) && has_room(r, t->lane, t->concurrency) &&
			(!best || r->runs.n < best->runs.n))
			best = r;
	return best;
}

/* Sends it if a worker has room: its own, or another one while nothing of the session runs. */
static void try_turn(struct space *s, struct ticket *t, struct session *session)
{
	struct replica *here = session->live->replica;
	struct replica *other;
	struct run run;

	if (session->live->phase != SESSION_OPEN || !here)
		return;
	if (replica_serves(here, here->bundle) && has_room(here, t->lane, t->concurrency)) {
		session_go_on(s->gateway->sessions, session);
		return;
	}
	if (session_count_pending(session, EVENT_SENT) > 0)
		return;
	other = with_room(s, here->bundle, t);
	if (!other)
		return;
	/* A worker that had the session before is asked first whether it still has; meanwhile the
	 * place is taken, or the next in the row would be sent after the same one. */
	run = (struct run){
		.session = t->session, .n = t->n, .lane = t->lane, .since_usec = clock_mono_usec()};
	place_on(other, session);
	if (session->live->phase == SESSION_REOPENING)
		add_run(other, run);
}

/* The session whose first waiting event the ticket is for; NULL: it waits no longer. */
static struct session *holder(const struct space *s, const struct ticket *t)
{
	struct session *session = sessions_by_number(s->gateway->sessions, t->session);
	const struct pending *p = session ? session_pending(session, t->n) : NULL;

	return p && p->state == EVENT_HELD ? session : NULL;
}

/* Some worker runs fewer handlers than it may. */
static bool has_free_worker(const struct space *s)
{
	for (const struct replica *r = s->replicas; r; r = r->next)
		if (replica_serves(r, r->bundle) && r->runs.n < TASKS_MAX)
			return true;
	return false;
}

/* Handlers that run as often as they may on every worker, as one walk along the row found. */
struct full {
	struct lane_id list[LANES_MAX];
	size_t n;
};

static bool is_full(struct full *f, const struct space *s, const struct ticket *t)
{
	if (!t->own_lane)
		return false;
	for (size_t i = 0; i < f->n; i++)
		if (same_lane(f->list[i], t->lane))
			return true;
	for (const struct replica *r = s->replicas; r; r = r->next)
		if (replica_serves(r, r->bundle) && has_room(r, t->lane, t->concurrency))
			return false;
	if (f->n < LANES_MAX)
		f->list[f->n++] = t->lane;
	return true;
}

void queue_go_on(struct space *s)
{
	struct ticket **at = &s->queue.head;
	struct full full = {.n = 0};

	/* Most often one handler has ended and the first in the row takes its place. */
	while (*at && has_free_worker(s)) {
		struct ticket *t = *at;
		size_t before = s->queue.n;
		struct session *session = is_full(&full, s, t) ? NULL : holder(s, t);

		if (session)
			try_turn(s, t, session);
		/* Most often it has gone alone; a session's calls may have gone together. */
		if (s->queue.n + 1 < before)
			at = &s->queue.head;
		else if (*at == t)
			at = &t->next;
	}
}

void queue_forget(struct space *s, const struct session *session)
{
	if (ticket_of(session))
		ticket_free(s, ticket_of(session));
	for (struct pending *p = session->pending; p; p = p->next)
		if (p->ticket)
			ticket_free(s, p->ticket);
}

static void drop_stale_tickets(struct space *s)
{
	struct ticket *next;

	for (struct ticket *t = s->queue.head; t; t = next) {
		next = t->next;
		if (!holder(s, t))
			drop_ticket(s, t);
	}
}

/* --- telling --- */

/* Who waits for the same thing: a handler with a limit of its own, or any place at all. */
struct lane {
	struct lane_id id;
	size_t of, place;
	uint64_t mean_usec;
	struct pace_line line;
};

struct lanes {
	struct lane list[LANES_MAX];
	size_t n;
};

static void line_up(const struct space *s, struct lane *l, uint32_t concurrency, uint64_t now)
{
	size_t doors = 0;

	l->mean_usec = pace_mean(&s->queue.pace, l->id.node, l->id.kind);
	if (!l->mean_usec)
		return;
	for (const struct replica *r = s->replicas; r; r = r->next)
		doors += replica_serves(r, r->bundle) ? (concurrency ? concurrency : TASKS_MAX) : 0;
	pace_line_init(&l->line, doors, l->mean_usec);
	for (const struct replica *r = s->replicas; r; r = r->next)
		for (size_t i = 0; i < r->runs.n; i++)
			if (!concurrency || same_lane(r->runs.list[i].lane, l->id))
				pace_line_running(&l->line, now - r->runs.list[i].since_usec);
}

/* NULL: too many; who waits there is told nothing. */
static struct lane *lane_of(
	const struct space *s, struct lanes *lanes, const struct ticket *t, uint64_t now)
{
	struct lane_id id = t->own_lane ? t->lane : (struct lane_id){0};
	struct lane *l;

	for (size_t i = 0; i < lanes->n; i++)
		if (same_lane(lanes->list[i].id, id))
			return &lanes->list[i];
	if (lanes->n == LANES_MAX)
		return NULL;
	l = &lanes->list[lanes->n++];
	*l = (struct lane){.id = id};
	line_up(s, l, t->concurrency, now);
	return l;
}

/* Small changes of what is expected are no news: the page counts down by itself. */
static bool is_news(
	const struct ticket *t, const struct lane *l, uint64_t expected, const void *visit)
{
	uint64_t off = expected > t->told_expected_usec ? expected - t->told_expected_usec
							: t->told_expected_usec - expected;

	return t->told_visit != visit || t->told_place != l->place || t->told_of != l->of ||
	       off > USEC_PER_SEC + l->mean_usec / 4;
}

static void tell(const struct space *s, struct ticket *t, struct lane *l, uint64_t now)
{
	struct session *session = holder(s, t);
	uint64_t start = l->mean_usec ? pace_line_next(&l->line) : 0;
	uint64_t expected = l->mean_usec ? now + start : 0;
	struct visit *visit = session ? session->live->visit : NULL;

	l->place++;
	if (!visit || !is_news(t, l, expected, visit))
		return;
	/* People need not read what will have changed before they have. */
	if (!t->program && (now - t->since_usec < QUIET_USEC ||
				   (t->told_visit == visit && now - t->told_usec < TELL_USEC)))
		return;
	visit_show_queue(visit, t->n, t->node, l->place, l->of,
		l->mean_usec ? start / USEC_PER_MSEC + 1 : 0);
	t->told_visit = visit;
	t->told_place = l->place;
	t->told_of = l->of;
	t->told_expected_usec = expected;
	t->told_usec = now;
}

void queue_look(struct space *s, uint64_t now_usec)
{
	struct lanes lanes = {.n = 0};
	struct lane *l;

	for (struct replica *r = s->replicas; r; r = r->next)
		drop_stale_runs(r);
	drop_stale_tickets(s);
	queue_go_on(s);
	for (struct ticket *t = s->queue.head; t; t = t->next)
		if ((l = lane_of(s, &lanes, t, now_usec)))
			l->of++;
	for (struct ticket *t = s->queue.head; t; t = t->next)
		if ((l = lane_of(s, &lanes, t, now_usec)))
			tell(s, t, l, now_usec);
}

uint64_t queue_delay_usec(const struct space *s, uint64_t now_usec)
{
	for (const struct ticket *t = s->queue.head; t; t = t->next) {
		const struct session *session = holder(s, t);

		/* One whose session has something running could not go elsewhere. */
		if (session && session_count_pending(session, EVENT_SENT) == 0)
			return now_usec - t->since_usec;
	}
	return 0;
}
