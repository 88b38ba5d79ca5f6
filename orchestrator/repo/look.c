#include "orchestrator/repo/look.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "orchestrator/repo/library.h"

#define DEPTH_MAX 256 /* folders in folders */
#define LIST_CPU_USEC (5 * USEC_PER_SEC)

static int broken(struct err *e, const char *doing)
{
	return err_set(e, -EIO, "cannot %s: %s", doing, library_words());
}

int look_open(const char *repo_path, struct look *ret, struct err *e)
{
	*ret = (struct look){.opened_usec = clock_mono_usec(), .cpu_usec = clock_cpu_usec()};
	if (git_repository_open_bare(&ret->repo, repo_path) < 0 ||
		git_repository_odb(&ret->odb, ret->repo) < 0) {
		look_close(ret);
		return broken(e, "open the repository");
	}
	return 0;
}

void look_close(struct look *l)
{
	git_odb_free(l->odb);
	git_repository_free(l->repo);
	*l = (struct look){0};
}

bool look_is_late(const struct look *l, uint64_t cpu_usec)
{
	return clock_cpu_usec() - l->cpu_usec >= cpu_usec ||
	       clock_mono_usec() - l->opened_usec >= LOOK_WALL_USEC;
}

int look_root(struct look *l, const char *commit, git_oid *ret, struct err *e)
{
	git_commit *c = NULL;
	git_oid oid;

	if (git_oid_fromstr(&oid, commit) < 0 || git_commit_lookup(&c, l->repo, &oid) < 0)
		return broken(e, "read the commit");
	*ret = *git_commit_tree_id(c);
	git_commit_free(c);
	return 0;
}

int look_read(struct look *l, const git_oid *oid, size_t max, git_odb_object **ret, struct err *e)
{
	git_object_t type;
	size_t size;

	if (git_odb_read_header(&size, &type, l->odb, oid) < 0 || type != GIT_OBJECT_BLOB)
		return broken(e, "read a file");
	if (size > max)
		return err_set(e, -EFBIG, "%zu bytes, the limit is %zu", size, max);
	return git_odb_read(ret, l->odb, oid) < 0 ? broken(e, "read a file") : 0;
}

/* --- one entry --- */

bool entry_is_folder(const struct entry *en)
{
	return en->mode == GIT_FILEMODE_TREE;
}

/* Size, and the large file that this one stands for. */
static int measure(struct look *l, struct entry *en, struct err *e)
{
	git_odb_object *object;
	git_object_t type;
	size_t size;

	if (entry_is_folder(en))
		return 0;
	if (git_odb_read_header(&size, &type, l->odb, &en->oid) < 0 || type != GIT_OBJECT_BLOB)
		return broken(e, "read a file");
	en->size = en->pointer_size = size;
	if (size >= POINTER_MAX || en->mode == GIT_FILEMODE_LINK)
		return 0;
	if (git_odb_read(&object, l->odb, &en->oid) < 0)
		return broken(e, "read a file");
	en->lfs = pointer_parse(
		git_odb_object_data(object), git_odb_object_size(object), &en->pointer);
	if (en->lfs)
		en->size = en->pointer.size;
	git_odb_object_free(object);
	return 0;
}

int look_find(
	struct look *l, const git_oid *root, const char *path, struct entry *ret, struct err *e)
{
	git_tree_entry *found = NULL;
	git_tree *tree = NULL;
	int rc;

	*ret = (struct entry){.path = path, .oid = *root, .mode = GIT_FILEMODE_TREE};
	if (!*path)
		return 0;
	if (git_tree_lookup(&tree, l->repo, root) < 0)
		return broken(e, "read a folder");
	rc = git_tree_entry_bypath(&found, tree, path);
	git_tree_free(tree);
	if (rc == GIT_ENOTFOUND)
		return err_set(e, -ENOENT, "there is no '%.150s'", path);
	if (rc < 0)
		return broken(e, "read a folder");
	ret->oid = *git_tree_entry_id(found);
	ret->mode = git_tree_entry_filemode(found);
	git_tree_entry_free(found);
	if (ret->mode == GIT_FILEMODE_COMMIT)
		return err_set(e, -ENOENT, "'%.150s' is a submodule", path);
	return measure(l, ret, e);
}

json_t *look_words(const char *text, size_t n)
{
	json_t *v = memchr(text, 0, n) ? NULL : json_stringn(text, n);
	CLEANUP(freep) char *copy = v ? NULL : malloc(n + 1);

	if (v || !copy)
		return v;
	for (size_t i = 0, m; i < n; i += m) {
		m = utf8_length((const unsigned char *)text + i, n - i);
		if (m == 0 || !text[i]) {
			copy[i] = '?';
			m = 1;
		} else {
			memcpy(copy + i, text + i, m);
		}
	}
	return json_stringn(copy, n);
}

