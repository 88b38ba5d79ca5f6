#include "inference/ledger/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/support/test.h"

static char dir[] = "/tmp/vitrine-journal-XXXXXX";

static const char *path_of(int i)
{
	static char path[64];

	(void)snprintf(path, sizeof(path), "%s/usage.%d", dir, i);
	return path;
}

static void remove_dir(void)
{
	(void)rmdir(dir);
}

static struct journal *open_it(void)
{
	struct journal *j = NULL;
	struct err e = {0};

	if (strstr(dir, "XXXXXX"))
		CHECK(mkdtemp(dir) && atexit(remove_dir) == 0);
	CHECK(journal_open(dir, &j, &e) == 0);
	return j;
}

static void clean(void)
{
	(void)unlink(path_of(0));
	(void)unlink(path_of(1));
}

static void add(struct journal *j, uint64_t n)
{
	char row[64];
	uint64_t got;
	int length = snprintf(row, sizeof(row), "{\"v\":%llu}", (unsigned long long)n * 7);

	CHECK(journal_add(j, row, (size_t)length, &got) == 0 && got == n);
}

/* Reads all that is there: rows first to last and nothing else. */
static void check_rows(struct journal *j, struct journal_cursor *c, uint64_t first, uint64_t last)
{
	for (uint64_t n = first; n <= last; n++) {
		CLEANUP(buf_done) struct buf b;
		char row[64];

		buf_init(&b, 256);
		CHECK(journal_read(j, c, &b) == 1);
		(void)snprintf(row, sizeof(row), "{\"n\":%llu,\"v\":%llu}", (unsigned long long)n,
			(unsigned long long)n * 7);
		CHECK(!strcmp(buf_str(&b), row));
	}
	CHECK(journal_read(j, c, &(struct buf){.max = 256}) == 0);
}

TEST(rows_are_there_again_after_a_restart_until_they_are_taken)
{
	struct journal_cursor c = {0};
	struct journal *j;
	char id[32];

	j = open_it();
	(void)snprintf(id, sizeof(id), "%s", journal_id(j));
	for (uint64_t n = 1; n <= 5; n++)
		add(j, n);
	check_rows(j, &c, 1, 5);
	(void)journal_close(j);
	j = open_it();
	CHECK(!strcmp(journal_id(j), id) && journal_last(j) == 5 && journal_waiting(j) == 5);
	c = (struct journal_cursor){0};
	check_rows(j, &c, 1, 5);
	journal_taken(j, 3);
	c = (struct journal_cursor){0};
	check_rows(j, &c, 4, 5);
	add(j, 6);
	check_rows(j, &c, 6, 6);
	(void)journal_close(j);
	clean();
}

/* What a kill leaves behind is what was written so far: any beginning of the file. */
TEST(a_crash_at_any_byte_costs_the_row_that_was_being_written_and_no_other)
{
	CLEANUP(buf_done) struct buf whole;
	struct journal *j = open_it();
	struct err e = {0};
	uint64_t ends[5] = {0};
	struct stat st;

	for (uint64_t n = 1; n <= 4; n++) {
		add(j, n);
		CHECK(stat(path_of(0), &st) == 0);
		ends[n] = (uint64_t)st.st_size;
	}
	(void)journal_close(j);
	buf_init(&whole, 65536);
	CHECK(fs_read(AT_FDCWD, path_of(0), &whole, &e) == 0);
	for (size_t cut = 0; cut <= whole.len; cut++) {
		struct journal_cursor c = {0};
		uint64_t kept = 0;

		clean();
		CHECK(fs_write_durable(AT_FDCWD, path_of(0), whole.data, cut, 0600, &e) == 0);
		while (kept < 4 && ends[kept + 1] <= cut)
			kept++;
		j = open_it();
		CHECK(journal_last(j) == kept);
		check_rows(j, &c, 1, kept);
		add(j, kept + 1);
		check_rows(j, &c, kept + 1, kept + 1);
		(void)journal_close(j);
	}
	clean();
}

TEST(a_damaged_byte_ends_what_is_read_there)
{
	CLEANUP(buf_done) struct buf whole;
	struct journal *j = open_it();
	struct err e = {0};

	for (uint64_t n = 1; n <= 3; n++)
		add(j, n);
	(void)journal_close(j);
	buf_init(&whole, 65536);
	CHECK(fs_read(AT_FDCWD, path_of(0), &whole, &e) == 0);
	whole.data[whole.len - 2] ^= 1;
	CHECK(fs_write_durable(AT_FDCWD, path_of(0), whole.data, whole.len, 0600, &e) == 0);
	j = open_it();
	CHECK(journal_last(j) == 2);
	(void)journal_close(j);
	clean();
}

TEST(a_long_life_keeps_two_small_files_while_rows_are_taken)
{
	struct journal *j = open_it();
	struct journal_cursor c = {0};
	uint64_t n = 0;
	struct stat st;

	for (int round = 0; round < 100; round++) {
		uint64_t from = n + 1;

		for (int i = 0; i < 1500; i++)
			add(j, ++n);
		check_rows(j, &c, from, n);
		journal_taken(j, n);
	}
	CHECK(stat(path_of(0), &st) == 0 && st.st_size <= (2 << 20));
	CHECK(stat(path_of(1), &st) == 0 && st.st_size <= (2 << 20));
	(void)journal_close(j);
	j = open_it();
	CHECK(journal_last(j) == n); /* numbers are never given twice */
	(void)journal_close(j);
	clean();
}

TEST(rows_that_nobody_takes_go_on_in_the_second_file_and_come_back_in_order)
{
	struct journal_cursor c = {0};
	struct journal *j = open_it();
	uint64_t n = 0;

	while (n < 60000) /* some 2 MiB */
		add(j, ++n);
	CHECK(journal_waiting(j) == n);
	(void)journal_close(j);
	j = open_it();
	check_rows(j, &c, 1, n);
	journal_taken(j, n - 1);
	CHECK(journal_waiting(j) == 1);
	c = (struct journal_cursor){0};
	check_rows(j, &c, n, n);
	(void)journal_close(j);
	clean();
}

TEST(a_row_has_a_limit_and_files_of_two_journals_are_refused)
{
	static char big[JOURNAL_ROW_MAX + 1];
	CLEANUP(buf_done) struct buf whole;
	struct journal *j = open_it();
	struct err e = {0};
	uint64_t n;

	CHECK(journal_add(j, big, sizeof(big), &n) == -EINVAL);
	add(j, 1);
	(void)journal_close(j);
	buf_init(&whole, 65536);
	CHECK(fs_read(AT_FDCWD, path_of(0), &whole, &e) == 0);
	clean();
	j = open_it();
	add(j, 1);
	(void)journal_close(j);
	CHECK(fs_write_durable(AT_FDCWD, path_of(1), whole.data, whole.len, 0600, &e) == 0);
	CHECK(journal_open(dir, &j, &e) == -EBADMSG);
	clean();
}

TEST_MAIN()
