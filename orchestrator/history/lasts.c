#include "orchestrator/history/lasts.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"

#define DAY_SEC 86400.0
#define POINTS_LEAST 12 /* an hour: fewer say nothing about a pace */

struct fit {
	double now_sec; /* times are counted from here: squares of ten digits would have too few */
	double n, x, y, xx, xy;
};

static void add(uint64_t start_sec, const double means[HISTORY_SERIES], void *data)
{
	struct fit *f = data;
	double x = (double)start_sec - f->now_sec, y = means[HISTORY_DISK_FREE];

	if (!isfinite(y))
		return;
	f->n++;
	f->x += x;
	f->y += y;
	f->xx += x * x;
	f->xy += x * y;
}

double history_disk_pace(const struct history *h, uint64_t now_usec)
{
	struct fit f = {.now_sec = (double)(now_usec / USEC_PER_SEC)};
	double below;

	history_read(h, HISTORY_DAY, now_usec, add, &f);
	below = f.n * f.xx - f.x * f.x;
	return f.n < POINTS_LEAST || below <= 0 ? NAN : (f.n * f.xy - f.x * f.y) / below;
}

void history_lasts_words(
	uint64_t free_bytes, uint64_t reserve_bytes, double pace, char words[LASTS_WORDS_MAX])
{
	double sec = ((double)free_bytes - (double)reserve_bytes) / -pace;

	if (free_bytes <= reserve_bytes)
		(void)snprintf(words, LASTS_WORDS_MAX, "It is full.");
	else if (isnan(pace))
		(void)snprintf(words, LASTS_WORDS_MAX, "How long it lasts shows in an hour.");
	else if (pace >= 0)
		(void)snprintf(words, LASTS_WORDS_MAX, "It does not fill up.");
	else if (sec > 3 * 365 * DAY_SEC)
		(void)snprintf(words, LASTS_WORDS_MAX, "At this pace it lasts for years.");
	else if (sec >= 60 * DAY_SEC)
		(void)snprintf(words, LASTS_WORDS_MAX, "At this pace it lasts %.0f months.",
			sec / (30.4 * DAY_SEC));
	else if (sec >= 2 * DAY_SEC)
		(void)snprintf(
			words, LASTS_WORDS_MAX, "At this pace it lasts %.0f days.", sec / DAY_SEC);
	else if (sec >= 5400)
		(void)snprintf(words, LASTS_WORDS_MAX, "At this pace it is full in %.0f hours.",
			sec / 3600);
	else
		(void)snprintf(
			words, LASTS_WORDS_MAX, "At this pace it is full within about an hour.");
}
