#include "inference/metrics.h"

struct metric inference_metrics[INFERENCE_METRICS_N] = {
#define METRIC(id, kind_, name_, labels_, help_)                                                   \
	[INFERENCE_##id] = {.name = "vitrine_inference_" name_,                                    \
		.help = (help_),                                                                   \
		.labels = (labels_),                                                               \
		.kind = METRIC_##kind_},
#include "inference/metrics.def"
#undef METRIC
};
