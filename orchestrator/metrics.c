#include "orchestrator/metrics.h"

struct metric orchestrator_metrics[ORCHESTRATOR_METRICS_N] = {
#define METRIC(id, kind_, name_, labels_, help_)                                                   \
	[ORCHESTRATOR_##id] = {.name = "vitrine_orchestrator_" name_,                              \
		.help = (help_),                                                                   \
		.labels = (labels_),                                                               \
		.kind = METRIC_##kind_},
#include "orchestrator/metrics.def"
#undef METRIC
};
