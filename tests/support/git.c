#include "tests/support/git.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "orchestrator/repo/library.h"
#include "orchestrator/repo/repo.h"
#include "tests/support/test.h"

void git_fixture_init(struct git_fixture *g)
{
	*g = (struct git_fixture){.dir = "/tmp/vitrine-git-XXXXXX", .clock = 1700000000};
	CHECK(library_init(NULL) == 0);
	CHECK(mkdtemp(g->dir));
	(void)snprintf(g->path, sizeof(g->path), "%s/demo.git", g->dir);
	CHECK(repo_create(g->path, NULL) == 0);
	CHECK(git_repository_open_bare(&g->repo, g->path) == 0);
}

void git_fixture_done(struct git_fixture *g)
{
	git_repository_free(g->repo);
	CHECK(fs_remove_tree(g->dir) == 0);
}

static git_oid id_of(const char *hex)
{
	git_oid oid;

	CHECK(git_oid_fromstr(&oid, hex) == 0);
	return oid;
}

static git_signature *sign(struct git_fixture *g)
{
	git_signature *who;

	CHECK(git_signature_new(&who, "Ada", "ada@example.org", g->clock++, 60) == 0);
	return who;
}

static void write_tree(struct git_fixture *g, git_tree *base, const char *path, const void *content,
	size_t n, git_oid *ret)
{
	git_tree_update update = {
		.action = content ? GIT_TREE_UPDATE_UPSERT : GIT_TREE_UPDATE_REMOVE,
		.filemode = GIT_FILEMODE_BLOB,
		.path = path};

	if (content)
		CHECK(git_blob_create_from_buffer(&update.id, g->repo, content, n) == 0);
	CHECK(git_tree_create_updated(ret, g->repo, base, path ? 1 : 0, &update) == 0);
}

void git_fixture_commit_bytes(struct git_fixture *g, const char *ref, const char *message,
	const char *path, const void *content, size_t n, char ret[41])
{
	git_commit *parent = NULL;
	git_tree *base = NULL, *tree;
	git_signature *who = sign(g);
	git_treebuilder *builder;
	git_oid oid;

	if (git_reference_name_to_id(&oid, g->repo, ref) == 0) {
		CHECK(git_commit_lookup(&parent, g->repo, &oid) == 0);
		CHECK(git_commit_tree(&base, parent) == 0);
	} else {
		CHECK(git_treebuilder_new(&builder, g->repo, NULL) == 0);
		CHECK(git_treebuilder_write(&oid, builder) == 0);
		CHECK(git_tree_lookup(&base, g->repo, &oid) == 0);
		git_treebuilder_free(builder);
	}
	write_tree(g, base, path, content, n, &oid);
	CHECK(git_tree_lookup(&tree, g->repo, &oid) == 0);
	CHECK(git_commit_create(&oid, g->repo, ref, who, who, NULL, message, tree, parent ? 1 : 0,
		      (const git_commit **)&parent) == 0);
	if (ret)
		(void)git_oid_tostr(ret, 41, &oid);
	git_signature_free(who);
	git_tree_free(base);
	git_tree_free(tree);
	git_commit_free(parent);
}

void git_fixture_commit(struct git_fixture *g, const char *ref, const char *message,
	const char *path, const char *content, char ret[41])
{
	git_fixture_commit_bytes(
		g, ref, message, path, content, content ? strlen(content) : 0, ret);
}

void git_fixture_merge(struct git_fixture *g, const char *ref, const char *message,
	const char *other, const char *path, const char *content, char ret[41])
{
	git_commit *parents[2];
	git_oid oid = id_of(other);
	git_signature *who = sign(g);
	git_tree *base, *tree;

	CHECK(git_commit_lookup(&parents[1], g->repo, &oid) == 0);
	CHECK(git_reference_name_to_id(&oid, g->repo, ref) == 0);
	CHECK(git_commit_lookup(&parents[0], g->repo, &oid) == 0);
	CHECK(git_commit_tree(&base, parents[0]) == 0);
	write_tree(g, base, path, content, strlen(content), &oid);
	CHECK(git_tree_lookup(&tree, g->repo, &oid) == 0);
	CHECK(git_commit_create(&oid, g->repo, ref, who, who, NULL, message, tree, 2,
		      (const git_commit **)parents) == 0);
	(void)git_oid_tostr(ret, 41, &oid);
	git_signature_free(who);
	git_tree_free(base);
	git_tree_free(tree);
	git_commit_free(parents[0]);
	git_commit_free(parents[1]);
}

void git_fixture_ref(struct git_fixture *g, const char *ref, const char *id)
{
	git_oid oid = id_of(id);
	git_reference *made;

	CHECK(git_reference_create(&made, g->repo, ref, &oid, 1, NULL) == 0);
	git_reference_free(made);
}

void git_fixture_tag(struct git_fixture *g, const char *name, const char *id)
{
	git_signature *who = sign(g);
	git_oid oid = id_of(id), tag;
	git_object *target;

	CHECK(git_object_lookup(&target, g->repo, &oid, GIT_OBJECT_ANY) == 0);
	CHECK(git_tag_create(&tag, g->repo, name, target, who, "a tag", 0) == 0);
	git_object_free(target);
	git_signature_free(who);
}

void git_fixture_blob(struct git_fixture *g, const char *content, char ret[41])
{
	git_oid oid;

	CHECK(git_blob_create_from_buffer(&oid, g->repo, content, strlen(content)) == 0);
	(void)git_oid_tostr(ret, 41, &oid);
}
