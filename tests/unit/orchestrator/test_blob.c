#include "orchestrator/blob/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/support/test.h"

struct fixture {
	char dir[64];
	struct blob_store *blobs;
};

static void setup(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/vitrine-blob-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	CHECK(blob_store_open(fx->dir, &fx->blobs, NULL) == 0);
}

static void teardown(struct fixture *fx)
{
	(void)blob_store_close(fx->blobs);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static void put(struct fixture *fx, const char *text, char hash[SHA256_HEX + 1])
{
	CLEANUP(closep) int fd = fs_memfd_sealed("t", text, strlen(text), NULL);

	CHECK(fd >= 0 && blob_put(fx->blobs, fd, hash, NULL) == 0);
}

static int count(const char *hash, int64_t touched_sec, void *data)
{
	CHECK(strlen(hash) == SHA256_HEX && touched_sec > 0);
	return (++*(int *)data) < 0;
}

static int count_all(struct fixture *fx)
{
	int n = 0;

	for (unsigned int i = 0; i < BLOB_SHARDS; i++)
		CHECK(blob_list(fx->blobs, i, count, &n) == 0);
	return n;
}

/* Files in the folder itself: what is under way. */
static int count_unfinished(struct fixture *fx)
{
	DIR *d = opendir(fx->dir);
	const struct dirent *entry;
	int n = 0;

	CHECK(d);
	while ((entry = readdir(d)))
		n += strlen(entry->d_name) > 2;
	closedir(d);
	return n;
}

TEST(bytes_come_back_by_their_hash_read_only_and_from_the_start)
{
	struct fixture fx;
	char hash[SHA256_HEX + 1], want[SHA256_HEX + 1], text[16] = "";
	int fd;

	setup(&fx);
	put(&fx, "hello", hash);
	sha256_hex("hello", 5, want);
	CHECK(!strcmp(hash, want) && blob_has(fx.blobs, hash));
	fd = blob_open(fx.blobs, hash, NULL);
	CHECK(fd >= 0 && read(fd, text, sizeof(text)) == 5 && !strcmp(text, "hello"));
	CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
	close(fd);
	teardown(&fx);
}

TEST(storing_twice_keeps_one_and_leaves_nothing_behind)
{
	struct fixture fx;
	char one[SHA256_HEX + 1], two[SHA256_HEX + 1];

	setup(&fx);
	put(&fx, "hello", one);
	put(&fx, "hello", two);
	put(&fx, "", two);
	CHECK(strcmp(one, two) != 0);
	CHECK(count_all(&fx) == 2);
	teardown(&fx);
}

TEST(a_deleted_blob_is_gone_for_the_next_and_stays_for_who_has_it_open)
{
	struct fixture fx;
	char hash[SHA256_HEX + 1], text[16];
	int fd;

	setup(&fx);
	put(&fx, "hello", hash);
	fd = blob_open(fx.blobs, hash, NULL);
	CHECK(blob_delete(fx.blobs, hash, NULL) == 0 && blob_delete(fx.blobs, hash, NULL) == 0);
	CHECK(!blob_has(fx.blobs, hash) && blob_open(fx.blobs, hash, NULL) == -ENOENT);
	CHECK(read(fd, text, sizeof(text)) == 5);
	close(fd);
	teardown(&fx);
}

TEST(what_is_no_hash_is_never_looked_up)
{
	static const char *const bad[] = {"", "..", "../../etc/passwd", "ab/cd",
		"ABCDEF0000000000000000000000000000000000000000000000000000000000",
		"abcdef000000000000000000000000000000000000000000000000000000000",
		"abcdef00000000000000000000000000000000000000000000000000000000000"};
	struct fixture fx;

	setup(&fx);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(!blob_has(fx.blobs, bad[i]));
		CHECK(blob_open(fx.blobs, bad[i], NULL) == -ENOENT);
		CHECK(blob_delete(fx.blobs, bad[i], NULL) == 0);
	}
	teardown(&fx);
}

