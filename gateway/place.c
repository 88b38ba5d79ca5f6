#include "gateway/place.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/metrics.h"
#include "gateway/replica.h"
#include "gateway/wake.h"

/* Handlers may run on with old settings: those of so many changes. Otherwise one Space could fill
 * every box of the node by changes alone. */
#define OUTDATED_MAX 2

bool replica_serves(const struct replica *r, const char *bundle)
{
	return r->phase == REPLICA_RUNNING && !r->draining && !strcmp(r->bundle, bundle);
}

static bool is_less_loaded(const struct replica *a, const struct replica *b)
{
	return a->runs.n < b->runs.n || (a->runs.n == b->runs.n && a->sessions < b->sessions);
}

struct replica *place_find(const struct space *s, const char *bundle)
{
	struct replica *best = NULL, *coming = NULL;

	for (struct replica *r = s->replicas; r; r = r->next) {
		if (replica_serves(r, bundle) && (!best || is_less_loaded(r, best)))
			best = r;
		else if (r->phase != REPLICA_RUNNING && !r->draining && !strcmp(r->bundle, bundle))
			coming = r;
	}
	return best ? best : coming;
}

/* When the others are gone, one that was to go stays. */
static struct replica *find_or_keep(struct space *s, const char *bundle)
{
	struct replica *r = place_find(s, bundle);

	for (struct replica *d = s->replicas; d && !r; d = d->next) {
		if (d->draining && !replica_is_outdated(d) && !strcmp(d->bundle, bundle)) {
			d->draining = false;
			r = d;
		}
	}
	return r;
}

/* Not before every live worker is known, or a second one would be started beside it. */
void place_start(struct space *s, const char *bundle)
{
	if (!s->route || s->route->stopped || !bundle[0] || find_or_keep(s, bundle))
		return;
	if (s->failure[0] && !strcmp(s->failed_bundle, bundle) && clock_mono_usec() < s->retry_usec)
		return;
	if (!wake_is_synced(s->gateway->wake))
		return;
	if (!replica_ask(s, bundle))
		return;
	s->failure[0] = '\0';
	space_tell_phase(s, bundle);
}

static const char *target_of(const struct space *s, const struct session *session)
{
	if (!s->route)
		return "";
	if (session->bundle[0] && !strcmp(session->live->stuck, s->route->bundle))
		return session->bundle;
	return s->route->bundle;
}

void place_on(struct replica *r, struct session *session)
{
	const struct session_host host = {.replica = r,
		.id = r->id,
		.bundle = r->bundle,
		.upgrade = r->upgrade,
		.handed_over = r->handed_over};
	struct replica *here = session->live->replica;

	/* Counted anew by each tick; until then this has to do. */
	r->sessions++;
	if (here && here->sessions > 0)
		here->sessions--;
	session_attach(r->space->gateway->sessions, session, &host);
}

/* A session whose new version does not start goes on with the old one, if that still runs. */
static struct replica *fallback(const struct space *s, const struct session *session)
{
	struct replica *r = session->bundle[0] ? place_find(s, session->bundle) : NULL;

	return r && r->phase == REPLICA_RUNNING ? r : NULL;
}

void space_place(struct space *s, struct session *session)
{
	const char *target = target_of(s, session);
	struct replica *here = session->live->replica;
	struct replica *r;

	if (!s->route || s->route->stopped || session->live->phase == SESSION_MOVING ||
		session->live->refused || (here && replica_serves(here, target)))
		return;
	r = find_or_keep(s, target);
	if (!r)
		place_start(s, target);
	if (here) {
		if (here != r && r && r->phase == REPLICA_RUNNING &&
			session_count_pending(session, EVENT_SENT) == 0)
			place_on(r, session);
		return;
	}
	/* The worker that has it may still be handed over. */
	if (session->replica_id[0] && !wake_is_synced(s->gateway->wake))
		return;
	if (r && r->phase == REPLICA_RUNNING)
		place_on(r, session);
	else if (!place_find(s, target) && fallback(s, session))
		place_on(fallback(s, session), session);
}

struct placing {
	struct space *space;
	struct replica *replica; /* that arrived; NULL: none */
};

bool place_wants_worker(const struct session *session)
{
	return session->live->visit || session_count_pending(session, EVENT_HELD) > 0;
}

/* Where nobody is looking it moves when somebody comes. */
static void move_off(struct space *s, struct session *session)
{
	if (session_count_pending(session, EVENT_SENT) > 0)
		return;
	if (place_wants_worker(session))
		space_place(s, session);
	else
		session_detach(s->gateway->sessions, session, true, NULL);
}

static void place_one(struct session *session, void *data)
{
	struct placing *p = data;
	struct replica *here = session->live->replica;

	if (strcmp(session->space, p->space->id))
		return;
	if (p->replica)
		session->live->refused = false; /* another worker, another try */
	if (place_wants_worker(session))
		space_place(p->space, session);
	else if (p->replica && here && strcmp(here->bundle, p->replica->bundle) != 0)
		move_off(p->space, session);
}

void space_place_all(struct space *s, struct replica *arrived)
{
	struct placing p = {s, arrived};

	sessions_each(s->gateway->sessions, place_one, &p);
	queue_go_on(s);
}

