#include "gateway/space.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/link.h"
#include "base/log.h"
#include "gateway/edge.h"
#include "gateway/files.h"
#include "gateway/map.h"
#include "gateway/visit.h"
#include "gateway/wake.h"
#include "gateway/worker_link.h"

#define LOAD_RETRY_USEC                                                                            \
	(5 * USEC_PER_SEC) /* an app that did not load is not asked again before                   \
			    */
#define LOADING_MAX_USEC (60 * USEC_PER_SEC)
#define OLD_WORKER_USEC (2 * USEC_PER_SEC) /* an old version's worker without sessions is kept */

struct spaces {
	struct gateway *gateway;
	struct map by_id;     /* owns them */
	struct source *timer; /* owned; the tick */
	struct source *acks;  /* owned; coalesced ACKs */
	bool acks_armed;
};

#define TICK_USEC USEC_PER_SEC
#define ACK_DELAY_USEC (10 * USEC_PER_MSEC)

static const char *const replica_phases[] = {
	[REPLICA_WAKING] = "waking",
	[REPLICA_LOADING] = "loading",
	[REPLICA_RUNNING] = "running",
};

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
	if (r < 0)
		return r;
	timer_arm_after(s->timer, TICK_USEC);
	*ret = TAKE_PTR(s);
	return 0;
}

static void replica_free(struct replica *r)
{
	for (struct replica **at = &r->space->replicas; *at; at = &(*at)->next) {
		if (*at == r) {
			*at = r->next;
			break;
		}
	}
	(void)source_free(r->held);
	(void)link_free(r->link);
	(void)page_unref(r->page);
	free(r);
}

static void space_free(struct space *s)
{
	while (s->replicas)
		replica_free(s->replicas);
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
	free(s);
	return NULL;
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
	memcpy(space->told_phase, "asleep", 7);
	if (map_put_str(&s->by_id, space->id, space) < 0) {
		free(space);
		return NULL;
	}
	return space;
}

/* --- what is there --- */

static struct replica *find_bundle(const struct space *s, const char *bundle)
{
	struct replica *r = s->replicas;

	while (r && strcmp(r->bundle, bundle))
		r = r->next;
	return r;
}

static struct replica *find_id(const struct space *s, const char *id)
{
	struct replica *r = s->replicas;

	while (r && strcmp(r->id, id))
		r = r->next;
	return r;
}

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
	const struct replica *r = find_bundle(s, bundle);

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

static void tell_phase(struct space *s, const char *bundle)
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

/* --- asking for workers --- */

static void set_phase(struct replica *r, enum replica_phase phase)
{
	log_info("space=%s replica=%s %s → %s", r->space->id, r->id[0] ? r->id : "-",
		replica_phases[r->phase], replica_phases[phase]);
	r->phase = phase;
	r->since_usec = clock_mono_usec();
}

static struct replica *replica_new(struct space *s, const char *bundle)
{
	struct replica *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->space = s;
	(void)snprintf(r->bundle, sizeof(r->bundle), "%s", bundle);
	r->next = s->replicas;
	s->replicas = r;
	return r;
}

/* Not before every live worker is known, or a second one would be started beside it. */
static void start(struct space *s, const char *bundle)
{
	struct replica *r;
	uint32_t seq;

	if (!s->route || s->route->stopped || !bundle[0] || find_bundle(s, bundle))
		return;
	if (s->failure[0] && !strcmp(s->failed_bundle, bundle) && clock_mono_usec() < s->retry_usec)
		return;
	if (!wake_is_synced(s->gateway->wake))
		return;
	seq = wake_next_seq(s->gateway->wake);
	if (wake_send(s->gateway->wake, seq, s->route, bundle) < 0)
		return;
	r = replica_new(s, bundle);
	if (!r)
		return;
	r->wake_seq = seq;
	s->failure[0] = '\0';
	tell_phase(s, bundle);
}

void space_expect(struct space *s)
{
	if (s->route)
		start(s, s->route->bundle);
}

/* --- sessions to workers --- */

static const char *target_of(const struct space *s, const struct session *session)
{
	if (!s->route)
		return "";
	if (session->bundle[0] && !strcmp(session->live->stuck, s->route->bundle))
		return session->bundle;
	return s->route->bundle;
}

