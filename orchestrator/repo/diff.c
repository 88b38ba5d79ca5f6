#include "orchestrator/repo/diff.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "orchestrator/repo/library.h"

#define RENAMES_MAX 200 /* files compared for renames, against as many */

static int broken(struct err *e, const char *doing)
{
	return err_set(e, -EIO, "cannot %s: %s", doing, library_words());
}

struct listing_diff {
	struct look *look;
	json_t *files; /* borrowed */
	size_t total_bytes, additions, deletions;
	bool cut;
};

/* --- one file --- */

static void gather(struct buf *b, const git_diff_line *line)
{
	char origin = line->origin;

	/* Marks of a missing last newline have their text with them. */
	if (origin == GIT_DIFF_LINE_CONTEXT || origin == GIT_DIFF_LINE_ADDITION ||
		origin == GIT_DIFF_LINE_DELETION)
		(void)buf_add(b, &origin, 1);
	(void)buf_add(b, line->content, line->content_len);
}

/* True: all lines are in b. */
static bool write_patch(git_patch *patch, struct buf *b)
{
	for (size_t i = 0; i < git_patch_num_hunks(patch); i++) {
		const git_diff_hunk *hunk;
		size_t lines;

		if (git_patch_get_hunk(&hunk, &lines, patch, i) < 0)
			return false;
		if (buf_add(b, hunk->header, hunk->header_len) < 0)
			return false;
		for (size_t j = 0; j < lines; j++) {
			const git_diff_line *line;

			if (git_patch_get_line_in_hunk(&line, patch, i, j) < 0 ||
				b->len + line->content_len + 1 > b->max)
				return false;
			gather(b, line);
		}
	}
	return true;
}

static void add_side(struct look *l, json_t *lfs, const char *key, const git_diff_file *file)
{
	git_odb_object *object = NULL;
	struct pointer p;

	if (git_oid_is_zero(&file->id) || file->mode == GIT_FILEMODE_COMMIT ||
		look_read(l, &file->id, POINTER_MAX - 1, &object, NULL) < 0)
		return;
	if (pointer_parse(git_odb_object_data(object), git_odb_object_size(object), &p))
		(void)json_object_set_new(lfs, key,
			json_pack("{s:s, s:I}", "oid", p.oid, "size", (json_int_t)p.size));
	git_odb_object_free(object);
}

static const char *status_of(const git_diff_delta *delta)
{
	switch (delta->status) {
	case GIT_DELTA_ADDED:
		return "added";
	case GIT_DELTA_DELETED:
		return "deleted";
	case GIT_DELTA_RENAMED:
	case GIT_DELTA_COPIED:
		return "renamed";
	default:
		return "modified";
	}
}

static void add_lines(struct listing_diff *d, json_t *file, git_patch *patch)
{
	size_t left = DIFF_TOTAL_MAX - d->total_bytes, added = 0, deleted = 0;
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, left < DIFF_PATCH_MAX ? left : DIFF_PATCH_MAX);
	(void)git_patch_line_stats(NULL, &added, &deleted, patch);
	d->additions += added;
	d->deletions += deleted;
	(void)json_object_set_new(file, "additions", json_integer((json_int_t)added));
	(void)json_object_set_new(file, "deletions", json_integer((json_int_t)deleted));
	if (!write_patch(patch, &b)) {
		(void)json_object_set_new(file, "cut", json_true());
		d->cut = true;
	}
	d->total_bytes += b.len;
	(void)json_object_set_new(file, "patch", look_words(buf_str(&b), b.len));
}

