#include "orchestrator/repo/policy.h"

#include <errno.h>
#include <git2.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "orchestrator/repo/library.h"
#include "orchestrator/repo/names.h"
#include "orchestrator/repo/oid_set.h"
#include "orchestrator/repo/pickle.h"
#include "orchestrator/repo/policy_content.h"
#include "orchestrator/repo/repo.h"

#define SLICE_USEC 4000
#define TREE_OBJECT_MAX (16u << 20) /* 10^5 names of a folder */
#define COMMIT_OBJECT_MAX (1u << 20)
#define TAGS_MAX 8 /* a tag of a tag of a tag … */

struct frame {
	git_tree *tree;   /* owned */
	git_tree *before; /* owned; the folder that was at this path, of a new one; or NULL */
	git_oid oid;
	size_t at, path_len; /* of p->path, before this folder's entries */
	uint32_t files;
	uint16_t height;
	uint8_t climb; /* as in an oid_note */
	bool is_new;
};

/*
 *	 COMMITS ----> TREES ----> done
 *
 * First every new commit is found, so that a word in any of them is known; then their trees are
 * walked, each folder once. The walk can stop between any two entries.
 *
 * What depends on the path is asked of each path that an object has: a name may make a pickle of
 * a file that is there already, and a place may let a link out. What was at the path before is not
 * asked about: before is the first commit below the new ones, of which more would only ask less.
 */
struct policy {
	struct loop *loop; /* borrowed */
	policy_fn fn;
	void *data;
	struct policy_request request; /* its pointers are not kept, but for open_lfs */
	struct source *slice;          /* owned */
	git_odb *old, *fresh;          /* owned */
	git_repository *repo;          /* owned; sees both */
	git_odb *both;                 /* owned */
	struct oid_set seen;
	git_oid *commits; /* owned: n_commits of cap; walked up to at_commit, for parents, then
			     trees */
	size_t n_commits, cap_commits, at_commit;
	git_oid base; /* tree of the first commit that is not new and has new ones above it */
	bool trees, secrets_allowed, has_base;
	struct frame frames[PATH_DEPTH_MAX + 1];
	size_t depth;
	char path[PATH_BYTES_MAX + 2];
	char quarantine[REPO_PATH_MAX + 128], objects[REPO_PATH_MAX + 16];
	struct buf words;
	size_t findings;
};

/* --- findings --- */

