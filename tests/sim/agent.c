/*
 * The agent, and gateway/wake.h as the gateway sees it: starts workers, hands them over again to a
 * gateway that is new, and when it dies its boxes end with it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/replica.h"
#include "gateway/wake.h"
#include "tests/sim/sim.h"

#define REQUESTS_MAX 64
#define MESSAGES_MAX (WORKERS_MAX * 2)
#define FD_BASE 100000

enum request_kind { ASK_WAKE, ASK_SLEEP, ASK_STOP };
struct request {
	enum request_kind kind;
	uint32_t seq;
	const struct bundle *bundle;
	char replica[33];
};

enum message_kind { SAY_LINK, SAY_GONE, SAY_FAILED, SAY_SYNC };
struct message {
	enum message_kind kind;
	uint32_t seq;
	struct sim_worker *worker;
};

static struct request requests[REQUESTS_MAX];
static struct message messages[MESSAGES_MAX];
static size_t n_requests, n_messages;
static bool alive, connected, synced;
static uint32_t last_seq;
static bool closed_due; /* the gateway has not heard of the agent's death yet */

void agent_reset(void)
{
	n_requests = n_messages = 0;
	alive = true;
	connected = synced = closed_due = false;
	last_seq = 0;
}

static void ask(struct request r)
{
	if (n_requests == REQUESTS_MAX)
		broken("more than %d requests wait for the agent", REQUESTS_MAX);
	requests[n_requests++] = r;
}

static void tell(enum message_kind kind, uint32_t seq, struct sim_worker *w)
{
	if (!connected)
		return;
	if (n_messages == MESSAGES_MAX)
		broken("more than %d messages of the agent wait", MESSAGES_MAX);
	messages[n_messages++] = (struct message){kind, seq, w};
}

/* --- gateway/wake.h --- */

bool wake_is_up(const struct wake *w)
{
	(void)w;
	return connected;
}

bool wake_is_synced(const struct wake *w)
{
	(void)w;
	return connected && synced;
}

uint32_t wake_next_seq(struct wake *w)
{
	(void)w;
	return ++last_seq;
}

extern const struct bundle *bundle_by_hash(const char *hash);

int wake_send(struct wake *w, uint32_t seq, const struct route *route, const char *bundle)
{
	(void)w;
	(void)route;
	if (!connected || !alive)
		return -ENOTCONN;
	gateway_effect();
	trace("the gateway asks for a worker with %s", bundle);
	ask((struct request){.kind = ASK_WAKE, .seq = seq, .bundle = bundle_by_hash(bundle)});
	return 0;
}

static void ask_end(enum request_kind kind, const char *replica)
{
	struct request r = {.kind = kind};

	if (!connected || !alive)
		return;
	gateway_effect();
	(void)snprintf(r.replica, sizeof(r.replica), "%s", replica);
	ask(r);
}

void wake_sleep(struct wake *w, const char *replica)
{
	(void)w;
	trace("the gateway puts %s to sleep", replica);
	ask_end(ASK_SLEEP, replica);
}

void wake_stop(struct wake *w, const char *replica, const char *why)
{
	(void)w;
	trace("the gateway ends %s: %s", replica, why);
	ask_end(ASK_STOP, replica);
}

void wake_note(struct wake *w, const char *replica, const char *line)
{
	(void)w;
	trace("the owner of %s is told: %s", replica, line);
}

/* --- the agent --- */

static struct sim_worker *by_id(const char *id)
{
	for (size_t i = 0; i < n_workers; i++)
		if (workers[i].alive && !strcmp(workers[i].id, id))
			return &workers[i];
	return NULL;
}

static void take_request(void)
{
	struct request r = requests[0];
	struct sim_worker *w;

	memmove(requests, requests + 1, --n_requests * sizeof(*requests));
	if (r.kind == ASK_WAKE) {
		if (dice(20) == 0)
			tell(SAY_FAILED, r.seq, NULL);
		else
			tell(SAY_LINK, r.seq, worker_start(r.bundle));
		return;
	}
	w = by_id(r.replica);
	if (w)
		worker_kill(w);
}

static void connect_gateway(void)
{
	connected = true;
	for (size_t i = 0; i < n_workers; i++)
		if (workers[i].alive)
			tell(SAY_LINK, 0, &workers[i]);
	tell(SAY_SYNC, 0, NULL);
	trace("the agent meets the gateway");
}

static void say_link(const struct message *m)
{
	struct wake_link link = {.replica = m->worker->id,
		.space = "space",
		.bundle = m->worker->bundle->hash,
		.epoch = 1};

	replicas_take(gateway, m->seq, &link, FD_BASE + (int)(m->worker - workers));
}

static void say_failed(const struct message *m)
{
	struct wake_wake_failed failed = {.message = "no box is free", .retry_ms = 100};

	replicas_wake_failed(gateway, m->seq, &failed);
}

static void deliver(const struct message *m)
{
	switch (m->kind) {
	case SAY_LINK:
		say_link(m);
		break;
	case SAY_GONE:
		replicas_gone(gateway, "space", m->worker->id, "it was killed");
		break;
	case SAY_FAILED:
		say_failed(m);
		break;
	case SAY_SYNC:
		synced = true;
		spaces_synced(gateway->spaces);
		break;
	}
}

bool agent_has_work(void)
{
	return !alive || n_requests > 0 || n_messages > 0 || closed_due || (gateway && !connected);
}

void agent_step(void)
{
	struct message m;

	if (closed_due && n_messages == 0) {
		connected = synced = closed_due = false;
		return;
	}
	if (!alive && !closed_due) {
		alive = true;
		trace("the agent is back");
		return;
	}
	if (gateway && alive && !connected) {
		connect_gateway();
		return;
	}
	if (n_requests > 0 && alive && (n_messages == 0 || dice(2) == 0)) {
		take_request();
		return;
	}
	if (n_messages == 0 || !gateway)
		return;
	m = messages[0];
	memmove(messages, messages + 1, --n_messages * sizeof(*messages));
	GATEWAY(deliver(&m));
}

void agent_kill(void)
{
	if (!alive)
		return;
	trace("the agent dies, and its boxes with it");
	alive = false;
	n_requests = 0;
	closed_due = connected;
	for (size_t i = 0; i < n_workers; i++)
		worker_kill(&workers[i]);
}

void agent_gateway_died(void)
{
	n_messages = 0;
	connected = synced = closed_due = false;
	/* Half of the time what was asked has not reached it. */
	if (dice(2) == 0)
		n_requests = 0;
}

void agent_worker_died(struct sim_worker *w)
{
	if (alive)
		tell(SAY_GONE, 0, w);
}