json_t *entry_json(const struct entry *en)
{
	char oid[41];
	json_t *o;

	(void)git_oid_tostr(oid, sizeof(oid), &en->oid);
	o = json_pack("{s:s, s:s, s:I, s:o}", "type", entry_is_folder(en) ? "directory" : "file",
		"oid", oid, "size", (json_int_t)en->size, "path",
		look_words(en->path, strlen(en->path)));
	if (o && en->lfs)
		(void)json_object_set_new(o, "lfs",
			json_pack("{s:s, s:I, s:I}", "oid", en->pointer.oid, "size",
				(json_int_t)en->pointer.size, "pointerSize",
				(json_int_t)en->pointer_size));
	return o;
}

/* --- a folder --- */

struct walk {
	struct look *look;
	const struct listing *how;
	char path[REVISION_PATH_MAX];
	size_t n;
	struct err *e;
};

static int walk_folder(
	struct walk *w, const git_oid *oid, size_t length, const char *after, int depth);

/* git's order: a folder's name counts as if it ended in '/'. */
static bool is_before(const git_tree_entry *te, const char *part, size_t n, bool part_folder)
{
	const char *name = git_tree_entry_name(te);
	size_t m = strlen(name);
	int r = memcmp(name, part, m < n ? m : n);
	char a, b;

	if (r)
		return r < 0;
	a = name[m < n ? m : n];
	b = n > m ? part[m] : '\0';
	if (!a && git_tree_entry_type(te) == GIT_OBJECT_TREE)
		a = '/';
	if (!b && part_folder)
		b = '/';
	return (unsigned char)a < (unsigned char)b;
}

/* The entry to go on at, and whether it is the one that was named. */
static size_t find_start(const git_tree *tree, const char *after, size_t part, bool *ret_exact)
{
	size_t n = git_tree_entrycount(tree), i;

	*ret_exact = true;
	for (i = 0; i < n; i++) {
		const char *name = git_tree_entry_name(git_tree_entry_byindex(tree, i));

		if (strlen(name) == part && !memcmp(name, after, part))
			return i;
	}
	*ret_exact = false;
	for (i = 0; i < n; i++)
		if (!is_before(git_tree_entry_byindex(tree, i), after, part, after[part] == '/'))
			break;
	return i;
}

static int emit(struct walk *w, struct entry *en)
{
	int r;

	if (w->n++ == w->how->max)
		return 1;
	r = w->how->sizes ? measure(w->look, en, w->e) : 0;
	return r < 0 ? r : w->how->on_entry(w->look, en, w->how->data);
}

/* after: where to go on inside this entry; "" all of it, NULL: it was not shown yet. */
static int take(
	struct walk *w, const git_tree_entry *te, size_t length, const char *after, int depth)
{
	const char *name = git_tree_entry_name(te);
	struct entry en = {.path = w->path,
		.oid = *git_tree_entry_id(te),
		.mode = git_tree_entry_filemode(te)};
	size_t n = strlen(name);
	int r = 0;

	if (length + n + 2 > sizeof(w->path) || en.mode == GIT_FILEMODE_COMMIT)
		return 0;
	memcpy(w->path + length, name, n + 1);
	if (!after)
		r = emit(w, &en);
	if (r != 0 || !entry_is_folder(&en) || !w->how->recursive || depth == DEPTH_MAX)
		return r;
	w->path[length + n] = '/';
	w->path[length + n + 1] = '\0';
	return walk_folder(w, &en.oid, length + n + 1, after && *after ? after : NULL, depth + 1);
}

static int walk_folder(
	struct walk *w, const git_oid *oid, size_t length, const char *after, int depth)
{
	size_t part = after ? strcspn(after, "/") : 0, i = 0;
	git_tree *tree = NULL;
	bool exact = false;
	int r = 0;

	/* Folders that hold folders and no file cost nobody a page. */
	if (look_is_late(w->look, LIST_CPU_USEC))
		return 1;
	if (git_tree_lookup(&tree, w->look->repo, oid) < 0)
		return broken(w->e, "read a folder");
	if (after)
		i = find_start(tree, after, part, &exact);
	for (size_t n = git_tree_entrycount(tree); r == 0 && i < n; i++) {
		const char *inside = exact ? (after[part] ? after + part + 1 : "") : NULL;

		r = take(w, git_tree_entry_byindex(tree, i), length, inside, depth);
		exact = false;
	}
	git_tree_free(tree);
	return r;
}

int look_list(struct look *l, const git_oid *tree, const char *prefix, const struct listing *how,
	struct err *e)
{
	CLEANUP(freep) struct walk *w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(e, -ENOMEM, "out of memory");
	w->look = l;
	w->how = how;
	w->e = e;
	(void)snprintf(w->path, sizeof(w->path), "%s", prefix);
	return walk_folder(w, tree, strlen(w->path), how->after, 0);
}
