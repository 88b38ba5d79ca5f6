#include "orchestrator/logs/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/fs.h"
#include "tests/support/test.h"

#define NAME_MAX_BYTES 8192
#define DAY_USEC (86400 * USEC_PER_SEC)

struct fixture {
	char dir[64];
	struct journals *journals;
};

static void open_again(struct fixture *fx)
{
	const struct journal_limits limits = {.name_max = NAME_MAX_BYTES,
		.age_usec = 14 * DAY_USEC,
		.total_max = 4 * NAME_MAX_BYTES};

	(void)journals_free(fx->journals);
	CHECK(journals_new(NULL, fx->dir, &limits, &fx->journals, NULL) == 0);
}

static void setup(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/vitrine-log-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	open_again(fx);
}

static void teardown(struct fixture *fx)
{
	(void)journals_free(fx->journals);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static int64_t append(struct fixture *fx, const char *name, int n)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "line %d and some words more", n);

	return journal_append(fx->journals, name, line, (size_t)len);
}

static int number_in(const char *text)
{
	CHECK(!strncmp(text, "line ", 5));
	return (int)strtol(text + 5, NULL, 10);
}

struct range {
	int first, last;
	size_t n;
	int64_t at;
};

/* Reads on from at; numbers must follow one another. */
static struct range read_on(struct fixture *fx, const char *name, int64_t at)
{
	static char bytes[JOURNAL_LINE_MAX];
	struct range r = {.at = at, .first = -1, .last = -1};
	ssize_t n;

	while ((n = journal_read(fx->journals, name, &r.at, bytes, sizeof(bytes))) > 0)
		for (char *p = bytes; p < bytes + n; p = strchr(p, '\n') + 1) {
			int number = number_in(p);

			CHECK(r.n == 0 || number == r.last + 1);
			r.first = r.n++ == 0 ? number : r.first;
			r.last = number;
		}
	return r;
}

/* The newest segment's file. */
static void newest(struct fixture *fx, const char *name, char path[128])
{
	struct journals *j = fx->journals;
	int64_t end = journal_end(j, name);

	for (int64_t at = end; at >= end - NAME_MAX_BYTES; at--) {
		(void)snprintf(path, 128, "%s/%s/%016llx", fx->dir, name, (unsigned long long)at);
		if (access(path, F_OK) == 0)
			return;
	}
	CHECK(!"a segment");
}

TEST(a_reader_follows_over_rotations_without_loss)
{
	struct fixture fx;
	struct range r;
	int64_t at = 0;

	setup(&fx);
	for (int i = 0; i < 2000; i++) {
		CHECK(append(&fx, "s", i) > 0);
		if (i % 17 != 16)
			continue;
		r = read_on(&fx, "s", at);
		CHECK(r.n == 17 && r.last == i);
		at = r.at;
	}
	teardown(&fx);
}

TEST(the_oldest_lines_go_first_and_the_rest_is_whole)
{
	struct fixture fx;
	struct range r;
	int64_t first;

	setup(&fx);
	first = append(&fx, "s", 0);
	for (int i = 1; i < 2000; i++)
		(void)append(&fx, "s", i);
	r = read_on(&fx, "s", first);
	CHECK(r.last == 1999 && r.n > 150 && r.first == 2000 - (int)r.n);
	CHECK(journal_end(fx.journals, "s") - journal_oldest(fx.journals, "s") <= NAME_MAX_BYTES);
	teardown(&fx);
}

TEST(positions_and_lines_survive_a_restart_and_a_place_is_found_again)
{
	struct fixture fx;
	struct range r;
	int64_t at = 0;

	setup(&fx);
	for (int i = 0; i < 500; i++)
		if (append(&fx, "s", i) > 0 && i == 450)
			at = journal_end(fx.journals, "s");
	open_again(&fx);
	(void)append(&fx, "s", 500);
	r = read_on(&fx, "s", at);
	CHECK(r.first == 451 && r.last == 500);
	CHECK(r.at == journal_end(fx.journals, "s"));
	teardown(&fx);
}