static void find(struct policy *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void find(struct policy *p, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (p->findings++ >= POLICY_FINDINGS_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)buf_addf(&p->words, "%s\n", line);
}

static void on_finding(const char *words, void *data)
{
	find(data, "%s", words);
}

static int broken(struct err *e, const char *doing)
{
	return err_set(e, -EIO, "cannot %s: %s", doing, library_words());
}

/* --- objects --- */

static bool is_new(const struct policy *p, const git_oid *oid)
{
	return p->fresh && git_odb_exists_ext(p->fresh, oid, GIT_ODB_LOOKUP_NO_REFRESH) &&
	       !git_odb_exists_ext(p->old, oid, GIT_ODB_LOOKUP_NO_REFRESH);
}

/* 1: it was not seen before; 0: it was. */
static int see(struct policy *p, const git_oid *oid, struct oid_note **ret, struct err *e)
{
	int r;

	*ret = oid_set_find(&p->seen, oid);
	if (*ret)
		return 0;
	r = oid_set_add(&p->seen, oid, ret);
	if (r == -E2BIG)
		return err_set(e, r, "more than %d objects in one push; push in parts",
			POLICY_OBJECTS_MAX);
	return r < 0 ? err_set(e, r, "out of memory") : 1;
}

static int check_header(const struct policy *p, const git_oid *oid, git_object_t want, size_t max,
	const char *what, struct err *e)
{
	git_object_t type;
	size_t size;

	if (git_odb_read_header(&size, &type, p->both, oid) < 0)
		return broken(e, "read an object");
	if (type != want || size > max)
		return err_set(e, -EINVAL, "%s is over its limit of %zu MiB", what, max >> 20);
	return 0;
}

/* --- commits --- */

static int note_commit(struct policy *p, const git_oid *oid, struct err *e)
{
	struct oid_note *note;
	int r = is_new(p, oid) ? see(p, oid, &note, e) : 0;

	if (r <= 0)
		return r;
	if (p->n_commits == p->cap_commits) {
		size_t cap = p->cap_commits ? 2 * p->cap_commits : 16;
		git_oid *grown = reallocarray(p->commits, cap, sizeof(*grown));

		if (!grown)
			return err_set(e, -ENOMEM, "out of memory");
		p->commits = grown;
		p->cap_commits = cap;
	}
	p->commits[p->n_commits++] = *oid;
	return 0;
}

/* Puts what a tag points to in its place. */
static int follow_tag(struct policy *p, git_oid *oid, struct err *e)
{
	git_tag *tag = NULL;

	if (git_tag_lookup(&tag, p->repo, oid) < 0)
		return broken(e, "read a tag");
	*oid = *git_tag_target_id(tag);
	git_tag_free(tag);
	return 0;
}

/* A ref may point to a tag, and a tag to anything: a file of 40 GB, that would be held whole where
 * its kind is asked for any other way. */
static int note_head(struct policy *p, const char *hex, struct err *e)
{
	git_object_t type;
	git_oid oid;
	size_t size;
	int r = 0;

	if (git_oid_fromstr(&oid, hex) < 0)
		return err_set(e, -EINVAL, "'%.40s' is no object", hex);
	if (!is_new(p, &oid))
		return 0;
	for (int tags = 0; r == 0; tags++) {
		if (git_odb_read_header(&size, &type, p->both, &oid) < 0)
			return broken(e, "read an object");
		if (type == GIT_OBJECT_COMMIT)
			return note_commit(p, &oid, e);
		if (type != GIT_OBJECT_TAG || size > COMMIT_OBJECT_MAX || tags == TAGS_MAX) {
			find(p, "a ref must point to a commit, and %.12s is none", hex);
			return 0;
		}
		r = follow_tag(p, &oid, e);
	}
	return r;
}

static bool allows_secrets(const char *message)
{
	static const char word[] = "Secrets-Allowed:";

	for (const char *line = message; line && *line; line = strchr(line, '\n')) {
		line += strspn(line, "\n");
		if (!strncasecmp(line, word, strlen(word))) {
			line += strlen(word);
			line += strspn(line, " \t\r");
			return *line && *line != '\n';
		}
	}
	return false;
}

static void note_base(struct policy *p, const git_oid *parent)
{
	git_commit *commit = NULL;

	if (p->has_base || is_new(p, parent) || git_commit_lookup(&commit, p->repo, parent) < 0)
		return;
	p->base = *git_commit_tree_id(commit);
	p->has_base = true;
	git_commit_free(commit);
}

static int take_commit(struct policy *p, struct err *e)
{
	git_oid oid = p->commits[p->at_commit++];
	git_commit *commit = NULL;
	int r = check_header(p, &oid, GIT_OBJECT_COMMIT, COMMIT_OBJECT_MAX, "a commit", e);

	if (r < 0)
		return r;
	if (git_commit_lookup(&commit, p->repo, &oid) < 0)
		return broken(e, "read a commit");
	if (allows_secrets(git_commit_message_raw(commit)))
		p->secrets_allowed = true;
	for (unsigned int i = 0; r == 0 && i < git_commit_parentcount(commit); i++) {
		note_base(p, git_commit_parent_id(commit, i));
		r = note_commit(p, git_commit_parent_id(commit, i), e);
	}
	/* From here on only its tree is of interest. */
	p->commits[p->at_commit - 1] = *git_commit_tree_id(commit);
	git_commit_free(commit);
	return r;
}

/* --- trees --- */

struct folded {
	char *form; /* owned */
	size_t entry;
};

static int by_form(const void *a, const void *b)
{
	return strcmp(((const struct folded *)a)->form, ((const struct folded *)b)->form);
}

/* Two names that are one on some machines, in a folder that is new. */
static int check_collisions(struct policy *p, const struct frame *f, struct err *e)
{
	size_t n = git_tree_entrycount(f->tree), have = 0;
	struct folded *all = calloc(n + 1, sizeof(*all));
	int r = all ? 0 : -ENOMEM;

	for (; r == 0 && have < n; have++) {
		const char *name = git_tree_entry_name(git_tree_entry_byindex(f->tree, have));

		all[have] = (struct folded){.form = name_folded(name, strlen(name)), .entry = have};
		if (!all[have].form)
			r = -ENOMEM;
	}
	if (r == 0)
		qsort(all, n, sizeof(*all), by_form);
	for (size_t i = 1; r == 0 && i < n; i++)
		if (!strcmp(all[i - 1].form, all[i].form))
			find(p,
				"%.*s%s: is the same file as %s on machines that do not tell case "
				"or "
				"accents apart; rename one",
				(int)f->path_len, p->path,
				git_tree_entry_name(git_tree_entry_byindex(f->tree, all[i].entry)),
				git_tree_entry_name(
					git_tree_entry_byindex(f->tree, all[i - 1].entry)));
	for (size_t i = 0; all && i < have; i++)
		free(all[i].form);
	free(all);
	return r < 0 ? err_set(e, r, "out of memory") : 0;
}

/* Whether this object was at p->path already, the last folder of which is the frame on top. */
static bool was_there(const struct policy *p, const git_oid *oid)
{
	const struct frame *f = &p->frames[p->depth - 1];
	const git_tree_entry *entry =
		f->before ? git_tree_entry_byname(f->before, p->path + f->path_len) : NULL;

	return entry && git_oid_equal(git_tree_entry_id(entry), oid);
}

/* The folder at p->path in the base. There may be none: all is asked about then. */
static git_tree *find_before(const struct policy *p)
{
	const struct frame *above = p->depth ? &p->frames[p->depth - 1] : NULL;
	const git_tree_entry *entry;
	git_tree *tree = NULL;
	char name[NAME_BYTES_MAX + 1];

	if (!above)
		return p->has_base && git_tree_lookup(&tree, p->repo, &p->base) == 0 ? tree : NULL;
	if (!above->before)
		return NULL;
	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(p->path + above->path_len, "/"),
		p->path + above->path_len);
	entry = git_tree_entry_byname(above->before, name);
	if (!entry || git_tree_entry_type(entry) != GIT_OBJECT_TREE ||
		git_tree_lookup(&tree, p->repo, git_tree_entry_id(entry)) < 0)
		return NULL;
	return tree;
}