static void attach(struct replica *r, struct session *session)
{
	session_attach(r->space->gateway->sessions, session, r, r->id, r->bundle, r->upgrade);
}

/* A session whose new version does not start goes on with the old one, if that still runs. */
static struct replica *fallback(const struct space *s, const struct session *session)
{
	struct replica *r = session->bundle[0] ? find_bundle(s, session->bundle) : NULL;

	return r && r->phase == REPLICA_RUNNING ? r : NULL;
}

void space_place(struct space *s, struct session *session)
{
	const char *target = target_of(s, session);
	struct replica *r = find_bundle(s, target);
	struct replica *here = session->live->replica;

	if (!s->route || s->route->stopped || session->live->phase == SESSION_MOVING ||
		session->live->refused)
		return;
	if (!r)
		start(s, target);
	if (here) {
		if (here != r && r && r->phase == REPLICA_RUNNING &&
			session_count_pending(session, EVENT_SENT) == 0)
			attach(r, session);
		return;
	}
	/* The worker that has it may still be handed over. */
	if (session->replica_id[0] && !wake_is_synced(s->gateway->wake))
		return;
	if (r && r->phase == REPLICA_RUNNING)
		attach(r, session);
	else if (!find_bundle(s, target) && fallback(s, session))
		attach(fallback(s, session), session);
}

struct placing {
	struct space *space;
	struct replica *replica; /* NULL: all */
};

static bool wants_worker(const struct session *session)
{
	return session->live->visit || session_count_pending(session, EVENT_HELD) > 0;
}

static void place_one(struct session *session, void *data)
{
	struct placing *p = data;

	if (strcmp(session->space, p->space->id))
		return;
	if (p->replica)
		session->live->refused = false; /* another worker, another try */
	if (wants_worker(session))
		space_place(p->space, session);
	else if (p->replica && session->live->replica && session->live->replica != p->replica &&
		 session_count_pending(session, EVENT_SENT) == 0)
		/* Nobody is looking: it moves when somebody comes. */
		session_detach(p->space->gateway->sessions, session, true, NULL);
}

static void place_all(struct space *s, struct replica *arrived)
{
	struct placing p = {s, arrived};

	sessions_each(s->gateway->sessions, place_one, &p);
}

/* --- workers come --- */

struct resuming {
	struct replica *replica;
};

static void resume_one(struct session *session, void *data)
{
	struct replica *r = ((struct resuming *)data)->replica;

	if (strcmp(session->replica_id, r->id) || strcmp(session->space, r->space->id) ||
		session->live->replica)
		return;
	session_resume(r->space->gateway->sessions, session, r);
}

static void resumed_one(struct session *session, void *data)
{
	struct replica *r = ((struct resuming *)data)->replica;

	if (session->live->replica == r)
		session_resumed(r->space->gateway->sessions, session);
}

static struct replica *adopt(struct space *s, uint32_t seq, const char *bundle)
{
	for (struct replica *r = s->replicas; r; r = r->next)
		if (r->phase == REPLICA_WAKING && !strcmp(r->bundle, bundle) &&
			(seq == 0 || r->wake_seq == seq))
			return r;
	return seq == 0 ? replica_new(s, bundle) : NULL;
}

static void begin_loading(struct replica *r, const struct wake_link *m, bool handed_over, int fd)
{
	(void)snprintf(r->id, sizeof(r->id), "%s", m->replica);
	r->handed_over = handed_over;
	/* One comes by itself; each RESUME below may bring one more. */
	r->hellos = handed_over ? 3 : 1;
	flow_init(&r->flow, clock_mono_usec());
	if (worker_link_open(r, fd) < 0) {
		replica_lost(r, "the gateway is out of memory", "out of memory");
		return;
	}
	set_phase(r, REPLICA_LOADING);
	if (handed_over) {
		struct frame again = {.type = APP_RESUME};
		struct resuming c = {r};

		/* What lies in the link may be the end of a group whose beginning the last gateway
		 * took with it. All of it comes before the first HELLO; what the worker has to say
		 * of each session, whole groups again, comes before the second. */
		r->deaf = true;
		worker_link_send(r, &again, NULL, 0);
		sessions_each(r->space->gateway->sessions, resume_one, &c);
		worker_link_send(r, &again, NULL, 0);
	}
}