TEST(a_torn_last_line_is_cut_off_and_the_next_one_is_whole)
{
	static const char *const torn[] = {"line 10 and", "x", "\0\0\0\0"};
	struct fixture fx;
	char path[128];

	for (size_t i = 0; i < sizeof(torn) / sizeof(torn[0]); i++) {
		struct range r;
		int fd;

		setup(&fx);
		for (int n = 0; n < 10; n++)
			(void)append(&fx, "s", n);
		newest(&fx, "s", path);
		fx.journals = journals_free(fx.journals);
		fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
		CHECK(fd >= 0 && write(fd, torn[i], i == 2 ? 4 : strlen(torn[i])) > 0);
		close(fd);
		open_again(&fx);
		(void)append(&fx, "s", 10);
		r = read_on(&fx, "s", 0);
		CHECK(r.first == 0 && r.last == 10);
		teardown(&fx);
	}
}

TEST(a_segment_without_one_whole_line_is_passed_over)
{
	struct fixture fx;
	struct range r;
	char path[128];
	int fd;

	setup(&fx);
	(void)append(&fx, "s", 0);
	newest(&fx, "s", path);
	for (int i = 1; i < 100; i++)
		(void)append(&fx, "s", i);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	for (int i = 0; i < NAME_MAX_BYTES / JOURNAL_SEGMENTS / 2; i++)
		CHECK(write(fd, "xx", 2) == 2);
	close(fd);
	r = read_on(&fx, "s", 0);
	CHECK(r.last == 99 && r.first > 0);
	teardown(&fx);
}

static bool is_even(const char *line, size_t n, void *data)
{
	(void)n;
	(void)data;
	return number_in(line) % 2 == 0;
}

TEST(tail_gives_the_last_lines_also_over_the_borders_of_segments)
{
	struct fixture fx;

	setup(&fx);
	for (int i = 0; i < 130; i++)
		(void)append(&fx, "s", i);
	for (size_t want = 0; want <= 80; want += 8) {
		struct range r =
			read_on(&fx, "s", journal_tail(fx.journals, "s", want, NULL, NULL));

		CHECK(r.n == want && (want == 0 || r.last == 129));
	}
	CHECK(read_on(&fx, "s", journal_tail(fx.journals, "s", 10, is_even, NULL)).first == 110);
	CHECK(read_on(&fx, "s", journal_tail(fx.journals, "s", SIZE_MAX, NULL, NULL)).n == 130);
	teardown(&fx);
}

static void age(const char *path, uint64_t usec)
{
	const uint64_t at = clock_wall_usec() - usec;
	const struct timeval times[2] = {
		{.tv_sec = (time_t)(at / USEC_PER_SEC)}, {.tv_sec = (time_t)(at / USEC_PER_SEC)}};

	CHECK(utimes(path, times) == 0);
}

TEST(what_is_too_old_goes_in_a_sweep_and_positions_never_come_again)
{
	struct fixture fx;
	char path[128], folder[128];
	int64_t end;

	setup(&fx);
	for (int i = 0; i < 3; i++)
		end = append(&fx, "old", i);
	newest(&fx, "old", path);
	age(path, 15 * DAY_USEC);
	(void)append(&fx, "new", 0);
	journals_sweep(fx.journals, clock_wall_usec());
	(void)snprintf(folder, sizeof(folder), "%s/old", fx.dir);
	CHECK(access(folder, F_OK) < 0);
	CHECK(read_on(&fx, "new", 0).n == 1);
	CHECK(append(&fx, "old", 3) > end);
	CHECK(read_on(&fx, "old", end).first == 3);
	teardown(&fx);
}

static void count(void *data)
{
	++*(int *)data;
}

TEST(a_log_that_is_watched_keeps_its_last_segment)
{
	struct journal_watch *w;
	struct fixture fx;
	char path[128];
	int calls = 0;

	setup(&fx);
	(void)append(&fx, "s", 0);
	CHECK(journal_watch(fx.journals, "s", count, &calls, &w) == 0);
	newest(&fx, "s", path);
	age(path, 15 * DAY_USEC);
	journals_sweep(fx.journals, clock_wall_usec());
	CHECK(read_on(&fx, "s", 0).n == 1);
	(void)journal_unwatch(w);
	journals_sweep(fx.journals, clock_wall_usec());
	CHECK(read_on(&fx, "s", 0).n == 0);
	teardown(&fx);
}

