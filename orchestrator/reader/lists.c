#include "orchestrator/reader/lists.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "orchestrator/repo/history.h"
#include "orchestrator/repo/library.h"

#define REFS_MAX 10000
#define PATHS_MAX 10000
/* Processor time that history is walked for: an answer without the oldest dates beats none. */
#define COUNT_USEC (1500 * USEC_PER_MSEC)
#define LAST_USEC (2500 * USEC_PER_MSEC)

static int write_failed(struct err *e)
{
	return err_set(e, -errno, "cannot write the answer: %s", strerror(errno));
}

int list_write(struct job *j, json_t *value, struct err *e)
{
	int rc = value ? json_dumpf(value, j->body, JSON_COMPACT) : 0;

	if (!value)
		return err_set(e, -ENOMEM, "out of memory");
	json_decref(value);
	return rc < 0 ? write_failed(e) : 0;
}

/* --- refs --- */

struct refs {
	struct job *job;
	const char *prefix;
	json_t *list;
};

static int add_ref(const char *name, void *data)
{
	struct refs *r = data;
	struct revision rev;

	/* What leads to no commit is of no use to a client. */
	if (strncmp(name, r->prefix, strlen(r->prefix)) != 0 ||
		json_array_size(r->list) >= REFS_MAX || strlen(name) > REVISION_MAX ||
		revision_find(r->job->look.repo, name, &rev, NULL) < 0)
		return 0;
	(void)json_array_append_new(r->list,
		json_pack("{s:o, s:o, s:s}", "name",
			look_words(name + strlen(r->prefix), strlen(name + strlen(r->prefix))),
			"ref", look_words(name, strlen(name)), "targetCommit", rev.commit));
	return 0;
}

static json_t *refs_of(struct job *j, const char *prefix)
{
	struct refs r = {.job = j, .prefix = prefix, .list = json_array()};
	char glob[64];

	(void)snprintf(glob, sizeof(glob), "%s*", prefix);
	(void)git_reference_foreach_glob(j->look.repo, glob, add_ref, &r);
	return r.list;
}

int list_refs(struct job *j, struct err *e)
{
	json_t *answer = json_pack("{s:o, s:[], s:o}", "branches", refs_of(j, "refs/heads/"),
		"converts", "tags", refs_of(j, "refs/tags/"));

	if (answer && json_is_true(json_object_get(j->args, "prs")))
		(void)json_object_set_new(answer, "pullRequests", refs_of(j, "refs/pr/"));
	return list_write(j, answer, e);
}

/* --- entries --- */

/* A page of entries, kept until the commits of all of them are known. */
struct page {
	json_t *entries; /* owned */
	struct wanted *wanted;
	size_t n, cap;
};

static int keep(struct page *p, const struct entry *en, struct err *e)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 256;
		struct wanted *grown = reallocarray(p->wanted, cap, sizeof(*grown));

		if (!grown)
			return err_set(e, -ENOMEM, "out of memory");
		p->wanted = grown;
		p->cap = cap;
	}
	p->wanted[p->n] = (struct wanted){.path = strdup(en->path), .oid = en->oid};
	if (!p->wanted[p->n].path || json_array_append_new(p->entries, entry_json(en)) < 0) {
		free(p->wanted[p->n].path);
		return err_set(e, -ENOMEM, "out of memory");
	}
	p->n++;
	return 0;
}

static int keep_listed(struct look *l, const struct entry *en, void *data)
{
	(void)l;
	return keep(data, en, NULL);
}

static int add_last_commits(struct job *j, struct page *p, struct err *e)
{
	int r = history_last(&j->look, j->revision.commit, p->wanted, p->n, LAST_USEC, e);

	for (size_t i = 0; r == 0 && i < p->n; i++) {
		git_commit *c = NULL;

		if (!p->wanted[i].found)
			continue;
		if (git_commit_lookup(&c, j->look.repo, &p->wanted[i].commit) == 0)
			(void)json_object_set_new(
				json_array_get(p->entries, i), "lastCommit", history_brief_json(c));
		git_commit_free(c);
	}
	return r;
}

