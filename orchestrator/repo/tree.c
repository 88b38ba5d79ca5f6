#include "orchestrator/repo/tree.h"

#include <errno.h>
#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "orchestrator/repo/library.h"
#include "proto/constants.h"

#define TREE_OBJECT_MAX (4u << 20) /* bytes of one folder's listing */
#define FOLDERS_MAX 4000           /* a tree of shared subtrees can be small and endless */
#define COMMIT_OBJECT_MAX (1u << 20)

struct entry {
	char *path; /* owned */
	git_oid oid;
	size_t size;           /* of the file itself */
	struct pointer *large; /* owned; NULL: the file is in git */
};

struct tree {
	git_repository *repo; /* owned */
	git_odb *odb;         /* owned */
	struct entry *files;  /* owned, n used of cap; in order */
	size_t n, cap;
	uint64_t bytes;
	unsigned int folders;
	const struct tree_large *large; /* borrowed; NULL: pointers are files as any other */
	git_odb_object *loaded;         /* owned; of the last tree_read */
	struct buf bytes_loaded;        /* the same, of a large file */
};

static int broken(struct err *e, const char *doing)
{
	return err_set(e, -EIO, "cannot %s: %s", doing, library_words());
}

/* Only the folder that git made for this very push: REPO/objects/tmp_objdir-… */
static int check_quarantine(const char *repo_path, const char *quarantine, struct err *e)
{
	char want[PATH_MAX], have[PATH_MAX], prefix[PATH_MAX + 32];

	if (!realpath(repo_path, want) || !realpath(quarantine, have))
		return err_set(e, -errno, "quarantine: %s", strerror(errno));
	(void)snprintf(prefix, sizeof(prefix), "%s/objects/", want);
	if (strncmp(have, prefix, strlen(prefix)) != 0 || strchr(have + strlen(prefix), '/'))
		return err_set(e, -EINVAL, "quarantine: is not inside the repo");
	return 0;
}

static int header_of(
	struct tree *t, const git_oid *oid, git_object_t want, size_t *ret, struct err *e)
{
	git_object_t type;

	if (git_odb_read_header(ret, &type, t->odb, oid) < 0)
		return broken(e, "read an object");
	return type == want ? 0 : err_set(e, -EINVAL, "an object is of the wrong kind");
}

/* *ret: the pointer that the file is, or NULL. */
static int read_pointer(struct tree *t, const git_oid *oid, struct pointer **ret, struct err *e)
{
	git_odb_object *object = NULL;
	struct pointer p;

	if (git_odb_read(&object, t->odb, oid) < 0)
		return broken(e, "read a file");
	if (pointer_parse(git_odb_object_data(object), git_odb_object_size(object), &p)) {
		*ret = malloc(sizeof(p));
		if (*ret)
			**ret = p;
	}
	git_odb_object_free(object);
	return 0;
}

static int add_file(struct tree *t, const char *path, const git_oid *oid, struct err *e)
{
	CLEANUP(freep) struct pointer *large = NULL;
	size_t size;
	int r = header_of(t, oid, GIT_OBJECT_BLOB, &size, e);

	if (r == 0 && t->large && size < POINTER_MAX)
		r = read_pointer(t, oid, &large, e);
	if (r < 0)
		return r;
	if (large)
		size = large->size;
	if (t->n == BUNDLE_FILES_MAX)
		return err_set(
			e, -E2BIG, "more than %d files, the limit of a Space", BUNDLE_FILES_MAX);
	if (size > BUNDLE_MAX || (t->bytes += size) > BUNDLE_MAX)
		return err_set(e, -EFBIG, "%s: all files together are over the limit of %d MiB",
			path, BUNDLE_MAX >> 20);
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 64;
		struct entry *grown = reallocarray(t->files, cap, sizeof(*grown));

		if (!grown)
			return err_set(e, -ENOMEM, "out of memory");
		t->files = grown;
		t->cap = cap;
	}
	t->files[t->n] = (struct entry){.path = strdup(path), .oid = *oid, .size = size};
	if (!t->files[t->n].path)
		return err_set(e, -ENOMEM, "out of memory");
	t->files[t->n++].large = TAKE_PTR(large);
	return 0;
}

static int walk(struct tree *t, const git_oid *oid, const char *prefix, struct err *e);

