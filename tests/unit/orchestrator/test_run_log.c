#include "orchestrator/logs/run_log.h"

#include <string.h>

#include "base/fs.h"
#include "tests/support/test.h"

struct fixture {
	char dir[64];
	struct journals *logs;
	char bytes[JOURNAL_LINE_MAX];
	ssize_t n;
};

static void setup(struct fixture *f, const struct run_line *line)
{
	const struct journal_limits limits = {.name_max = 1 << 20};
	int64_t at = 0;

	*f = (struct fixture){.dir = "/tmp/vitrine-log-XXXXXX"};
	CHECK(mkdtemp(f->dir));
	CHECK(journals_new(NULL, f->dir, &limits, &f->logs, NULL) == 0);
	run_log_append(f->logs, "s", line);
	f->n = journal_read(f->logs, "s", &at, f->bytes, sizeof(f->bytes));
}

static void teardown(struct fixture *f)
{
	(void)journals_free(f->logs);
	CHECK(fs_remove_tree(f->dir) == 0);
}

static const struct run_line whole = {.time_usec = 7000,
	.replica = "rep",
	.commit = "9f8e7d6c5b4a",
	.stream = "stderr",
	.level = "error",
	.session = "0a1b2c3d",
	.event = 12,
	.reference = "k7q2m9",
	.line = "say \"level\":\"debug\",\"session\":\"ffff\"\x01"};

TEST(a_line_is_one_json_object_that_begins_with_its_time)
{
	static struct fixture f;

	setup(&f, &whole);
	f.bytes[f.n] = '\0';
	CHECK(!strcmp(f.bytes,
		"{\"time\":7000,\"replica\":\"rep\",\"commit\":\"9f8e7d6c5b4a\",\"stream\":"
		"\"stderr\",\"level\":\"error\",\"session\":\"0a1b2c3d\",\"event\":12,\"ref\":"
		"\"k7q2m9\",\"line\":\"say \\\"level\\\":\\\"debug\\\",\\\"session\\\":\\\"ffff\\\""
		"\\u0001\"}\n"));
	teardown(&f);
}

TEST(what_is_not_known_is_left_out)
{
	const struct run_line bare = {.time_usec = 1, .replica = "r", .line = "x"};
	static struct fixture f;

	setup(&f, &bare);
	f.bytes[f.n] = '\0';
	CHECK(!strcmp(f.bytes, "{\"time\":1,\"replica\":\"r\",\"line\":\"x\"}\n"));
	teardown(&f);
}

TEST(lines_are_chosen_by_their_fields_and_never_by_their_words)
{
	static const struct {
		struct run_filter filter;
		bool matches;
	} cases[] = {
		{{.level = ""}, true},
		{{.level = "debug"}, true},
		{{.level = "warn"}, true},
		{{.level = "error"}, true},
		{{.session = "0a1b2c3d"}, true},
		{{.session = "0a1b2c3"}, false},
		{{.session = "ffff"}, false}, /* words of the line itself */
		{{.commit = "9f8e7d6"}, true},
		{{.commit = "e7d6"}, false},
		{{.reference = "k7q2m9"}, true},
		{{.reference = "k7q2m"}, false},
		{{.since_usec = 7000}, true},
		{{.since_usec = 7001}, false},
		{{.session = "0a1b2c3d", .level = "error", .since_usec = 1}, true},
		{{.session = "0a1b2c3d", .reference = "other"}, false},
	};
	static struct fixture f;

	setup(&f, &whole);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run_filter filter = cases[i].filter;

		CHECK(run_line_matches(f.bytes, (size_t)f.n, &filter) == cases[i].matches);
	}
	teardown(&f);
}

TEST(a_grave_level_hides_the_lighter_ones)
{
	struct run_line info = whole;
	struct run_filter warn = {.level = "warn"}, all = {.level = "debug"};
	static struct fixture f;

	info.level = "info";
	setup(&f, &info);
	CHECK(!run_line_matches(f.bytes, (size_t)f.n, &warn));
	CHECK(run_line_matches(f.bytes, (size_t)f.n, &all));
	teardown(&f);
}

TEST_MAIN()
