#include "orchestrator/build/assemble.h"

#include <errno.h>
#include <git2.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "orchestrator/repo/repo.h"
#include "proto/bundle.h"
#include "proto/constants.h"
#include "tests/support/test.h"

/* Real repos, written with libgit2: tree by tree, so that the odd ones can be made too. */
struct fixture {
	char dir[64], path[REPO_PATH_MAX];
	struct repos repos;
	git_repository *repo;
};

static void setup(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/vitrine-tree-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	CHECK(repos_open(fx->dir, &fx->repos, NULL) == 0);
	repo_path(&fx->repos, "demo", fx->path);
	CHECK(repo_create(fx->path, NULL) == 0);
	CHECK(git_repository_open_bare(&fx->repo, fx->path) == 0);
}

static void teardown(struct fixture *fx)
{
	git_repository_free(fx->repo);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static git_oid blob(struct fixture *fx, const void *bytes, size_t n)
{
	git_oid oid;

	CHECK(git_blob_create_from_buffer(&oid, fx->repo, bytes, n) == 0);
	return oid;
}

struct item {
	const char *name;
	git_filemode_t mode;
	git_oid oid;
};

static git_oid folder(struct fixture *fx, const struct item *items, size_t n)
{
	git_treebuilder *b;
	git_oid oid;

	CHECK(git_treebuilder_new(&b, fx->repo, NULL) == 0);
	for (size_t i = 0; i < n; i++)
		CHECK(git_treebuilder_insert(
			      NULL, b, items[i].name, &items[i].oid, items[i].mode) == 0);
	CHECK(git_treebuilder_write(&oid, b) == 0);
	git_treebuilder_free(b);
	return oid;
}

static void commit(struct fixture *fx, git_oid tree_oid, const char *message, char ret[41])
{
	git_signature *who;
	git_tree *t;
	git_oid oid;

	CHECK(git_signature_new(&who, "Ada", "a@example.org", 1, 0) == 0);
	CHECK(git_tree_lookup(&t, fx->repo, &tree_oid) == 0);
	CHECK(git_commit_create(&oid, fx->repo, NULL, who, who, NULL, message, t, 0, NULL) == 0);
	git_tree_free(t);
	git_signature_free(who);
	(void)git_oid_tostr(ret, 41, &oid);
}

static int open_commit(struct fixture *fx, const char *hex, struct tree **ret, struct err *e)
{
	*e = (struct err){0};
	return tree_open(fx->path, NULL, hex, NULL, ret, e);
}

static git_oid plain_tree(struct fixture *fx)
{
	const git_oid text = blob(fx, "return 1\n", 9), empty = blob(fx, "", 0);
	const struct item inner[] = {{"z.lua", GIT_FILEMODE_BLOB, text}};
	const git_oid sub = folder(fx, inner, 1);
	/* "a.lua" sorts before "a/z.lua", and "a0" behind: '.' < '/' < '0'. */
	const struct item items[] = {{"a", GIT_FILEMODE_TREE, sub},
		{"a.lua", GIT_FILEMODE_BLOB, text}, {"a0", GIT_FILEMODE_BLOB_EXECUTABLE, empty},
		{"app.lua", GIT_FILEMODE_BLOB, text}};

	return folder(fx, items, 4);
}

TEST(the_same_tree_gives_the_same_bundle_whatever_its_history)
{
	struct fixture fx;
	char one[41], two[41], hash[2][SHA256_HEX + 1];
	struct tree *t;
	struct err e;
	struct buf b;

	setup(&fx);
	commit(&fx, plain_tree(&fx), "one", one);
	commit(&fx, plain_tree(&fx), "two", two);
	CHECK(strcmp(one, two) != 0);
	for (int i = 0; i < 2; i++) {
		CHECK(open_commit(&fx, i ? two : one, &t, &e) == 0);
		CHECK(assemble_bundle(t, &b, hash[i], &e) == 0);
		CHECK(bundle_check(b.data, b.len, &e) == 0);
		buf_done(&b);
		(void)tree_free(t);
	}
	CHECK(!strcmp(hash[0], hash[1]));
	teardown(&fx);
}

TEST(files_come_in_byte_order_with_their_content)
{
	static const char *const want[] = {"a.lua", "a/z.lua", "a0", "app.lua"};
	struct bundle_entry entry;
	struct fixture fx;
	char hex[41], hash[SHA256_HEX + 1];
	struct tree *t;
	struct err e;
	struct buf b;

	setup(&fx);
	commit(&fx, plain_tree(&fx), "m", hex);
	CHECK(open_commit(&fx, hex, &t, &e) == 0 && tree_count(t) == 4);
	for (size_t i = 0; i < 4; i++)
		CHECK(!strcmp(tree_file(t, i).path, want[i]) && tree_find(t, want[i]) == (int)i);
	CHECK(tree_find(t, "b") == -ENOENT);
	CHECK(assemble_bundle(t, &b, hash, &e) == 0);
	CHECK(bundle_find(b.data, b.len, "a/z.lua", &entry) == 1 && entry.size == 9);
	CHECK(bundle_find(b.data, b.len, "a0", &entry) == 1 && entry.size == 0);
	buf_done(&b);
	(void)tree_free(t);
	teardown(&fx);
}

static void refuse(struct fixture *fx, git_oid oid, int code, const char *words)
{
	struct tree *t = NULL;
	char hex[41];
	struct err e;

	commit(fx, oid, "m", hex);
	CHECK(open_commit(fx, hex, &t, &e) == code);
	if (!strstr(e.text, words))
		fprintf(stderr, "wanted '%s', got '%s'\n", words, e.text);
	CHECK(strstr(e.text, words) && !t);
}

TEST(links_and_submodules_are_refused_by_name)
{
	struct fixture fx;
	struct item item = {"evil", GIT_FILEMODE_LINK};
	git_oid sub;

	setup(&fx);
	item.oid = blob(&fx, "/etc/passwd", 11);
	sub = folder(&fx, &item, 1);
	refuse(&fx, sub, -EINVAL, "evil: is a symbolic link");
	item = (struct item){"lib", GIT_FILEMODE_TREE, sub};
	refuse(&fx, folder(&fx, &item, 1), -EINVAL, "lib/evil: is a symbolic link");
	item = (struct item){"dep", GIT_FILEMODE_COMMIT};
	CHECK(git_oid_fromstr(&item.oid, "1111111111111111111111111111111111111111") == 0);
	refuse(&fx, folder(&fx, &item, 1), -EINVAL, "dep: is a submodule");
	teardown(&fx);
}

TEST(a_tree_that_multiplies_itself_is_refused_soon)
{
	struct fixture fx;
	char names[10][2];
	git_oid oid;

	setup(&fx);
	oid = blob(&fx, "", 0);
	for (int depth = 0; depth < 12; depth++) {
		struct item items[10];

		for (int i = 0; i < 10; i++) {
			names[i][0] = (char)('a' + i);
			names[i][1] = '\0';
			items[i] = (struct item){
				names[i], depth ? GIT_FILEMODE_TREE : GIT_FILEMODE_BLOB, oid};
		}
		oid = folder(&fx, items, 10);
	}
	refuse(&fx, oid, -E2BIG, "more than 1000 files");
	teardown(&fx);
}

TEST(empty_folders_that_multiply_are_refused_too)
{
	struct fixture fx;
	git_oid oid;

	setup(&fx);
	oid = folder(&fx, NULL, 0);
	for (int depth = 0; depth < 20; depth++) {
		const struct item items[] = {
			{"a", GIT_FILEMODE_TREE, oid}, {"b", GIT_FILEMODE_TREE, oid}};

		oid = folder(&fx, items, 2);
	}
	refuse(&fx, oid, -E2BIG, "too many files or folders");
	teardown(&fx);
}

TEST(a_path_or_a_size_over_its_limit_is_refused)
{
	struct fixture fx;
	struct item item = {"big.bin", GIT_FILEMODE_BLOB};
	CLEANUP(freep) char *big = calloc(1, BUNDLE_MAX + 1);
	git_oid oid;

	setup(&fx);
	CHECK(big);
	item.oid = blob(&fx, big, BUNDLE_MAX + 1);
	refuse(&fx, folder(&fx, &item, 1), -EFBIG,
		"big.bin: all files together are over the limit of 32 MiB");
	oid = blob(&fx, "", 0);
	for (int i = 0; i < 200; i++) {
		const struct item deep = {"ab", i ? GIT_FILEMODE_TREE : GIT_FILEMODE_BLOB, oid};

		oid = folder(&fx, &deep, 1);
	}
	refuse(&fx, oid, -EINVAL, "path is over the limit of 255 bytes");
	teardown(&fx);
}

TEST(a_quarantine_must_lie_in_the_repo)
{
	struct fixture fx;
	struct tree *t = NULL;
	char hex[41], inside[REPO_PATH_MAX + 64];
	struct err e = {0};

	setup(&fx);
	commit(&fx, plain_tree(&fx), "m", hex);
	CHECK(tree_open(fx.path, "/tmp", hex, NULL, &t, &e) == -EINVAL && !t);
	CHECK(tree_open(fx.path, "/nonexistent", hex, NULL, &t, &e) == -ENOENT && !t);
	(void)snprintf(inside, sizeof(inside), "%s/objects/tmp_objdir-incoming-x", fx.path);
	CHECK(mkdir(inside, 0700) == 0);
	CHECK(tree_open(fx.path, inside, hex, NULL, &t, &e) == 0);
	(void)tree_free(t);
	teardown(&fx);
}

TEST(what_is_no_commit_is_refused)
{
	struct fixture fx;
	struct tree *t = NULL;
	char hex[41];
	git_oid oid;
	struct err e;

	setup(&fx);
	oid = plain_tree(&fx);
	(void)git_oid_tostr(hex, sizeof(hex), &oid);
	CHECK(open_commit(&fx, hex, &t, &e) == -EINVAL && strstr(e.text, "main must be a commit"));
	CHECK(open_commit(&fx, "zz", &t, &e) == -EINVAL);
	CHECK(open_commit(&fx, "1111111111111111111111111111111111111111", &t, &e) == -EIO && !t);
	teardown(&fx);
}

#define LARGE "the large words"

static int open_large(const struct pointer *p, void *data, struct err *e)
{
	if (strcmp(p->oid, data) != 0)
		return err_set(e, -ENOENT, "was not uploaded");
	return fs_memfd_sealed("t", LARGE, strlen(LARGE), e);
}

/* One file beside the others, which stands for that large one. */
static int open_with_pointer(struct fixture *fx, uint64_t size, const struct tree_large *large,
	struct tree **ret, struct err *e)
{
	struct pointer p = {.size = size};
	char text[POINTER_MAX], hex[41];

	sha256_hex(LARGE, strlen(LARGE), p.oid);
	{
		const git_oid small = blob(fx, text, pointer_format(&p, text));
		const struct item items[] = {
			{"app.lua", GIT_FILEMODE_BLOB, blob(fx, "return 1\n", 9)},
			{"weights.bin", GIT_FILEMODE_BLOB, small}};

		commit(fx, folder(fx, items, 2), "m", hex);
	}
	*e = (struct err){0};
	return tree_open(fx->path, NULL, hex, large, ret, e);
}

TEST(a_pointer_is_read_as_the_file_it_stands_for_and_counts_as_much)
{
	char oid[SHA256_HEX + 1];
	struct tree_large large = {.open = open_large, .data = oid};
	struct fixture fx;
	struct tree *t = NULL;
	const void *bytes;
	struct err e;

	setup(&fx);
	sha256_hex(LARGE, strlen(LARGE), oid);
	CHECK(open_with_pointer(&fx, strlen(LARGE), &large, &t, &e) == 0);
	CHECK(tree_file(t, 1).size == strlen(LARGE) && tree_read(t, 1, &bytes, &e) == 0);
	CHECK(!memcmp(bytes, LARGE, strlen(LARGE)));
	t = tree_free(t);
	CHECK(open_with_pointer(&fx, strlen(LARGE) + 1, &large, &t, &e) == 0);
	CHECK(tree_read(t, 1, &bytes, &e) == -EIO && strstr(e.text, "weights.bin"));
	t = tree_free(t);
	oid[0] = 'x';
	CHECK(open_with_pointer(&fx, strlen(LARGE), &large, &t, &e) == 0);
	CHECK(tree_read(t, 1, &bytes, &e) == -ENOENT && strstr(e.text, "weights.bin"));
	t = tree_free(t);
	CHECK(open_with_pointer(&fx, (uint64_t)BUNDLE_MAX + 1, &large, &t, &e) == -EFBIG && !t);
	CHECK(open_with_pointer(&fx, LFS_SIZE_MAX, &large, &t, &e) == -EFBIG && !t);
	teardown(&fx);
}

TEST_MAIN()