TEST(half_written_files_of_a_crash_are_swept_away_at_start)
{
	struct fixture fx;
	char path[128];
	struct stat st;

	setup(&fx);
	(void)snprintf(path, sizeof(path), "%s/new-abc", fx.dir);
	CHECK(fs_write_durable(AT_FDCWD, path, "half", 4, 0600, NULL) == 0);
	(void)blob_store_close(fx.blobs);
	CHECK(blob_store_open(fx.dir, &fx.blobs, NULL) == 0);
	CHECK(stat(path, &st) < 0 && errno == ENOENT);
	teardown(&fx);
}

static void sync_and_close(const int fds[2])
{
	for (int i = 0; i < 2; i++)
		CHECK(fsync(fds[i]) == 0 && close(fds[i]) == 0);
}

TEST(a_written_blob_is_there_when_it_is_published_and_not_before)
{
	struct fixture fx;
	struct blob_writer *w;
	char hash[SHA256_HEX + 1], want[SHA256_HEX + 1];
	int fds[2];

	setup(&fx);
	CHECK(blob_begin(fx.blobs, &w, NULL) == 0);
	CHECK(blob_write(w, "hel", 3, NULL) == 0 && blob_write(w, "lo", 2, NULL) == 0);
	CHECK(blob_written(w) == 5 && blob_end(w, hash, NULL) == 0);
	sha256_hex("hello", 5, want);
	CHECK(!strcmp(hash, want) && !blob_has(fx.blobs, hash) && count_unfinished(&fx) == 1);
	CHECK(blob_publish(w, fds, NULL) == 0);
	sync_and_close(fds);
	CHECK(blob_has(fx.blobs, hash) && blob_size(fx.blobs, hash) == 5);
	teardown(&fx);
}

TEST(an_aborted_blob_leaves_nothing_and_one_that_a_crash_left_is_swept)
{
	struct fixture fx;
	struct blob_writer *w, *lost;
	struct blob_store *next;

	setup(&fx);
	CHECK(blob_begin(fx.blobs, &w, NULL) == 0 && blob_write(w, "x", 1, NULL) == 0);
	(void)blob_abort(w);
	CHECK(count_unfinished(&fx) == 0);
	CHECK(blob_begin(fx.blobs, &lost, NULL) == 0 && blob_write(lost, "x", 1, NULL) == 0);
	CHECK(blob_store_open(fx.dir, &next, NULL) == 0);
	CHECK(count_unfinished(&fx) == 0);
	(void)blob_store_close(next);
	(void)blob_abort(lost);
	teardown(&fx);
}

TEST(publishing_what_is_there_already_keeps_one_and_makes_it_young)
{
	static const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct fixture fx;
	struct blob_writer *w;
	char hash[SHA256_HEX + 1], path[160];
	struct stat st;
	int fds[2];

	setup(&fx);
	put(&fx, "hello", hash);
	(void)snprintf(path, sizeof(path), "%s/%.2s/%s", fx.dir, hash, hash);
	CHECK(utimensat(AT_FDCWD, path, long_ago, 0) == 0);
	CHECK(blob_begin(fx.blobs, &w, NULL) == 0 && blob_write(w, "hello", 5, NULL) == 0);
	CHECK(blob_end(w, hash, NULL) == 0 && blob_publish(w, fds, NULL) == 0);
	sync_and_close(fds);
	CHECK(stat(path, &st) == 0 && st.st_mtim.tv_sec > 1000 && count_all(&fx) == 1);
	CHECK(utimensat(AT_FDCWD, path, long_ago, 0) == 0);
	put(&fx, "hello", hash);
	CHECK(stat(path, &st) == 0 && st.st_mtim.tv_sec > 1000);
	teardown(&fx);
}