void space_take_worker(struct spaces *s, uint32_t seq, const struct wake_link *m, int fd)
{
	struct route *route = route_by_space(s->gateway->routes, m->space);
	struct space *space = route ? space_of(s, route) : NULL;
	struct replica *r = space ? find_id(space, m->replica) : NULL;

	if (r) {
		close(fd); /* a second copy of the link that is held already */
		return;
	}
	r = space ? adopt(space, seq, m->bundle) : NULL;
	if (!r) {
		/* Nobody wants it any more: its Space is gone, or it came too late. */
		close(fd);
		wake_sleep(s->gateway->wake, m->replica);
		return;
	}
	begin_loading(r, m, seq == 0, fd);
}

void replica_hello(struct replica *r, struct page *page, bool upgrade)
{
	struct space *s = r->space;

	(void)page_unref(r->page);
	r->page = page;
	r->upgrade = upgrade;
	if (r->phase == REPLICA_RUNNING)
		return; /* RESUME of channel 0 was answered twice */
	set_phase(r, REPLICA_RUNNING);
	s->used_usec = clock_mono_usec();
	s->restarting = false;
	if (!strcmp(s->failed_bundle, r->bundle))
		s->failure[0] = '\0';
	tell_phase(s, r->bundle);
	for (struct visit *v = s->visits; v; v = v->next)
		visit_page_known(v);
	if (r->handed_over) {
		struct resuming c = {r};

		sessions_each(s->gateway->sessions, resumed_one, &c);
	}
	place_all(s, r);
}

static void fail_bundle(struct space *s, const char *bundle, const char *message,
	const char *detail, uint64_t retry_usec)
{
	(void)snprintf(s->failed_bundle, sizeof(s->failed_bundle), "%s", bundle);
	(void)snprintf(s->failure, sizeof(s->failure), "%s", message);
	(void)snprintf(s->failure_detail, sizeof(s->failure_detail), "%s", detail ? detail : "");
	s->retry_usec = clock_mono_usec() + retry_usec;
	s->restarting = false;
	s->crashing = false;
	tell_phase(s, bundle);
	place_all(s, NULL); /* whoever can goes on with the old version */
}

void replica_load_failed(struct replica *r, const struct app_load_failed *m)
{
	struct space *s = r->space;
	char bundle[65], detail[1400];

	memcpy(bundle, r->bundle, sizeof(bundle));
	if (m->file)
		(void)snprintf(detail, sizeof(detail), "%s:%lld: %.1000s", m->file,
			(long long)m->line, m->message);
	else
		(void)snprintf(detail, sizeof(detail), "%.1000s", m->message);
	log_warn("space=%s replica=%s the app did not load: %s", s->id, r->id, detail);
	wake_stop(s->gateway->wake, r->id, "the app did not load");
	replica_free(r);
	fail_bundle(s, bundle, "This demo could not be started.", detail, LOAD_RETRY_USEC);
}

struct by_seq {
	uint32_t seq;
	struct replica *found;
};

static void look_for_seq(void *value, void *data)
{
	struct by_seq *c = data;

	for (struct replica *r = ((struct space *)value)->replicas; r; r = r->next)
		if (r->phase == REPLICA_WAKING && r->wake_seq == c->seq)
			c->found = r;
}

void space_wake_failed(struct spaces *s, uint32_t seq, const struct wake_wake_failed *m)
{
	struct by_seq c = {.seq = seq};
	struct space *space;
	char bundle[65], detail[1400];

	map_each(&s->by_id, look_for_seq, &c);
	if (!c.found)
		return;
	space = c.found->space;
	memcpy(bundle, c.found->bundle, sizeof(bundle));
	log_warn("space=%s cannot be woken: %s", space->id, m->message);
	replica_free(c.found);
	if (m->crashing && space->last_end[0])
		(void)snprintf(detail, sizeof(detail), "%.1000s The last time: %s.", m->message,
			space->last_end);
	else
		(void)snprintf(detail, sizeof(detail), "%.1024s", m->message);
	fail_bundle(space, bundle, m->message, detail, (uint64_t)m->retry_ms * USEC_PER_MSEC);
	space->crashing = m->crashing;
}

