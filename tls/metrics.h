/* What vitrine-tls counts (metrics.def), in one table for the whole process. */
#pragma once

#include "base/metrics.h"

enum tls_metric {
#define METRIC(id, kind, name, labels, help) TLS_##id,
#include "tls/metrics.def"
#undef METRIC
	TLS_METRICS_N
};

extern struct metric tls_metrics[TLS_METRICS_N];

static inline void tls_count(enum tls_metric id, uint64_t n)
{
	metric_add(&tls_metrics[id], n);
}

static inline void tls_gauge(enum tls_metric id, uint64_t value)
{
	metric_set(&tls_metrics[id], value);
}
