#include "orchestrator/push.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/change.h"
#include "orchestrator/fault.h"
#include "orchestrator/repo/hooks.h"
#include "orchestrator/repo/tidy.h"

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
	struct change *change; /* owned; from pre-receive on */
	bool accepted;
};

static struct push *running;

static void destroy(struct push *p)
{
	for (struct push **q = &running; *q; q = &(*q)->next)
		if (*q == p) {
			*q = p->next;
			break;
		}
	(void)change_free(p->change);
	(void)hooks_free(p->hooks);
	free(p);
}

void push_end_all(void)
{
	while (running)
		destroy(running);
}

/* --- hooks --- */

static void on_line(const char *line, void *data)
{
	const struct push *p = data;

	hooks_say(p->hooks, line);
}

static void on_judged(const char *refusal, void *data)
{
	struct push *p = data;

	p->accepted = !refusal;
	hooks_answer(p->hooks, refusal ? 1 : 0);
}

static const struct change_ops change_ops = {.on_line = on_line, .on_judged = on_judged};

static void pre_receive(struct push *p, const struct hook_call *call)
{
	const struct change_plan plan = {.repo = &p->repo,
		.path = p->path,
		.quarantine = call->quarantine,
		.updates = call->updates,
		.n = call->n,
		.started_usec = p->started_usec};
	char line[ERR_MAX + 16];
	struct err e = {0};

	if (p->change) {
		hooks_answer(p->hooks, 1); /* pre-receive runs once per push */
		return;
	}
	if (change_start(p->world, &plan, &change_ops, p, &p->change, &e) == 0)
		return;
	log_warn("repo=%s/%s a push cannot be judged: %s", p->repo.owner, p->repo.name, e.text);
	(void)snprintf(line, sizeof(line), "vitrine: %s", e.text);
	hooks_say(p->hooks, line);
	hooks_answer(p->hooks, 1);
}

static void post_receive(struct push *p, const struct hook_call *call)
{
	if (p->change && p->accepted)
		change_moved(p->change, call->updates, call->n);
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
	p->change = change_free(p->change);
	p->hooks = hooks_free(p->hooks);
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
