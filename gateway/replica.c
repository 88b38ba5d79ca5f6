#include "gateway/replica.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link.h"
#include "base/log.h"
#include "gateway/host.h"
#include "gateway/metrics.h"
#include "gateway/place.h"
#include "gateway/visit.h"
#include "gateway/wake.h"
#include "gateway/worker_link.h"

#define LOAD_RETRY_USEC                                                                            \
	(5 * USEC_PER_SEC) /* an app that did not load is not asked again before                   \
			    */
#define LOADING_MAX_USEC (60 * USEC_PER_SEC)

static const char *const replica_phases[] = {
	[REPLICA_WAKING] = "waking",
	[REPLICA_LOADING] = "loading",
	[REPLICA_RUNNING] = "running",
};
void replica_free(struct replica *r)
{
	for (struct replica **at = &r->space->replicas; *at; at = &(*at)->next) {
		if (*at == r) {
			*at = r->next;
			break;
		}
	}
	host_forget(r->space->gateway->host, r);
	(void)source_free(r->held);
	(void)link_free(r->link);
	(void)page_unref(r->page);
	runs_done(&r->runs);
	free(r);
}
static void set_phase(struct replica *r, enum replica_phase phase)
{
	log_info("space=%s replica=%s %s → %s", r->space->id, r->id[0] ? r->id : "-",
		replica_phases[r->phase], replica_phases[phase]);
	r->phase = phase;
	r->since_usec = clock_mono_usec();
}

struct replica *replica_by_id(const struct space *s, const char *id)
{
	struct replica *r = s->replicas;

	while (r && strcmp(r->id, id))
		r = r->next;
	return r;
}