static json_t *file_json(struct listing_diff *d, git_diff *diff, size_t i)
{
	const git_diff_delta *delta = git_diff_get_delta(diff, i);
	bool gone = delta->status == GIT_DELTA_DELETED;
	const char *path = gone ? delta->old_file.path : delta->new_file.path;
	const char *old_path = delta->old_file.path;
	git_patch *patch = NULL;
	json_t *lfs = json_object(), *file;
	bool binary;

	if (git_patch_from_diff(&patch, diff, i) < 0)
		patch = NULL;
	delta = git_diff_get_delta(diff, i); /* what the patch has found out is in it */
	binary = !patch || (delta->flags & GIT_DIFF_FLAG_BINARY);
	file = json_pack("{s:o, s:s, s:b}", "path", look_words(path, strlen(path)), "status",
		status_of(delta), "binary", (int)binary);
	if (delta->status == GIT_DELTA_RENAMED)
		(void)json_object_set_new(file, "oldPath", look_words(old_path, strlen(old_path)));
	add_side(d->look, lfs, "old", &delta->old_file);
	add_side(d->look, lfs, "new", &delta->new_file);
	if (json_object_size(lfs))
		(void)json_object_set(file, "lfs", lfs);
	json_decref(lfs);
	if (!binary)
		add_lines(d, file, patch);
	git_patch_free(patch);
	return file;
}

/* --- all files --- */

static int tree_of(struct look *l, const char *commit, git_tree **ret, struct err *e)
{
	git_oid oid;
	int r;

	*ret = NULL;
	if (!*commit)
		return 0;
	r = look_root(l, commit, &oid, e);
	if (r == 0 && git_tree_lookup(ret, l->repo, &oid) < 0)
		r = broken(e, "read a folder");
	return r;
}

static int make_diff(
	git_tree *from, git_tree *to, git_repository *repo, git_diff **ret, struct err *e)
{
	git_diff_options options = GIT_DIFF_OPTIONS_INIT;
	git_diff_find_options renames = GIT_DIFF_FIND_OPTIONS_INIT;

	options.max_size = DIFF_FILE_MAX;
	options.ignore_submodules = GIT_SUBMODULE_IGNORE_ALL;
	options.flags = GIT_DIFF_SKIP_BINARY_CHECK;
	if (git_diff_tree_to_tree(ret, repo, from, to, &options) < 0)
		return broken(e, "compare");
	renames.flags = GIT_DIFF_FIND_RENAMES | GIT_DIFF_FIND_EXACT_MATCH_ONLY;
	renames.rename_limit = RENAMES_MAX;
	return git_diff_find_similar(*ret, &renames) < 0 ? broken(e, "compare") : 0;
}

static json_t *describe(struct look *l, git_diff *diff)
{
	struct listing_diff d = {.look = l, .files = json_array()};
	size_t total = git_diff_num_deltas(diff);

	for (size_t i = 0; i < total && i < DIFF_FILES_MAX; i++)
		(void)json_array_append_new(d.files, file_json(&d, diff, i));
	return json_pack("{s:o, s:I, s:I, s:I, s:b}", "files", d.files, "additions",
		(json_int_t)d.additions, "deletions", (json_int_t)d.deletions, "total",
		(json_int_t)total, "cut", (int)(d.cut || total > DIFF_FILES_MAX));
}

int diff_commits(struct look *l, const char *from, const char *to, json_t **ret, struct err *e)
{
	git_tree *old = NULL, *new = NULL;
	git_diff *diff = NULL;
	int r = tree_of(l, from, &old, e);

	if (r == 0)
		r = tree_of(l, to, &new, e);
	if (r == 0)
		r = make_diff(old, new, l->repo, &diff, e);
	if (r == 0) {
		*ret = describe(l, diff);
		if (!*ret)
			r = err_set(e, -ENOMEM, "out of memory");
	}
	git_diff_free(diff);
	git_tree_free(old);
	git_tree_free(new);
	return r;
}

int diff_parent(struct look *l, const char *commit, char ret[41], struct err *e)
{
	git_commit *c = NULL;
	git_oid oid;

	if (git_oid_fromstr(&oid, commit) < 0 || git_commit_lookup(&c, l->repo, &oid) < 0)
		return broken(e, "read the commit");
	ret[0] = '\0';
	if (git_commit_parentcount(c))
		(void)git_oid_tostr(ret, 41, git_commit_parent_id(c, 0));
	git_commit_free(c);
	return 0;
}
