#include "orchestrator/push.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/build/build.h"
#include "orchestrator/fault.h"
#include "orchestrator/hub/lfs.h"
#include "orchestrator/live.h"
#include "orchestrator/metrics.h"
#include "orchestrator/notes.h"
#include "orchestrator/repo/hooks.h"
#include "orchestrator/repo/tidy.h"

static const char zeros[] = "0000000000000000000000000000000000000000";

struct push {
	struct push *next;
	struct world *world;  /* borrowed */
	struct hub_repo repo; /* as it was when the push began */
	char path[REPO_PATH_MAX];
	uint64_t started_usec;
	struct git *git;           /* owned until released; then it lives until its on_exit */
	struct hooks *hooks;       /* owned */
	const struct git_ops *ops; /* the client's; NULL once released */
	void *data;
	bool exited;
	struct build *build; /* owned while it runs */
	struct space space;
	char quarantine[REPO_PATH_MAX];
	char commit[COMMIT_HEX + 1];  /* new head of main; "": main is not pushed */
	struct pending_build pending; /* id "": none */
};

static struct push *running;

static void destroy(struct push *p)
{
	for (struct push **q = &running; *q; q = &(*q)->next)
		if (*q == p) {
			*q = p->next;
			break;
		}
	(void)build_free(p->build);
	(void)hooks_free(p->hooks);
	free(p);
}

void push_end_all(void)
{
	while (running)
		destroy(running);
}

/* --- pre-receive --- */

static void say_error(struct push *p, const char *doing, const struct err *e)
{
	char line[ERR_MAX + 64];

	if (e->code == -ENOSPC)
		(void)snprintf(
			line, sizeof(line), "vitrine: %s: the platform's disk is full", doing);
	else
		(void)snprintf(line, sizeof(line), "vitrine: %s: %s", doing, e->text);
	orchestrator_count(ORCHESTRATOR_FAILED, 1);
	hooks_say(p->hooks, line);
	log_warn("space=%s/%s %s: %s", p->repo.owner, p->repo.name, doing, e->text);
}

static void on_line(const char *line, void *data)
{
	const struct push *p = data;

	hooks_say(p->hooks, line);
}

static void on_phase(const char *name, double ms, void *data)
{
	const struct push *p = data;

	notes_tell_phase(p->world, &p->space, p->commit, name, ms);
}

static void accept_build(struct push *p, const struct build_result *result)
{
	const struct front_matter *f = result->front_matter;
	const struct build_new row = {.commit = p->commit,
		.bundle = result->bundle,
		.entry = f->app_file,
		.class = f->class,
		.sleep_sec = f->sleep_sec,
		.replicas = f->replicas,
		.title = *result->title ? result->title : p->repo.name,
		.emoji = f->emoji,
		.tree = result->tree,
		.api = result->api,
		.phases = result->phases,
		.log = result->log};
	struct err e = {0};

	fault_point("before-pending");
	if (build_add(p->world->store, &p->space, "pending", &row, p->pending.id, &e) < 0) {
		p->pending.id[0] = '\0';
		say_error(p, "this version cannot be stored", &e);
		hooks_answer(p->hooks, 1);
		return;
	}
	fault_point("after-pending");
	(void)snprintf(p->pending.space_id, sizeof(p->pending.space_id), "%s", p->space.id);
	(void)snprintf(p->pending.commit, sizeof(p->pending.commit), "%s", p->commit);
	(void)snprintf(p->pending.owner, sizeof(p->pending.owner), "%s", p->repo.owner);
	(void)snprintf(p->pending.name, sizeof(p->pending.name), "%s", p->repo.name);
	notes_tell_build(p->world, EVENT_BUILD_READY, &p->space, p->commit, p->pending.id);
	hooks_answer(p->hooks, 0);
	fault_point("after-accept");
}

