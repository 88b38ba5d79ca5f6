#include "gateway/space.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/edge.h"
#include "gateway/files.h"
#include "gateway/map.h"
#include "gateway/metrics.h"
#include "gateway/partial.h"
#include "gateway/place.h"
#include "gateway/replica.h"
#include "gateway/visit.h"
#include "gateway/wake.h"

#define OLD_WORKER_USEC                                                                            \
	(2 * USEC_PER_SEC) /* one without sessions that is old or drained is kept                  \
			    */

struct spaces {
	struct gateway *gateway;
	struct map by_id;     /* owns them */
	struct source *timer; /* owned; the tick */
	struct source *acks;  /* owned; coalesced ACKs */
	struct source *looks; /* owned; at those where somebody waits */
	bool acks_armed, looks_armed;
};

#define TICK_USEC USEC_PER_SEC
#define ACK_DELAY_USEC (10 * USEC_PER_MSEC)
#define LOOK_USEC (250 * USEC_PER_MSEC)

static void on_tick(void *data)
{
	struct spaces *s = data;

	timer_arm_after(s->timer, TICK_USEC);
	spaces_tick(s);
}

static void on_acks(void *data)
{
	struct spaces *s = data;

	s->acks_armed = false;
	sessions_flush_acks(s->gateway->sessions);
}

static void look_one(void *value, void *data)
{
	struct space *s = value;
	struct spaces *all = s->spaces;
	uint64_t now = *(uint64_t *)data;

	if (s->queue.n == 0)
		return;
	queue_look(s, now);
	place_scale(s, now);
	if (s->queue.n > 0)
		spaces_look_soon(all);
}

static void on_look(void *data)
{
	struct spaces *s = data;
	uint64_t now = clock_mono_usec();

	s->looks_armed = false;
	map_each(&s->by_id, look_one, &now);
}

int spaces_new(struct gateway *g, struct spaces **ret)
{
	CLEANUP(spaces_freep) struct spaces *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->gateway = g;
	map_init(&s->by_id);
	r = loop_add_timer(g->loop, on_tick, s, &s->timer);
	if (r == 0)
		r = loop_add_timer(g->loop, on_acks, s, &s->acks);
	if (r == 0)
		r = loop_add_timer(g->loop, on_look, s, &s->looks);
	if (r < 0)
		return r;
	timer_arm_after(s->timer, TICK_USEC);
	*ret = TAKE_PTR(s);
	return 0;
}

static void space_free(struct space *s)
{
	while (s->replicas)
		replica_free(s->replicas);
	queue_done(&s->queue);
	free(s);
}

static void free_one(void *value, void *data)
{
	(void)data;
	space_free(value);
}

struct spaces *spaces_free(struct spaces *s)
{
	if (!s)
		return NULL;
	map_each(&s->by_id, free_one, NULL);
	map_done(&s->by_id);
	(void)source_free(s->timer);
	(void)source_free(s->acks);
	(void)source_free(s->looks);
	free(s);
	return NULL;
}

void spaces_each(struct spaces *s, void (*fn)(void *space, void *data), void *data)
{
	map_each(&s->by_id, fn, data);
}

void spaces_acks_soon(struct spaces *s)
{
	if (s->acks_armed)
		return;
	s->acks_armed = true;
	timer_arm_after(s->acks, ACK_DELAY_USEC);
}

void spaces_look_soon(struct spaces *s)
{
	if (s->looks_armed)
		return;
	s->looks_armed = true;
	timer_arm_after(s->looks, LOOK_USEC);
}

void spaces_look_now(struct spaces *s)
{
	s->looks_armed = true;
	timer_arm_after(s->looks, 0);
}

struct space *space_by_id(struct spaces *s, const char *id)
{
	return map_get_str(&s->by_id, id);
}

struct space *space_of(struct spaces *s, struct route *route)
{
	struct space *space = space_by_id(s, route->space);