/* --- workers go --- */

struct leaving {
	struct replica *replica;
	bool close; /* the worker lives and is told */
	const char *why;
};

static void detach_one(struct session *session, void *data)
{
	struct leaving *c = data;

	if (session->live->replica == c->replica)
		session_detach(c->replica->space->gateway->sessions, session, c->close, c->why);
}

void replica_lost(struct replica *r, const char *fault, const char *why)
{
	struct space *s = r->space;
	struct leaving c = {r, false, why};
	char bundle[65];

	log_info("space=%s replica=%s lost: %s", s->id, r->id, why);
	memcpy(bundle, r->bundle, sizeof(bundle));
	/* Its link first: nothing is sent to it any more while sessions leave. */
	r->link = link_free(r->link);
	sessions_each(s->gateway->sessions, detach_one, &c);
	/* Also one whose link merely ended: it may live on without it. */
	if (fault)
		wake_stop(s->gateway->wake, r->id, fault);
	replica_free(r);
	s->restarting = true;
	place_all(s, NULL);
	tell_phase(s, bundle);
}

void space_worker_gone(
	struct spaces *s, const char *space_id, const char *replica, const char *reason)
{
	struct space *space = space_by_id(s, space_id);
	struct replica *r = space ? find_id(space, replica) : NULL;

	if (space)
		(void)snprintf(space->last_end, sizeof(space->last_end), "%s", reason);
	if (r)
		replica_lost(r, NULL, reason);
}

struct by_replica {
	const char *id;
	struct replica *found;
};

static void look_for_replica(void *value, void *data)
{
	struct by_replica *c = data;

	if (!c->found)
		c->found = find_id(value, c->id);
}

void spaces_worker_burned(struct spaces *s, const char *replica, uint64_t usec)
{
	struct by_replica c = {.id = replica};

	map_each(&s->by_id, look_for_replica, &c);
	if (c.found && c.found->phase == REPLICA_RUNNING)
		watch_burned(&c.found->watch, usec);
}

static void put_to_sleep(struct replica *r)
{
	struct leaving c = {r, true, "the Space went to sleep"};

	log_info("space=%s replica=%s goes to sleep", r->space->id, r->id);
	sessions_each(r->space->gateway->sessions, detach_one, &c);
	wake_sleep(r->space->gateway->wake, r->id);
	replica_free(r);
}