bool replica_is_outdated(const struct replica *r)
{
	return r->space->route && r->settings < r->space->route->settings;
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
struct replica *replica_ask(struct space *s, const char *bundle)
{
	struct wake *wake = s->gateway->wake;
	uint32_t seq = wake_next_seq(wake);
	struct replica *r;

	if (wake_send(wake, seq, s->route, bundle) < 0)
		return NULL;
	r = replica_new(s, bundle);
	if (!r)
		return NULL;
	r->wake_seq = seq;
	r->settings = s->route->settings;
	r->asked_usec = clock_mono_usec();
	return r;
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
	const struct frame lost = {.type = APP_LOST, .node = session->live->asked};

	if (session->live->replica != r)
		return;
	/* It was still loading when it was asked; then its saying so fell on deaf ears. */
	if (r->blank && session->live->phase == SESSION_RESUMING)
		(void)session_worker_frame(r->space->gateway->sessions, session, &lost, NULL);
	else
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

/* The settings have changed since it was asked for: nobody has a use for this one any more. */
static void end_belated(struct replica *r, int fd)
{
	struct space *s = r->space;

	close(fd);
	replica_end(r, "it has old settings already");
	space_expect(s);
	space_place_all(s, NULL);
}

static void begin_loading(struct replica *r, const struct wake_link *m, bool handed_over, int fd)
{
	(void)snprintf(r->id, sizeof(r->id), "%s", m->replica);
	r->handed_over = handed_over;
	if (m->settings > r->settings)
		r->settings = m->settings;
	r->draining = replica_is_outdated(r);
	if (r->draining && !handed_over) {
		end_belated(r, fd);
		return;
	}
	r->hellos = handed_over ? 2 : 1;
	flow_init(&r->flow, clock_mono_usec());
	if (worker_link_open(r, fd) < 0) {
		replica_lost(r, "the gateway is out of memory", "out of memory");
		return;
	}
	set_phase(r, REPLICA_LOADING);
	if (handed_over) {
		struct frame again = {.type = APP_RESUME, .seq = worker_link_listen(r)};
		struct resuming c = {r};

		/* What lies in the link may be the end of a group whose beginning the last gateway
		 * took with it, or an answer to that gateway. All of it comes before the first
		 * HELLO; what the worker has to say of each session, whole groups again, comes
		 * before the second. */
		worker_link_send(r, &again, NULL, 0);
		sessions_each(r->space->gateway->sessions, resume_one, &c);
		again.seq++;
		again.op = 1; /* its calls to the platform went to a gateway that is no more */
		worker_link_send(r, &again, NULL, 0);
	}
}

void replicas_take(struct gateway *g, uint32_t seq, const struct wake_link *m, int fd)
{
	struct route *route = route_by_space(g->routes, m->space);
	struct space *space = route ? space_of(g->spaces, route) : NULL;
	struct replica *r = space ? replica_by_id(space, m->replica) : NULL;

	if (r) {
		close(fd); /* a second copy of the link that is held already */
		return;
	}
	r = space ? adopt(space, seq, m->bundle) : NULL;
	if (!r) {
		/* Nobody wants it any more: its Space is gone, or it came too late. */
		close(fd);
		wake_sleep(g->wake, m->replica);
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
	if (r->asked_usec)
		gateway_observe(GATEWAY_WAKES, s->used_usec - r->asked_usec);
	if (!r->handed_over)
		edge_worker_up(s->gateway->edge, s->id, r->id,
			r->asked_usec ? s->used_usec - r->asked_usec : 0);
	s->restarting = false;
	if (!strcmp(s->failed_bundle, r->bundle))
		s->failure[0] = '\0';
	space_tell_phase(s, r->bundle);
	for (struct visit *v = s->visits; v; v = v->next)
		visit_page_known(v);
	if (r->handed_over) {
		struct resuming c = {r};

		sessions_each(s->gateway->sessions, resumed_one, &c);
	}
	space_place_all(s, r);
}
/* A worker did not come about. Where others serve the version, that is no visitor's business. */
static void start_failed(struct space *s, const char *bundle, const char *message,
	const char *detail, uint64_t retry_usec)
{
	const struct replica *r = place_find(s, bundle);

	if (!r || r->phase != REPLICA_RUNNING) {
		space_fail_bundle(s, bundle, message, detail, retry_usec);
		return;
	}
	log_warn("space=%s goes on with the workers it has: %s", s->id, message);
	scale_refused(&s->scale, retry_usec, clock_mono_usec());
}

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

/* Its sessions leave it. close: it lives and is told of each; else nothing is sent to it any more.
 */
static void take_off(struct replica *r, bool close, const char *why)
{
	struct leaving c = {r, close, why};

	if (!close)
		r->link = link_free(r->link);
	sessions_each(r->space->gateway->sessions, detach_one, &c);
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
	take_off(r, false, "its worker was restarted"); /* of one that was handed over */
	replica_free(r);
	start_failed(s, bundle, "This demo could not be started.", detail, LOAD_RETRY_USEC);
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

void replicas_wake_failed(struct gateway *g, uint32_t seq, const struct wake_wake_failed *m)
{
	struct by_seq c = {.seq = seq};
	struct space *space;
	char bundle[65], detail[1400];

	spaces_each(g->spaces, look_for_seq, &c);
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
	start_failed(space, bundle, m->message, detail, (uint64_t)m->retry_ms * USEC_PER_MSEC);
	space->crashing = m->crashing && space->failure[0];
}

/* --- workers go --- */

void replica_lost(struct replica *r, const char *fault, const char *why)
{
	struct space *s = r->space;
	char bundle[65];

	log_info("space=%s replica=%s lost: %s", s->id, r->id, why);
	gateway_count(GATEWAY_WORKERS_LOST, 1);
	memcpy(bundle, r->bundle, sizeof(bundle));
	take_off(r, false, why);
	/* Also one whose link merely ended: it may live on without it. */
	if (fault)
		wake_stop(s->gateway->wake, r->id, fault);
	replica_free(r);
	s->restarting = !place_find(s, bundle);
	space_place_all(s, NULL);
	space_tell_phase(s, bundle);
}

void replicas_gone(struct gateway *g, const char *space_id, const char *replica, const char *reason)
{
	struct space *space = space_by_id(g->spaces, space_id);
	struct replica *r = space ? replica_by_id(space, replica) : NULL;

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
		c->found = replica_by_id(value, c->id);
}

void replicas_burned(struct gateway *g, const char *replica, uint64_t usec)
{
	struct by_replica c = {.id = replica};

	spaces_each(g->spaces, look_for_replica, &c);
	if (c.found && c.found->phase == REPLICA_RUNNING)
		watch_burned(&c.found->watch, usec);
}

void replicas_wait(struct gateway *g, const char *replica, uint32_t session, uint32_t n,
	const struct wire_queue *m)
{
	struct by_replica c = {.id = replica};
	const struct pending *p;
	struct session *s;

	spaces_each(g->spaces, look_for_replica, &c);
	s = c.found ? sessions_by_number(g->sessions, session) : NULL;
	p = s && s->live && s->live->replica == c.found ? session_pending(s, n) : NULL;
	if (p && p->state == EVENT_SENT && s->live->visit)
		visit_show_wait(s->live->visit, n, p->node, m);
}

void replica_put_to_sleep(struct replica *r)
{
	replica_end(r, "the Space went to sleep");
}

void replica_end(struct replica *r, const char *why)
{
	log_info("space=%s replica=%s ends: %s", r->space->id, r->id, why);
	take_off(r, true, why);
	wake_sleep(r->space->gateway->wake, r->id);
	replica_free(r);
}

void replicas_end_stuck(struct space *s, uint64_t now)
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
		take_off(r, false, "its worker was restarted");
		replica_free(r);
		start_failed(s, bundle, "This demo took too long to start.", NULL, LOAD_RETRY_USEC);
		return; /* the list may be another one now */
	}
}

/* Ends the workers that the watchdog gives up. */
void replicas_watch(struct space *s, uint64_t now)
{
	struct replica *next;

	for (struct replica *r = s->replicas; r; r = next) {
		struct watch_view v = {.running = r->running > 0, .ticks = r->present > 0};
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
