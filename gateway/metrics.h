/*
 * What the gateway counts (metrics.def). One table for the whole process, so that each room counts
 * where the thing happens.
 */
#pragma once

#include "base/metrics.h"

enum gateway_metric {
#define METRIC(id, kind, name, labels, help) GATEWAY_##id,
#include "gateway/metrics.def"
#undef METRIC
	GATEWAY_METRICS_N
};

extern struct metric gateway_metrics[GATEWAY_METRICS_N];

static inline void gateway_count(enum gateway_metric id, uint64_t n)
{
	metric_add(&gateway_metrics[id], n);
}

static inline void gateway_gauge(enum gateway_metric id, uint64_t value)
{
	metric_set(&gateway_metrics[id], value);
}

static inline void gateway_observe(enum gateway_metric id, uint64_t usec)
{
	metric_observe(&gateway_metrics[id], usec);
}
