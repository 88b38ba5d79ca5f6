#include "orchestrator/repo/draft.h"

#include <errno.h>
#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/fs.h"
#include "orchestrator/repo/attributes.h"
#include "orchestrator/repo/edit.h"
#include "orchestrator/repo/library.h"
#include "orchestrator/repo/names.h"
#include "orchestrator/repo/quarantine.h"
#include "orchestrator/repo/repo.h"

#define CHUNK 49152   /* of content; whole quartets of base64 */
#define LEVEL_STEPS 8 /* that a folder of a path takes, whatever is in it */
#define NEWCOMERS 10  /* before the repo's own objects, libgit2 writes here */

struct draft {
	char path[REPO_PATH_MAX], quarantine[QUARANTINE_PATH_MAX], ref[256];
	int lock;             /* owned */
	git_odb *odb;         /* owned */
	git_repository *repo; /* owned; reads refs from disk, objects from odb */
	struct edit *edit;    /* owned */
	git_oid parent, commit;
	char parent_hex[41], commit_hex[41];
	char **lfs; /* owned, of owned paths: n_lfs of cap_lfs */
	size_t n_lfs, cap_lfs;
	struct quarantine_sync sync;
	bool synced;
};

static int broken(struct err *e, const char *doing)
{
	return err_set(
		e, errno == ENOSPC ? -ENOSPC : -EIO, "cannot %s: %s", doing, library_words());
}

/* --- life --- */

static int open_objects(struct draft *d, struct err *e)
{
	git_odb_backend *newcomers = NULL;
	char objects[QUARANTINE_PATH_MAX];

	(void)snprintf(objects, sizeof(objects), "%s/objects", d->path);
	/* Speed before size: git packs them anew later. Syncing is draft_keep's. */
	if (git_odb_new(&d->odb) < 0 ||
		git_odb_backend_loose(&newcomers, d->quarantine, 1, 0, 0, 0) < 0 ||
		git_odb_add_backend(d->odb, newcomers, NEWCOMERS) < 0 ||
		git_odb_add_disk_alternate(d->odb, objects) < 0 ||
		git_repository_open_bare(&d->repo, d->path) < 0 ||
		git_repository_set_odb(d->repo, d->odb) < 0)
		return broken(e, "open the repository");
	return 0;
}

static bool has_refs(git_repository *repo)
{
	git_strarray refs = {0};
	bool some = git_reference_list(&refs, repo) < 0 || refs.count > 0;

	git_strarray_dispose(&refs);
	return some;
}

static int read_parent(struct draft *d, struct err *e)
{
	git_commit *commit = NULL;
	int rc = git_reference_name_to_id(&d->parent, d->repo, d->ref), r;

	if (rc == GIT_ENOTFOUND && !has_refs(d->repo))
		return edit_new(d->odb, NULL, &d->edit, e);
	if (rc == GIT_ENOTFOUND || rc == GIT_EINVALIDSPEC)
		return err_set(
			e, -ENOENT, "there is no branch '%s'", d->ref + strlen("refs/heads/"));
	if (rc < 0 || git_commit_lookup(&commit, d->repo, &d->parent) < 0)
		return broken(e, "read the branch");
	(void)git_oid_tostr(d->parent_hex, sizeof(d->parent_hex), &d->parent);
	r = edit_new(d->odb, git_commit_tree_id(commit), &d->edit, e);
	git_commit_free(commit);
	return r;
}

