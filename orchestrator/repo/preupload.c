#include "orchestrator/repo/preupload.h"

#include <errno.h>
#include <git2.h>
#include <string.h>

#include "orchestrator/repo/attributes.h"
#include "orchestrator/repo/draft.h"
#include "orchestrator/repo/edit.h"
#include "orchestrator/repo/library.h"
#include "orchestrator/repo/names.h"

_Static_assert(PREUPLOAD_LFS_FROM == DRAFT_FILE_MAX, "what is not for git-lfs must fit into git");

struct preupload {
	git_repository *repo;          /* owned */
	git_odb *odb;                  /* owned */
	struct edit *tree;             /* owned; only read */
	struct attributes *attributes; /* owned */
};

static int broken(struct err *e, const char *doing)
{
	return err_set(e, -EIO, "cannot %s: %s", doing, library_words());
}

static int open_tree(struct preupload *p, const char *hex, struct err *e)
{
	git_commit *commit = NULL;
	git_oid oid;
	int r;

	if (git_oid_fromstr(&oid, hex) < 0 || git_commit_lookup(&commit, p->repo, &oid) < 0)
		return broken(e, "read the commit");
	r = edit_new(p->odb, git_commit_tree_id(commit), &p->tree, e);
	git_commit_free(commit);
	return r;
}

/* The blob, if it is not larger than max; NULL with *ret_size otherwise. */
static git_odb_object *read_small(struct preupload *p, const git_oid *oid, size_t max)
{
	git_odb_object *object = NULL;
	git_object_t type;
	size_t size;

	if (git_odb_read_header(&size, &type, p->odb, oid) < 0 || size > max)
		return NULL;
	return git_odb_read(&object, p->odb, oid) < 0 ? NULL : object;
}

static int read_attributes(struct preupload *p, struct buf *ret, struct err *e)
{
	git_odb_object *object;
	git_oid oid;
	int r = edit_find(p->tree, ATTRIBUTES_NAME, &oid, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	object = read_small(p, &oid, ATTRIBUTES_MAX);
	if (object)
		r = buf_add(ret, git_odb_object_data(object), git_odb_object_size(object));
	git_odb_object_free(object);
	return r < 0 ? err_set(e, r, "out of memory") : 0;
}

int preupload_open(const char *repo_path, const char *commit, const char *attributes,
	struct preupload **ret, struct err *e)
{
	CLEANUP(preupload_freep) struct preupload *p = calloc(1, sizeof(*p));
	CLEANUP(buf_done) struct buf text;
	int r;

	buf_init(&text, ATTRIBUTES_MAX);
	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	if (git_repository_open_bare(&p->repo, repo_path) < 0 ||
		git_repository_odb(&p->odb, p->repo) < 0)
		return broken(e, "open the repository");
	r = open_tree(p, commit, e);
	if (r == 0)
		r = attributes ? buf_add_str(&text, attributes) : read_attributes(p, &text, e);
	if (r == -ENOSPC)
		return err_set(
			e, -EINVAL, "gitAttributes: is over the limit of %u bytes", ATTRIBUTES_MAX);
	if (r == 0 && attributes_parse((const char *)text.data, text.len, &p->attributes) < 0)
		r = err_set(e, -ENOMEM, "out of memory");
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

struct preupload *preupload_free(struct preupload *p)
{
	if (!p)
		return NULL;
	(void)edit_free(p->tree);
	git_odb_free(p->odb);
	git_repository_free(p->repo);
	(void)attributes_free(p->attributes);
	free(p);
	return NULL;
}

static void tell_oid(struct preupload *p, const git_oid *oid, char ret[SHA256_HEX + 1])
{
	git_odb_object *object = read_small(p, oid, POINTER_MAX);
	struct pointer pointer;

	if (object &&
		pointer_parse(git_odb_object_data(object), git_odb_object_size(object), &pointer))
		memcpy(ret, pointer.oid, sizeof(pointer.oid));
	else
		(void)git_oid_tostr(ret, GIT_OID_HEXSZ + 1, oid);
	git_odb_object_free(object);
}

int preupload_look(struct preupload *p, const struct preupload_file *file, uint64_t *left,
	struct preupload_answer *ret, struct err *e)
{
	git_oid oid;
	int r = path_check(file->path, e);

	if (r < 0)
		return r;
	*ret = (struct preupload_answer){
		.lfs = file->size > 0 &&
		       (attributes_lfs(p->attributes, file->path, left) == LFS_YES ||
			       file->size > PREUPLOAD_LFS_FROM ||
			       (file->n && memchr(file->sample, '\0', file->n)))};
	r = edit_find(p->tree, file->path, &oid, e);
	if (r == 0)
		tell_oid(p, &oid, ret->oid);
	return r == -ENOENT ? 0 : r;
}
