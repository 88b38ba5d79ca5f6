#include "orchestrator/hub/lfs.h"

#include <errno.h>
#include <git2.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "orchestrator/hub/collect.h"
#include "orchestrator/hub/hub.h"
#include "orchestrator/repo/library.h"
#include "tests/support/test.h"

struct fixture {
	char dir[64], path[128];
	struct store *store;
	struct blob_store *blobs;
	struct repos repos;
	struct hub_repo mine, hidden, open;
};

static const struct identity ada = {.via = VIA_TOKEN, .user_id = "1", .user = "ada"};
static const struct identity bob = {.via = VIA_TOKEN, .user_id = "2", .user = "bob"};

static void setup(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/vitrine-lfs-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	(void)snprintf(fx->path, sizeof(fx->path), "%s/db", fx->dir);
	CHECK(store_open(fx->path, &fx->store, NULL) == 0);
	(void)snprintf(fx->path, sizeof(fx->path), "%s/blobs", fx->dir);
	CHECK(blob_store_open(fx->path, &fx->blobs, NULL) == 0);
	(void)snprintf(fx->path, sizeof(fx->path), "%s/repos", fx->dir);
	CHECK(repos_open(fx->path, &fx->repos, NULL) == 0);
	CHECK(hub_create(fx->store, REPO_MODEL, "ada", "mine", false, &fx->mine, NULL) == 0);
	CHECK(hub_create(fx->store, REPO_MODEL, "bob", "hidden", true, &fx->hidden, NULL) == 0);
	CHECK(hub_create(fx->store, REPO_DATASET, "bob", "open", false, &fx->open, NULL) == 0);
}

