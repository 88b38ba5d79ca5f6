#include "orchestrator/change.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/build/build.h"
#include "orchestrator/fault.h"
#include "orchestrator/hub/lfs.h"
#include "orchestrator/hub/note.h"
#include "orchestrator/hub/takedown.h"
#include "orchestrator/live.h"
#include "orchestrator/metrics.h"
#include "orchestrator/notes.h"
#include "orchestrator/previews.h"
#include "orchestrator/repo/policy.h"
#include "orchestrator/repo/size.h"
#include "orchestrator/served.h"

static const char zeros[] = "0000000000000000000000000000000000000000";

#define HEADS "refs/heads/"
#define GOALS_MAX (1 + PREVIEWS_MAX)

/* A branch of a Space with a new head: what is built, and goes live where it is served. */
struct goal {
	char branch[BRANCH_MAX + 1];
	char commit[COMMIT_HEX + 1];
	struct space space;           /* the Space itself for main; else the branch's preview */
	struct pending_build pending; /* id "": none */
	bool fresh;                   /* a preview that this change has made */
	bool stored;                  /* there is nothing to serve of it */
};

struct change {
	struct world *world; /* borrowed */
	const struct change_ops *ops;
	void *data;
	struct hub_repo repo; /* as it was when the change began */
	char path[REPO_PATH_MAX];
	uint64_t started_usec;
	struct policy *policy; /* owned while it runs */
	struct build *build;   /* owned while it runs */
	char quarantine[REPO_PATH_MAX + 128];
	struct goal goals[GOALS_MAX]; /* of a Space; built one after the other, main first */
	size_t n_goals, at;
	bool crowded; /* more branches at once than can have previews: only main is built */
};

static bool is_main(const struct goal *g)
{
	return !strcmp(g->branch, REPO_MAIN + strlen(HEADS));
}

/* --- saying --- */

static void say(struct change *c, const char *line)
{
	c->ops->on_line(line, c->data);
}

static void refuse(struct change *c, const char *why)
{
	c->ops->on_judged(why, c->data);
}

static int64_t started_wall_usec(const struct change *c)
{
	return (int64_t)(clock_wall_usec() - (clock_mono_usec() - c->started_usec));
}

/* Who may change what is taken down was asked when the change began. What has been since then is
 * refused to everybody: an administrator tries again. */
static bool is_taken_down_meanwhile(const struct change *c, char *ret_line, size_t size)
{
	struct takedown t;
	struct err e = {0};
	int r = takedown_get(c->world->store, c->repo.id, &t, &e);

	if (r == 0 || (r > 0 && t.at_usec < started_wall_usec(c)))
		return false;
	(void)snprintf(ret_line, size, "vitrine: %s%s",
		r < 0 ? "it cannot be told whether it is taken down: "
		      : "taken down by an administrator meanwhile: ",
		r < 0 ? e.text : t.reason);
	return true;
}

static void accept(struct change *c)
{
	char line[TAKEDOWN_REASON_MAX + 80];

	if (!is_taken_down_meanwhile(c, line, sizeof(line))) {
		c->ops->on_judged(NULL, c->data);
		return;
	}
	orchestrator_count(ORCHESTRATOR_REFUSED, 1);
	say(c, line);
	refuse(c, line + strlen("vitrine: "));
}

/* What is nobody's fault but ours, or the machine's. */
static void fail(struct change *c, const char *doing, const struct err *e)
{
	char line[ERR_MAX + 64];

	if (e->code == -ENOSPC)
		(void)snprintf(
			line, sizeof(line), "vitrine: %s: the platform's disk is full", doing);
	else
		(void)snprintf(line, sizeof(line), "vitrine: %s: %s", doing, e->text);
	orchestrator_count(ORCHESTRATOR_FAILED, 1);
	say(c, line);
	log_warn("repo=%s/%s %s: %s", c->repo.owner, c->repo.name, doing, e->text);
	refuse(c, line + strlen("vitrine: "));
}