	if (space)
		return space;
	space = calloc(1, sizeof(*space));
	if (!space)
		return NULL;
	*space = (struct space){.spaces = s, .gateway = s->gateway, .route = route};
	memcpy(space->id, route->space, sizeof(space->id));
	space->used_usec = clock_mono_usec();
	queue_init(&space->queue);
	memcpy(space->told_phase, "asleep", 7);
	if (map_put_str(&s->by_id, space->id, space) < 0) {
		free(space);
		return NULL;
	}
	return space;
}

/* --- what is there --- */

struct page *space_page(const struct space *s, const char *bundle)
{
	for (const struct replica *r = s->replicas; r; r = r->next)
		if (r->page && !strcmp(r->bundle, bundle))
			return r->page;
	if (s->route && s->route->page && !strcmp(page_bundle(s->route->page), bundle))
		return s->route->page;
	return NULL;
}

const char *space_phase(const struct space *s, const char *bundle)
{
	const struct replica *r = place_find(s, bundle);

	if (!s->route || s->route->stopped)
		return "stopped";
	if (r && r->phase == REPLICA_RUNNING)
		return "running";
	if (r)
		return s->restarting ? "restarting" : "waking";
	if (s->failure[0] && !strcmp(s->failed_bundle, bundle))
		return "failed";
	return "asleep";
}

const char *space_failure(const struct space *s, bool owner)
{
	if (!s->failure[0])
		return NULL;
	return owner && s->failure_detail[0] ? s->failure_detail : s->failure;
}

void space_tell_phase(struct space *s, const char *bundle)
{
	const char *phase = space_phase(s, bundle);

	for (struct visit *v = s->visits; v; v = v->next) {
		if (v->session && v->session->bundle[0] && strcmp(v->session->bundle, bundle) &&
			v->session->live->phase == SESSION_OPEN)
			continue; /* it runs on another version and need not know */
		visit_show_phase(
			v, phase, !strcmp(phase, "failed") ? space_failure(s, v->owner) : NULL);
	}
}

void space_expect(struct space *s)
{
	if (s->route)
		place_start(s, s->route->bundle);
}

void space_fail_bundle(struct space *s, const char *bundle, const char *message, const char *detail,
	uint64_t retry_usec)
{
	gateway_count(GATEWAY_WAKES_FAILED, 1);
	(void)snprintf(s->failed_bundle, sizeof(s->failed_bundle), "%s", bundle);
	(void)snprintf(s->failure, sizeof(s->failure), "%s", message);
	(void)snprintf(s->failure_detail, sizeof(s->failure_detail), "%s", detail ? detail : "");
	s->retry_usec = clock_mono_usec() + retry_usec;
	s->restarting = false;
	s->crashing = false;
	space_tell_phase(s, bundle);
	space_place_all(s, NULL); /* whoever can goes on with the old version */
}

static void end_all(struct space *s)
{
	struct replica *next;

	for (struct replica *r = s->replicas; r; r = next) {
		next = r->next;
		if (r->id[0])
			replica_put_to_sleep(r);
		else
			replica_free(r);
	}
}

/* --- the agent's link --- */

static void wake_again(void *value, void *data)
{
	struct space *s = value;
	struct replica *next;

	(void)data;
	/* Requests of before the link broke will not be answered. */
	for (struct replica *r = s->replicas; r; r = next) {
		next = r->next;
		if (r->phase == REPLICA_WAKING)
			replica_free(r);
	}
	if (s->n_visits > 0 || s->wanted)
		space_expect(s);
	s->wanted = false;
	space_place_all(s, NULL);
}

static void settle_orphan(struct session *session, void *data)
{
	struct spaces *s = data;

	if (session->replica_id[0] && !session->live->replica)
		session_detach(s->gateway->sessions, session, false, "its worker was restarted");
}

/* Sessions with events that wait may belong to Spaces nobody has asked for since the start. */
static void open_space(struct session *session, void *data)
{
	struct spaces *s = data;
	struct route *route;

	if (session_count_pending(session, EVENT_HELD) == 0)
		return;
	route = route_by_space(s->gateway->routes, session->space);
	if (route)
		(void)space_of(s, route);
}

