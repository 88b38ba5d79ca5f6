#include "gateway/metrics.h"

struct metric gateway_metrics[GATEWAY_METRICS_N] = {
#define METRIC(id, kind_, name_, labels_, help_)                                                   \
	[GATEWAY_##id] = {.name = "vitrine_gateway_" name_,                                        \
		.help = (help_),                                                                   \
		.labels = (labels_),                                                               \
		.kind = METRIC_##kind_},
#include "gateway/metrics.def"
#undef METRIC
};
