#include "base/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const uint64_t bounds_usec[METRIC_BOUNDS] = {100, 250, 500, 1000, 2500, 5000, 10000, 25000,
	50000, 100000, 250000, 500000, 1000000, 5000000, 20000000, 60000000};

static const struct {
	const char *type;
	bool time;
} kinds[] = {
	[METRIC_COUNTER] = {"counter", false},
	[METRIC_GAUGE] = {"gauge", false},
	[METRIC_COUNTER_TIME] = {"counter", true},
	[METRIC_GAUGE_TIME] = {"gauge", true},
	[METRIC_TIMES] = {"histogram", true},
};

void metric_observe(struct metric *m, uint64_t usec)
{
	size_t i = 0;

	while (i < METRIC_BOUNDS && usec > bounds_usec[i])
		i++;
	m->counts[i]++;
	m->value += usec;
}

static int write_times(const struct metric *m, struct buf *b)
{
	const char *labels = m->labels ? m->labels : "", *comma = m->labels ? "," : "";
	const char *open = m->labels ? "{" : "", *close = m->labels ? "}" : "";
	uint64_t count = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < METRIC_BOUNDS; i++) {
		count += m->counts[i];
		r = buf_addf(b, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", m->name, labels, comma,
			(double)bounds_usec[i] / 1e6, count);
	}
	count += m->counts[METRIC_BOUNDS];
	if (r == 0)
		r = buf_addf(b, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", m->name, labels, comma,
			count);
	if (r == 0)
		r = buf_addf(b, "%s_sum%s%s%s %.6f\n", m->name, open, labels, close,
			(double)m->value / 1e6);
	return r < 0 ? r
		     : buf_addf(b, "%s_count%s%s%s %" PRIu64 "\n", m->name, open, labels, close,
			       count);
}

static int write_one(const struct metric *m, struct buf *b)
{
	const char *open = m->labels ? "{" : "", *close = m->labels ? "}" : "";
	const char *labels = m->labels ? m->labels : "";

	if (m->kind == METRIC_TIMES)
		return write_times(m, b);
	if (kinds[m->kind].time)
		return buf_addf(
			b, "%s%s%s%s %.6f\n", m->name, open, labels, close, (double)m->value / 1e6);
	return buf_addf(b, "%s%s%s%s %" PRIu64 "\n", m->name, open, labels, close, m->value);
}

int metrics_write(const struct metric *list, size_t n, struct buf *b)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (i == 0 || strcmp(list[i].name, list[i - 1].name) != 0)
			r = buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", list[i].name, list[i].help,
				list[i].name, kinds[list[i].kind].type);
		if (r == 0)
			r = write_one(&list[i], b);
	}
	return r;
}

int metrics_write_process(const char *prefix, struct buf *b)
{
	struct timespec cpu = {0};
	struct rusage used = {0};
	int r;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	(void)getrusage(RUSAGE_SELF, &used);
	r = buf_addf(b,
		"# HELP %sprocess_cpu_seconds_total Processor time of the process.\n"
		"# TYPE %sprocess_cpu_seconds_total counter\n"
		"%sprocess_cpu_seconds_total %lld.%06ld\n",
		prefix, prefix, prefix, (long long)cpu.tv_sec, cpu.tv_nsec / 1000);
	return r < 0 ? r
		     : buf_addf(b,
			       "# HELP %sprocess_peak_resident_bytes The most memory it ever had "
			       "resident.\n"
			       "# TYPE %sprocess_peak_resident_bytes gauge\n"
			       "%sprocess_peak_resident_bytes %lld\n",
			       prefix, prefix, prefix, (long long)used.ru_maxrss * 1024);
}

static bool line_is_fine(const char *line, size_t n, const char *prefix)
{
	size_t length = strlen(prefix);

	if (n > 7 && (!memcmp(line, "# HELP ", 7) || !memcmp(line, "# TYPE ", 7))) {
		line += 7;
		n -= 7;
	}
	if (n <= length || memcmp(line, prefix, length) != 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (line[i] < ' ' || line[i] > '~')
			return false;
	return true;
}

int metrics_check(const char *text, size_t n, const char *prefix, struct err *e)
{
	size_t number = 0;

	while (n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t length = end ? (size_t)(end - text) : n;

		number++;
		if (!end || !line_is_fine(text, length, prefix))
			return err_set(
				e, -EBADMSG, "metrics: line %zu is not about %s…", number, prefix);
		text += length + 1;
		n -= length + 1;
	}
	return 0;
}

bool metrics_find(const char *text, const char *name, double *ret)
{
	size_t n = strlen(name);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		if (*line == '\n' && !*++line)
			break;
		if (!strncmp(line, name, n) && line[n] == ' ') {
			*ret = strtod(line + n + 1, NULL);
			return true;
		}
	}
	return false;
}
