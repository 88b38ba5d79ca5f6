#include "agent/report.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/metrics.h"
#include "agent/peers.h"
#include "base/link.h"
#include "base/tell.h"
#include "proto/messages.h"

struct report {
	struct node *node;    /* borrowed */
	struct source *timer; /* owned */
};

static void fill_gauges(const struct node *n)
{
	static const enum agent_metric ids[SLOT_STATES] = {
		[SLOT_FREE] = AGENT_FREE,
		[SLOT_SPAWNING] = AGENT_SPAWNING,
		[SLOT_BLANK] = AGENT_BLANK,
		[SLOT_CHECKING] = AGENT_CHECKING,
		[SLOT_RUNNING] = AGENT_RUNNING,
		[SLOT_ENDING] = AGENT_ENDING,
	};
	uint64_t waiting = 0;

	for (size_t i = 0; i < SLOT_STATES; i++)
		agent_gauge(ids[i], 0);
	for (size_t i = 0; i < n->n_slots; i++)
		agent_count(ids[n->slots[i].state], 1);
	for (const struct job *j = n->jobs; j; j = j->next)
		waiting++;
	agent_gauge(AGENT_SLOTS, n->n_slots);
	agent_gauge(AGENT_WAITING, waiting);
	agent_gauge(AGENT_FILES_REFUSED, links_files_refused());
}

static void on_timer(void *data)
{
	struct report *r = data;
	CLEANUP(buf_done) struct buf text;

	timer_arm_after(r->timer, REPORT_USEC);
	buf_init(&text, (size_t)proto_value_max(PROTO_AGENT, PROTO_UP, AGENT_METRICS));
	fill_gauges(r->node);
	if (tell_write(agent_metrics, AGENT_METRICS_N, "vitrine_agent_", &text) == 0)
		peers_metrics(r->node->peers, &text);
}

int report_new(struct node *n, struct report **ret)
{
	struct report *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return -ENOMEM;
	r->node = n;
	code = loop_add_timer(n->loop, on_timer, r, &r->timer);
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