void spaces_synced(struct spaces *s)
{
	sessions_each(s->gateway->sessions, settle_orphan, s);
	sessions_each(s->gateway->sessions, open_space, s);
	map_each(&s->by_id, wake_again, NULL);
}

/* --- routes --- */

/* It has become private: to them it does not exist any more. */
static void end_strangers(struct space *space)
{
	struct visit *next;

	for (struct visit *v = space->visits; v; v = next) {
		next = v->next;
		if (!v->owner)
			visit_end(v, false, "There is no such Space.");
	}
}

void space_route_changed(struct spaces *s, struct route *route)
{
	struct space *space = space_by_id(s, route->space);
	bool awake;

	if (!space)
		return;
	space->route = route;
	awake = space->replicas != NULL;
	if (route->private)
		end_strangers(space);
	if (route->stopped) {
		end_all(space);
		space_tell_phase(space, route->bundle);
		return;
	}
	space->retry_usec = 0; /* its owner has done something: another try */
	place_drain_outdated(space);
	if (awake || space->n_visits > 0)
		place_start(space, route->bundle);
	for (struct visit *v = space->visits; v; v = v->next)
		visit_page_known(v);
	space_place_all(space, NULL);
}

void space_restarted(struct spaces *s, struct route *route)
{
	struct space *space =
		route_is_static(route) || route_is_card(route) ? NULL : space_of(s, route);

	if (!space)
		return;
	space->used_usec = clock_mono_usec(); /* it sleeps after its time, not at once */
	space->told_phase[0] = '\0';          /* whoever asked hears what has become of it */
	space->wanted = !wake_is_synced(s->gateway->wake);
	space_expect(space);
}

struct forgetting {
	struct sessions *sessions;
	const char *space;
};

static void forget_one(struct session *session, void *data)
{
	struct forgetting *c = data;

	if (!strcmp(session->space, c->space))
		sessions_forget(c->sessions, session);
}

void space_route_gone(struct spaces *s, struct route *route)
{
	struct space *space = space_by_id(s, route->space);
	struct forgetting c = {s->gateway->sessions, route->space};

	if (space) {
		end_all(space);
		while (space->visits)
			visit_end(space->visits, false, "This Space is no more.");
	}
	sessions_each(s->gateway->sessions, forget_one, &c);
	partials_drop_space(s->gateway->partials, route->space);
	files_drop_space(s->gateway->files, route->space);
	if (space)
		space->route = NULL; /* visits that have not joined yet may still name it */
}

/* --- visits --- */

void space_add_visit(struct space *s, struct visit *v)
{
	v->next = s->visits;
	v->at = &s->visits;
	if (v->next)
		v->next->at = &v->next;
	s->visits = v;
	s->n_visits++;
	s->used_usec = clock_mono_usec();
}

void space_drop_visit(struct space *s, struct visit *v)
{
	if (!v->at)
		return;
	*v->at = v->next;
	if (v->next)
		v->next->at = v->at;
	v->at = NULL;
	s->n_visits--;
	s->used_usec = clock_mono_usec();
}

/* --- once a second --- */

static void clear_counts(void *value, void *data)
{
	(void)data;
	((struct space *)value)->held = 0;
	for (struct replica *r = ((struct space *)value)->replicas; r; r = r->next)
		r->sessions = r->running = r->present = r->gathered = 0;
}

static void count_one(struct session *session, void *data)
{
	struct replica *r = session->live->replica;
	struct space *space = r ? r->space : space_by_id(data, session->space);

	if (space)
		space->held += session_memory(session);
	if (!r) {
		/* Its version could not be started, maybe an older one: another try. */
		if (space && place_wants_worker(session))
			space_place(space, session);
		return;
	}
	r->sessions++;
	r->present += session->live->told_presence == PRESENCE_HERE;
	r->running += session_count_pending(session, EVENT_SENT) > 0;
	r->gathered += session->live->group.image.len + session->live->group.visible.len;
}