void place_settled(struct replica *r, struct session *session)
{
	struct space *s = r->space;

	if (r->draining)
		move_off(s, session);
	else if (s->route && strcmp(s->route->bundle, session->bundle) != 0)
		space_place(s, session);
}

/* --- how many --- */

static struct scale_view view_of(const struct space *s, uint64_t now)
{
	uint64_t allowed = s->gateway->space_limits.of[LIMIT_REPLICAS];
	uint64_t wanted = s->route->replicas;
	struct scale_view v = {.max = wanted && wanted < allowed ? wanted : allowed,
		.delay_usec = queue_delay_usec(s, now)};

	for (const struct replica *r = s->replicas; r; r = r->next) {
		if (strcmp(r->bundle, s->route->bundle) != 0)
			continue;
		v.coming += r->phase != REPLICA_RUNNING;
		v.serving += replica_serves(r, r->bundle);
		v.busy += replica_serves(r, r->bundle) && r->runs.n > 0;
	}
	return v;
}

static void add_one(struct space *s, const struct scale_view *v)
{
	char line[160];

	if (s->route->stopped || !wake_is_synced(s->gateway->wake) ||
		!replica_ask(s, s->route->bundle))
		return;
	(void)snprintf(line, sizeof(line),
		"visitors waited %llu ms for a turn: worker %zu of at most %zu is started",
		(unsigned long long)(v->delay_usec / USEC_PER_MSEC), v->serving + 1, v->max);
	log_info("space=%s %s", s->id, line);
	gateway_count(GATEWAY_WORKERS_ADDED, 1);
	wake_note(s->gateway->wake, place_find(s, s->route->bundle)->id, line);
}

struct draining {
	struct replica *replica;
};

static void drain_one(struct session *session, void *data)
{
	struct replica *r = ((struct draining *)data)->replica;

	if (session->live->replica == r)
		move_off(r->space, session);
}

static void drain(struct replica *r)
{
	struct draining c = {r};

	r->draining = true;
	sessions_each(r->space->gateway->sessions, drain_one, &c);
}

struct counting {
	const struct replica *replica;
	size_t n;
};

static void count_here(struct session *session, void *data)
{
	struct counting *c = data;

	c->n += session->live->replica == c->replica;
}

/* Now, and not as of the last tick. */
static bool is_empty(const struct replica *r)
{
	struct counting c = {r, 0};

	sessions_each(r->space->gateway->sessions, count_here, &c);
	return c.n == 0;
}

/* One that is asked for may yet come with the new settings (begin_loading in replica.c). */
static bool is_to_go(const struct replica *r)
{
	return r->id[0] && replica_is_outdated(r);
}

static bool is_first_of_its_settings(const struct replica *r)
{
	const struct replica *o = r->space->replicas;

	while (o != r && (!o->id[0] || o->settings != r->settings))
		o = o->next;
	return o == r;
}

/* One of those with the oldest settings, when there are workers of too many changes; or NULL. */
static struct replica *one_too_old(const struct space *s)
{
	struct replica *oldest = NULL;
	size_t n = 0;

	for (struct replica *r = s->replicas; r; r = r->next) {
		if (!is_to_go(r))
			continue;
		n += is_first_of_its_settings(r);
		if (!oldest || r->settings < oldest->settings)
			oldest = r;
	}
	return n > OUTDATED_MAX ? oldest : NULL;
}

static void end_empty(struct space *s)
{
	struct replica *next;

	for (struct replica *r = s->replicas; r; r = next) {
		next = r->next;
		if (is_to_go(r) && is_empty(r))
			replica_end(r, "its settings are old");
	}
}

void place_drain_outdated(struct space *s)
{
	end_empty(s); /* before the next one is asked for */
	for (struct replica *r = s->replicas; r; r = r->next) {
		if (!is_to_go(r) || r->draining)
			continue;
		log_info("space=%s replica=%s has old settings and is drained", s->id, r->id);
		drain(r);
	}
	end_empty(s);
	for (struct replica *r; (r = one_too_old(s));)
		replica_end(r, "this Space's settings have changed several times since");
}

/* The one with the fewest sessions goes; each of them leaves it when none of its events runs. */
static void remove_one(struct space *s)
{
	struct replica *least = NULL;

	for (struct replica *r = s->replicas; r; r = r->next)
		if (replica_serves(r, s->route->bundle) &&
			(!least || r->sessions < least->sessions))
			least = r;
	if (!least)
		return;
	log_info("space=%s replica=%s is not needed any more and is drained", s->id, least->id);
	gateway_count(GATEWAY_WORKERS_DRAINED, 1);
	drain(least);
}

void place_scale(struct space *s, uint64_t now_usec)
{
	const struct scale_settings set = {.up_usec = SCALE_UP_USEC,
		.calm_usec = s->gateway->space_limits.of[LIMIT_CALM] * USEC_PER_SEC};
	struct scale_view v;

	if (!s->route || !s->replicas)
		return;
	v = view_of(s, now_usec);
	switch (scale_look(&s->scale, &set, &v, now_usec)) {
	case SCALE_UP:
		add_one(s, &v);
		break;
	case SCALE_DOWN:
		remove_one(s);
		break;
	case SCALE_STAY:
		break;
	}
}