/* --- the build --- */

static void on_line(const char *line, void *data)
{
	say(data, line);
}

static void on_phase(const char *name, double ms, void *data)
{
	const struct change *c = data;
	const struct goal *g = &c->goals[c->at];

	notes_tell_phase(c->world, &g->space, g->commit, name, ms);
}

struct build_new build_new_of(
	const struct build_result *result, const char *commit, const char *name)
{
	const struct front_matter *f = result->front_matter;

	if (!result->ok)
		return (struct build_new){.commit = commit,
			.message = result->message,
			.phases = result->phases,
			.log = result->log};
	return (struct build_new){.commit = commit,
		.bundle = *result->bundle ? result->bundle : NULL,
		.entry = result->entry,
		.class = result->class,
		.sleep_sec = f->sleep_sec,
		.replicas = f->replicas,
		.http = f->http,
		.title = *result->title ? result->title : name,
		.emoji = f->emoji,
		.tree = result->tree,
		.api = result->api,
		.phases = result->phases,
		.log = result->log};
}

bool space_serves_app(struct store *s, const struct space *space)
{
	struct build_row live;

	return space->live_build[0] && build_by_id(s, space->live_build, &live, NULL) == 0 &&
	       live.bundle[0];
}

static void build_next(struct change *c);

/* A preview made for nothing: what it was made for has nothing to serve, or is not accepted. */
static void drop_unused(struct change *c, struct goal *g)
{
	if (!g->fresh || g->pending.id[0])
		return;
	previews_end(c->world, g->space.id);
	g->fresh = false;
}

static void accept_build(struct change *c, const struct build_result *result)
{
	struct goal *g = &c->goals[c->at];
	const struct build_new row = build_new_of(result, g->commit, c->repo.name);
	char id[ID_LEN + 1];
	struct err e = {0};

	fault_point("before-pending");
	if (build_add(c->world->store, &g->space, "pending", &row, id, &e) < 0) {
		fail(c, "this version cannot be stored", &e);
		return;
	}
	fault_point("after-pending");
	g->pending = pending_of(&g->space, g->branch, g->commit, id);
	notes_tell_build(c->world, EVENT_BUILD_READY, &g->space, g->commit, g->pending.id);
	c->at++;
	build_next(c);
}

static void refuse_build(struct change *c, const struct build_result *result)
{
	struct goal *g = &c->goals[c->at];
	const struct build_new row = build_new_of(result, g->commit, c->repo.name);
	char id[ID_LEN + 1] = "", line[BRANCH_MAX + 80];
	struct err e = {0};

	/* The refusal stands whether or not it can be kept for the list of builds. */
	if (!g->fresh && build_add(c->world->store, &g->space, "failed", &row, id, &e) < 0)
		log_warn("space=%s/%s a failed build is not listed: %s", g->space.owner,
			g->space.name, e.text);
	orchestrator_count(ORCHESTRATOR_REFUSED, 1);
	journal_poke(c->world->run_logs, g->space.id);
	notes_tell_failure(c->world, &g->space, g->commit, id, result->message);
	if (!is_main(g))
		(void)snprintf(line, sizeof(line), "vitrine: branch %s is refused%s", g->branch,
			c->n_goals > 1 ? ", and the whole push with it" : "");
	say(c, !is_main(g)               ? line
		: g->space.live_build[0] ? "vitrine: refused; the version before it keeps serving"
					 : "vitrine: refused");
	drop_unused(c, g);
	refuse(c, result->message);
}

/* Nothing runs: of a branch, also where only its card could be shown. */
static bool serves_nothing(const struct goal *g, const struct build_result *result)
{
	return result->no_app || (result->ok && !is_main(g) && !strcmp(result->class, NO_BOX_CARD));
}

