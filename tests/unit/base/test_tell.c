#include "base/tell.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/support/test.h"

static const struct metric list[] = {
	{.name = "x_things", .help = "Things.", .kind = METRIC_GAUGE, .value = 7}};

TEST(numbers_and_last_warnings_travel_as_one_text)
{
	struct told_line line;
	const char *at;
	double v = 0;
	struct buf b;

	log_warn("space=%d first", 1);
	log_error("second");
	buf_init(&b, 65536);
	CHECK(tell_write(list, 1, "x_", &b) == 0);
	CHECK(tell_check((const char *)b.data, b.len, "x_", NULL) == 0);
	CHECK(metrics_find(buf_str(&b), "x_things", &v) && v == 7);
	at = buf_str(&b) + strlen(buf_str(&b)) + 1;
	CHECK(tell_next_line(&at, &line) && !strcmp(line.level, "error") &&
		!strcmp(line.words, "second") && line.wall_usec > 0);
	CHECK(tell_next_line(&at, &line) && !strcmp(line.level, "warn") &&
		!strcmp(line.words, "space=1 first"));
	CHECK(!tell_next_line(&at, &line));
	buf_done(&b);
}

TEST(a_text_that_is_none_is_refused_and_a_line_that_is_none_ends_the_list)
{
	static const char *const bad[] = {
		"1 warn no end", "warn words\n", "x warn words\n", "\n", "1 WARN words\n"};
	struct told_line line;

	CHECK(tell_check("x_a 1\n\0lines\n\0more", 18, "x_", NULL) == -EBADMSG);
	CHECK(tell_check("y_a 1\n\0lines\n", 13, "x_", NULL) == -EBADMSG);
	CHECK(tell_check("x_a 1\n", 6, "x_", NULL) == 0);
	CHECK(tell_check("", 0, "x_", NULL) == 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *at = bad[i];

		CHECK(!tell_next_line(&at, &line));
	}
}

TEST_MAIN()