static int take_entry(
	struct tree *t, const git_tree_entry *entry, const char *prefix, struct err *e)
{
	char path[BUNDLE_PATH_MAX + 1];

	if (snprintf(path, sizeof(path), "%s%s", prefix, git_tree_entry_name(entry)) >=
		(int)sizeof(path))
		return err_set(e, -EINVAL, "%.100s…: path is over the limit of %d bytes", path,
			BUNDLE_PATH_MAX);
	switch (git_tree_entry_filemode(entry)) {
	case GIT_FILEMODE_BLOB:
	case GIT_FILEMODE_BLOB_EXECUTABLE:
		return add_file(t, path, git_tree_entry_id(entry), e);
	case GIT_FILEMODE_LINK:
		return err_set(
			e, -EINVAL, "%s: is a symbolic link; a Space takes plain files", path);
	case GIT_FILEMODE_COMMIT:
		return err_set(
			e, -EINVAL, "%s: is a submodule; put its files into this repo", path);
	case GIT_FILEMODE_TREE:
		if (strlen(path) == BUNDLE_PATH_MAX)
			return err_set(e, -EINVAL, "%.100s…: path is over the limit of %d bytes",
				path, BUNDLE_PATH_MAX);
		strncat(path, "/", sizeof(path) - strlen(path) - 1);
		return walk(t, git_tree_entry_id(entry), path, e);
	default:
		return err_set(e, -EINVAL, "%s: is no plain file", path);
	}
}

/* git keeps a folder's entries in the order that the full paths have as bytes. */
static int walk(struct tree *t, const git_oid *oid, const char *prefix, struct err *e)
{
	git_tree *folder = NULL;
	size_t size;
	int r = header_of(t, oid, GIT_OBJECT_TREE, &size, e);

	if (r < 0)
		return r;
	if (size > TREE_OBJECT_MAX || ++t->folders > FOLDERS_MAX)
		return err_set(e, -E2BIG, "%s: too many files or folders", *prefix ? prefix : "/");
	if (git_tree_lookup(&folder, t->repo, oid) < 0)
		return broken(e, "read a folder");
	for (size_t i = 0; r == 0 && i < git_tree_entrycount(folder); i++)
		r = take_entry(t, git_tree_entry_byindex(folder, i), prefix, e);
	git_tree_free(folder);
	return r;
}

static int open_commit(struct tree *t, const char *hex, git_commit **ret, struct err *e)
{
	git_oid oid;
	size_t size;
	int r;

	if (git_oid_fromstr(&oid, hex) < 0)
		return err_set(e, -EINVAL, "'%.40s' is no commit", hex);
	r = header_of(t, &oid, GIT_OBJECT_COMMIT, &size, e);
	if (r < 0)
		return err_wrap(e, "main must be a commit");
	if (size > COMMIT_OBJECT_MAX)
		return err_set(
			e, -EFBIG, "the commit is over the limit of %u bytes", COMMIT_OBJECT_MAX);
	return git_commit_lookup(ret, t->repo, &oid) < 0 ? broken(e, "read the commit") : 0;
}

static int list_commit(struct tree *t, const char *hex, struct err *e)
{
	git_commit *commit = NULL;
	int r = open_commit(t, hex, &commit, e);

	if (r == 0)
		r = walk(t, git_commit_tree_id(commit), "", e);
	git_commit_free(commit);
	return r;
}

static int open_objects(
	const char *repo_path, const char *quarantine, struct tree **ret, struct err *e)
{
	CLEANUP(tree_freep) struct tree *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_set(e, -ENOMEM, "out of memory");
	buf_init(&t->bytes_loaded, BUNDLE_MAX);
	r = quarantine ? check_quarantine(repo_path, quarantine, e) : 0;
	if (r < 0)
		return r;
	if (git_repository_open_bare(&t->repo, repo_path) < 0 ||
		git_repository_odb(&t->odb, t->repo) < 0)
		return broken(e, "open the repository");
	if (quarantine && git_odb_add_disk_alternate(t->odb, quarantine) < 0)
		return broken(e, "open the quarantine");
	*ret = TAKE_PTR(t);
	return 0;
}