static void refuse_build(struct push *p, const struct build_result *result)
{
	const struct build_new row = {.commit = p->commit,
		.message = result->message,
		.phases = result->phases,
		.log = result->log};
	char id[ID_LEN + 1] = "";
	struct err e = {0};

	/* The refusal stands whether or not it can be kept for the list of builds. */
	if (build_add(p->world->store, &p->space, "failed", &row, id, &e) < 0)
		log_warn("space=%s/%s a failed build is not listed: %s", p->repo.owner,
			p->repo.name, e.text);
	orchestrator_count(ORCHESTRATOR_REFUSED, 1);
	journal_poke(p->world->run_logs, p->space.id);
	notes_tell_failure(p->world, &p->space, p->commit, id, result->message);
	hooks_say(p->hooks, p->space.live_build[0]
				    ? "vitrine: refused; the version before it keeps serving"
				    : "vitrine: refused");
	hooks_answer(p->hooks, 1);
}

static void on_built(const struct build_result *result, void *data)
{
	struct push *p = data;

	p->build = NULL;
	if (result->ok)
		accept_build(p, result);
	else
		refuse_build(p, result);
}

static const struct build_ops build_ops = {
	.on_line = on_line, .on_phase = on_phase, .on_done = on_built};

static int open_large(const struct pointer *large, void *data, struct err *e)
{
	const struct push *p = data;

	return lfs_open(p->world->store, p->world->blobs, p->repo.id, large, e);
}

static void start_build(struct push *p)
{
	const struct build_request request = {.blobs = p->world->blobs,
		.agent = p->world->agent,
		.models = p->world->models,
		.space_id = p->space.id,
		.owner = p->repo.owner,
		.name = p->repo.name,
		.settings = p->space.settings,
		.repo_path = p->path,
		.quarantine = *p->quarantine ? p->quarantine : NULL,
		.commit = p->commit,
		.large = {.open = open_large, .data = p}};
	struct err e = {0};
	int r;

	if (p->build || p->pending.id[0]) {
		hooks_answer(p->hooks, 1); /* pre-receive runs once per push */
		return;
	}
	notes_tell_build(p->world, EVENT_BUILD_STARTED, &p->space, p->commit, NULL);
	r = build_start(p->world->loop, &request, &build_ops, p, &p->build);
	if (r < 0) {
		(void)err_set(&e, r, "%s", strerror(-r));
		say_error(p, "the build cannot be started", &e);
		hooks_answer(p->hooks, 1);
	}
}

static const struct ref_update *find_main(const struct hook_call *call)
{
	for (size_t i = 0; i < call->n; i++)
		if (!strcmp(call->updates[i].ref, REPO_MAIN))
			return &call->updates[i];
	return NULL;
}

static void pre_receive(struct push *p, const struct hook_call *call)
{
	const struct ref_update *main_ref = find_main(call);
	bool deletes = main_ref && !strcmp(main_ref->new_id, zeros);
	struct err e = {0};

	if (deletes) {
		hooks_say(p->hooks, "vitrine: main cannot be deleted, it is what is served; "
				    "delete the repository instead");
		hooks_answer(p->hooks, 1);
		return;
	}
	if (p->repo.kind == REPO_SPACE &&
		space_by_id(p->world->store, p->repo.id, &p->space, &e) < 0) {
		say_error(p, "the Space cannot be read", &e);
		hooks_answer(p->hooks, 1);
		return;
	}
	if (!main_ref || p->repo.kind != REPO_SPACE) {
		hooks_answer(p->hooks, 0);
		return;
	}
	(void)snprintf(p->commit, sizeof(p->commit), "%s", main_ref->new_id);
	(void)snprintf(p->quarantine, sizeof(p->quarantine), "%s",
		call->quarantine ? call->quarantine : "");
	fault_point("before-build");
	notes_tell_build(p->world, EVENT_PUSH_RECEIVED, &p->space, p->commit, NULL);
	start_build(p);
}

/* --- post-receive --- */