static void teardown(struct fixture *fx)
{
	(void)blob_store_close(fx->blobs);
	(void)store_close(fx->store);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static struct pointer stored(struct fixture *fx, const char *text)
{
	CLEANUP(closep) int fd = fs_memfd_sealed("t", text, strlen(text), NULL);
	struct pointer p = {.size = strlen(text)};

	CHECK(fd >= 0 && blob_put(fx->blobs, fd, p.oid, NULL) == 0);
	return p;
}

TEST(a_repo_has_what_was_uploaded_to_it_and_nothing_else)
{
	struct fixture fx;
	struct pointer p, other;
	char text[8] = "";
	uint64_t size;
	int fd;

	setup(&fx);
	p = stored(&fx, "hello");
	CHECK(lfs_size(fx.store, fx.mine.id, p.oid, &size, NULL) == -ENOENT);
	CHECK(lfs_open(fx.store, fx.blobs, fx.mine.id, &p, NULL) == -ENOENT);
	CHECK(lfs_hold(fx.store, fx.mine.id, &p, NULL) == 0);
	CHECK(lfs_hold(fx.store, fx.mine.id, &p, NULL) == 0);
	CHECK(lfs_size(fx.store, fx.mine.id, p.oid, &size, NULL) == 0 && size == 5);
	CHECK(lfs_size(fx.store, fx.open.id, p.oid, &size, NULL) == -ENOENT);
	fd = lfs_open(fx.store, fx.blobs, fx.mine.id, &p, NULL);
	CHECK(fd >= 0 && read(fd, text, sizeof(text)) == 5 && !strcmp(text, "hello"));
	close(fd);
	other = p;
	other.size = 6;
	CHECK(lfs_open(fx.store, fx.blobs, fx.mine.id, &other, NULL) == -ENOENT);
	teardown(&fx);
}

TEST(an_object_of_a_private_repo_has_to_be_uploaded_by_whoever_cannot_read_it)
{
	struct fixture fx;
	struct pointer p, lie;
	uint64_t size;

	setup(&fx);
	p = stored(&fx, "secret weights");
	CHECK(lfs_hold(fx.store, fx.hidden.id, &p, NULL) == 0);
	CHECK(lfs_claim(fx.store, fx.mine.id, &p, &ada, NULL) == 1);
	lie = p;
	lie.size++;
	/* Not even that its size is another one. */
	CHECK(lfs_claim(fx.store, fx.mine.id, &lie, &ada, NULL) == 1);
	CHECK(lfs_size(fx.store, fx.mine.id, p.oid, &size, NULL) == -ENOENT);
	CHECK(lfs_claim(fx.store, fx.open.id, &lie, &bob, NULL) == -EINVAL);
	CHECK(lfs_claim(fx.store, fx.open.id, &p, &bob, NULL) == 0);
	/* It is in a repo that ada may read now. */
	CHECK(lfs_claim(fx.store, fx.mine.id, &p, &ada, NULL) == 0);
	CHECK(lfs_size(fx.store, fx.mine.id, p.oid, &size, NULL) == 0);
	teardown(&fx);
}

static int check_room(
	struct fixture *fx, uint64_t limit, uint64_t busy, const struct pointer *p, struct err *e)
{
	return lfs_check_room(
		fx->store, &(struct lfs_room){.owner = "bob", .limit = limit, .busy = busy}, p, e);
}

TEST(storage_counts_each_object_once_and_says_what_is_left)
{
	struct fixture fx;
	struct pointer big = {.size = 900000}, more = {.size = 200000};
	struct err e = {0};
	uint64_t used;

	setup(&fx);
	memset(big.oid, 'a', SHA256_HEX);
	memset(more.oid, 'b', SHA256_HEX);
	CHECK(check_room(&fx, 1000000, 0, &big, NULL) == 0);
	CHECK(lfs_hold(fx.store, fx.hidden.id, &big, NULL) == 0);
	CHECK(lfs_copy(fx.store, fx.hidden.id, fx.open.id, NULL) == 0);
	CHECK(lfs_used(fx.store, "bob", &used, NULL) == 0 && used == 900000);
	CHECK(lfs_used(fx.store, "ada", &used, NULL) == 0 && used == 0);
	CHECK(check_room(&fx, 1000000, 0, &more, &e) == -EDQUOT);
	CHECK(strstr(e.text, "200.0 kB") && strstr(e.text, "100.0 kB left of its 1.0 MB"));
	CHECK(check_room(&fx, 1000000, 0, &big, NULL) == 0);
	CHECK(check_room(&fx, 0, 0, &more, NULL) == 0);
	CHECK(check_room(&fx, 1100000, 0, &more, NULL) == 0);
	CHECK(check_room(&fx, 1100000, 1, &more, NULL) == -EDQUOT);
	teardown(&fx);
}

TEST(sizes_in_words)
{
	char words[SIZE_WORDS_MAX];

	size_words(999, words);
	CHECK(!strcmp(words, "999 bytes"));
	size_words(1000, words);
	CHECK(!strcmp(words, "1.0 kB"));
	size_words(999999, words);
	CHECK(!strcmp(words, "1.0 MB"));
	size_words(1536000000, words);
	CHECK(!strcmp(words, "1.5 GB"));
}

/* main of the repo becomes a commit with that pointer alone. */
static void push(struct fixture *fx, const struct hub_repo *repo, const struct pointer *p)
{
	char path[REPO_PATH_MAX], text[POINTER_MAX];
	git_treebuilder *builder;
	git_repository *git;
	git_signature *who;
	git_tree *tree;
	git_oid id;

	repo_path(&fx->repos, repo->id, path);
	CHECK(library_init(NULL) == 0 && repo_create(path, NULL) == 0);
	CHECK(git_repository_open_bare(&git, path) == 0);
	CHECK(git_blob_create_from_buffer(&id, git, text, pointer_format(p, text)) == 0);
	CHECK(git_treebuilder_new(&builder, git, NULL) == 0);
	CHECK(git_treebuilder_insert(NULL, builder, "a.bin", &id, GIT_FILEMODE_BLOB) == 0);
	CHECK(git_treebuilder_write(&id, builder) == 0 && git_tree_lookup(&tree, git, &id) == 0);
	CHECK(git_signature_new(&who, "a", "a@b", 1, 0) == 0);
	CHECK(git_commit_create(&id, git, REPO_MAIN, who, who, NULL, "m", tree, 0, NULL) == 0);
	git_signature_free(who);
	git_tree_free(tree);
	git_treebuilder_free(builder);
	git_repository_free(git);
}

TEST(what_nothing_points_to_goes_and_what_is_pointed_to_or_young_stays)
{
	struct fixture fx;
	struct collector_config config = {.grace_sec = 1};
	struct collector *c;
	struct pointer kept, loose, shared, young;
	char rowless[SHA256_HEX + 1];
	uint64_t size;

	setup(&fx);
	CHECK(loop_new(&config.loop) == 0);
	config.store = fx.store;
	config.blobs = fx.blobs;
	config.repos = &fx.repos;
	kept = stored(&fx, "kept");
	loose = stored(&fx, "loose");
	shared = stored(&fx, "shared");
	young = stored(&fx, "young");
	memcpy(rowless, stored(&fx, "rowless").oid, sizeof(rowless));
	CHECK(lfs_hold(fx.store, fx.mine.id, &kept, NULL) == 0);
	CHECK(lfs_hold(fx.store, fx.mine.id, &loose, NULL) == 0);
	/* One repo points to it, the other one does not any more. */
	CHECK(lfs_hold(fx.store, fx.open.id, &shared, NULL) == 0);
	CHECK(lfs_hold(fx.store, fx.hidden.id, &shared, NULL) == 0);
	push(&fx, &fx.mine, &kept);
	push(&fx, &fx.open, &shared);
	CHECK(collector_new(&config, &c) == 0);
	while (blob_has(fx.blobs, loose.oid) || blob_has(fx.blobs, rowless)) {
		CHECK(blob_touch(fx.blobs, young.oid));
		CHECK(lfs_hold(fx.store, fx.hidden.id, &young, NULL) == 0);
		CHECK(loop_dispatch(config.loop, 100) == 0);
	}
	CHECK(blob_has(fx.blobs, kept.oid) && blob_has(fx.blobs, shared.oid) &&
		blob_has(fx.blobs, young.oid));
	CHECK(lfs_size(fx.store, fx.mine.id, kept.oid, &size, NULL) == 0);
	CHECK(lfs_size(fx.store, fx.mine.id, loose.oid, &size, NULL) == -ENOENT);
	CHECK(lfs_size(fx.store, fx.open.id, shared.oid, &size, NULL) == 0);
	CHECK(lfs_size(fx.store, fx.hidden.id, shared.oid, &size, NULL) == -ENOENT);
	(void)collector_free(c);
	(void)loop_free(config.loop);
	teardown(&fx);
}

TEST_MAIN()
