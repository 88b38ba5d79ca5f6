#include "gateway/session/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/support/test.h"

#define RECORDS_MAX 64

struct seen {
	size_t n;
	uint32_t numbers[RECORDS_MAX];
	char values[RECORDS_MAX][32];
};

static int note(const struct log_record *rec, void *data)
{
	struct seen *s = data;

	CHECK(s->n < RECORDS_MAX && rec->length < 32);
	s->numbers[s->n] = rec->n;
	memcpy(s->values[s->n], rec->value, rec->length);
	s->values[s->n++][rec->length] = '\0';
	return 0;
}

static char dir[64];

static struct session_log *open_log(struct seen *s)
{
	struct session_log *l;

	*s = (struct seen){0};
	CHECK(session_log_open(dir, note, s, &l, NULL) == 0);
	return l;
}

static void fresh_dir(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/vitrine-log-XXXXXX");
	CHECK(mkdtemp(dir));
}

static void put(struct session_log *l, uint32_t n, const char *value)
{
	struct iovec parts[2] = {{(void *)value, strlen(value) / 2},
		{(void *)(value + strlen(value) / 2), strlen(value) - strlen(value) / 2}};

	CHECK(session_log_append(l, 7, LOG_OUT, n, parts, 2) == 0);
}

static void segment_path(int number, char ret[96])
{
	(void)snprintf(ret, 96, "%s/%08d.log", dir, number);
}

TEST(what_was_appended_is_replayed_in_order)
{
	struct seen s;
	struct session_log *l;

	fresh_dir();
	l = open_log(&s);
	CHECK(s.n == 0);
	put(l, 1, "one");
	put(l, 2, "");
	CHECK(session_log_roll(l) == 2);
	put(l, 3, "three");
	(void)session_log_free(l);
	l = open_log(&s);
	CHECK(s.n == 3 && s.numbers[0] == 1 && !strcmp(s.values[2], "three"));
	CHECK(session_log_bytes(l) == 3 * LOG_HEADER + 8);
	put(l, 4, "four");
	session_log_drop_before(l, 2);
	(void)session_log_free(l);
	l = open_log(&s);
	CHECK(s.n == 2 && s.numbers[0] == 3 && s.numbers[1] == 4);
	(void)session_log_free(l);
	CHECK(fs_remove_tree(dir) == 0);
}

TEST(a_cut_at_any_byte_leaves_whole_records_and_a_log_that_goes_on)
{
	char path[96];
	struct seen s;
	struct session_log *l;
	off_t size;

	fresh_dir();
	l = open_log(&s);
	for (uint32_t i = 1; i <= 4; i++)
		put(l, i, "value");
	size = (off_t)session_log_bytes(l);
	(void)session_log_free(l);
	segment_path(1, path);
	for (off_t cut = size - 1; cut >= 0; cut--) {
		size_t whole = (size_t)cut / (LOG_HEADER + 5);

		CHECK(truncate(path, cut) == 0);
		l = open_log(&s);
		CHECK(s.n == whole && session_log_damaged(l) == 0);
		put(l, 99, "after");
		(void)session_log_free(l);
		l = open_log(&s);
		CHECK(s.n == whole + 1 && s.numbers[whole] == 99);
		(void)session_log_free(l);
		/* the torn tail and what came after it are cut away for the next round */
		CHECK(truncate(path, (off_t)(whole * (LOG_HEADER + 5))) == 0);
	}
	CHECK(fs_remove_tree(dir) == 0);
}

TEST(a_flipped_bit_never_passes_and_costs_one_record)
{
	char path[96];
	struct seen s;
	struct session_log *l;
	struct buf whole;
	int fd;

	fresh_dir();
	l = open_log(&s);
	for (uint32_t i = 1; i <= 3; i++)
		put(l, i, "value");
	(void)session_log_free(l);
	segment_path(1, path);
	buf_init(&whole, 4096);
	CHECK(fs_read(AT_FDCWD, path, &whole, NULL) == 0);
	for (size_t bit = 0; bit < (LOG_HEADER + 5) * 8; bit++) {
		size_t at = LOG_HEADER + 5 + bit / 8; /* in the second record */

		whole.data[at] ^= (uint8_t)(1 << bit % 8);
		fd = open(path, O_WRONLY | O_TRUNC);
		CHECK(fs_write_all(fd, whole.data, whole.len) == 0);
		close(fd);
		whole.data[at] ^= (uint8_t)(1 << bit % 8);
		l = open_log(&s);
		CHECK(s.n >= 1 && s.numbers[0] == 1 && s.n < 3);
		/* Only a damaged length hides what follows. */
		if (bit >= 32)
			CHECK(s.n == 2 && s.numbers[1] == 3 && session_log_damaged(l) == 1);
		(void)session_log_free(l);
	}
	buf_done(&whole);
	CHECK(fs_remove_tree(dir) == 0);
}

TEST(a_full_disk_leaves_the_log_as_it_was)
{
	struct rlimit old, small;
	struct seen s;
	struct session_log *l;
	char text[1000];
	struct iovec part = {text, sizeof(text)};
	uint64_t before;

	memset(text, 'x', sizeof(text));
	fresh_dir();
	l = open_log(&s);
	put(l, 1, "one");
	before = session_log_bytes(l);
	(void)signal(SIGXFSZ, SIG_IGN);
	CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
	small = (struct rlimit){before + 100, old.rlim_max};
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	CHECK(session_log_append(l, 7, LOG_OUT, 2, &part, 1) < 0);
	CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
	CHECK(session_log_bytes(l) == before);
	put(l, 3, "three");
	(void)session_log_free(l);
	l = open_log(&s);
	CHECK(s.n == 2 && s.numbers[1] == 3);
	(void)session_log_free(l);
	CHECK(fs_remove_tree(dir) == 0);
}

/* How many files had to be brought to the disk. */
static size_t sync_now(struct session_log *l)
{
	int fds[LOG_DIRTY_MAX];
	size_t n = session_log_take_dirty(l, fds);

	for (size_t i = 0; i < n; i++) {
		CHECK(fsync(fds[i]) == 0);
		close(fds[i]);
	}
	if (n)
		session_log_synced(l);
	return n;
}

TEST(a_segment_that_was_left_is_synced_to_its_end)
{
	struct seen s;
	struct session_log *l;
	int fds[LOG_DIRTY_MAX];

	fresh_dir();
	l = open_log(&s);
	put(l, 1, "x");
	CHECK(sync_now(l) == 2);
	put(l, 1, "the end of the segment");
	CHECK(session_log_roll(l) == 2);
	put(l, 1, "y");
	CHECK(session_log_safe(l) < session_log_written(l));
	CHECK(session_log_take_dirty(l, fds) == 3); /* both segments and the folder */
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
	put(l, 1, "while the disk is busy");
	session_log_synced(l);
	CHECK(session_log_safe(l) < session_log_written(l)); /* of the last one nobody knows */
	CHECK(sync_now(l) == 1);
	(void)session_log_free(l);
	CHECK(fs_remove_tree(dir) == 0);
}

TEST(dirty_is_told_once)
{
	struct seen s;
	struct session_log *l;

	fresh_dir();
	l = open_log(&s);
	CHECK(sync_now(l) == 0);
	put(l, 1, "x");
	CHECK(sync_now(l) == 2); /* the segment and, as it is new, its folder */
	CHECK(session_log_safe(l) == session_log_written(l));
	CHECK(sync_now(l) == 0);
	(void)session_log_free(l);
	CHECK(fs_remove_tree(dir) == 0);
}

TEST_MAIN()
