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
#include "orchestrator/live.h"
#include "orchestrator/metrics.h"
#include "orchestrator/notes.h"
#include "orchestrator/repo/policy.h"
#include "orchestrator/served.h"

static const char zeros[] = "0000000000000000000000000000000000000000";

struct change {
	struct world *world; /* borrowed */
	const struct change_ops *ops;
	void *data;
	struct hub_repo repo; /* as it was when the change began */
	char path[REPO_PATH_MAX];
	uint64_t started_usec;
	struct policy *policy; /* owned while it runs */
	struct build *build;   /* owned while it runs */
	struct space space;    /* of a Space */
	char quarantine[REPO_PATH_MAX + 128];
	char commit[COMMIT_HEX + 1];  /* new head of a Space's main; "": it is not changed */
	struct pending_build pending; /* id "": none */
};

/* --- saying --- */

static void say(struct change *c, const char *line)
{
	c->ops->on_line(line, c->data);
}

static void accept(struct change *c)
{
	c->ops->on_judged(NULL, c->data);
}

static void refuse(struct change *c, const char *why)
{
	c->ops->on_judged(why, c->data);
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

	notes_tell_phase(c->world, &c->space, c->commit, name, ms);
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

static void accept_build(struct change *c, const struct build_result *result)
{
	const struct build_new row = build_new_of(result, c->commit, c->repo.name);
	struct err e = {0};

	fault_point("before-pending");
	if (build_add(c->world->store, &c->space, "pending", &row, c->pending.id, &e) < 0) {
		c->pending.id[0] = '\0';
		fail(c, "this version cannot be stored", &e);
		return;
	}
	fault_point("after-pending");
	(void)snprintf(c->pending.space_id, sizeof(c->pending.space_id), "%s", c->space.id);
	(void)snprintf(c->pending.commit, sizeof(c->pending.commit), "%s", c->commit);
	(void)snprintf(c->pending.owner, sizeof(c->pending.owner), "%s", c->repo.owner);
	(void)snprintf(c->pending.name, sizeof(c->pending.name), "%s", c->repo.name);
	notes_tell_build(c->world, EVENT_BUILD_READY, &c->space, c->commit, c->pending.id);
	accept(c);
	fault_point("after-accept");
}

static void refuse_build(struct change *c, const struct build_result *result)
{
	const struct build_new row = build_new_of(result, c->commit, c->repo.name);
	char id[ID_LEN + 1] = "";
	struct err e = {0};

	/* The refusal stands whether or not it can be kept for the list of builds. */
	if (build_add(c->world->store, &c->space, "failed", &row, id, &e) < 0)
		log_warn("space=%s/%s a failed build is not listed: %s", c->repo.owner,
			c->repo.name, e.text);
	orchestrator_count(ORCHESTRATOR_REFUSED, 1);
	journal_poke(c->world->run_logs, c->space.id);
	notes_tell_failure(c->world, &c->space, c->commit, id, result->message);
	say(c, c->space.live_build[0] ? "vitrine: refused; the version before it keeps serving"
				      : "vitrine: refused");
	refuse(c, result->message);
}

static void on_built(const struct build_result *result, void *data)
{
	struct change *c = data;

	c->build = NULL;
	if (result->no_app)
		accept(c);
	else if (result->ok)
		accept_build(c, result);
	else
		refuse_build(c, result);
}

static const struct build_ops build_ops = {
	.on_line = on_line, .on_phase = on_phase, .on_done = on_built};

static int open_large(const struct pointer *large, void *data, struct err *e)
{
	const struct change *c = data;

	return lfs_open(c->world->store, c->world->blobs, c->repo.id, large, e);
}

static void start_build(struct change *c)
{
	const struct build_request request = {.blobs = c->world->blobs,
		.agent = c->world->agent,
		.models = c->world->models,
		.space_id = c->space.id,
		.owner = c->repo.owner,
		.name = c->repo.name,
		.settings = c->space.settings,
		.repo_path = c->path,
		.quarantine = *c->quarantine ? c->quarantine : NULL,
		.commit = c->commit,
		.large = {.open = open_large, .data = c},
		.serves = space_serves_app(c->world->store, &c->space)};
	struct err e = {0};
	int r;

	fault_point("before-build");
	notes_tell_build(c->world, EVENT_BUILD_STARTED, &c->space, c->commit, NULL);
	r = build_start(c->world->loop, &request, &build_ops, c, &c->build);
	if (r < 0) {
		(void)err_set(&e, r, "%s", strerror(-r));
		fail(c, "the build cannot be started", &e);
	}
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
	if (*c->commit)
		start_build(c);
	else
		accept(c);
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

static int check_plan(struct change *c, const struct change_plan *plan, struct err *e)
{
	const struct ref_update *main_ref = find_main(plan->updates, plan->n);

	if (main_ref && !strcmp(main_ref->new_id, zeros))
		return err_set(e, -EPERM,
			"main cannot be deleted, it is what is served; delete the repository "
			"instead");
	if (c->repo.kind != REPO_SPACE)
		return 0;
	if (main_ref)
		(void)snprintf(c->commit, sizeof(c->commit), "%s", main_ref->new_id);
	return space_by_id(c->world->store, c->repo.id, &c->space, e);
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
	r = check_plan(c, plan, e);
	if (r == 0)
		r = start_policy(c, plan, e);
	if (r < 0)
		return r;
	if (*c->commit)
		notes_tell_build(w, EVENT_PUSH_RECEIVED, &c->space, c->commit, NULL);
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
	if (c->pending.id[0])
		reconciler_wake(c->world->reconciler);
	free(c);
	return NULL;
}

/* --- the refs have moved --- */

static void say_live(struct change *c)
{
	uint64_t took_usec = clock_mono_usec() - c->started_usec;
	char line[512];

	orchestrator_count(ORCHESTRATOR_LIVE, 1);
	orchestrator_observe(ORCHESTRATOR_PUSHES, took_usec);
	(void)snprintf(line, sizeof(line), "vitrine: live in %llu ms: %s/spaces/%s/%s",
		(unsigned long long)(took_usec / USEC_PER_MSEC), c->world->url, c->repo.owner,
		c->repo.name);
	say(c, line);
}

static void settle(struct change *c)
{
	switch (live_settle(c->world, &c->pending, true)) {
	case PENDING_LIVE:
		fault_point("after-live");
		c->pending.id[0] = '\0';
		say_live(c);
		break;
	case PENDING_PASSED:
		c->pending.id[0] = '\0';
		say(c, "vitrine: accepted; a later push is live already");
		break;
	default:
		say(c, "vitrine: accepted; it goes live in a moment");
	}
}

void change_moved(struct change *c, const struct ref_update *updates, size_t n)
{
	struct err e = {0};

	fault_point("before-live");
	if (!n)
		return;
	if (c->pending.id[0] && find_main(updates, n))
		settle(c);
	else if (c->repo.kind == REPO_SPACE && !find_main(updates, n))
		say(c, "vitrine: stored; only main is built and served");
	else
		say(c, "vitrine: stored");
	if (hub_note_push(c->world->store, c->path, &c->repo, &e) < 0)
		log_warn("repo=%s/%s: lists do not know yet what it says: %s", c->repo.owner,
			c->repo.name, e.text);
	if (c->repo.kind == REPO_MODEL)
		served_poke(c->world->served, c->repo.id);
}
