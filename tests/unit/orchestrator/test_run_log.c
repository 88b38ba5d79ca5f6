#include "orchestrator/logs/run_log.h"

#include <stdio.h>

#include "base/fs.h"
#include "tests/support/test.h"

#define FILE_MAX 4096

struct fixture {
	char dir[64];
	struct run_logs *logs;
};

static void setup(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/vitrine-log-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	CHECK(run_logs_new(fx->dir, FILE_MAX, &fx->logs, NULL) == 0);
}

static void teardown(struct fixture *fx)
{
	(void)run_logs_free(fx->logs);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static void append(struct fixture *fx, const char *space, int n)
{
	char line[32];

	(void)snprintf(line, sizeof(line), "line %d", n);
	run_log_append(fx->logs, space, 1000 + (uint64_t)n, "r", line);
}

static int number_in(const char *text)
{
	const char *p = strstr(text, "\"line\":\"line ");

	CHECK(p);
	return (int)strtol(p + 13, NULL, 10);
}

TEST(lines_come_back_in_order_as_json)
{
	static char bytes[RUN_LOG_LINE_MAX];
	struct fixture fx;
	int64_t at;

	setup(&fx);
	run_log_append(fx.logs, "s", 7, "rep", "say \"hi\"\x01");
	at = run_log_tail(fx.logs, "s", SIZE_MAX);
	CHECK(run_log_read(fx.logs, "s", &at, bytes, sizeof(bytes)) > 0);
	CHECK(!strncmp(bytes,
		"{\"time\":7,\"replica\":\"rep\",\"line\":\"say \\\"hi\\\"\\u0001\"}\n", 58));
	CHECK(run_log_read(fx.logs, "s", &at, bytes, sizeof(bytes)) == 0);
	teardown(&fx);
}

TEST(a_reader_follows_over_rotations_without_loss)
{
	static char bytes[RUN_LOG_LINE_MAX];
	struct fixture fx;
	int64_t at;
	int next = 0;

	setup(&fx);
	at = run_log_tail(fx.logs, "s", SIZE_MAX);
	for (int i = 0; i < 1000; i++) {
		append(&fx, "s", i);
		if (i % 20 != 19)
			continue;
		ssize_t n = run_log_read(fx.logs, "s", &at, bytes, sizeof(bytes));
		while (n > 0) {
			for (char *p = bytes; p < bytes + n; p = strchr(p, '\n') + 1)
				CHECK(number_in(p) == next++);
			n = run_log_read(fx.logs, "s", &at, bytes, sizeof(bytes));
		}
		CHECK(next == i + 1);
	}
	teardown(&fx);
}

TEST(one_that_falls_behind_goes_on_with_the_oldest_there_is)
{
	static char bytes[RUN_LOG_LINE_MAX];
	struct fixture fx;
	int64_t at;
	ssize_t n;
	int first = -1, last = -1;

	setup(&fx);
	append(&fx, "s", 0);
	at = run_log_tail(fx.logs, "s", SIZE_MAX);
	for (int i = 1; i < 1000; i++)
		append(&fx, "s", i);
	while ((n = run_log_read(fx.logs, "s", &at, bytes, sizeof(bytes))) > 0)
		for (char *p = bytes; p < bytes + n; p = strchr(p, '\n') + 1) {
			first = first < 0 ? number_in(p) : first;
			last = number_in(p);
		}
	CHECK(first > 500 && last == 999);
	teardown(&fx);
}

TEST(tail_gives_the_last_lines_also_over_the_border_of_the_files)
{
	static char bytes[RUN_LOG_LINE_MAX];
	struct fixture fx;

	setup(&fx);
	for (int i = 0; i < 130; i++)
		append(&fx, "s", i);
	for (size_t want = 0; want <= 80; want += 8) {
		int64_t at = run_log_tail(fx.logs, "s", want);
		size_t lines = 0;
		ssize_t n;

		while ((n = run_log_read(fx.logs, "s", &at, bytes, sizeof(bytes))) > 0)
			for (ssize_t i = 0; i < n; i++)
				lines += bytes[i] == '\n';
		CHECK(lines == want);
	}
	teardown(&fx);
}

TEST(the_files_stay_under_their_limit_and_survive_a_restart)
{
	static char bytes[RUN_LOG_LINE_MAX];
	struct fixture fx;
	struct buf b;
	char path[128];
	int64_t at;

	setup(&fx);
	for (int i = 0; i < 500; i++)
		append(&fx, "s", i);
	for (int old = 0; old < 2; old++) {
		buf_init(&b, FILE_MAX);
		(void)snprintf(path, sizeof(path), "%s/s.log%s", fx.dir, old ? ".1" : "");
		CHECK(fs_read(-100, path, &b, NULL) == 0);
		buf_done(&b);
	}
	(void)run_logs_free(fx.logs);
	CHECK(run_logs_new(fx.dir, FILE_MAX, &fx.logs, NULL) == 0);
	append(&fx, "s", 500);
	at = run_log_tail(fx.logs, "s", 2);
	CHECK(run_log_read(fx.logs, "s", &at, bytes, sizeof(bytes)) > 0 && number_in(bytes) == 499);
	teardown(&fx);
}

static void on_line(void *data)
{
	++*(int *)data;
}

TEST(watchers_hear_of_their_space_only_and_until_they_leave)
{
	struct fixture fx;
	struct run_log_watch *w, *v;
	int a = 0, b = 0;

	setup(&fx);
	CHECK(run_log_watch(fx.logs, "s", on_line, &a, &w) == 0);
	CHECK(run_log_watch(fx.logs, "s", on_line, &b, &v) == 0);
	append(&fx, "s", 1);
	append(&fx, "t", 1);
	v = run_log_unwatch(v);
	append(&fx, "s", 2);
	CHECK(a == 2 && b == 1);
	(void)run_log_unwatch(w);
	teardown(&fx);
}

TEST(more_spaces_than_open_files_lose_nothing)
{
	static char bytes[RUN_LOG_LINE_MAX];
	struct fixture fx;
	char space[16];

	setup(&fx);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 300; i++) {
			(void)snprintf(space, sizeof(space), "s%d", i);
			append(&fx, space, round);
		}
	for (int i = 0; i < 300; i++) {
		int64_t at;
		ssize_t n;

		(void)snprintf(space, sizeof(space), "s%d", i);
		at = run_log_tail(fx.logs, space, SIZE_MAX);
		n = run_log_read(fx.logs, space, &at, bytes, sizeof(bytes));
		CHECK(n > 0 && number_in(bytes) == 0);
	}
	run_log_delete(fx.logs, "s7");
	int64_t at = run_log_tail(fx.logs, "s7", SIZE_MAX);
	CHECK(run_log_read(fx.logs, "s7", &at, bytes, sizeof(bytes)) == 0);
	teardown(&fx);
}

TEST_MAIN()