static void report(struct space *s, bool anyway)
{
	const char *phase = s->route ? space_phase(s, s->route->bundle) : "asleep";

	if (!strcmp(phase, "restarting"))
		phase = "waking";
	else if (!strcmp(phase, "stopped"))
		phase = "asleep";
	else if (!strcmp(phase, "failed") && s->crashing)
		phase = "crashing";
	if (!anyway && !strcmp(phase, s->told_phase) && s->n_visits == s->told_visits &&
		s->begun == s->told_begun)
		return;
	(void)snprintf(s->told_phase, sizeof(s->told_phase), "%s", phase);
	s->told_visits = s->n_visits;
	s->told_begun = s->begun;
	edge_activity(s->gateway->edge, s->id, phase, s->n_visits, s->begun);
}

static void report_one(void *value, void *data)
{
	(void)data;
	report(value, true);
}

void spaces_report_all(struct spaces *s)
{
	map_each(&s->by_id, report_one, NULL);
}

static bool is_idle(const struct space *s, uint64_t now)
{
	for (const struct replica *r = s->replicas; r; r = r->next)
		if (r->running > 0 || r->phase != REPLICA_RUNNING)
			return false;
	return s->n_visits == 0 && s->route && s->route->sleep_sec > 0 &&
	       now - s->used_usec > (uint64_t)s->route->sleep_sec * USEC_PER_SEC;
}

static void end_old_workers(struct space *s, uint64_t now)
{
	struct replica *next;

	for (struct replica *r = s->replicas; r; r = next) {
		next = r->next;
		if (!s->route || r->sessions > 0 || r->phase != REPLICA_RUNNING ||
			(!r->draining && !strcmp(r->bundle, s->route->bundle))) {
			r->unused_usec = 0;
			continue;
		}
		if (!r->unused_usec)
			r->unused_usec = now;
		else if (now - r->unused_usec > OLD_WORKER_USEC)
			replica_put_to_sleep(r);
	}
}

static void bound_sessions(struct space *s)
{
	size_t n = sessions_bound(s->gateway->sessions, s->id);

	log_warn("space=%s its sessions held %zu MiB: %zu were forgotten", s->id, s->held >> 20, n);
	if (s->replicas && s->replicas->id[0])
		wake_note(s->gateway->wake, s->replicas->id,
			"the sessions of this Space held too much; the oldest were ended");
}

static void tick_one(void *value, void *data)
{
	struct space *s = value;
	uint64_t now = *(uint64_t *)data;

	for (const struct replica *r = s->replicas; r; r = r->next)
		if (r->running > 0)
			s->used_usec = now;
	replicas_end_stuck(s, now);
	replicas_watch(s, now);
	if (s->held > s->gateway->session_bytes)
		bound_sessions(s);
	if (s->replicas && is_idle(s, now))
		end_all(s);
	queue_look(s, now); /* also runs of sessions that were forgotten, when nobody waits */
	place_scale(s, now);
	end_old_workers(s, now);
	if (s->n_visits > 0 && s->route && !place_find(s, s->route->bundle))
		space_expect(s);
	for (struct visit *v = s->visits, *next; v; v = next) {
		next = v->next;
		visit_tick(v);
	}
	report(s, false);
}

void spaces_tick(struct spaces *s)
{
	uint64_t now = clock_mono_usec();

	map_each(&s->by_id, clear_counts, NULL);
	sessions_each(s->gateway->sessions, count_one, s);
	map_each(&s->by_id, tick_one, &now);
	sessions_tick(s->gateway->sessions);
}

static void count_awake(void *value, void *data)
{
	*(size_t *)data += ((struct space *)value)->replicas != NULL;
}

size_t spaces_awake(const struct spaces *s)
{
	size_t n = 0;

	map_each((struct map *)&s->by_id, count_awake, &n);
	return n;
}
