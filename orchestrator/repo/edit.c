#include "orchestrator/repo/edit.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "orchestrator/repo/library.h"

#define PATH_ROOM 1100

struct node {
	char *name; /* owned */
	git_filemode_t mode;
	git_oid oid;    /* of a folder: valid until it is changed */
	bool loaded;    /* a folder's children are in memory */
	bool changed;   /* a folder's */
	void *children; /* owned; tsearch(3) by name */
	size_t n;
};

struct edit {
	git_odb *odb; /* borrowed */
	struct node root;
};

static int broken(struct err *e, const char *doing)
{
	return err_set(e, -EIO, "cannot %s: %s", doing, library_words());
}

/* --- nodes --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->name, ((const struct node *)b)->name);
}

static void node_free(void *data)
{
	struct node *n = data;

	tdestroy(n->children, node_free);
	free(n->name);
	free(n);
}

static bool is_folder(const struct node *n)
{
	return n->mode == GIT_FILEMODE_TREE;
}

static struct node *child_of(const struct node *folder, const char *name)
{
	const struct node key = {.name = (char *)name};
	struct node **at = tfind(&key, &folder->children, by_name);

	return at ? *at : NULL;
}

static int add_child(struct node *folder, const char *name, git_filemode_t mode, const git_oid *oid,
	struct node **ret, struct err *e)
{
	struct node *n = calloc(1, sizeof(*n));

	if (n)
		n->name = strdup(name);
	if (!n || !n->name || !tsearch(n, &folder->children, by_name)) {
		if (n)
			node_free(n);
		return err_set(e, -ENOMEM, "out of memory");
	}
	n->mode = mode;
	if (oid)
		n->oid = *oid;
	folder->n++;
	*ret = n;
	return 0;
}

static void drop_child(struct node *folder, struct node *child)
{
	(void)tdelete(child, &folder->children, by_name);
	folder->n--;
	node_free(child);
}

/* --- reading --- */

static int take_entries(struct node *folder, const git_tree *tree, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < git_tree_entrycount(tree); i++) {
		const git_tree_entry *entry = git_tree_entry_byindex(tree, i);
		struct node *ignored;

		/* The mode as it is stored, so that a folder that is written again keeps it. */
		r = add_child(folder, git_tree_entry_name(entry),
			git_tree_entry_filemode_raw(entry), git_tree_entry_id(entry), &ignored, e);
	}
	return r;
}

static int load(struct edit *t, struct node *folder, struct err *e)
{
	git_repository *repo = NULL;
	git_object_t type;
	git_tree *tree = NULL;
	size_t size;
	int r;

	if (folder->loaded)
		return 0;
	if (git_odb_read_header(&size, &type, t->odb, &folder->oid) < 0)
		return broken(e, "read a folder");
	if (type != GIT_OBJECT_TREE || size > EDIT_FOLDER_MAX)
		return err_set(e, -EFBIG, "a folder holds too many files to be changed");
	if (git_repository_wrap_odb(&repo, t->odb) < 0)
		return broken(e, "open the repository");
	r = git_tree_lookup(&tree, repo, &folder->oid) < 0 ? broken(e, "read a folder")
							   : take_entries(folder, tree, e);
	git_tree_free(tree);
	git_repository_free(repo);
	if (r == 0)
		folder->loaded = true;
	return r;
}

/* --- paths --- */

/* The next part of *path into ret, moving *path past it. True: it is the last. */
static bool take_part(const char **path, char ret[PATH_ROOM])
{
	size_t n = strcspn(*path, "/");

	(void)snprintf(ret, PATH_ROOM, "%.*s", (int)n, *path);
	*path += n + ((*path)[n] == '/');
	return !**path;
}

/* The folder that the last part of the path lies in, and that part. make: what is missing on the
 * way. -ENOENT; -EINVAL: a file is on the way. */
static int descend(struct edit *t, const char *path, bool make, struct node **ret_folder,
	char ret_name[PATH_ROOM], struct err *e)
{
	struct node *folder = &t->root;
	const char *rest = path;
	int r = load(t, folder, e);

	*ret_folder = folder;
	while (r == 0 && !take_part(&rest, ret_name)) {
		struct node *next = child_of(folder, ret_name);

		if (next && !is_folder(next))
			return err_set(e, make ? -EINVAL : -ENOENT, "%.*s: is a file, not a folder",
				(int)(rest - path - 1), path);
		if (!next && !make)
			return err_set(e, -ENOENT, "%s: there is no such file", path);
		if (!next) {
			r = add_child(folder, ret_name, GIT_FILEMODE_TREE, NULL, &next, e);
			if (r == 0)
				next->loaded = true;
		}
		if (r == 0)
			r = load(t, next, e);
		if (make)
			folder->changed = true;
		*ret_folder = folder = next;
	}
	return r;
}

int edit_put(struct edit *t, const char *path, const git_oid *oid, struct err *e)
{
	char name[PATH_ROOM];
	struct node *folder, *n;
	int r = descend(t, path, true, &folder, name, e);

	if (r < 0)
		return r;
	n = child_of(folder, name);
	if (n && is_folder(n))
		return err_set(e, -EINVAL, "%s: is a folder", path);
	folder->changed = true;
	if (!n)
		return add_child(folder, name, GIT_FILEMODE_BLOB, oid, &n, e);
	n->oid = *oid;
	if (n->mode != GIT_FILEMODE_BLOB_EXECUTABLE)
		n->mode = GIT_FILEMODE_BLOB;
	return 0;
}

