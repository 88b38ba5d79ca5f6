#include "agent/metrics.h"

struct metric agent_metrics[AGENT_METRICS_N] = {
#define METRIC(id, kind_, name_, labels_, help_)                                                   \
	[AGENT_##id] = {.name = "vitrine_agent_" name_,                                            \
		.help = (help_),                                                                   \
		.labels = (labels_),                                                               \
		.kind = METRIC_##kind_},
#include "agent/metrics.def"
#undef METRIC
};