static int enter(struct policy *p, const git_oid *oid, struct err *e)
{
	struct frame *f = &p->frames[p->depth];
	int r = check_header(p, oid, GIT_OBJECT_TREE, TREE_OBJECT_MAX, "a folder", e);

	if (r < 0)
		return r;
	*f = (struct frame){.oid = *oid, .path_len = strlen(p->path), .is_new = is_new(p, oid)};
	if (git_tree_lookup(&f->tree, p->repo, oid) < 0)
		return broken(e, "read a folder");
	f->before = f->is_new ? find_before(p) : NULL;
	p->depth++;
	return f->is_new ? check_collisions(p, f, e) : 0;
}

/* Of the folder at p->path, whose links were looked at elsewhere, if at all. */
static void check_links(struct policy *p, const struct oid_note *note)
{
	bool known = p->depth ? !p->frames[p->depth - 1].is_new || was_there(p, &note->oid)
			      : p->has_base && git_oid_equal(&p->base, &note->oid);

	if (note->climb > p->depth && !known)
		find(p, "%s/: holds a symbolic link that leads out of the repo from here", p->path);
}

/* Adds what is known of a folder to the one that holds it. */
static int add_folder(struct policy *p, const struct oid_note *note, struct err *e)
{
	struct frame *f = &p->frames[p->depth - 1];

	f->files += note->files;
	if (note->height + 1 > f->height)
		f->height = (uint16_t)(note->height + 1);
	if (note->climb > f->climb + 1)
		f->climb = (uint8_t)(note->climb - 1);
	if (f->files > POLICY_FILES_MAX)
		return err_set(
			e, -E2BIG, "more than %d files, the limit of a repo", POLICY_FILES_MAX);
	if (p->depth + f->height > PATH_DEPTH_MAX)
		return err_set(e, -E2BIG, "folders lie deeper than %d, the limit of a repo",
			PATH_DEPTH_MAX);
	return 0;
}

