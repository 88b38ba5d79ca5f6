#include "orchestrator/blob/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

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

static int count(const char *hash, void *data)
{
	CHECK(strlen(hash) == SHA256_HEX);
	return (++*(int *)data) < 0;
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
	int n = 0;

	setup(&fx);
	put(&fx, "hello", one);
	put(&fx, "hello", two);
	put(&fx, "", two);
	CHECK(strcmp(one, two) != 0);
	CHECK(blob_list(fx.blobs, count, &n) == 0 && n == 2);
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

TEST_MAIN()
