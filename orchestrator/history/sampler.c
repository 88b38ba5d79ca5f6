#include "orchestrator/history/sampler.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "orchestrator/peers/told.h"

#define FIRST_USEC (3 * USEC_PER_SEC) /* the services have told something by then */
#define EVERY_USEC (15 * USEC_PER_SEC)

enum per { LEVEL, RATE };

static const struct {
	enum teller who;
	const char *metric; /* "": not told; the disk's */
	enum per per;
} sources[HISTORY_SERIES] = {
#define SERIES(id, name, unit, words, who, metric, per) [HISTORY_##id] = {who, metric, per},
#include "orchestrator/history/series.def"
#undef SERIES
};

struct sampler {
	struct history *history; /* borrowed */
	struct disk *disk;       /* borrowed */
	struct source *timer;    /* owned */
	double before[HISTORY_SERIES];
	uint64_t before_usec; /* monotonic; 0: never */
	bool failed;          /* has been said */
};

/* What one series is now; of a counter its growth since the last time. */
static double measure(struct sampler *s, size_t i, double seconds)
{
	double value, before = s->before[i];

	if (!sources[i].metric[0])
		return (double)disk_look(s->disk)->free_bytes;
	if (!metrics_find(told_text(sources[i].who), sources[i].metric, &value))
		value = NAN;
	if (sources[i].per == LEVEL)
		return value;
	s->before[i] = value;
	return seconds > 0 && value >= before ? (value - before) / seconds : NAN;
}

static void sample(void *data)
{
	struct sampler *s = data;
	double values[HISTORY_SERIES], seconds = 0;
	uint64_t now = clock_mono_usec();
	int r;

	if (s->before_usec)
		seconds = (double)(now - s->before_usec) / USEC_PER_SEC;
	s->before_usec = now;
	for (size_t i = 0; i < HISTORY_SERIES; i++)
		values[i] = measure(s, i, seconds);
	r = history_add(s->history, clock_wall_usec(), values);
	if (r < 0 && !s->failed)
		log_warn("the charts miss what is measured now: %s", strerror(-r));
	s->failed = r < 0;
	timer_arm_after(s->timer, EVERY_USEC);
}

int sampler_new(struct loop *loop, struct history *h, struct disk *disk, struct sampler **ret)
{
	struct sampler *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct sampler){.history = h, .disk = disk};
	for (size_t i = 0; i < HISTORY_SERIES; i++)
		s->before[i] = NAN;
	if (loop_add_timer(loop, sample, s, &s->timer) < 0) {
		free(s);
		return -ENOMEM;
	}
	timer_arm_after(s->timer, FIRST_USEC);
	*ret = s;
	return 0;
}

struct sampler *sampler_free(struct sampler *s)
{
	if (!s)
		return NULL;
	(void)source_free(s->timer);
	free(s);
	return NULL;
}