int draft_open(const char *repo_path, const char *ref, struct draft **ret, struct err *e)
{
	CLEANUP(draft_freep) struct draft *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_set(e, -ENOMEM, "out of memory");
	d->lock = -1;
	(void)snprintf(d->path, sizeof(d->path), "%s", repo_path);
	if (snprintf(d->ref, sizeof(d->ref), "%s", ref) >= (int)sizeof(d->ref))
		return err_set(e, -ENOENT, "there is no such branch");
	d->lock = repo_lock_shared(d->path);
	if (d->lock < 0)
		return err_set(
			e, d->lock, "the repository cannot be used now: %s", strerror(-d->lock));
	r = quarantine_make(d->path, d->quarantine, e);
	if (r == 0)
		r = open_objects(d, e);
	if (r == 0)
		r = read_parent(d, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(d);
	return 0;
}

struct draft *draft_free(struct draft *d)
{
	if (!d)
		return NULL;
	quarantine_sync_done(&d->sync);
	(void)edit_free(d->edit);
	git_repository_free(d->repo);
	git_odb_free(d->odb);
	if (*d->quarantine)
		(void)fs_remove_tree(d->quarantine);
	closep(&d->lock);
	for (size_t i = 0; i < d->n_lfs; i++)
		free(d->lfs[i]);
	free(d->lfs);
	free(d);
	return NULL;
}

const char *draft_parent(const struct draft *d)
{
	return d->parent_hex;
}

const char *draft_quarantine(const struct draft *d)
{
	return d->quarantine;
}

const char *draft_commit(const struct draft *d)
{
	return d->commit_hex;
}

/* --- content --- */

/* Fills the chunk as far as there is something. */
static ssize_t read_chunk(struct spool *s, char *chunk, size_t n, struct err *e)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = spool_read(s, chunk + have, n - have, e);

		if (got < 0)
			return got;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

/* Bytes that the spool stands for, exactly: base64 tells by its length and its last two. */
static int real_size(struct spool *s, bool base64, uint64_t *ret, struct err *e)
{
	char quartet[4];
	ssize_t n;

	*ret = s->bytes;
	if (!base64 || !s->bytes)
		return 0;
	if (s->bytes % 4)
		return err_set(e, -EBADMSG, "content: is not base64");
	spool_rewind(s);
	s->read_at = s->bytes - 4;
	/* It may lie half in the file and half in memory. */
	n = read_chunk(s, quartet, sizeof(quartet), e);
	if (n != 4)
		return n < 0 ? (int)n : err_set(e, -EIO, "cannot read the upload back");
	*ret = s->bytes / 4 * 3 - (quartet[3] == '=') - (quartet[3] == '=' && quartet[2] == '=');
	return 0;
}

static int write_content(git_odb_stream *out, struct spool *s, bool base64, struct err *e)
{
	static char chunk[CHUNK]; /* single-threaded */
	CLEANUP(buf_done) struct buf decoded;
	ssize_t n;
	int rc = 0;

	buf_init(&decoded, CHUNK);
	spool_rewind(s);
	while (rc == 0 && (n = read_chunk(s, chunk, sizeof(chunk), e)) != 0) {
		if (n < 0)
			return (int)n;
		if (!base64) {
			rc = git_odb_stream_write(out, chunk, (size_t)n);
			continue;
		}
		buf_clear(&decoded);
		rc = base64_add_decoded(&decoded, chunk, (size_t)n);
		if (rc < 0)
			return err_set(e, rc, "content: is not base64");
		rc = git_odb_stream_write(out, (const char *)decoded.data, decoded.len);
	}
	return rc < 0 ? broken(e, "write a file") : 0;
}

static int write_blob(struct draft *d, struct spool *s, bool base64, git_oid *ret, struct err *e)
{
	git_odb_stream *out = NULL;
	uint64_t size;
	int r = real_size(s, base64, &size, e);

	if (r < 0)
		return r;
	if (size > DRAFT_FILE_MAX)
		return err_set(e, -EFBIG, "is over %u MiB; a file of that size is kept in git-lfs",
			DRAFT_FILE_MAX >> 20);
	errno = 0;
	if (git_odb_open_wstream(&out, d->odb, (git_object_size_t)size, GIT_OBJECT_BLOB) < 0)
		return broken(e, "write a file");
	r = write_content(out, s, base64, e);
	/* libgit2 compares what came with what was announced: "=" in the middle ends here. */
	if (r == 0 && git_odb_stream_finalize_write(ret, out) < 0)
		r = errno == ENOSPC ? broken(e, "write a file")
				    : err_set(e, -EBADMSG, "content: is not base64");
	git_odb_stream_free(out);
	return r;
}

int draft_put(struct draft *d, const char *path, struct spool *content, bool base64, struct err *e)
{
	git_oid oid;
	int r = path_check(path, e);

	if (r < 0)
		return r;
	r = write_blob(d, content, base64, &oid, e);
	if (r < 0)
		return err_wrap(e, "%s", path);
	return edit_put(d->edit, path, &oid, e);
}

/* --- git-lfs --- */

static int note_lfs(struct draft *d, const char *path)
{
	if (d->n_lfs == d->cap_lfs) {
		size_t cap = d->cap_lfs ? 2 * d->cap_lfs : 16;
		char **grown = reallocarray(d->lfs, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		d->lfs = grown;
		d->cap_lfs = cap;
	}
	d->lfs[d->n_lfs] = strdup(path);
	return d->lfs[d->n_lfs++] ? 0 : -ENOMEM;
}

int draft_put_pointer(
	struct draft *d, const char *path, const struct pointer *pointer, struct err *e)
{
	char text[POINTER_MAX];
	size_t n = pointer_format(pointer, text);
	git_oid oid;
	int r = path_check(path, e);

	if (r < 0)
		return r;
	errno = 0;
	if (git_odb_write(&oid, d->odb, text, n, GIT_OBJECT_BLOB) < 0)
		return broken(e, "write a pointer");
	r = edit_put(d->edit, path, &oid, e);
	if (r == 0 && note_lfs(d, path) < 0)
		r = err_set(e, -ENOMEM, "out of memory");
	return r;
}

/* The text of a .gitattributes; empty when it is missing, or over its limit. */
static int read_rules(struct draft *d, const char *path, struct buf *ret, struct err *e)
{
	git_odb_object *object = NULL;
	git_object_t type;
	git_oid oid;
	size_t size;
	int r = edit_find(d->edit, path, &oid, e);

	buf_clear(ret);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (git_odb_read_header(&size, &type, d->odb, &oid) < 0)
		return broken(e, "read " ATTRIBUTES_NAME);
	if (size > ATTRIBUTES_MAX)
		return err_set(e, -EFBIG, "%s: is over the limit of 1 MiB", path);
	if (git_odb_read(&object, d->odb, &oid) < 0)
		return broken(e, "read " ATTRIBUTES_NAME);
	r = buf_add(ret, git_odb_object_data(object), git_odb_object_size(object));
	git_odb_object_free(object);
	return r < 0 ? err_set(e, r, "out of memory") : 0;
}

static int write_rules(struct draft *d, const char *path, const struct buf *text, struct err *e)
{
	git_oid oid;

	errno = 0;
	if (git_odb_write(&oid, d->odb, text->data, text->len, GIT_OBJECT_BLOB) < 0)
		return broken(e, "write " ATTRIBUTES_NAME);
	return edit_put(d->edit, path, &oid, e);
}

struct tracking {
	struct draft *d;          /* borrowed */
	struct buf top;           /* the repo's first .gitattributes, with what is added to it */
	struct attributes *rules; /* owned; of top, as it was */
	bool grown;
	uint64_t left; /* steps of attributes.h */
};

static int out_of_steps(struct err *e)
{
	return err_set(e, -E2BIG,
		"there are too many patterns in " ATTRIBUTES_NAME
		" for so many LFS files in one commit; commit in parts");
}

/* What the file in the folder that ends at path + n says of it. A line that was there is read as
 * often as a path of that folder comes, so reading counts as steps too. */
static int ask_folder(struct tracking *t, const char *file, const char *path, size_t n,
	enum lfs_rule *ret, struct err *e)
{
	CLEANUP(attributes_freep) struct attributes *rules = NULL;
	CLEANUP(buf_done) struct buf text;
	int r;

	buf_init(&text, ATTRIBUTES_MAX + 4096);
	if (!pattern_spend(&t->left, LEVEL_STEPS + n))
		return out_of_steps(e);
	r = read_rules(t->d, file, &text, e);
	if (r < 0 || !text.len)
		return r;
	if (!pattern_spend(&t->left, text.len))
		return out_of_steps(e);
	if (attributes_parse((const char *)text.data, text.len, &rules) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	*ret = attributes_lfs(rules, path + n, &t->left);
	return t->left ? 0 : out_of_steps(e);
}

static int add_rule(struct tracking *t, const char *file, const char *path, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	int r;

	buf_init(&text, ATTRIBUTES_MAX + 4096);
	r = read_rules(t->d, file, &text, e);
	if (r == 0 && attributes_add_lfs(&text, path) < 0)
		r = err_set(e, -ENOMEM, "out of memory");
	return r < 0 ? r : write_rules(t->d, file, &text, e);
}

/* The file whose word counts is the deepest that has one: gitattributes(5). */
static int track(struct tracking *t, const char *path, struct err *e)
{
	char file[PATH_BYTES_MAX + 32], word[PATH_BYTES_MAX + 32] = ATTRIBUTES_NAME;
	enum lfs_rule rule = attributes_lfs(t->rules, path, &t->left);
	size_t base = 0;

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t n = (size_t)(slash - path) + 1;
		enum lfs_rule said = LFS_UNSAID;
		int r;

		(void)snprintf(file, sizeof(file), "%.*s" ATTRIBUTES_NAME, (int)n, path);
		r = ask_folder(t, file, path, n, &said, e);
		if (r < 0)
			return r;
		if (said == LFS_UNSAID)
			continue;
		rule = said;
		base = n;
		memcpy(word, file, strlen(file) + 1);
	}
	if (!t->left)
		return out_of_steps(e);
	if (rule == LFS_YES)
		return 0;
	if (base)
		return add_rule(t, word, path + base, e);
	t->grown = true;
	return attributes_add_lfs(&t->top, path) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int track_each(struct tracking *t, struct err *e)
{
	struct draft *d = t->d;
	int r = read_rules(d, ATTRIBUTES_NAME, &t->top, e);

	if (r == 0 && attributes_parse((const char *)t->top.data, t->top.len, &t->rules) < 0)
		r = err_set(e, -ENOMEM, "out of memory");
	/* In order, so that one that came twice is seen. */
	qsort(d->lfs, d->n_lfs, sizeof(*d->lfs), by_path);
	for (size_t i = 0; r == 0 && i < d->n_lfs; i++) {
		git_oid oid;

		if (i && !strcmp(d->lfs[i - 1], d->lfs[i]))
			continue;
		if (edit_find(d->edit, d->lfs[i], &oid, &(struct err){0}) == 0)
			r = track(t, d->lfs[i], e);
	}
	return r == 0 && t->grown ? write_rules(d, ATTRIBUTES_NAME, &t->top, e) : r;
}

static int track_all(struct draft *d, struct err *e)
{
	struct tracking t = {.d = d, .left = PATTERN_STEPS_MAX};
	int r;

	if (!d->n_lfs)
		return 0;
	buf_init(&t.top, 2 * ATTRIBUTES_MAX);
	r = track_each(&t, e);
	(void)attributes_free(t.rules);
	buf_done(&t.top);
	return r;
}

/* --- deleting --- */

int draft_delete(struct draft *d, const char *path, bool folder, struct err *e)
{
	char trimmed[PATH_BYTES_MAX + 2];
	size_t n = strlen(path);
	int r;

	if (n > 1 && n < sizeof(trimmed) && path[n - 1] == '/') {
		(void)snprintf(trimmed, sizeof(trimmed), "%.*s", (int)n - 1, path);
		path = trimmed;
	}
	r = path_check(path, e);
	if (r == 0)
		r = edit_remove(d->edit, path, folder, e);
	return r == -ENOENT ? err_set(e, r, "A file with this name doesn't exist") : r;
}

/* --- the commit --- */

int draft_seal(struct draft *d, const char *user, const char *message, struct err *e)
{
	git_commit *parent = NULL;
	git_signature *who = NULL;
	git_tree *tree = NULL;
	char mail[256];
	git_oid oid;
	int r = track_all(d, e);

	if (r == 0)
		r = edit_write(d->edit, &oid, e);
	if (r < 0)
		return r;
	errno = 0;
	(void)snprintf(mail, sizeof(mail), "%s@users.noreply.vitrine", user);
	if (git_signature_now(&who, user, mail) < 0 || git_tree_lookup(&tree, d->repo, &oid) < 0 ||
		(*d->parent_hex && git_commit_lookup(&parent, d->repo, &d->parent) < 0) ||
		git_commit_create(&d->commit, d->repo, NULL, who, who, NULL, message, tree,
			*d->parent_hex ? 1 : 0, (const git_commit **)&parent) < 0)
		r = broken(e, "write the commit");
	git_signature_free(who);
	git_tree_free(tree);
	git_commit_free(parent);
	(void)git_oid_tostr(d->commit_hex, sizeof(d->commit_hex), &d->commit);
	return r;
}

/* --- keeping --- */

static int move_branch(struct draft *d, struct err *e)
{
	git_reference *ref = NULL;
	int rc;

	(void)git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	errno = 0;
	rc = *d->parent_hex ? git_reference_create_matching(
				      &ref, d->repo, d->ref, &d->commit, 1, &d->parent, NULL)
			    : git_reference_create(&ref, d->repo, d->ref, &d->commit, 0, NULL);
	(void)git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 0);
	git_reference_free(ref);
	if (rc == GIT_EMODIFIED || rc == GIT_EEXISTS || rc == GIT_ENOTFOUND || rc == GIT_ELOCKED)
		return err_set(e, -ESTALE,
			"the branch has moved since this commit was begun; fetch it and try again");
	return rc < 0 ? broken(e, "move the branch") : 0;
}

int draft_sync_step(struct draft *d, struct err *e)
{
	int r = d->synced || d->sync.top ? 0 : quarantine_sync_init(&d->sync, d->quarantine, e);

	if (r < 0 || d->synced)
		return r;
	r = quarantine_sync_step(&d->sync, e);
	if (r <= 0)
		quarantine_sync_done(&d->sync);
	d->synced = r == 0;
	return r;
}

int draft_keep(struct draft *d, struct err *e)
{
	int r;

	do
		r = draft_sync_step(d, e);
	while (r > 0);
	if (r == 0)
		r = quarantine_keep(d->quarantine, d->path, e);
	return r < 0 ? r : move_branch(d, e);
}