static void end_all(struct space *s)
{
	struct replica *next;

	for (struct replica *r = s->replicas; r; r = next) {
		next = r->next;
		if (r->id[0])
			put_to_sleep(r);
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
	if (s->n_visits > 0)
		space_expect(s);
	place_all(s, NULL);
}

void spaces_wake_began(struct spaces *s)
{
	(void)s; /* nothing is concluded before SYNC */
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

void space_route_changed(struct spaces *s, struct route *route)
{
	struct space *space = space_by_id(s, route->space);

	if (!space)
		return;
	space->route = route;
	if (route->stopped) {
		end_all(space);
		tell_phase(space, route->bundle);
		return;
	}
	if (space->replicas || space->n_visits > 0)
		start(space, route->bundle);
	for (struct visit *v = space->visits; v; v = v->next)
		visit_page_known(v);
	place_all(space, NULL);
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
		r->sessions = r->running = r->gathered = 0;
}

static void count_one(struct session *session, void *data)
{
	struct replica *r = session->live->replica;
	struct space *space = r ? r->space : space_by_id(data, session->space);

	if (space)
		space->held += session_memory(session);
	if (!r)
		return;
	r->sessions++;
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
		if (!s->route || !strcmp(r->bundle, s->route->bundle) || r->sessions > 0 ||
			r->phase != REPLICA_RUNNING) {
			r->unused_usec = 0;
			continue;
		}
		if (!r->unused_usec)
			r->unused_usec = now;
		else if (now - r->unused_usec > OLD_WORKER_USEC)
			put_to_sleep(r);
	}
}

static void end_stuck_loads(struct space *s, uint64_t now)
{
	struct replica *next;

	for (struct replica *r = s->replicas; r; r = next) {
		char bundle[65];

		next = r->next;
		if (r->phase != REPLICA_LOADING || now - r->since_usec < LOADING_MAX_USEC)
			continue;
		log_warn("space=%s replica=%s said nothing for too long", s->id, r->id);
		memcpy(bundle, r->bundle, sizeof(bundle));
		wake_stop(s->gateway->wake, r->id, "it took too long to start");
		replica_free(r);
		fail_bundle(s, bundle, "This demo took too long to start.", NULL, LOAD_RETRY_USEC);
		return; /* the list may be another one now */
	}
}

/* Ends the workers that the watchdog gives up. */
static void watch_workers(struct space *s, uint64_t now)
{
	struct replica *next;

	for (struct replica *r = s->replicas; r; r = next) {
		struct watch_view v = {.running = r->running > 0};
		const char *why;

		next = r->next;
		if (!r->link)
			continue;
		v.stalled_usec = link_stalled_usec(r->link, now);
		v.unread = link_unread(r->link) + (int)link_queued(r->link);
		why = watch_look(&r->watch, &s->gateway->watch, &v, now);
		if (!why)
			continue;
		log_warn("space=%s replica=%s is ended: %s", s->id, r->id, why);
		replica_lost(r, why, "the demo stopped answering and was restarted");
		return; /* the list may be another one now */
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
	end_stuck_loads(s, now);
	watch_workers(s, now);
	if (s->held > s->gateway->session_bytes)
		bound_sessions(s);
	if (s->replicas && is_idle(s, now))
		end_all(s);
	end_old_workers(s, now);
	if (s->n_visits > 0 && s->route && !find_bundle(s, s->route->bundle))
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

/* --- what sessions need --- */

static uint64_t now_usec(void *data)
{
	(void)data;
	return clock_mono_usec();
}

static int64_t wall_sec(void *data)
{
	(void)data;
	return (int64_t)(clock_wall_usec() / USEC_PER_SEC);
}

static void show(
	struct session *s, const uint8_t *frames, size_t n, bool fails, bool lazy, void *data)
{
	(void)data;
	visit_show(s->live->visit, frames, n, fails, lazy);
}

static void show_all(struct session *s, void *data)
{
	(void)data;
	if (!s->live->visit)
		return;
	visit_show_phase(s->live->visit, "deployed", NULL);
	visit_show_all(s->live->visit);
}

static void send_frame(struct session *s, const struct frame *f, void *data)
{
	(void)data;
	worker_link_send(s->live->replica, f, NULL, 0);
}

static void cork(struct session *s, bool on, void *data)
{
	(void)data;
	worker_link_cork(s->live->replica, on);
}

static void send_file(struct session *s, struct gateway *g, const char *id)
{
	struct file_info info;
	CLEANUP(closep) int fd = files_open(g->files, s->space, id, &info);
	struct app_file m = {
		.id = info.id, .name = info.name, .type = info.type, .size = (int64_t)info.size};
	struct frame f = {.type = APP_FILE, .channel = s->number};
	struct buf value;

	if (fd < 0)
		return;
	buf_init(&value, 4096);
	if (app_file_write(&m, &value) == 0) {
		f.value = value.data;
		f.length = value.len;
		worker_link_send(s->live->replica, &f, &fd, 1);
	}
	buf_done(&value);
}

#define FILES_AT_ONCE 16
#define FILES_LISTED 256

/*
 * The next "file":"ID" in the bytes, found without parsing; what only looks like one names no
 * file. False: there is none left.
 */
static bool next_file_id(const uint8_t **at, const uint8_t *end, char ret[ID_LEN + 1])
{
	static const char mark[] = "\"file\"";

	while ((*at = memmem(*at, (size_t)(end - *at), mark, sizeof(mark) - 1))) {
		const uint8_t *p = *at + sizeof(mark) - 1;

		*at = p;
		while (p < end && (*p == ' ' || *p == ':'))
			p++;
		if (end - p < ID_LEN + 2 || *p != '"' || p[ID_LEN + 1] != '"')
			continue;
		memcpy(ret, p + 1, ID_LEN);
		ret[ID_LEN] = '\0';
		return true;
	}
	return false;
}

static void send_files(struct session *s, const uint8_t *bytes, size_t n, void *data)
{
	const uint8_t *at = bytes;
	char id[ID_LEN + 1];

	for (int sent = 0; sent < FILES_AT_ONCE && next_file_id(&at, bytes + n, id); sent++)
		send_file(s, data, id);
}

static int list_files(struct session *s, const uint8_t *bytes, size_t n, struct buf *b, void *data)
{
	struct gateway *g = data;
	json_t *list = json_array();
	char id[ID_LEN + 1];
	int r = list ? 0 : -ENOMEM;
	const uint8_t *at = bytes;

	while (list && json_array_size(list) < FILES_LISTED && next_file_id(&at, bytes + n, id)) {
		struct file_info info;
		CLEANUP(closep) int fd = files_open(g->files, s->space, id, &info);

		if (fd >= 0)
			(void)json_array_append_new(
				list, json_pack("{ss ss ss sI}", "id", info.id, "name", info.name,
					      "type", info.type, "size", (json_int_t)info.size));
	}
	if (r == 0)
		r = json_write(b, list); /* b may be where bytes lie: read before this */
	json_decref(list);
	return r;
}

static int keep_blob(struct session *s, const struct frame *f, struct err *e, void *data)
{
	struct gateway *g = data;
	const uint8_t *nul = memchr(f->value, 0, f->length);
	const uint8_t *second =
		nul ? memchr(nul + 1, 0, f->length - (size_t)(nul + 1 - f->value)) : NULL;
	struct upload *u = NULL;
	struct file_info info;
	struct err why = {0};
	size_t n;
	int r;

	if (!second || !file_id_is_valid((const char *)f->value, (size_t)(nul - f->value)))
		return err_set(e, -EBADMSG, "BLOB: must begin with id, NUL, media type, NUL");
	n = f->length - (size_t)(second + 1 - f->value);
	r = upload_new(g->files, s->space, (const char *)f->value, "file", &u, &why);
	if (r == 0)
		r = upload_write(u, second + 1, n, f->length, &why);
	if (r == 0)
		r = upload_finish(TAKE_PTR(u), &info, &why);
	(void)upload_free(u);
	/* A full disk costs the picture, not the worker; sent twice it is there already. */
	if (r < 0 && r != -EEXIST)
		log_warn("space=%s session=%u a file is lost: %s", s->space, s->number, why.text);
	return 0;
}

static void want_worker(struct session *s, void *data)
{
	struct gateway *g = data;
	struct route *route = route_by_space(g->routes, s->space);
	struct space *space = route ? space_of(g->spaces, route) : NULL;

	if (space)
		space_place(space, s);
}

static bool may_retry(const struct session *s, uint32_t node, uint8_t kind, void *data)
{
	struct gateway *g = data;
	struct space *space = space_by_id(g->spaces, s->space);
	struct page *page = space ? space_page(space, s->bundle) : NULL;

	return page && page_may_retry(page, node, kind);
}

static void settled(struct session *s, void *data)
{
	struct gateway *g = data;
	struct replica *r = s->live->replica;

	if (r && r->space->route && strcmp(r->space->route->bundle, s->bundle))
		space_place(r->space, s);
	(void)g;
}

static void acks_due(void *data)
{
	struct spaces *s = ((struct gateway *)data)->spaces;

	if (s->acks_armed)
		return;
	s->acks_armed = true;
	timer_arm_after(s->acks, ACK_DELAY_USEC);
}

static void forgotten(struct session *s, void *data)
{
	struct visit *v = s->live->visit;

	(void)data;
	if (v) {
		v->session = NULL;
		visit_end(v, true, "This session has ended.");
	}
}

const struct sessions_ops space_sessions_ops = {
	.now_usec = now_usec,
	.wall_sec = wall_sec,
	.show = show,
	.show_all = show_all,
	.send = send_frame,
	.cork = cork,
	.send_files = send_files,
	.list_files = list_files,
	.keep_blob = keep_blob,
	.want_worker = want_worker,
	.may_retry = may_retry,
	.settled = settled,
	.acks_due = acks_due,
	.forgotten = forgotten,
};