static int leave(struct policy *p, struct err *e)
{
	struct frame *f = &p->frames[--p->depth];
	struct oid_note *note = NULL;
	int r = see(p, &f->oid, &note, e);

	p->path[f->path_len ? f->path_len - 1 : 0] = '\0';
	git_tree_free(f->tree);
	git_tree_free(f->before);
	f->tree = f->before = NULL;
	if (r < 0)
		return r;
	note->files = f->files + 1; /* a folder counts like a file: empty ones are not free */
	note->height = f->height;
	note->climb = f->climb;
	if (!f->is_new)
		check_links(p, note);
	return p->depth ? add_folder(p, note, e) : 0;
}

static int take_folder(struct policy *p, const git_oid *oid, struct err *e)
{
	const struct oid_note *note = oid_set_find(&p->seen, oid);
	size_t n = strlen(p->path);

	if (note) {
		check_links(p, note);
		return add_folder(p, note, e);
	}
	if (p->depth > PATH_DEPTH_MAX || n + 1 > PATH_BYTES_MAX)
		return err_set(e, -E2BIG, "%.80s…: folders lie deeper than %d, the limit of a repo",
			p->path, PATH_DEPTH_MAX);
	p->path[n] = '/';
	p->path[n + 1] = '\0';
	return enter(p, oid, e);
}

static void on_old_finding(const char *words, void *data)
{
	(void)words;
	(void)data;
}

static struct policy_content content_of(struct policy *p, bool fresh)
{
	return (struct policy_content){.odb = p->both,
		.objects = fresh ? p->quarantine : p->objects,
		.open_lfs = p->request.open_lfs,
		.data = p->data,
		.space = p->request.space,
		.secrets = !p->secrets_allowed,
		.on_finding = on_finding,
		.finding_data = p};
}

/* In an old folder too: it may lie elsewhere now. */
static int take_link(struct policy *p, const git_oid *oid, struct err *e)
{
	struct frame *f = &p->frames[p->depth - 1];
	struct policy_content c = content_of(p, true);
	uint8_t climb;
	int r;

	if (!f->is_new)
		c.on_finding = on_old_finding;
	r = policy_check_link(&c, p->path, oid, &climb, e);
	if (r == 0 && climb > f->climb)
		f->climb = climb;
	return r;
}

/* Once, and once more by a name that weights have: it is the name that makes a pickle of some. */
static int take_content(struct policy *p, const git_oid *oid, struct err *e)
{
	bool fresh = is_new(p, oid), weights = pickle_may_be(p->path);
	struct policy_content c = content_of(p, fresh);
	struct oid_note *note;
	int r;

	if (!fresh && (!weights || was_there(p, oid)))
		return 0;
	r = see(p, oid, &note, e);
	if (r < 0 || (r == 0 && (!weights || note->weights)))
		return r < 0 ? r : 0;
	c.only_pickles = r == 0 || !fresh;
	note->weights = weights;
	return policy_check_file(&c, p->path, oid, e);
}

static int take_file(struct policy *p, const git_tree_entry *entry, struct err *e)
{
	struct frame *f = &p->frames[p->depth - 1];

	if (++f->files > POLICY_FILES_MAX)
		return err_set(
			e, -E2BIG, "more than %d files, the limit of a repo", POLICY_FILES_MAX);
	if (git_tree_entry_filemode(entry) == GIT_FILEMODE_LINK)
		return take_link(p, git_tree_entry_id(entry), e);
	if (!f->is_new)
		return 0;
	if (git_tree_entry_filemode(entry) == GIT_FILEMODE_COMMIT) {
		find(p, "%s: is a submodule; put its files into this repo", p->path);
		return 0;
	}
	return take_content(p, git_tree_entry_id(entry), e);
}

static int take_entry(struct policy *p, struct err *e)
{
	struct frame *f = &p->frames[p->depth - 1];
	const git_tree_entry *entry = git_tree_entry_byindex(f->tree, f->at);
	const char *name;
	struct err words = {0};

	if (!entry)
		return leave(p, e);
	f->at++;
	name = git_tree_entry_name(entry);
	if (snprintf(p->path + f->path_len, sizeof(p->path) - f->path_len, "%s", name) >=
		(int)(sizeof(p->path) - f->path_len - 1))
		return err_set(e, -EINVAL, "%.80s…: path is over the limit of %d bytes", p->path,
			PATH_BYTES_MAX);
	if (f->is_new && name_check(name, strlen(name), &words) < 0)
		find(p, "%.*s%s", (int)f->path_len, p->path, words.text);
	if (git_tree_entry_type(entry) == GIT_OBJECT_TREE)
		return take_folder(p, git_tree_entry_id(entry), e);
	return take_file(p, entry, e);
}

