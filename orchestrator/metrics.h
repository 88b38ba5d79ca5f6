/* What the orchestrator counts (metrics.def), in one table for the whole process. */
#pragma once

#include "base/metrics.h"

enum orchestrator_metric {
#define METRIC(id, kind, name, labels, help) ORCHESTRATOR_##id,
#include "orchestrator/metrics.def"
#undef METRIC
	ORCHESTRATOR_METRICS_N
};

extern struct metric orchestrator_metrics[ORCHESTRATOR_METRICS_N];

static inline void orchestrator_count(enum orchestrator_metric id, uint64_t n)
{
	metric_add(&orchestrator_metrics[id], n);
}

static inline void orchestrator_gauge(enum orchestrator_metric id, uint64_t value)
{
	metric_set(&orchestrator_metrics[id], value);
}

static inline void orchestrator_observe(enum orchestrator_metric id, uint64_t usec)
{
	metric_observe(&orchestrator_metrics[id], usec);
}