int tree_open(const char *repo_path, const char *quarantine, const char *commit,
	const struct tree_large *large, struct tree **ret, struct err *e)
{
	CLEANUP(tree_freep) struct tree *t = NULL;
	int r = open_objects(repo_path, quarantine, &t, e);

	if (r < 0)
		return r;
	t->large = large;
	r = list_commit(t, commit, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(t);
	return 0;
}

struct tree *tree_free(struct tree *t)
{
	if (!t)
		return NULL;
	for (size_t i = 0; i < t->n; i++) {
		free(t->files[i].path);
		free(t->files[i].large);
	}
	buf_done(&t->bytes_loaded);
	free(t->files);
	git_odb_object_free(t->loaded);
	git_odb_free(t->odb);
	git_repository_free(t->repo);
	free(t);
	return NULL;
}

size_t tree_count(const struct tree *t)
{
	return t->n;
}

struct tree_file tree_file(const struct tree *t, size_t i)
{
	return (struct tree_file){.path = t->files[i].path, .size = t->files[i].size};
}

int tree_find(const struct tree *t, const char *path)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->files[i].path, path))
			return (int)i;
	return -ENOENT;
}

static int read_large(struct tree *t, const struct entry *f, const void **ret, struct err *e)
{
	CLEANUP(closep) int fd = t->large->open(f->large, t->large->data, e);
	int r;

	if (fd < 0)
		return err_wrap(e, "%s", f->path);
	buf_clear(&t->bytes_loaded);
	r = fs_read_fd(fd, &t->bytes_loaded, e);
	if (r == 0 && t->bytes_loaded.len != f->size)
		r = err_set(e, -EIO, "%s: its large file is damaged", f->path);
	*ret = t->bytes_loaded.data;
	return r;
}

int tree_read(struct tree *t, size_t i, const void **ret, struct err *e)
{
	if (t->files[i].large)
		return read_large(t, &t->files[i], ret, e);
	git_odb_object_free(t->loaded);
	t->loaded = NULL;
	if (git_odb_read(&t->loaded, t->odb, &t->files[i].oid) < 0)
		return broken(e, "read a file");
	*ret = git_odb_object_data(t->loaded);
	return 0;
}

/* --- one file --- */

static int read_blob(struct tree *t, const git_oid *oid, struct buf *ret, struct err *e)
{
	git_odb_object *object = NULL;
	size_t size;
	int r = header_of(t, oid, GIT_OBJECT_BLOB, &size, e);

	if (r < 0)
		return r;
	if (size > ret->max - ret->len)
		return err_set(e, -EFBIG, "is over the limit of %zu bytes", ret->max);
	if (git_odb_read(&object, t->odb, oid) < 0)
		return broken(e, "read a file");
	r = buf_add(ret, git_odb_object_data(object), git_odb_object_size(object));
	git_odb_object_free(object);
	return r < 0 ? err_set(e, r, "out of memory") : 0;
}

static int read_named(
	struct tree *t, const git_oid *folder, const char *name, struct buf *ret, struct err *e)
{
	const git_tree_entry *entry;
	git_tree *top = NULL;
	size_t size;
	int r = header_of(t, folder, GIT_OBJECT_TREE, &size, e);

	if (r < 0)
		return r;
	if (size > TREE_OBJECT_MAX)
		return err_set(e, -E2BIG, "/: too many files or folders");
	if (git_tree_lookup(&top, t->repo, folder) < 0)
		return broken(e, "read a folder");
	entry = git_tree_entry_byname(top, name);
	if (!entry || (git_tree_entry_filemode(entry) != GIT_FILEMODE_BLOB &&
			      git_tree_entry_filemode(entry) != GIT_FILEMODE_BLOB_EXECUTABLE))
		r = err_set(e, -ENOENT, "%s: there is no such file", name);
	else
		r = read_blob(t, git_tree_entry_id(entry), ret, e);
	git_tree_free(top);
	return r;
}

int tree_read_top(const char *repo_path, const char *quarantine, const char *commit,
	const char *name, struct buf *ret, struct err *e)
{
	CLEANUP(tree_freep) struct tree *t = NULL;
	git_commit *c = NULL;
	int r = open_objects(repo_path, quarantine, &t, e);

	if (r == 0)
		r = open_commit(t, commit, &c, e);
	if (r == 0)
		r = read_named(t, git_commit_tree_id(c), name, ret, e);
	git_commit_free(c);
	return r;
}
