#include "orchestrator/rebuild.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "orchestrator/build/build.h"
#include "orchestrator/change.h"
#include "orchestrator/hub/lfs.h"
#include "orchestrator/live.h"
#include "orchestrator/notes.h"
#include "orchestrator/peers/agent.h"

struct rebuild {
	struct rebuild *next;
	struct world *world; /* borrowed */
	struct space space;
	char path[REPO_PATH_MAX];
	char commit[COMMIT_HEX + 1];
	struct build *build; /* owned while it runs */
};

static struct rebuild *running;

/* A preview's files are its parent's. */
static const char *repo_of(const struct space *space)
{
	return *space->parent ? space->parent : space->id;
}

static void destroy(struct rebuild *b)
{
	for (struct rebuild **at = &running; *at; at = &(*at)->next)
		if (*at == b) {
			*at = b->next;
			break;
		}
	(void)build_free(b->build);
	free(b);
}

void rebuild_end_all(void)
{
	while (running)
		destroy(running);
}

static void on_line(const char *line, void *data)
{
	(void)line; /* kept with the build */
	(void)data;
}

static void on_phase(const char *name, double ms, void *data)
{
	const struct rebuild *b = data;

	notes_tell_phase(b->world, &b->space, b->commit, name, ms);
}

/* The Space may have been changed, or have got a newer version, since the build began. */
static int go_live(struct rebuild *b, const char *id, struct err *e)
{
	struct build_row row;
	struct space now;
	int r = space_by_id(b->world->store, b->space.id, &now, e);

	if (r == 0)
		r = build_by_id(b->world->store, id, &row, e);
	if (r == 0 && strcmp(now.live_build, b->space.live_build) != 0)
		return build_keep_ready(b->world->store, id, e);
	if (r == 0)
		r = live_set(b->world, &now, id, row.bundle, e);
	if (r == 0)
		notes_tell_live(b->world, EVENT_BUILD_LIVE, &now, &row);
	return r;
}

static void on_built(const struct build_result *result, void *data)
{
	struct rebuild *b = data;
	const struct build_new row = build_new_of(result, b->commit, b->space.name);
	char id[ID_LEN + 1] = "";
	struct err e = {0};
	int r;

	b->build = NULL;
	if (result->no_app) {
		destroy(b);
		return;
	}
	r = build_add(b->world->store, &b->space, result->ok ? "pending" : "failed", &row, id, &e);
	if (r == 0 && result->ok) {
		notes_tell_build(b->world, EVENT_BUILD_READY, &b->space, b->commit, id);
		r = go_live(b, id, &e);
	} else if (r == 0) {
		notes_tell_failure(b->world, &b->space, b->commit, id, result->message);
	}
	if (r < 0)
		log_warn("space=%s/%s its rebuild is lost: %s", b->space.owner, b->space.name,
			e.text);
	journal_poke(b->world->run_logs, b->space.id);
	destroy(b);
}

static int open_large(const struct pointer *large, void *data, struct err *e)
{
	const struct rebuild *b = data;

	return lfs_open(b->world->store, b->world->blobs, repo_of(&b->space), large, e);
}

static const struct build_ops ops = {.on_line = on_line, .on_phase = on_phase, .on_done = on_built};

int rebuild_start(struct world *w, const struct space *space, struct err *e)
{
	struct rebuild *b = calloc(1, sizeof(*b));
	struct build_request request = {.blobs = w->blobs,
		.agent = w->agent,
		.models = w->models,
		.settings = space->settings,
		.serves = space_serves_app(w->store, space)};
	int r = b ? 0 : err_set(e, -ENOMEM, "out of memory");

	if (r == 0 && build_runs(space->id))
		r = err_set(e, -EEXIST, "this Space is being built already");
	if (r == 0) {
		*b = (struct rebuild){.world = w, .space = *space};
		repo_path(&w->repos, repo_of(space), b->path);
		r = *space->parent ? repo_branch(b->path, space->branch, b->commit, e)
				   : repo_main(b->path, b->commit, e);
		if (r == 0 && !*b->commit)
			r = err_set(e, -ENOENT, "nothing has been pushed to this Space yet");
	}
	if (r < 0) {
		free(b);
		return r;
	}
	b->next = running;
	running = b;
	request.space_id = b->space.id;
	request.owner = b->space.owner;
	request.name = b->space.name;
	request.repo_path = b->path;
	request.commit = b->commit;
	request.large = (struct tree_large){.open = open_large, .data = b};
	notes_tell_build(w, EVENT_BUILD_STARTED, &b->space, b->commit, NULL);
	notes_say(w, &b->space, "info", "version %.12s is built anew", b->commit);
	r = build_start(w->loop, &request, &ops, b, &b->build);
	if (r < 0) {
		destroy(b);
		return err_set(e, r, "the build cannot be started: %s", strerror(-r));
	}
	return 0;
}

int rebuild_missed(struct world *w, const char *space_id, struct err *e)
{
	char path[REPO_PATH_MAX], head[COMMIT_HEX + 1] = "";
	struct space space;
	int r;

	if (!agent_peer_is_connected(w->agent))
		return -EAGAIN;
	repo_path(&w->repos, space_id, path);
	r = repo_main(path, head, e);
	if (r == 0)
		r = build_is_of(w->store, space_id, head, e);
	if (r != 0 || !*head)
		return r < 0 ? r : 0;
	r = space_by_id(w->store, space_id, &space, e);
	if (r == 0)
		r = rebuild_start(w, &space, e);
	return r < 0 ? r : 1;
}
