/* What the agent counts (metrics.def), in one table for the whole process. */
#pragma once

#include "base/metrics.h"

enum agent_metric {
#define METRIC(id, kind, name, labels, help) AGENT_##id,
#include "agent/metrics.def"
#undef METRIC
	AGENT_METRICS_N
};

extern struct metric agent_metrics[AGENT_METRICS_N];

static inline void agent_count(enum agent_metric id, uint64_t n)
{
	metric_add(&agent_metrics[id], n);
}

static inline void agent_gauge(enum agent_metric id, uint64_t value)
{
	metric_set(&agent_metrics[id], value);
}

static inline void agent_observe(enum agent_metric id, uint64_t usec)
{
	metric_observe(&agent_metrics[id], usec);
}