TEST(all_names_together_stay_under_the_total_and_the_oldest_pay)
{
	struct fixture fx;
	char name[8];
	size_t kept = 0;

	setup(&fx);
	for (int i = 0; i < 8; i++) {
		char path[128];

		(void)snprintf(name, sizeof(name), "s%d", i);
		for (int line = 0; line < 180; line++)
			(void)append(&fx, name, line);
		newest(&fx, name, path);
		(void)snprintf(path, sizeof(path),
			"for f in %s/%s/*; do touch -d '-%d hours' $f; done", fx.dir, name, 9 - i);
		FILE *shell = popen(path, "r");
		CHECK(shell && pclose(shell) == 0);
	}
	journals_sweep(fx.journals, clock_wall_usec());
	for (int i = 0; i < 8; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		kept += (size_t)(journal_end(fx.journals, name) -
				 journal_oldest(fx.journals, name));
		CHECK((i >= 5) <= (read_on(&fx, name, 0).last == 179));
	}
	CHECK(kept <= 4 * NAME_MAX_BYTES);
	CHECK(read_on(&fx, "s0", 0).n == 0 && read_on(&fx, "s7", 0).n > 150);
	teardown(&fx);
}

TEST(watchers_hear_of_their_name_only_and_until_they_leave)
{
	struct fixture fx;
	struct journal_watch *w, *v;
	int a = 0, b = 0;

	setup(&fx);
	CHECK(journal_watch(fx.journals, "s", count, &a, &w) == 0);
	CHECK(journal_watch(fx.journals, "s", count, &b, &v) == 0);
	(void)append(&fx, "s", 1);
	(void)append(&fx, "t", 1);
	v = journal_unwatch(v);
	(void)append(&fx, "s", 2);
	journal_poke(fx.journals, "s");
	CHECK(a == 3 && b == 1);
	(void)journal_unwatch(w);
	teardown(&fx);
}

TEST(more_names_than_open_files_lose_nothing)
{
	struct fixture fx;
	char name[16];

	setup(&fx);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 300; i++) {
			(void)snprintf(name, sizeof(name), "s%d", i);
			CHECK(append(&fx, name, round) > 0);
		}
	for (int i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		CHECK(read_on(&fx, name, 0).n == 3);
	}
	journal_delete(fx.journals, "s7");
	CHECK(read_on(&fx, "s7", 0).n == 0);
	CHECK(append(&fx, "s7", 9) > 0 && read_on(&fx, "s7", 0).first == 9);
	teardown(&fx);
}

TEST(names_that_would_leave_the_folder_are_refused)
{
	struct fixture fx;

	setup(&fx);
	CHECK(append(&fx, "../x", 0) == -EINVAL && append(&fx, "", 0) == -EINVAL);
	CHECK(append(&fx, "a/b", 0) == -EINVAL && append(&fx, ".", 0) == -EINVAL);
	CHECK(journal_append(fx.journals, "s", "a\nb", 3) == -EINVAL);
	CHECK(journals_dropped(fx.journals) == 5);
	teardown(&fx);
}

TEST(files_of_an_earlier_version_are_the_beginning)
{
	struct fixture fx;
	struct range r;
	char path[128];

	setup(&fx);
	for (int old = 1; old >= 0; old--) {
		const char *text = old ? "line 0 a\nline 1 b\n" : "line 2 c\n";

		(void)snprintf(path, sizeof(path), "%s/s.log%s", fx.dir, old ? ".1" : "");
		CHECK(fs_write_durable(AT_FDCWD, path, text, strlen(text), 0600, NULL) == 0);
	}
	(void)append(&fx, "s", 3);
	r = read_on(&fx, "s", 0);
	CHECK(r.first == 0 && r.last == 3);
	teardown(&fx);
}

TEST_MAIN()