static void say_live(struct push *p)
{
	uint64_t took_usec = clock_mono_usec() - p->started_usec;
	char line[512];

	orchestrator_count(ORCHESTRATOR_LIVE, 1);
	orchestrator_observe(ORCHESTRATOR_PUSHES, took_usec);
	(void)snprintf(line, sizeof(line), "vitrine: live in %llu ms: %s/spaces/%s/%s",
		(unsigned long long)(took_usec / USEC_PER_MSEC), p->world->url, p->repo.owner,
		p->repo.name);
	hooks_say(p->hooks, line);
}

static void note_change(struct push *p)
{
	struct err e = {0};

	if (hub_touch(p->world->store, p->repo.id, &e) < 0)
		log_warn("repo=%s/%s is not marked as changed: %s", p->repo.owner, p->repo.name,
			e.text);
}

static void post_receive(struct push *p, const struct hook_call *call)
{
	fault_point("before-live");
	if (call->n)
		note_change(p);
	if (!find_main(call) || !p->pending.id[0]) {
		if (call->n)
			hooks_say(
				p->hooks, p->repo.kind == REPO_SPACE
						  ? "vitrine: stored; only main is built and served"
						  : "vitrine: stored");
		hooks_answer(p->hooks, 0);
		return;
	}
	switch (live_settle(p->world, &p->pending, true)) {
	case PENDING_LIVE:
		fault_point("after-live");
		p->pending.id[0] = '\0';
		say_live(p);
		break;
	case PENDING_PASSED:
		p->pending.id[0] = '\0';
		hooks_say(p->hooks, "vitrine: accepted; a later push is live already");
		break;
	default:
		hooks_say(p->hooks, "vitrine: accepted; it goes live in a moment");
	}
	hooks_answer(p->hooks, 0);
	fault_point("after-answer");
}

static void on_hook(const struct hook_call *call, void *data)
{
	if (call->post)
		post_receive(data, call);
	else
		pre_receive(data, call);
}

/* --- git --- */

static void on_output(void *data)
{
	struct push *p = data;

	if (p->ops)
		p->ops->on_output(p->data);
}

static void on_input(void *data)
{
	struct push *p = data;

	if (p->ops)
		p->ops->on_input(p->data);
}

static void on_exit_of_git(int status, void *data)
{
	struct push *p = data;

	(void)status;
	p->exited = true;
	p->hooks = hooks_free(p->hooks);
	p->build = build_free(p->build);
	/* Another push may hold the repo's lock still; the reconciler waits for it where it must.
	 */
	if (p->pending.id[0])
		reconciler_wake(p->world->reconciler);
	tidier_note(p->world->tidier, p->path);
	if (!p->ops)
		destroy(p);
}

static const struct git_ops push_git_ops = {
	.on_output = on_output, .on_input = on_input, .on_exit = on_exit_of_git};

int push_start(struct world *w, const struct hub_repo *repo, const char *protocol,
	const struct git_ops *ops, void *data, struct push **ret, struct err *e)
{
	struct push *p = calloc(1, sizeof(*p));
	struct git_plan plan = {.service = GIT_RECEIVE_PACK,
		.hooks = w->hooks_dir,
		.protocol = protocol,
		.input_max = PUSH_INPUT_MAX};
	int r;

	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	*p = (struct push){.world = w,
		.repo = *repo,
		.ops = ops,
		.data = data,
		.started_usec = clock_mono_usec()};
	repo_path(&w->repos, repo->id, p->path);
	p->next = running;
	running = p;
	r = hooks_new(w->loop, on_hook, p, &p->hooks, &plan.hook_fd);
	if (r < 0) {
		destroy(p);
		return err_set(e, r, "cannot make a socket: %s", strerror(-r));
	}
	plan.repo = p->path;
	r = git_start(w->loop, &plan, &push_git_ops, p, &p->git, e);
	close(plan.hook_fd);
	if (r < 0) {
		destroy(p);
		return r;
	}
	*ret = p;
	return 0;
}

struct git *push_git(struct push *p)
{
	return p->git;
}

void push_release(struct push *p)
{
	p->ops = NULL;
	git_free(TAKE_PTR(p->git));
	if (p->exited)
		destroy(p);
}