TEST(parts_in_any_order_outlive_the_process_and_become_one_blob)
{
	struct fixture fx;
	char hash[SHA256_HEX + 1];
	int fd, fds[2];

	setup(&fx);
	fd = blob_parts_open(fx.blobs, "abc123", 5, NULL);
	CHECK(fd >= 0 && pwrite(fd, "lo", 2, 3) == 2);
	close(fd);
	(void)blob_store_close(fx.blobs);
	CHECK(blob_store_open(fx.dir, &fx.blobs, NULL) == 0);
	fd = blob_parts_open(fx.blobs, "abc123", 5, NULL);
	CHECK(fd >= 0 && pwrite(fd, "hel", 3, 0) == 3);
	close(fd);
	sha256_hex("hello", 5, hash);
	CHECK(blob_parts_publish(fx.blobs, "abc123", hash, fds, NULL) == 0);
	sync_and_close(fds);
	CHECK(blob_size(fx.blobs, hash) == 5 && count_all(&fx) == 1);
	CHECK(blob_parts_open(fx.blobs, "../abc", 5, NULL) == -EINVAL);
	teardown(&fx);
}

static void note(const char *id, uint64_t bytes, void *data)
{
	char *seen = data;
	size_t n = strlen(seen);

	(void)snprintf(seen + n, 64 - n, "%s:%d ", id, bytes != 0);
}

TEST(parts_are_found_and_listed_with_what_they_take_and_not_made)
{
	struct fixture fx;
	char before[PARTS_BIRTH_MAX], after[PARTS_BIRTH_MAX], seen[64] = "";
	int fd;

	setup(&fx);
	CHECK(blob_parts_find(fx.blobs, "repo-abc", NULL) == -ENOENT);
	fd = blob_parts_open(fx.blobs, "repo-abc", 1 << 20, NULL);
	CHECK(fd >= 0 && blob_parts_birth(fd, before) == 0);
	blob_parts_list(fx.blobs, note, seen);
	CHECK(!strcmp(seen, "repo-abc:0 "));
	CHECK(pwrite(fd, "x", 1, 9000) == 1 && fsync(fd) == 0 && close(fd) == 0);
	seen[0] = '\0';
	blob_parts_list(fx.blobs, note, seen);
	CHECK(!strcmp(seen, "repo-abc:1 "));
	fd = blob_parts_find(fx.blobs, "repo-abc", NULL);
	CHECK(fd >= 0 && blob_parts_birth(fd, after) == 0 && !strcmp(before, after));
	blob_parts_drop(fx.blobs, "repo-abc");
	CHECK(blob_parts_find(fx.blobs, "repo-abc", NULL) == -ENOENT);
	CHECK(close(fd) == 0);
	teardown(&fx);
}

TEST(a_blob_under_a_further_name_is_readable_and_outlives_it)
{
	struct fixture fx;
	char hash[SHA256_HEX + 1], path[96], text[8] = "";
	struct stat st;
	int fd;

	setup(&fx);
	put(&fx, "hello", hash);
	(void)snprintf(path, sizeof(path), "%s.link", fx.dir);
	CHECK(blob_link(fx.blobs, hash, path, NULL) == 0);
	CHECK(blob_link(fx.blobs, hash, path, NULL) == -EEXIST);
	CHECK(stat(path, &st) == 0 && st.st_nlink == 2 && (st.st_mode & 0777) == 0444);
	CHECK(blob_delete(fx.blobs, hash, NULL) == 0);
	CHECK(blob_link(fx.blobs, hash, path, NULL) == -ENOENT);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && read(fd, text, sizeof(text)) == 5 && !strcmp(text, "hello"));
	CHECK(close(fd) == 0 && unlink(path) == 0);
	teardown(&fx);
}

TEST(parts_that_nobody_writes_to_expire)
{
	struct fixture fx;
	int fd;

	setup(&fx);
	fd = blob_parts_open(fx.blobs, "abc123", 5, NULL);
	CHECK(fd >= 0 && close(fd) == 0);
	blob_parts_expire(fx.blobs, 1000);
	CHECK(count_unfinished(&fx) == 1);
	blob_parts_expire(fx.blobs, INT64_MAX);
	CHECK(count_unfinished(&fx) == 0);
	teardown(&fx);
}

TEST_MAIN()
