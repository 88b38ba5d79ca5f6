#include "base/metrics.h"

#include <errno.h>

#include "tests/support/test.h"

static struct metric list[] = {
	{.name = "x_things", .help = "Things.", .labels = "kind=\"a\"", .kind = METRIC_GAUGE},
	{.name = "x_things", .help = "Things.", .labels = "kind=\"b\"", .kind = METRIC_GAUGE},
	{.name = "x_busy_seconds_total", .help = "Busy.", .kind = METRIC_COUNTER_TIME},
	{.name = "x_wait_seconds", .help = "Wait.", .kind = METRIC_TIMES},
};

static const char *text_of(struct buf *b)
{
	buf_init(b, 65536);
	CHECK(metrics_write(list, sizeof(list) / sizeof(list[0]), b) == 0);
	return buf_str(b);
}

TEST(entries_of_one_name_share_a_head_and_times_are_seconds)
{
	static const char want[] =
		"# HELP x_things Things.\n# TYPE x_things gauge\n"
		"x_things{kind=\"a\"} 3\nx_things{kind=\"b\"} 5\n"
		"# HELP x_busy_seconds_total Busy.\n# TYPE x_busy_seconds_total counter\n"
		"x_busy_seconds_total 1.500000\n";
	struct buf b;
	const char *text;

	metric_set(&list[0], 3);
	metric_add(&list[1], 4);
	metric_add(&list[1], 1);
	metric_add(&list[2], 1500000);
	text = text_of(&b);
	CHECK(strstr(text, want) == text);
	buf_done(&b);
}

TEST(a_histogram_counts_up_to_and_with_each_bound)
{
	double v = -1;
	struct buf b;
	const char *text;

	metric_observe(&list[3], 100);       /* the first bound itself */
	metric_observe(&list[3], 101);       /* just beyond it */
	metric_observe(&list[3], 900000000); /* beyond all */
	text = text_of(&b);
	CHECK(metrics_find(text, "x_wait_seconds_bucket{le=\"0.0001\"}", &v) && v == 1);
	CHECK(metrics_find(text, "x_wait_seconds_bucket{le=\"0.00025\"}", &v) && v == 2);
	CHECK(metrics_find(text, "x_wait_seconds_bucket{le=\"60\"}", &v) && v == 2);
	CHECK(metrics_find(text, "x_wait_seconds_bucket{le=\"+Inf\"}", &v) && v == 3);
	CHECK(metrics_find(text, "x_wait_seconds_count", &v) && v == 3);
	CHECK(metrics_find(text, "x_wait_seconds_sum", &v) && v > 900.0002 && v < 900.0003);
	CHECK(!metrics_find(text, "x_wait_seconds", &v));
	CHECK(!metrics_find(text, "x_wait", &v));
	buf_done(&b);
}

TEST(a_text_that_does_not_fit_is_refused)
{
	struct buf b;

	buf_init(&b, 100);
	CHECK(metrics_write(list, sizeof(list) / sizeof(list[0]), &b) == -ENOSPC);
	buf_done(&b);
}

TEST(another_programs_text_is_about_its_own_names_in_whole_lines)
{
	static const struct {
		const char *text;
		bool fine;
	} cases[] = {
		{"", true},
		{"x_a 1\n", true},
		{"# HELP x_a Words.\n# TYPE x_a gauge\nx_a{k=\"v\"} 1\n", true},
		{"x_a 1", false},
		{"y_a 1\n", false},
		{"x_a 1\ny_a 1\n", false},
		{"# HELP y_a Words.\n", false},
		{"# x_a\n", false},
		{"\n", false},
		{"x_\n", false},
		{"x_a 1\r\n", false},
		{"x_a \xc3\xa4\n", false},
	};
	struct err e = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK((metrics_check(cases[i].text, strlen(cases[i].text), "x_", &e) == 0) ==
			cases[i].fine);
	CHECK(metrics_check("x_a\0b 1\n", 8, "x_", &e) == -EBADMSG && strstr(e.text, "x_"));
}

TEST(what_the_system_counts_of_this_process_is_told)
{
	struct buf b;
	double v = 0;

	buf_init(&b, 4096);
	CHECK(metrics_write_process("x_", &b) == 0);
	CHECK(metrics_find(buf_str(&b), "x_process_peak_resident_bytes", &v) && v > 100000);
	CHECK(metrics_find(buf_str(&b), "x_process_cpu_seconds_total", &v) && v >= 0);
	CHECK(metrics_check(buf_str(&b), b.len, "x_", NULL) == 0);
	buf_done(&b);
}

TEST_MAIN()
