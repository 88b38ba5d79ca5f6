#include "orchestrator/repo/history.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "orchestrator/repo/library.h"

#define TITLE_MAX 500 /* bytes */
#define MESSAGE_MAX 65536
#define CLOCK_EVERY 64 /* commits between two looks at the clock */
#define PARENTS_MAX 64
#define FRONT_MAX 4096 /* commits that a walk holds at once */

static int broken(struct err *e, const char *doing)
{
	return err_set(e, -EIO, "cannot %s: %s", doing, library_words());
}

/* --- as JSON --- */

static json_t *json_date(git_time_t seconds)
{
	time_t t = (time_t)seconds;
	char text[40];
	struct tm tm;

	/* A year of five digits, or before Christ, is a date that no client reads. */
	if (seconds < 0 || seconds > 253402300799 || !gmtime_r(&t, &tm))
		return json_string("1970-01-01T00:00:00.000Z");
	(void)strftime(text, sizeof(text), "%FT%T.000Z", &tm);
	return json_string(text);
}

static size_t at_most(size_t n, size_t max)
{
	return n < max ? n : max;
}

static void split_message(const char *text, size_t *ret_title, const char **ret_rest)
{
	size_t n = strcspn(text, "\n");
	const char *rest = text + n;

	*ret_title = n && text[n - 1] == '\r' ? n - 1 : n;
	*ret_rest = rest + strspn(rest, "\r\n");
}

static json_t *title_json(git_commit *c, const char **ret_rest)
{
	const char *text = git_commit_message(c);
	size_t n;

	split_message(text ? text : "", &n, ret_rest);
	return look_words(text ? text : "", at_most(n, TITLE_MAX));
}

static json_t *id_json(const git_commit *c)
{
	char id[41];

	return json_string(git_oid_tostr(id, sizeof(id), git_commit_id(c)));
}

json_t *history_brief_json(git_commit *c)
{
	const char *rest;

	return json_pack("{s:o, s:o, s:o}", "id", id_json(c), "title", title_json(c, &rest), "date",
		json_date(git_commit_time(c)));
}

static json_t *parents_json(git_commit *c)
{
	json_t *list = json_array();
	char id[41];

	for (unsigned int i = 0; i < git_commit_parentcount(c) && i < PARENTS_MAX; i++)
		(void)json_array_append_new(list,
			json_string(git_oid_tostr(id, sizeof(id), git_commit_parent_id(c, i))));
	return list;
}

json_t *history_json(git_commit *c)
{
	const git_signature *author = git_commit_author(c);
	const char *name = author && author->name ? author->name : "", *rest;
	json_t *title = title_json(c, &rest);
	size_t n = at_most(strlen(rest), MESSAGE_MAX);

	while (n && (rest[n - 1] == '\n' || rest[n - 1] == '\r'))
		n--;
	return json_pack("{s:o, s:o, s:o, s:[{s:o, s:s}], s:o, s:o}", "id", id_json(c), "title",
		title, "message", look_words(rest, n), "authors", "user",
		look_words(name, at_most(strlen(name), 100)), "avatar", "", "date",
		json_date(git_commit_time(c)), "parents", parents_json(c));
}

/* --- a page --- */

int history_page(struct look *l, const char *tip, const struct history_page *how,
	uint64_t *ret_total, bool *ret_whole, struct err *e)
{
	git_revwalk *walk = NULL;
	uint64_t n = 0;
	git_oid oid;
	int r = 0, rc;

	if (git_oid_fromstr(&oid, tip) < 0 || git_revwalk_new(&walk, l->repo) < 0)
		return broken(e, "walk the history");
	/* By time alone a parent of the same second may come before its child. */
	(void)git_revwalk_sorting(walk, GIT_SORT_TOPOLOGICAL | GIT_SORT_TIME);
	rc = git_revwalk_push(walk, &oid);
	*ret_whole = true;
	while (r == 0 && rc == 0 && (rc = git_revwalk_next(&oid, walk)) == 0) {
		git_commit *c = NULL;

		if (n >= how->skip && n - how->skip < how->max) {
			rc = git_commit_lookup(&c, l->repo, &oid);
			r = rc == 0 ? how->on_commit(c, how->data) : 0;
			git_commit_free(c);
		}
		n++;
		if (n % CLOCK_EVERY == 0 && n >= how->skip + how->max &&
			look_is_late(l, how->cpu_usec)) {
			*ret_whole = false;
			break;
		}
	}
	git_revwalk_free(walk);
	if (r < 0)
		return r;
	if (rc < 0 && rc != GIT_ITEROVER)
		return broken(e, "walk the history");
	*ret_total = n;
	return 0;
}

/* --- the last change of each path --- */

/*
 * A walk's front: commits not looked at yet, each with the paths that are followed through it. A
 * path is in one of them at a time and has there what it has at the tip, so only parents have to be
 * asked.
 */
struct point {
	git_commit *commit;  /* owned */
	unsigned int *paths; /* owned; indices into wanted */
	unsigned int n;
};

struct follow {
	struct look *look;
	struct wanted *wanted;
	struct point *front; /* owned; n_front of FRONT_MAX */
	size_t n_front;
	struct err *e;
};

static void point_done(struct point *p)
{
	git_commit_free(p->commit);
	free(p->paths);
	*p = (struct point){0};
}

