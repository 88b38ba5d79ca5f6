#include "cli/repo/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/support/test.h"

struct fixture {
	char dir[64], path[96];
};

static void setup(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/vitrine-archive-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	(void)snprintf(fx->path, sizeof(fx->path), "%s/a.tar", fx->dir);
}

static void teardown(struct fixture *fx)
{
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static void add(struct archive_writer *w, const char *name, const char *text)
{
	char hash[SHA256_HEX + 1], want[SHA256_HEX + 1];

	CHECK(archive_begin(w, name, strlen(text), NULL) == 0);
	CHECK(archive_add(w, text, strlen(text), NULL) == 0);
	CHECK(archive_end(w, hash, NULL) == 0);
	sha256_hex(text, strlen(text), want);
	CHECK(!strcmp(hash, want));
}

static void write_two(const struct fixture *fx)
{
	struct archive_writer *w;

	CHECK(archive_create(fx->path, &w, NULL) == 0);
	add(w, "1/repo.json", "{}");
	add(w, "1/large/b", "");
	add(w, "1/large/a", "hello");
	CHECK(archive_close(w, NULL) == 0);
	(void)archive_abort(w);
}

/* What is said of the archive with this byte in another way. */
static int change(const struct fixture *fx, off_t at, char to, struct err *e)
{
	int fd = open(fx->path, O_RDWR | O_CLOEXEC), r;
	struct archive a;
	char old;

	*e = (struct err){0};
	CHECK(fd >= 0 && pread(fd, &old, 1, at) == 1 && pwrite(fd, &to, 1, at) == 1);
	r = archive_open(fx->path, &a, e);
	archive_done(&a);
	CHECK(pwrite(fd, &old, 1, at) == 1 && close(fd) == 0);
	return r;
}

TEST(what_was_written_is_read_and_found_by_name)
{
	struct fixture fx;
	struct archive a;
	struct buf text;

	setup(&fx);
	write_two(&fx);
	CHECK(archive_open(fx.path, &a, NULL) == 0 && a.n == 3);
	CHECK(!archive_find(&a, "1/large/c") && !archive_find(&a, ARCHIVE_MANIFEST));
	buf_init(&text, 16);
	CHECK(archive_read(&a, archive_find(&a, "1/large/a"), &text, NULL) == 0);
	CHECK(!strcmp(buf_str(&text), "hello"));
	CHECK(archive_find(&a, "1/large/b")->entry.size == 0);
	buf_done(&text);
	archive_done(&a);
	teardown(&fx);
}

TEST(one_that_was_not_closed_leaves_nothing)
{
	struct fixture fx;
	struct archive_writer *w;
	struct err e = {0};
	struct stat st;

	setup(&fx);
	CHECK(archive_create(fx.path, &w, NULL) == 0);
	CHECK(archive_begin(w, "1/x", 5, NULL) == 0 && archive_add(w, "hel", 3, NULL) == 0);
	CHECK(archive_add(w, "lo!", 3, &e) == -EIO && strstr(e.text, "1/x has grown"));
	CHECK(archive_end(w, (char[SHA256_HEX + 1]){0}, &e) == -EIO);
	(void)archive_abort(w);
	CHECK(stat(fx.path, &st) < 0 && rmdir(fx.dir) == 0);
}

TEST(a_file_that_is_there_is_not_written_over)
{
	struct fixture fx;
	struct archive_writer *w;

	setup(&fx);
	write_two(&fx);
	CHECK(archive_create(fx.path, &w, &(struct err){0}) == -EEXIST);
	teardown(&fx);
}

/* Headers, contents, the list: every byte but the zeros that fill up a block counts. */
TEST(whatever_byte_is_another_one_it_is_refused)
{
	struct fixture fx;
	struct stat st;
	struct err e;
	int missed = 0;
	char byte;

	setup(&fx);
	write_two(&fx);
	CHECK(stat(fx.path, &st) == 0);
	for (off_t at = 0; at < st.st_size - 1024; at++) {
		int fd = open(fx.path, O_RDONLY | O_CLOEXEC);

		CHECK(fd >= 0 && pread(fd, &byte, 1, at) == 1 && close(fd) == 0);
		if (byte != '\0' && change(&fx, at, (char)(byte ^ 1), &e) != -EBADMSG)
			missed++;
	}
	/* Of the version that wrote it. */
	CHECK(missed == (int)strlen(VITRINE_VERSION));
	teardown(&fx);
}

TEST(links_folders_and_names_that_lead_out_are_refused)
{
	static const char *const names[] = {"../x", "/x", "1/../x", "a//b", "a b", "./x"};
	struct fixture fx;
	struct archive a;
	int fd;

	setup(&fx);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct err e = {0};

		fd = open(fx.path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		CHECK(fd >= 0 && tar_write_begin(fd, names[i], 0, NULL) == 0);
		CHECK(tar_write_close(fd, NULL) == 0 && close(fd) == 0);
		CHECK(archive_open(fx.path, &a, &e) == -EBADMSG && strstr(e.text, "name is none"));
		archive_done(&a);
	}
	teardown(&fx);
}

TEST(a_size_beyond_eight_gibibytes_is_kept)
{
	const uint64_t size = 9ull << 30;
	struct tar_entry entry;
	uint64_t at = 0;
	FILE *f = tmpfile();
	int fd;

	CHECK(f);
	fd = fileno(f);
	CHECK(tar_write_begin(fd, "large", size, NULL) == 0);
	CHECK(tar_read(fd, size + 512, &at, &entry, NULL) == 1);
	CHECK(entry.size == size && entry.at == 512 && at == size + 512);
	at = 0;
	CHECK(tar_read(fd, size + 511, &at, &entry, &(struct err){0}) == -EBADMSG);
	CHECK(fclose(f) == 0);
}

TEST_MAIN()
