/* What inference counts (metrics.def), in one table for the whole process. */
#pragma once

#include "base/metrics.h"

enum inference_metric {
#define METRIC(id, kind, name, labels, help) INFERENCE_##id,
#include "inference/metrics.def"
#undef METRIC
	INFERENCE_METRICS_N
};

extern struct metric inference_metrics[INFERENCE_METRICS_N];

static inline void inference_count(enum inference_metric id, uint64_t n)
{
	metric_add(&inference_metrics[id], n);
}

static inline void inference_gauge(enum inference_metric id, uint64_t value)
{
	metric_set(&inference_metrics[id], value);
}

static inline void inference_observe(enum inference_metric id, uint64_t usec)
{
	metric_observe(&inference_metrics[id], usec);
}