/* Each folder on the way to a change is changed; the one that it leaves empty goes. */
static bool mark_changed(struct node *folder, const char *path)
{
	char name[PATH_ROOM];
	bool last = take_part(&path, name);
	struct node *next = last ? NULL : child_of(folder, name);

	folder->changed = true;
	if (next && mark_changed(next, path))
		drop_child(folder, next);
	return folder->n == 0;
}

int edit_remove(struct edit *t, const char *path, bool folder, struct err *e)
{
	char name[PATH_ROOM];
	struct node *parent, *n;
	int r = descend(t, path, false, &parent, name, e);

	if (r < 0)
		return r;
	n = child_of(parent, name);
	if (!n || is_folder(n) != folder)
		return err_set(
			e, -ENOENT, "%s: there is no such %s", path, folder ? "folder" : "file");
	drop_child(parent, n);
	(void)mark_changed(&t->root, path);
	return 0;
}

int edit_find(struct edit *t, const char *path, git_oid *ret, struct err *e)
{
	char name[PATH_ROOM];
	struct node *folder, *n;
	int r = descend(t, path, false, &folder, name, e);

	if (r < 0)
		return r;
	n = child_of(folder, name);
	if (!n || is_folder(n) || n->mode == GIT_FILEMODE_COMMIT)
		return err_set(e, -ENOENT, "%s: there is no such file", path);
	*ret = n->oid;
	return 0;
}

/* --- writing --- */

static int write_folder(struct edit *t, struct node *folder, struct err *e);

struct listing {
	struct node **nodes; /* owned */
	size_t n;
};

static void list_child(const void *at, VISIT visit, void *data)
{
	struct listing *l = data;

	if (visit == postorder || visit == leaf)
		l->nodes[l->n++] = *(struct node *const *)at;
}

/* git's order: a folder's name as if it ended in a slash. base_name_compare in git's read-cache.c
 */
static int by_git(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
	size_t n = strlen(x->name), m = strlen(y->name), least = n < m ? n : m;
	int order = memcmp(x->name, y->name, least);
	unsigned char c, d;

	if (order)
		return order;
	c = (unsigned char)(x->name[least] ? x->name[least] : is_folder(x) ? '/' : 0);
	d = (unsigned char)(y->name[least] ? y->name[least] : is_folder(y) ? '/' : 0);
	return (c > d) - (c < d);
}

static int format_entries(const struct listing *l, struct buf *b, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->n; i++) {
		const struct node *n = l->nodes[i];

		r = buf_addf(b, "%o %s", (unsigned int)n->mode, n->name);
		if (r == 0)
			r = buf_add(b, "", 1);
		if (r == 0)
			r = buf_add(b, n->oid.id, GIT_OID_RAWSZ);
	}
	if (r == -ENOSPC)
		return err_set(e, -EFBIG, "a folder holds too many files");
	return r < 0 ? err_set(e, r, "out of memory") : 0;
}

static int write_listing(
	struct edit *t, struct node *folder, const struct listing *l, struct err *e)
{
	CLEANUP(buf_done) struct buf b;
	int r = 0;

	buf_init(&b, EDIT_FOLDER_MAX);
	for (size_t i = 0; r == 0 && i < l->n; i++)
		if (is_folder(l->nodes[i]))
			r = write_folder(t, l->nodes[i], e);
	if (r == 0)
		r = format_entries(l, &b, e);
	if (r == 0 && git_odb_write(&folder->oid, t->odb, b.data ? b.data : (uint8_t *)"", b.len,
			      GIT_OBJECT_TREE) < 0)
		r = err_set(e, errno == ENOSPC ? -ENOSPC : -EIO, "cannot write a folder: %s",
			library_words());
	return r;
}

static int write_folder(struct edit *t, struct node *folder, struct err *e)
{
	struct listing l = {.n = 0};
	int r;

	if (!folder->changed)
		return 0;
	l.nodes = calloc(folder->n + 1, sizeof(struct node *));
	if (!l.nodes)
		return err_set(e, -ENOMEM, "out of memory");
	twalk_r(folder->children, list_child, &l);
	qsort(l.nodes, l.n, sizeof(struct node *), by_git);
	r = write_listing(t, folder, &l, e);
	free(l.nodes);
	if (r == 0)
		folder->changed = false;
	return r;
}

int edit_write(struct edit *t, git_oid *ret, struct err *e)
{
	int r = write_folder(t, &t->root, e);

	if (r == 0)
		*ret = t->root.oid;
	return r;
}

/* --- life --- */

int edit_new(git_odb *odb, const git_oid *tree, struct edit **ret, struct err *e)
{
	struct edit *t = calloc(1, sizeof(*t));

	if (!t)
		return err_set(e, -ENOMEM, "out of memory");
	t->odb = odb;
	t->root.mode = GIT_FILEMODE_TREE;
	if (tree) {
		t->root.oid = *tree;
	} else {
		t->root.loaded = true;
		t->root.changed = true;
	}
	*ret = t;
	return 0;
}

struct edit *edit_free(struct edit *t)
{
	if (!t)
		return NULL;
	tdestroy(t->root.children, node_free);
	free(t);
	return NULL;
}