static int finish_page(struct job *j, struct page *p, int r, struct err *e)
{
	if (r == 0 && json_is_true(json_object_get(j->args, "expand")))
		r = add_last_commits(j, p, e);
	if (r == 0)
		r = list_write(j, json_incref(p->entries), e);
	for (size_t i = 0; i < p->n; i++)
		free(p->wanted[i].path);
	free(p->wanted);
	json_decref(p->entries);
	return r;
}

int list_tree(struct job *j, struct err *e)
{
	struct page p = {.entries = json_array()};
	struct listing how = {.recursive = json_is_true(json_object_get(j->args, "recursive")),
		.sizes = true,
		.after = json_string_value(json_object_get(j->args, "after")),
		.max = (size_t)json_integer_value(json_object_get(j->args, "limit")),
		.on_entry = keep_listed,
		.data = &p};
	char prefix[REVISION_PATH_MAX + 1];
	struct entry folder;
	int r = look_find(&j->look, &j->root, j->path, &folder, e);

	if (r == 0 && !entry_is_folder(&folder))
		r = err_set(e, -ENOENT, "'%.150s' is no folder", j->path);
	if (r == -ENOENT)
		(void)json_object_set_new(j->head, "error", json_string("EntryNotFound"));
	(void)snprintf(prefix, sizeof(prefix), "%s%s", j->path, *j->path ? "/" : "");
	if (r == 0)
		r = look_list(&j->look, &folder.oid, prefix, &how, e);
	if (r == 1 && p.n) {
		const char *last = p.wanted[p.n - 1].path + strlen(prefix);

		(void)json_object_set_new(j->head, "next", look_words(last, strlen(last)));
	}
	return finish_page(j, &p, r < 0 ? r : 0, e);
}

int list_paths(struct job *j, struct err *e)
{
	const json_t *paths = json_object_get(j->args, "paths"), *item;
	struct page p = {.entries = json_array()};
	size_t i;
	int r = 0;

	json_array_foreach(paths, i, item)
	{
		const char *asked = json_string_value(item);
		char path[REVISION_PATH_MAX];
		size_t n = asked ? strlen(asked) : 0;
		struct entry en;

		if (i == PATHS_MAX || r < 0)
			break;
		if (n && asked[n - 1] == '/')
			n--;
		if (n == 0 || n >= sizeof(path))
			continue;
		(void)snprintf(path, sizeof(path), "%.*s", (int)n, asked);
		if (revision_path_check(path, NULL) == 0 &&
			look_find(&j->look, &j->root, path, &en, NULL) == 0)
			r = keep(&p, &en, e);
	}
	return finish_page(j, &p, r, e);
}

/* --- commits --- */

struct commits {
	struct job *job;
	json_t *list;
};

static int add_commit(git_commit *c, void *data)
{
	return json_array_append_new(data, history_json(c)) < 0 ? -ENOMEM : 0;
}

int list_commits(struct job *j, struct err *e)
{
	json_t *list = json_array();
	const struct history_page how = {
		.skip = (uint64_t)json_integer_value(json_object_get(j->args, "skip")),
		.max = (uint64_t)json_integer_value(json_object_get(j->args, "limit")),
		.cpu_usec = COUNT_USEC,
		.on_commit = add_commit,
		.data = list};
	uint64_t total;
	bool whole;
	int r = history_page(&j->look, j->revision.commit, &how, &total, &whole, e);

	if (r < 0) {
		json_decref(list);
		return r;
	}
	(void)json_object_set_new(j->head, "total", json_integer((json_int_t)total));
	(void)json_object_set_new(j->head, "whole", json_boolean(whole));
	return list_write(j, list, e);
}

json_t *list_commit_json(struct job *j)
{
	git_commit *c = NULL;
	json_t *v = NULL;
	git_oid oid;

	if (git_oid_fromstr(&oid, j->revision.commit) == 0 &&
		git_commit_lookup(&c, j->look.repo, &oid) == 0)
		v = history_json(c);
	git_commit_free(c);
	return v ? v : json_null();
}