/* Takes the paths to a commit of the front, which may be on it already. */
static int put(struct follow *f, git_commit *commit, const unsigned int *paths, unsigned int n)
{
	struct point *p = NULL;
	unsigned int *grown;

	for (size_t i = 0; !p && i < f->n_front; i++)
		if (git_oid_equal(git_commit_id(f->front[i].commit), git_commit_id(commit)))
			p = &f->front[i];
	if (!p && f->n_front == FRONT_MAX)
		return 0; /* those stay without */
	grown = reallocarray(p ? p->paths : NULL, (p ? p->n : 0) + n, sizeof(*grown));
	if (!grown)
		return err_set(f->e, -ENOMEM, "out of memory");
	if (!p) {
		p = &f->front[f->n_front++];
		*p = (struct point){0};
		(void)git_commit_dup(&p->commit, commit);
	}
	memcpy(grown + p->n, paths, n * sizeof(*paths));
	p->paths = grown;
	p->n += n;
	return 0;
}

static struct point take_newest(struct follow *f)
{
	size_t best = 0;
	struct point p;

	for (size_t i = 1; i < f->n_front; i++)
		if (git_commit_time(f->front[i].commit) > git_commit_time(f->front[best].commit))
			best = i;
	p = f->front[best];
	f->front[best] = f->front[--f->n_front];
	return p;
}

/* The folder that was asked last: paths come folder by folder. */
struct asked {
	git_tree *root; /* borrowed */
	char folder[REVISION_PATH_MAX];
	git_tree *tree; /* owned; NULL: not there */
	bool known;
};

static git_tree *folder_of(struct look *l, struct asked *a, const char *path, size_t n)
{
	git_tree_entry *found = NULL;

	if (a->known && strlen(a->folder) == n && !memcmp(a->folder, path, n))
		return a->tree;
	git_tree_free(a->tree);
	a->tree = NULL;
	a->known = true;
	(void)snprintf(a->folder, sizeof(a->folder), "%.*s", (int)n, path);
	if (n == 0)
		(void)git_tree_dup(&a->tree, a->root);
	else if (git_tree_entry_bypath(&found, a->root, a->folder) == 0 &&
		 git_tree_entry_type(found) == GIT_OBJECT_TREE)
		(void)git_tree_lookup(&a->tree, l->repo, git_tree_entry_id(found));
	git_tree_entry_free(found);
	return a->tree;
}

static bool has_same(struct look *l, struct asked *a, const struct wanted *w)
{
	const char *name = strrchr(w->path, '/');
	git_tree *tree = folder_of(l, a, w->path, name ? (size_t)(name - w->path) : 0);
	const git_tree_entry *te =
		tree ? git_tree_entry_byname(tree, name ? name + 1 : w->path) : NULL;

	return te && git_oid_equal(git_tree_entry_id(te), &w->oid);
}

/* Moves those paths of p that the parent has unchanged over to it. */
static int hand_on(struct follow *f, struct point *p, git_commit *parent)
{
	CLEANUP(freep) unsigned int *same = malloc(p->n * sizeof(*same));
	struct asked asked = {0};
	unsigned int n = 0, left = 0;

	if (!same)
		return err_set(f->e, -ENOMEM, "out of memory");
	if (git_oid_equal(git_commit_tree_id(parent), git_commit_tree_id(p->commit))) {
		memcpy(same, p->paths, p->n * sizeof(*same));
		n = p->n;
	} else if (git_commit_tree(&asked.root, parent) < 0) {
		return broken(f->e, "read a folder");
	} else {
		for (unsigned int i = 0; i < p->n; i++)
			if (has_same(f->look, &asked, &f->wanted[p->paths[i]]))
				same[n++] = p->paths[i];
			else
				p->paths[left++] = p->paths[i];
	}
	git_tree_free(asked.tree);
	git_tree_free(asked.root);
	p->n = left;
	return n ? put(f, parent, same, n) : 0;
}

static int step(struct follow *f)
{
	struct point p = take_newest(f);
	unsigned int parents = git_commit_parentcount(p.commit);
	int r = 0;

	for (unsigned int i = 0; r == 0 && p.n && i < parents; i++) {
		git_commit *parent = NULL;

		if (git_commit_parent(&parent, p.commit, i) < 0)
			r = broken(f->e, "walk the history");
		else
			r = hand_on(f, &p, parent);
		git_commit_free(parent);
	}
	for (unsigned int i = 0; r == 0 && i < p.n; i++) {
		f->wanted[p.paths[i]].found = true;
		f->wanted[p.paths[i]].commit = *git_commit_id(p.commit);
	}
	point_done(&p);
	return r;
}

static int begin(struct follow *f, const char *tip, size_t n)
{
	CLEANUP(freep) unsigned int *all = malloc((n ? n : 1) * sizeof(*all));
	git_commit *commit = NULL;
	git_oid oid;
	int r;

	f->front = calloc(FRONT_MAX, sizeof(*f->front));
	if (!all || !f->front)
		return err_set(f->e, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < n; i++)
		all[i] = i;
	if (git_oid_fromstr(&oid, tip) < 0 || git_commit_lookup(&commit, f->look->repo, &oid) < 0)
		return broken(f->e, "read the commit");
	r = n ? put(f, commit, all, (unsigned int)n) : 0;
	git_commit_free(commit);
	return r;
}

int history_last(struct look *l, const char *tip, struct wanted *wanted, size_t n,
	uint64_t cpu_usec, struct err *e)
{
	struct follow f = {.look = l, .wanted = wanted, .e = e};
	int r = begin(&f, tip, n);

	while (r == 0 && f.n_front && !look_is_late(l, cpu_usec))
		r = step(&f);
	for (size_t i = 0; i < f.n_front; i++)
		point_done(&f.front[i]);
	free(f.front);
	return r;
}
