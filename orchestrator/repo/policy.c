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
#include "orchestrator/repo/policy_content.h"
#include "orchestrator/repo/repo.h"

#define SLICE_USEC 4000
#define TREE_OBJECT_MAX (16u << 20) /* 10^5 names of a folder */
#define COMMIT_OBJECT_MAX (1u << 20)
#define TAGS_MAX 8 /* a tag of a tag of a tag … */

struct frame {
	git_tree *tree; /* owned */
	git_oid oid;
	size_t at, path_len; /* of p->path, before this folder's entries */
	uint32_t files;
	uint16_t height;
	bool is_new;
};

/*
 *	 COMMITS ----> TREES ----> done
 *
 * First every new commit is found, so that a word in any of them is known; then their trees are
 * walked, each folder once. The walk can stop between any two entries.
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
	bool trees, secrets_allowed;
	struct frame frames[PATH_DEPTH_MAX + 1];
	size_t depth;
	char path[PATH_BYTES_MAX + 2];
	char quarantine[REPO_PATH_MAX + 128];
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
	for (unsigned int i = 0; r == 0 && i < git_commit_parentcount(commit); i++)
		r = note_commit(p, git_commit_parent_id(commit, i), e);
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

static int enter(struct policy *p, const git_oid *oid, struct err *e)
{
	struct frame *f = &p->frames[p->depth];
	int r = check_header(p, oid, GIT_OBJECT_TREE, TREE_OBJECT_MAX, "a folder", e);

	if (r < 0)
		return r;
	*f = (struct frame){.oid = *oid, .path_len = strlen(p->path), .is_new = is_new(p, oid)};
	if (git_tree_lookup(&f->tree, p->repo, oid) < 0)
		return broken(e, "read a folder");
	p->depth++;
	return f->is_new ? check_collisions(p, f, e) : 0;
}

/* Adds what is known of a folder to the one that holds it. */
static int add_folder(struct policy *p, const struct oid_note *note, struct err *e)
{
	struct frame *f = &p->frames[p->depth - 1];

	f->files += note->files;
	if (note->height + 1 > f->height)
		f->height = (uint16_t)(note->height + 1);
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
	f->tree = NULL;
	if (r < 0)
		return r;
	note->files = f->files + 1; /* a folder counts like a file: empty ones are not free */
	note->height = f->height;
	return p->depth ? add_folder(p, note, e) : 0;
}

static int take_folder(struct policy *p, const git_oid *oid, struct err *e)
{
	const struct oid_note *note = oid_set_find(&p->seen, oid);
	size_t n = strlen(p->path);

	if (note)
		return add_folder(p, note, e);
	if (p->depth > PATH_DEPTH_MAX || n + 1 > PATH_BYTES_MAX)
		return err_set(e, -E2BIG, "%.80s…: folders lie deeper than %d, the limit of a repo",
			p->path, PATH_DEPTH_MAX);
	p->path[n] = '/';
	p->path[n + 1] = '\0';
	return enter(p, oid, e);
}

static int take_file(struct policy *p, const git_tree_entry *entry, struct err *e)
{
	const struct policy_content c = {.odb = p->both,
		.quarantine = p->quarantine,
		.open_lfs = p->request.open_lfs,
		.data = p->data,
		.space = p->request.space,
		.secrets = !p->secrets_allowed,
		.on_finding = on_finding,
		.finding_data = p};
	struct frame *f = &p->frames[p->depth - 1];
	struct oid_note *note;
	int r;

	if (++f->files > POLICY_FILES_MAX)
		return err_set(
			e, -E2BIG, "more than %d files, the limit of a repo", POLICY_FILES_MAX);
	if (!f->is_new)
		return 0;
	switch (git_tree_entry_filemode(entry)) {
	case GIT_FILEMODE_COMMIT:
		find(p, "%s: is a submodule; put its files into this repo", p->path);
		return 0;
	case GIT_FILEMODE_LINK:
		return policy_check_link(&c, p->path, git_tree_entry_id(entry), e);
	default:
		break;
	}
	if (!is_new(p, git_tree_entry_id(entry)))
		return 0;
	r = see(p, git_tree_entry_id(entry), &note, e);
	return r <= 0 ? r : policy_check_file(&c, p->path, git_tree_entry_id(entry), e);
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
	if (oid_set_find(&p->seen, &p->commits[p->at_commit]))
		r = 0;
	else
		r = enter(p, &p->commits[p->at_commit], e);
	p->at_commit++;
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
		for (int i = 0; r > 0 && i < 16; i++)
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
	char objects[REPO_PATH_MAX + 16];

	(void)snprintf(objects, sizeof(objects), "%s/objects", q->repo_path);
	if (git_odb_open(&p->old, objects) < 0 || git_odb_open(&p->fresh, q->quarantine) < 0 ||
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
	while (p->depth)
		git_tree_free(p->frames[--p->depth].tree);
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
