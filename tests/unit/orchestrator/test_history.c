#include "orchestrator/history/history.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "orchestrator/history/lasts.h"
#include "tests/support/test.h"

#define NOON (1767268800ull * USEC_PER_SEC) /* 2026-01-01 12:00, a whole step of each span */

static char dir[] = "/tmp/vitrine-history-XXXXXX", path[64];

static struct history *opened(void)
{
	struct history *h = NULL;

	if (!path[0]) {
		CHECK(mkdtemp(dir));
		(void)snprintf(path, sizeof(path), "%s/history", dir);
	}
	CHECK(history_open(path, &h, &(struct err){0}) == 0);
	return h;
}

static void forget(struct history *h)
{
	(void)history_close(h);
	CHECK(unlink(path) == 0);
}

static int add(struct history *h, uint64_t usec, double sessions)
{
	double values[HISTORY_SERIES];

	for (size_t i = 0; i < HISTORY_SERIES; i++)
		values[i] = NAN;
	values[HISTORY_SESSIONS] = sessions;
	return history_add(h, usec, values);
}

struct seen {
	size_t n, known;
	double last, sum;
	uint64_t first_sec, last_sec;
};

static void look(uint64_t start_sec, const double means[HISTORY_SERIES], void *data)
{
	struct seen *s = data;

	if (!s->n++)
		s->first_sec = start_sec;
	s->last_sec = start_sec;
	s->last = means[HISTORY_SESSIONS];
	if (isfinite(means[HISTORY_SESSIONS])) {
		s->known++;
		s->sum += means[HISTORY_SESSIONS];
	}
	CHECK(isnan(means[HISTORY_DEVICE]));
}

static struct seen shown(struct history *h, enum history_span span, uint64_t usec)
{
	struct seen s = {0};

	history_read(h, span, usec, look, &s);
	return s;
}

TEST(a_step_is_the_mean_of_what_was_measured_in_it)
{
	struct history *h = opened();
	struct seen s;

	for (int i = 0; i < 20; i++)
		CHECK(add(h, NOON + (uint64_t)i * 15 * USEC_PER_SEC, i) == 0);
	s = shown(h, HISTORY_HOUR, NOON + 299 * USEC_PER_SEC);
	CHECK(s.n == 240 && s.known == 20 && s.last == 19);
	CHECK(s.last_sec == NOON / USEC_PER_SEC + 285);
	s = shown(h, HISTORY_DAY, NOON + 299 * USEC_PER_SEC);
	CHECK(s.n == 288 && s.known == 1 && s.last == 9.5);
	s = shown(h, HISTORY_MONTH, NOON + 299 * USEC_PER_SEC);
	CHECK(s.n == 744 && s.known == 1 && s.last == 9.5);
	CHECK(s.first_sec == NOON / USEC_PER_SEC - 743 * 3600);
	forget(h);
}

TEST(what_is_older_than_the_span_is_gone_and_the_file_does_not_grow)
{
	struct history *h = opened();
	struct stat before, after;

	CHECK(stat(path, &before) == 0);
	for (int i = 0; i < 1000; i++)
		CHECK(add(h, NOON + (uint64_t)i * 15 * USEC_PER_SEC, 1) == 0);
	CHECK(shown(h, HISTORY_HOUR, NOON + 999ull * 15 * USEC_PER_SEC).known == 240);
	CHECK(shown(h, HISTORY_HOUR, NOON + 5000ull * 15 * USEC_PER_SEC).known == 0);
	CHECK(stat(path, &after) == 0 && after.st_size == before.st_size);
	forget(h);
}

TEST(it_is_there_again_after_a_restart_and_a_damaged_file_begins_anew)
{
	struct history *h = opened();
	int fd;

	CHECK(add(h, NOON, 5) == 0);
	(void)history_close(h);
	h = opened();
	CHECK(shown(h, HISTORY_HOUR, NOON).last == 5);
	(void)history_close(h);
	CHECK(truncate(path, 1000) == 0);
	h = opened();
	CHECK(shown(h, HISTORY_HOUR, NOON).known == 0 && add(h, NOON, 6) == 0);
	(void)history_close(h);
	fd = open(path, O_WRONLY);
	CHECK(fd >= 0 && pwrite(fd, "x", 1, 9) == 1 && close(fd) == 0);
	h = opened();
	CHECK(shown(h, HISTORY_HOUR, NOON).known == 0);
	forget(h);
}

TEST(a_clock_that_goes_back_writes_over_and_one_that_jumps_leaves_a_gap)
{
	struct history *h = opened();

	CHECK(add(h, NOON, 1) == 0 && add(h, NOON + 600 * USEC_PER_SEC, 2) == 0);
	CHECK(shown(h, HISTORY_HOUR, NOON + 600 * USEC_PER_SEC).known == 2);
	CHECK(add(h, NOON, 3) == 0);
	CHECK(shown(h, HISTORY_HOUR, NOON).last == 2);
	forget(h);
}

static void add_free(struct history *h, uint64_t usec, double bytes)
{
	double values[HISTORY_SERIES];

	for (size_t i = 0; i < HISTORY_SERIES; i++)
		values[i] = NAN;
	values[HISTORY_DISK_FREE] = bytes;
	CHECK(history_add(h, usec, values) == 0);
}

TEST(the_pace_of_the_disk_is_that_of_the_measured_steps_and_nobody_knows_it_of_a_few)
{
	struct history *h = opened();
	uint64_t step = history_step_sec(HISTORY_DAY) * USEC_PER_SEC;

	CHECK(isnan(history_disk_pace(h, NOON)));
	for (uint64_t i = 0; i < 40; i++) {
		uint64_t at = NOON + i * step;

		if (i % 3 != 1)
			add_free(h, at, 4e11 - 2000.0 * (double)(i * step / USEC_PER_SEC));
		CHECK(i > 14 || isnan(history_disk_pace(h, at)));
	}
	CHECK(fabs(history_disk_pace(h, NOON + 40 * step) + 2000) < 1e-3);
	forget(h);
}

TEST(a_disk_lasts_until_what_is_kept_back)
{
	static const struct {
		double free, reserve, pace;
		const char *words;
	} cases[] = {
		{1000, 200, NAN, "How long it lasts shows in an hour."},
		{1000, 200, 0, "It does not fill up."},
		{1000, 200, 3, "It does not fill up."},
		{5 * 3600 + 200, 200, -1, "At this pace it is full in 5 hours."},
		{300, 200, -2, "At this pace it is full within about an hour."},
		{200, 200, -2, "It is full."},
		{100, 200, 0, "It is full."},
		{0, 200, 3, "It is full."},
		{100, 200, NAN, "It is full."},
		{9.6 * 86400 + 200, 200, -1, "At this pace it lasts 10 days."},
		{100 * 86400, 0, -1, "At this pace it lasts 3 months."},
		{9e9, 0, -1, "At this pace it lasts for years."},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char words[LASTS_WORDS_MAX];

		history_lasts_words(
			(uint64_t)cases[i].free, (uint64_t)cases[i].reserve, cases[i].pace, words);
		CHECK(!strcmp(words, cases[i].words));
	}
}

TEST(spans_have_names)
{
	enum history_span span;
	struct err e = {0};

	CHECK(history_span_find("month", &span, &e) == 0 && span == HISTORY_MONTH);
	CHECK(history_span_find("year", &span, &e) == -EINVAL && strstr(e.text, "'month'"));
	CHECK(rmdir(dir) == 0 || errno == ENOENT || errno == ENOTEMPTY);
}

TEST_MAIN()
