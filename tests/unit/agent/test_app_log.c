#include "agent/app_log.h"

#include <fcntl.h>

#include "base/buf.h"
#include "base/fs.h"
#include "tests/support/test.h"

struct fixture {
	struct loop *loop;
	struct app_log *log;
	struct buf seen; /* lines, each followed by '|' */
	unsigned int lines;
	int write_fd;
};

static void on_line(const char *line, size_t n, void *data)
{
	struct fixture *f = data;

	CHECK(n == strlen(line));
	f->lines++;
	(void)buf_add(&f->seen, line, n);
	(void)buf_add(&f->seen, "|", 1);
}

static void setup(struct fixture *f)
{
	int fds[2];

	*f = (struct fixture){0};
	buf_init(&f->seen, 64 << 20);
	CHECK(loop_new(&f->loop) == 0);
	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	f->write_fd = fds[1];
	CHECK(app_log_new(f->loop, fds[0], on_line, f, &f->log) == 0);
}

static void teardown(struct fixture *f)
{
	if (f->write_fd >= 0)
		close(f->write_fd);
	(void)app_log_free(f->log);
	(void)loop_free(f->loop);
	buf_done(&f->seen);
}

static void put(struct fixture *f, const char *text)
{
	CHECK(fs_write_all(f->write_fd, text, strlen(text)) == 0);
	CHECK(loop_dispatch(f->loop, 0) == 0);
}

TEST(lines_come_out_whole_however_they_were_written)
{
	struct fixture f;

	setup(&f);
	put(&f, "one\ntw");
	put(&f, "o\n");
	put(&f, "\nthree");
	CHECK(!strcmp(buf_str(&f.seen), "one|two||"));
	f.log = app_log_free(f.log);
	CHECK(!strcmp(buf_str(&f.seen), "one|two||three|"));
	teardown(&f);
}

TEST(what_is_not_utf8_is_replaced)
{
	struct fixture f;

	setup(&f);
	put(&f, "caf\xc3\xa9 \xff \xc3 \xed\xa0\x80 \xf4\x90\x80\x80 \x1b[2J\t.\n");
	CHECK(!strcmp(buf_str(&f.seen), "caf\xc3\xa9 ? ? ??? ????  [2J\t.|"));
	teardown(&f);
}

TEST(an_endless_line_is_cut_at_the_limit)
{
	struct fixture f;
	char chunk[4097];

	setup(&f);
	memset(chunk, 'x', 4096);
	chunk[4096] = '\0';
	for (int i = 0; i < 5; i++)
		put(&f, chunk);
	CHECK(f.lines == 2);
	CHECK(f.seen.len == 2 * (LOG_LINE_BYTES + 1));
	teardown(&f);
}

TEST(a_flood_is_counted_instead_of_passed_on)
{
	struct fixture f;

	setup(&f);
	for (int i = 0; i < 3000; i++)
		put(&f, "y\n");
	f.log = app_log_free(f.log);
	/* At most a few seconds' worth got through, and the count of the rest is told. */
	CHECK(f.lines < 2900);
	CHECK(strstr(buf_str(&f.seen), "lines dropped"));
	teardown(&f);
}

TEST_MAIN()