static void on_built(const struct build_result *result, void *data)
{
	struct change *c = data;
	struct goal *g = &c->goals[c->at];

	c->build = NULL;
	if (serves_nothing(g, result)) {
		g->stored = true;
		drop_unused(c, g);
		c->at++;
		build_next(c);
	} else if (result->ok) {
		accept_build(c, result);
	} else {
		refuse_build(c, result);
	}
}

static const struct build_ops build_ops = {
	.on_line = on_line, .on_phase = on_phase, .on_done = on_built};

static int open_large(const struct pointer *large, void *data, struct err *e)
{
	const struct change *c = data;

	return lfs_open(c->world->store, c->world->blobs, c->repo.id, large, e);
}

static void start_build(struct change *c, struct goal *g)
{
	const struct build_request request = {.blobs = c->world->blobs,
		.agent = c->world->agent,
		.models = c->world->models,
		.space_id = g->space.id,
		.owner = g->space.owner,
		.name = g->space.name,
		.settings = g->space.settings,
		.repo_path = c->path,
		.quarantine = *c->quarantine ? c->quarantine : NULL,
		.commit = g->commit,
		.large = {.open = open_large, .data = c},
		.serves = space_serves_app(c->world->store, &g->space)};
	struct err e = {0};
	int r;

	fault_point("before-build");
	notes_tell_build(c->world, EVENT_BUILD_STARTED, &g->space, g->commit, NULL);
	r = build_start(c->world->loop, &request, &build_ops, c, &c->build);
	if (r < 0) {
		(void)err_set(&e, r, "%s", strerror(-r));
		fail(c, "the build cannot be started", &e);
	}
}

/* 0; otherwise said, and the branch is stored without a preview. */
static int open_preview(struct change *c, struct goal *g)
{
	char line[ERR_MAX + BRANCH_MAX + 64];
	struct err e = {0};
	int r = previews_open(c->world, c->repo.id, g->branch, &g->space, &g->fresh, &e);

	if (r == 0)
		return 0;
	g->stored = true;
	g->fresh = false;
	(void)snprintf(line, sizeof(line), "vitrine: branch %s gets no preview: %s", g->branch,
		r == STORE_CONFLICT ? "another branch has its address" : e.text);
	say(c, line);
	return r;
}

/* The lines of several builds in one push are told apart. */
static void say_which(struct change *c, const struct goal *g)
{
	char line[BRANCH_MAX + 64];

	if (c->n_goals == 1 && is_main(g))
		return;
	(void)snprintf(line, sizeof(line), "vitrine: %s %s",
		is_main(g) ? "building" : "a preview of", g->branch);
	say(c, line);
}

static void build_next(struct change *c)
{
	while (c->at < c->n_goals) {
		struct goal *g = &c->goals[c->at];

		if (is_main(g) || open_preview(c, g) == 0) {
			say_which(c, g);
			start_build(c, g);
			return;
		}
		c->at++;
	}
	accept(c);
	fault_point("after-accept");
}

/* --- the policy --- */

static int open_lfs(const char *oid, uint64_t *ret_size, void *data)
{
	const struct change *c = data;

	return lfs_open_for_push(
		c->world->store, c->world->blobs, c->repo.id, oid, ret_size, &(struct err){0});
}

static void say_findings(struct change *c, const char *words)
{
	char line[600];

	while (*words) {
		size_t n = strcspn(words, "\n");

		(void)snprintf(line, sizeof(line), "vitrine: %.*s", (int)n, words);
		say(c, line);
		words += n + (words[n] == '\n');
	}
}

static void on_policy(bool ok, const char *words, void *data)
{
	struct change *c = data;

	c->policy = NULL;
	if (!ok) {
		char first[512];

		(void)snprintf(first, sizeof(first), "%.*s", (int)strcspn(words, "\n"), words);
		orchestrator_count(ORCHESTRATOR_REFUSED, 1);
		say_findings(c, words);
		say(c, "vitrine: refused");
		refuse(c, first);
		return;
	}
	build_next(c);
}