/* --- slices --- */

/* 1: there is more. */
static int step(struct policy *p, struct err *e)
{
	const struct oid_note *note;
	int r;

	if (p->findings >= POLICY_FINDINGS_MAX)
		return 0;
	if (!p->trees && p->at_commit < p->n_commits) {
		r = take_commit(p, e);
		return r < 0 ? r : 1;
	}
	if (!p->trees) {
		p->trees = true;
		p->at_commit = 0;
	}
	if (p->depth) {
		r = take_entry(p, e);
		return r < 0 ? r : 1;
	}
	if (p->at_commit == p->n_commits)
		return 0;
	p->path[0] = '\0';
	/* The newest come first: what they hold is most of it. */
	note = oid_set_find(&p->seen, &p->commits[p->at_commit++]);
	if (note)
		check_links(p, note);
	r = note ? 0 : enter(p, &p->commits[p->at_commit - 1], e);
	return r < 0 ? r : 1;
}

static void finish(struct policy *p, int code, const struct err *e)
{
	policy_fn fn = p->fn;
	void *data = p->data;
	CLEANUP(buf_done) struct buf words;

	if (code < 0)
		find(p, "%s", e->text);
	words = p->words;
	buf_init(&p->words, 0);
	(void)policy_free(p);
	fn(words.len == 0, buf_str(&words), data);
}

static void on_slice(void *data)
{
	struct policy *p = data;
	uint64_t until = clock_mono_usec() + SLICE_USEC;
	struct err e = {0};
	int r = 1;

	p->slice = NULL;
	while (r > 0 && clock_mono_usec() < until)
		r = step(p, &e);
	if (r > 0 && loop_defer(p->loop, on_slice, p, &p->slice) == 0)
		return;
	if (r > 0)
		r = err_set(&e, -ENOMEM, "out of memory");
	finish(p, r, &e);
}

/* --- life --- */

static int open_objects(struct policy *p, const struct policy_request *q, struct err *e)
{
	(void)snprintf(p->objects, sizeof(p->objects), "%s/objects", q->repo_path);
	if (git_odb_open(&p->old, p->objects) < 0 || git_odb_open(&p->fresh, q->quarantine) < 0 ||
		git_repository_open_bare(&p->repo, q->repo_path) < 0 ||
		git_repository_odb(&p->both, p->repo) < 0 ||
		git_odb_add_disk_alternate(p->both, q->quarantine) < 0)
		return broken(e, "open the repository");
	return 0;
}

int policy_start(struct loop *loop, const struct policy_request *request, policy_fn fn, void *data,
	struct policy **ret, struct err *e)
{
	struct policy *p = calloc(1, sizeof(*p));
	int r = 0;

	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	*p = (struct policy){.loop = loop, .fn = fn, .data = data, .request = *request};
	oid_set_init(&p->seen, POLICY_OBJECTS_MAX);
	(void)snprintf(p->quarantine, sizeof(p->quarantine), "%s",
		request->quarantine ? request->quarantine : "");
	buf_init(&p->words, 16384);
	if (request->quarantine)
		r = open_objects(p, request, e);
	for (size_t i = 0; r == 0 && request->quarantine && i < request->n_heads; i++)
		r = note_head(p, request->heads[i], e);
	if (r == 0 && loop_defer(loop, on_slice, p, &p->slice) < 0)
		r = err_set(e, -ENOMEM, "out of memory");
	if (r < 0) {
		(void)policy_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

struct policy *policy_free(struct policy *p)
{
	if (!p)
		return NULL;
	(void)source_free(p->slice);
	while (p->depth) {
		git_tree_free(p->frames[--p->depth].tree);
		git_tree_free(p->frames[p->depth].before);
	}
	git_odb_free(p->old);
	git_odb_free(p->fresh);
	git_odb_free(p->both);
	git_repository_free(p->repo);
	oid_set_done(&p->seen);
	free(p->commits);
	buf_done(&p->words);
	free(p);
	return NULL;
}
