#include "tls/metrics.h"

struct metric tls_metrics[TLS_METRICS_N] = {
#define METRIC(id, kind_, name_, labels_, help_)                                                   \
	[TLS_##id] = {.name = "vitrine_tls_" name_,                                                \
		.help = (help_),                                                                   \
		.labels = (labels_),                                                               \
		.kind = METRIC_##kind_},
#include "tls/metrics.def"
#undef METRIC
};