static int start_policy(struct change *c, const struct change_plan *plan, struct err *e)
{
	char(*heads)[41] = calloc(plan->n + 1, sizeof(*heads));
	struct policy_request q = {.repo_path = c->path,
		.quarantine = *c->quarantine ? c->quarantine : NULL,
		.space = c->repo.kind == REPO_SPACE,
		.open_lfs = open_lfs};
	int r;

	if (!heads)
		return err_set(e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < plan->n; i++)
		if (strcmp(plan->updates[i].new_id, zeros) != 0)
			memcpy(heads[q.n_heads++], plan->updates[i].new_id, sizeof(heads[0]));
	q.heads = (const char(*)[41])heads;
	r = policy_start(c->world->loop, &q, on_policy, c, &c->policy, e);
	free(heads);
	return r;
}

/* --- life --- */

static const struct ref_update *find_main(const struct ref_update *updates, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(updates[i].ref, REPO_MAIN))
			return &updates[i];
	return NULL;
}

static void add_goal(struct change *c, const struct ref_update *u, const struct space *space)
{
	struct goal *g = &c->goals[c->n_goals++];

	(void)snprintf(g->branch, sizeof(g->branch), "%s", u->ref + strlen(HEADS));
	(void)snprintf(g->commit, sizeof(g->commit), "%s", u->new_id);
	g->space = *space;
}

static bool is_new_branch_head(const struct ref_update *u)
{
	size_t n = strlen(u->ref);

	return !strncmp(u->ref, HEADS, strlen(HEADS)) && n <= strlen(HEADS) + BRANCH_MAX &&
	       strcmp(u->ref, REPO_MAIN) != 0 && strcmp(u->new_id, zeros) != 0;
}

static void add_branches(
	struct change *c, const struct change_plan *plan, const struct space *space)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n; i++)
		n += is_new_branch_head(&plan->updates[i]);
	c->crowded = n > PREVIEWS_MAX;
	for (size_t i = 0; !c->crowded && i < plan->n; i++)
		if (is_new_branch_head(&plan->updates[i]))
			add_goal(c, &plan->updates[i], space);
}

static bool brings_something(const struct change_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		if (strcmp(plan->updates[i].new_id, zeros) != 0)
			return true;
	return false;
}

/* What takes something away passes, however large the repo is. */
static int check_size(const struct change *c, const struct change_plan *plan, struct err *e)
{
	uint64_t most = c->world->repo_bytes_max, bytes;

	if (!most || !brings_something(plan))
		return 0;
	bytes = repo_size(c->path, c->quarantine);
	if (bytes <= most)
		return 0;
	return err_set(e, -EFBIG,
		"the repository would have %llu MiB of history, and may have %llu; large files "
		"belong into git-lfs",
		(unsigned long long)(bytes >> 20), (unsigned long long)(most >> 20));
}

static int check_plan(struct change *c, const struct change_plan *plan, struct err *e)
{
	const struct ref_update *main_ref = find_main(plan->updates, plan->n);
	struct space space;
	int r;

	if (main_ref && !strcmp(main_ref->new_id, zeros))
		return err_set(e, -EPERM,
			"main cannot be deleted, it is what is served; delete the repository "
			"instead");
	if (c->repo.kind != REPO_SPACE)
		return 0;
	r = space_by_id(c->world->store, c->repo.id, &space, e);
	if (r < 0)
		return r;
	if (main_ref)
		add_goal(c, main_ref, &space);
	add_branches(c, plan, &space);
	return 0;
}

