#include "agent/bundle_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "proto/bundle.h"
#include "proto/constants.h"
#include "tests/support/test.h"

struct fixture {
	char dir[64];
	struct bundle_cache *cache;
	struct buf bytes;
	char hash[SHA256_HEX + 1];
	int file;
};

static void setup(struct fixture *f, const char *content)
{
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vitrine-cache-XXXXXX");
	CHECK(mkdtemp(f->dir));
	CHECK(bundle_cache_new(f->dir, &f->cache, NULL) == 0);
	buf_init(&f->bytes, BUNDLE_MAX);
	CHECK(bundle_begin(&f->bytes, 1, NULL) == 0);
	CHECK(bundle_add(&f->bytes, "app.lua", content, strlen(content), NULL) == 0);
	sha256_hex(f->bytes.data, f->bytes.len, f->hash);
	f->file = fs_memfd_sealed("t", f->bytes.data, f->bytes.len, NULL);
	CHECK(f->file >= 0);
}

static void teardown(struct fixture *f)
{
	close(f->file);
	buf_done(&f->bytes);
	(void)bundle_cache_free(f->cache);
	CHECK(fs_remove_tree(f->dir) == 0);
}

TEST(a_bundle_comes_back_sealed_and_survives_the_process)
{
	struct fixture f;
	int fd;

	setup(&f, "return 1");
	CHECK(bundle_cache_open(f.cache, f.hash, NULL) == -ENOENT);
	CHECK(bundle_cache_put(f.cache, f.hash, f.file, NULL) == 0);
	fd = bundle_cache_open(f.cache, f.hash, NULL);
	CHECK(fd >= 0 && fs_is_sealed(fd) == 1);

	(void)bundle_cache_free(f.cache);
	CHECK(bundle_cache_new(f.dir, &f.cache, NULL) == 0);
	fd = bundle_cache_open(f.cache, f.hash, NULL);
	CHECK(fd >= 0 && fs_is_sealed(fd) == 1);
	teardown(&f);
}

TEST(content_under_a_wrong_hash_is_refused)
{
	struct fixture f;
	struct err e = {0};
	char wrong[SHA256_HEX + 1];

	setup(&f, "return 2");
	memset(wrong, 'a', SHA256_HEX);
	wrong[SHA256_HEX] = '\0';
	CHECK(bundle_cache_put(f.cache, wrong, f.file, &e) == -EBADMSG);
	CHECK(strstr(e.text, "has the hash"));
	CHECK(bundle_cache_put(f.cache, "../../etc/passwd", f.file, &e) == -EINVAL);
	CHECK(bundle_cache_open(f.cache, "../../etc/passwd", &e) == -EINVAL);
	teardown(&f);
}

TEST(a_file_damaged_on_disk_is_dropped_not_used)
{
	struct fixture f;
	struct err e = {0};
	char path[192];
	int fd;

	setup(&f, "return 3");
	CHECK(bundle_cache_put(f.cache, f.hash, f.file, NULL) == 0);
	(void)bundle_cache_free(f.cache);
	CHECK(bundle_cache_new(f.dir, &f.cache, NULL) == 0);

	(void)snprintf(path, sizeof(path), "%s/%s", f.dir, f.hash);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && pwrite(fd, "X", 1, 20) == 1);
	close(fd);
	CHECK(bundle_cache_open(f.cache, f.hash, &e) == -EBADMSG);
	CHECK(bundle_cache_open(f.cache, f.hash, &e) == -ENOENT);
	CHECK(bundle_cache_put(f.cache, f.hash, f.file, NULL) == 0);
	CHECK(bundle_cache_open(f.cache, f.hash, &e) >= 0);
	teardown(&f);
}

/* A bundle of its own for each n. */
static void put(struct fixture *f, int n, char ret_hash[SHA256_HEX + 1])
{
	char text[32];
	int fd;

	buf_clear(&f->bytes);
	(void)snprintf(text, sizeof(text), "return %d", 100 + n);
	CHECK(bundle_begin(&f->bytes, 1, NULL) == 0);
	CHECK(bundle_add(&f->bytes, "app.lua", text, strlen(text), NULL) == 0);
	sha256_hex(f->bytes.data, f->bytes.len, ret_hash);
	fd = fs_memfd_sealed("t", f->bytes.data, f->bytes.len, NULL);
	CHECK(bundle_cache_put(f->cache, ret_hash, fd, NULL) == 0);
	close(fd);
}

static bool is_on_disk(const struct fixture *f, const char *hash)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, hash);
	return access(path, F_OK) == 0;
}

TEST(over_the_limit_those_that_came_longest_ago_go_and_the_newest_stays)
{
	struct fixture f;
	char hashes[10][SHA256_HEX + 1];
	char path[160];

	setup(&f, "return 5");
	for (int i = 0; i < 8; i++) {
		/* The fourth came before all others, says its file. */
		time_t sec = i == 3 ? 1000 : 2000 + i;
		struct timespec came[2] = {{.tv_sec = sec}, {.tv_sec = sec}};

		put(&f, i, hashes[i]);
		(void)snprintf(path, sizeof(path), "%s/%.64s", f.dir, hashes[i]);
		CHECK(utimensat(AT_FDCWD, path, came, 0) == 0);
	}
	bundle_cache_limit(f.cache, 8 * f.bytes.len);
	CHECK(is_on_disk(&f, hashes[3]));
	put(&f, 8, hashes[8]); /* one too many: three quarters are left */
	CHECK(!is_on_disk(&f, hashes[3]) && is_on_disk(&f, hashes[8]));
	CHECK(is_on_disk(&f, hashes[7]) && !is_on_disk(&f, hashes[0]));
	/* The smallest limit leaves the one that was just brought; and a new agent counts anew. */
	bundle_cache_limit(f.cache, 1);
	CHECK(is_on_disk(&f, hashes[8]) && !is_on_disk(&f, hashes[7]));
	(void)bundle_cache_free(f.cache);
	CHECK(bundle_cache_new(f.dir, &f.cache, NULL) == 0);
	CHECK(bundle_cache_open(f.cache, hashes[8], NULL) >= 0);
	teardown(&f);
}

TEST(more_bundles_than_stay_warm_are_still_there)
{
	struct fixture f;
	char hashes[40][SHA256_HEX + 1];

	setup(&f, "return 4");
	for (int i = 0; i < 40; i++)
		put(&f, i, hashes[i]);
	for (int i = 0; i < 40; i++)
		CHECK(bundle_cache_open(f.cache, hashes[i], NULL) >= 0);
	teardown(&f);
}

TEST_MAIN()
