#include "orchestrator/repo/size.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/fs.h"
#include "tests/support/test.h"

#define KIB 1024ull

struct fixture {
	char dir[64];
};

static void put(const struct fixture *f, const char *name, size_t bytes)
{
	char path[200];
	CLEANUP(freep) char *text = calloc(1, bytes);
	FILE *f_out;

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	*strrchr(path, '/') = '\0';
	CHECK(fs_mkdirs(path, 0755, NULL) == 0);
	path[strlen(path)] = '/';
	memset(text, 'x', bytes);
	f_out = fopen(path, "we");
	CHECK(f_out && fwrite(text, 1, bytes, f_out) == bytes && fclose(f_out) == 0);
}

static bool is_about(uint64_t bytes, uint64_t want)
{
	return bytes >= want && bytes < want + want / 10 + 16 * KIB;
}

TEST(packs_a_quarantine_and_loose_objects_are_counted)
{
	struct fixture f = {"/tmp/vitrine-size-XXXXXX"};
	char quarantine[120], loose[120];

	CHECK(mkdtemp(f.dir));
	CHECK(repo_size(f.dir, NULL) == 0);
	put(&f, "objects/pack/pack-1.pack", 900 * KIB);
	put(&f, "objects/pack/pack-1.idx", 100 * KIB);
	CHECK(is_about(repo_size(f.dir, ""), 1000 * KIB));
	put(&f, "objects/incoming-1/pack/pack-2.pack", 500 * KIB);
	put(&f, "objects/incoming-1/17/0123", 100 * KIB);
	CHECK(is_about(repo_size(f.dir, NULL), 1000 * KIB)); /* that of another push */
	(void)snprintf(quarantine, sizeof(quarantine), "%s/objects/incoming-1", f.dir);
	CHECK(is_about(repo_size(f.dir, quarantine), 1600 * KIB));
	for (int i = 0; i < 256; i++) {
		(void)snprintf(loose, sizeof(loose), "objects/%02x/4567", i);
		put(&f, loose, 8 * KIB);
	}
	CHECK(is_about(repo_size(f.dir, NULL), (1000 + 256 * 8) * KIB));
	CHECK(fs_remove_tree(f.dir) == 0);
}

TEST(a_large_loose_object_counts_once_whatever_its_id)
{
	struct fixture f = {"/tmp/vitrine-size-XXXXXX"};

	CHECK(mkdtemp(f.dir));
	put(&f, "objects/17/0123", 600 * KIB);
	CHECK(is_about(repo_size(f.dir, NULL), 600 * KIB));
	put(&f, "objects/00/0123", 500 * KIB);
	put(&f, "objects/ff/0123", 400 * KIB);
	CHECK(is_about(repo_size(f.dir, NULL), 1500 * KIB));
	CHECK(repo_loose_size(f.dir) == repo_size(f.dir, NULL));
	put(&f, "objects/pack/pack-1.pack", 900 * KIB);
	put(&f, "objects/info/commit-graph", 900 * KIB);
	CHECK(is_about(repo_loose_size(f.dir), 1500 * KIB));
	CHECK(fs_remove_tree(f.dir) == 0);
}

TEST_MAIN()