int change_start(struct world *w, const struct change_plan *plan, const struct change_ops *ops,
	void *data, struct change **ret, struct err *e)
{
	CLEANUP(change_freep) struct change *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(e, -ENOMEM, "out of memory");
	*c = (struct change){.world = w,
		.ops = ops,
		.data = data,
		.repo = *plan->repo,
		.started_usec = plan->started_usec};
	(void)snprintf(c->path, sizeof(c->path), "%s", plan->path);
	(void)snprintf(c->quarantine, sizeof(c->quarantine), "%s",
		plan->quarantine ? plan->quarantine : "");
	r = check_size(c, plan, e);
	if (r == 0)
		r = check_plan(c, plan, e);
	if (r == 0)
		r = start_policy(c, plan, e);
	if (r < 0)
		return r;
	/* Of a branch the Space hears it too: its preview may not be there yet. */
	for (size_t i = 0; i < c->n_goals; i++)
		notes_tell_build(
			w, EVENT_PUSH_RECEIVED, &c->goals[i].space, c->goals[i].commit, NULL);
	*ret = TAKE_PTR(c);
	return 0;
}

struct change *change_free(struct change *c)
{
	if (!c)
		return NULL;
	(void)policy_free(c->policy);
	(void)build_free(c->build);
	/* Another push may hold the repo's lock still; the reconciler waits for it where it must.
	 */
	for (size_t i = 0; i < c->n_goals; i++) {
		if (c->goals[i].pending.id[0])
			reconciler_wake(c->world->reconciler);
		drop_unused(c, &c->goals[i]);
	}
	free(c);
	return NULL;
}

/* --- the refs have moved --- */

static void say_live(struct change *c, const struct goal *g)
{
	uint64_t took_usec = clock_mono_usec() - c->started_usec;
	char line[512];

	orchestrator_count(ORCHESTRATOR_LIVE, 1);
	orchestrator_observe(ORCHESTRATOR_PUSHES, took_usec);
	(void)snprintf(line, sizeof(line), "vitrine: %slive in %llu ms: %s/spaces/%s/%s",
		is_main(g) ? "" : "preview ", (unsigned long long)(took_usec / USEC_PER_MSEC),
		c->world->url, g->pending.owner, g->pending.name);
	say(c, line);
}

static void settle(struct change *c, struct goal *g)
{
	switch (live_settle(c->world, &g->pending, true)) {
	case PENDING_LIVE:
		fault_point("after-live");
		g->fresh = false;
		g->pending.id[0] = '\0';
		say_live(c, g);
		break;
	case PENDING_PASSED:
		g->fresh = false;
		g->pending.id[0] = '\0';
		say(c, "vitrine: accepted; a later push is live already");
		break;
	default:
		say(c, "vitrine: accepted; it goes live in a moment");
	}
}

/* True: something was said of this update. */
static bool take_moved(struct change *c, const struct ref_update *u)
{
	const char *branch = u->ref + strlen(HEADS);

	if (strncmp(u->ref, HEADS, strlen(HEADS)) != 0)
		return false;
	if (!strcmp(u->new_id, zeros))
		previews_end_branch(c->world, c->repo.id, branch);
	for (size_t i = 0; i < c->n_goals; i++)
		if (c->goals[i].pending.id[0] && !strcmp(c->goals[i].branch, branch)) {
			settle(c, &c->goals[i]);
			return true;
		}
	return false;
}

void change_moved(struct change *c, const struct ref_update *updates, size_t n)
{
	bool said = false;
	struct err e = {0};

	fault_point("before-live");
	if (!n)
		return;
	for (size_t i = 0; i < n; i++)
		said = take_moved(c, &updates[i]) || said;
	if (c->crowded)
		say(c, "vitrine: stored; of so many branches at once none gets a preview");
	else if (!said)
		say(c, "vitrine: stored");
	if (hub_note_push(c->world->store, c->path, &c->repo, &e) < 0)
		log_warn("repo=%s/%s: lists do not know yet what it says: %s", c->repo.owner,
			c->repo.name, e.text);
	if (c->repo.kind == REPO_MODEL)
		served_poke(c->world->served, c->repo.id);
}
