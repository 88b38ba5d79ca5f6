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
	unsigned int may;     /* lines that may pass */
	struct log_head head; /* of the last line */
	int write_fd;
};

static bool may_pass(size_t n, void *data)
{
	struct fixture *f = data;

	(void)n;
	return f->may > 0 && f->may-- > 0;
}

static void on_line(const char *line, size_t n, const struct log_head *head, void *data)
{
	struct fixture *f = data;

	f->head = *head;

	CHECK(n == strlen(line));
	f->lines++;
	(void)buf_add(&f->seen, line, n);
	(void)buf_add(&f->seen, "|", 1);
}

static const struct app_log_ops ops = {.may_pass = may_pass, .on_line = on_line};

static void setup(struct fixture *f)
{
	int fds[2];

	*f = (struct fixture){.may = 100000};
	buf_init(&f->seen, 64 << 20);
	CHECK(loop_new(&f->loop) == 0);
	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	f->write_fd = fds[1];
	CHECK(app_log_new(f->loop, fds[0], &ops, f, &f->log) == 0);
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

/* catalogue 26 */
TEST(what_a_terminal_would_obey_is_replaced_like_what_is_not_utf8)
{
	struct fixture f;

	setup(&f);
	put(&f, "caf\xc3\xa9 \xff \xc3 \xed\xa0\x80 \xf4\x90\x80\x80 \x1b[2J\t.\n");
	put(&f, "a\xc2\x9b"
		"2J\xe2\x80\xae"
		"b\rc\r\n");
	CHECK(!strcmp(buf_str(&f.seen), "caf\xc3\xa9 ? ? ??? ????  [2J\t.|a  2J   b c|"));
	teardown(&f);
}

/* catalogue 26 */
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

/* catalogue 26 */
TEST(lines_that_may_not_pass_are_counted_and_the_count_is_told_when_the_flood_is_over)
{
	struct fixture f;

	setup(&f);
	f.may = 10;
	for (int i = 0; i < 1000; i++)
		put(&f, "y\n");
	CHECK(f.lines == 10);
	for (int i = 0; i < 100 && f.lines == 10; i++)
		CHECK(loop_dispatch(f.loop, 100) == 0);
	CHECK(f.lines == 11 && strstr(buf_str(&f.seen), "|[990 lines dropped"));
	teardown(&f);
}

/* catalogue 26 */
TEST(a_pipe_that_brings_too_much_is_left_full_for_a_while)
{
	static char bytes[65536];
	struct fixture f;
	size_t taken = 0;

	setup(&f);
	f.may = 0;
	CHECK(fcntl(f.write_fd, F_SETFL, O_NONBLOCK) == 0);
	memset(bytes, '\n', sizeof(bytes));
	/* Many more rounds than bytes are read in: the writer is held up. */
	for (int i = 0; i < 100; i++) {
		ssize_t n = write(f.write_fd, bytes, sizeof(bytes));

		taken += n > 0 ? (size_t)n : 0;
		CHECK(loop_dispatch(f.loop, 0) == 0);
	}
	CHECK(taken >= LOG_READ_BYTES && taken < LOG_READ_BYTES + 4 * sizeof(bytes));
	/* It is read again afterwards. */
	for (int i = 0; i < 100; i++) {
		CHECK(loop_dispatch(f.loop, 10) == 0);
		if (write(f.write_fd, bytes, sizeof(bytes)) == sizeof(bytes))
			break;
		CHECK(i < 99);
	}
	teardown(&f);
}

TEST(a_head_says_who_spoke_and_is_no_part_of_the_line)
{
	struct fixture f;

	setup(&f);
	put(&f, "\x1eprint session=0a1b2c3d event=12\x1fhello\n");
	CHECK(!strcmp(f.head.stream, "stdout") && !strcmp(f.head.level, "info"));
	CHECK(!strcmp(f.head.session, "0a1b2c3d") && f.head.event == 12 && !*f.head.reference);
	put(&f, "\x1e"
		"error session=0a1b2c3d event=12 ref=k7q2m9\x1f"
		"app.lua:3: no\n");
	CHECK(!strcmp(f.head.stream, "stderr") && !strcmp(f.head.level, "error"));
	CHECK(!strcmp(f.head.reference, "k7q2m9"));
	put(&f, "plain\n");
	CHECK(!strcmp(f.head.stream, "stderr") && !strcmp(f.head.level, "info"));
	CHECK(!*f.head.session && f.head.event == 0);
	CHECK(!strcmp(buf_str(&f.seen), "hello|app.lua:3: no|plain|"));
	teardown(&f);
}

TEST(a_head_that_is_none_of_ours_is_words)
{
	static const char *const heads[] = {"\x1e\x1fx", "\x1eprint", "\x1egod\x1fx",
		"\x1eprint session=\x1fx", "\x1eprint session=A\x1fx",
		"\x1eprint session=0123456789abcdef\x1fx", "\x1eprint event=-1\x1fx",
		"\x1eprint event=99999999999\x1fx", "\x1eprint event=4294967296\x1fx",
		"\x1eprint admin=1\x1fx", "\x1eprint  session=a\x1fx", "\x1e session=a\x1fx",
		"\x1eprint ref=a\x1b."
		"\x1fx"};
	struct log_head head;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		CHECK(log_head_read(heads[i], strlen(heads[i]), &head) == 0);
		CHECK(!strcmp(head.stream, "stderr") && !*head.session && !*head.reference);
		CHECK(head.event == 0);
	}
	CHECK(log_head_read("\x1eprint event=4294967295\x1f", 24, &head) == 24);
	CHECK(head.event == UINT32_MAX);
}

TEST_MAIN()
