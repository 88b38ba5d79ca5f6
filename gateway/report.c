#include "gateway/report.h"

#include <errno.h>
#include <stdlib.h>

#include "base/link.h"
#include "base/loop.h"
#include "base/tell.h"
#include "gateway/edge.h"
#include "gateway/metrics.h"
#include "gateway/replica.h"
#include "gateway/route.h"
#include "gateway/session/sessions.h"
#include "gateway/space.h"
#include "gateway/stream/stream.h"
#include "gateway/wake.h"
#include "gateway/ws/ws.h"
#include "proto/messages.h"

struct report {
	struct gateway *gateway; /* borrowed */
	struct source *timer;    /* owned */
};

static void count_replicas(void *value, void *data)
{
	for (const struct replica *r = ((struct space *)value)->replicas; r; r = r->next)
		((size_t *)data)[r->phase]++;
}

static void count_waiting(void *value, void *data)
{
	*(size_t *)data += ((struct space *)value)->queue.n;
}

static void fill_gauges(struct gateway *g)
{
	size_t phases[REPLICA_RUNNING + 1] = {0}, waiting = 0;

	spaces_each(g->spaces, count_replicas, phases);
	spaces_each(g->spaces, count_waiting, &waiting);
	gateway_gauge(GATEWAY_WAITING, waiting);
	gateway_gauge(GATEWAY_SOCKETS, ws_count(g->ws));
	gateway_gauge(GATEWAY_STREAMS, streams_count(g->streams));
	gateway_gauge(GATEWAY_SESSIONS, sessions_count(g->sessions));
	gateway_gauge(GATEWAY_SPACES, route_table_count(g->routes));
	gateway_gauge(GATEWAY_AWAKE, spaces_awake(g->spaces));
	gateway_gauge(GATEWAY_WAKING, phases[REPLICA_WAKING]);
	gateway_gauge(GATEWAY_LOADING, phases[REPLICA_LOADING]);
	gateway_gauge(GATEWAY_RUNNING, phases[REPLICA_RUNNING]);
	gateway_gauge(GATEWAY_LOG_BYTES, session_log_bytes(sessions_log(g->sessions)));
	gateway_gauge(GATEWAY_ORCHESTRATOR, edge_is_up(g->edge));
	gateway_gauge(GATEWAY_AGENT, wake_is_synced(g->wake));
	gateway_gauge(GATEWAY_FILES_REFUSED, links_files_refused());
}

static void on_timer(void *data)
{
	struct report *r = data;
	CLEANUP(buf_done) struct buf text;

	timer_arm_after(r->timer, REPORT_USEC);
	buf_init(&text, (size_t)proto_value_max(PROTO_EDGE, PROTO_UP, EDGE_METRICS));
	fill_gauges(r->gateway);
	if (tell_write(gateway_metrics, GATEWAY_METRICS_N, "vitrine_gateway_", &text) == 0)
		edge_metrics(r->gateway->edge, &text);
}

int report_new(struct gateway *g, struct report **ret)
{
	struct report *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return -ENOMEM;
	r->gateway = g;
	code = loop_add_timer(g->loop, on_timer, r, &r->timer);
	if (code < 0) {
		free(r);
		return code;
	}
	timer_arm_after(r->timer, REPORT_USEC);
	*ret = r;
	return 0;
}

struct report *report_free(struct report *r)
{
	if (!r)
		return NULL;
	(void)source_free(r->timer);
	free(r);
	return NULL;
}
