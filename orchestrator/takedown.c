#include "orchestrator/takedown.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/live.h"
#include "orchestrator/manage.h"
#include "orchestrator/notes.h"

/* A Space's pause, and a line that its owner reads; of others nothing. */
static int set_paused(
	struct world *w, const struct hub_repo *repo, bool paused, const char *line, struct err *e)
{
	struct space space;
	int r;

	if (repo->kind != REPO_SPACE)
		return 0;
	r = space_by_id(w->store, repo->id, &space, e);
	if (r < 0)
		return r;
	notes_say(w, &space, "warning", "%s", line);
	return space.paused == paused ? 0 : manage_pause(w, &space, paused, e);
}

static int is_paused(struct world *w, const struct hub_repo *repo, bool *ret, struct err *e)
{
	struct space space;
	int r;

	*ret = false;
	if (repo->kind != REPO_SPACE)
		return 0;
	r = space_by_id(w->store, repo->id, &space, e);
	if (r == 0)
		*ret = space.paused;
	return r;
}

int take_down(
	struct world *w, struct hub_repo *repo, const char *reason, const char *who, struct err *e)
{
	struct takedown t = {.at_usec = (int64_t)clock_wall_usec(), .was_private = repo->private};
	char line[TAKEDOWN_REASON_MAX + 64];
	int r = takedown_check(reason, e);

	if (r == 0)
		r = is_paused(w, repo, &t.was_paused, e);
	if (r < 0)
		return r;
	(void)snprintf(t.reason, sizeof(t.reason), "%s", reason);
	(void)snprintf(t.by, sizeof(t.by), "%s", who);
	(void)snprintf(line, sizeof(line), "taken down by an administrator: %s", reason);
	r = takedown_add(w->store, repo->id, &t, e);
	if (r == 0 && !repo->private)
		r = live_set_private(w, repo, true, e);
	if (r == 0)
		r = set_paused(w, repo, true, line, e);
	if (r == 0)
		log_info("%s=%s/%s is taken down by %s: %s", hub_kind_name(repo->kind), repo->owner,
			repo->name, who, reason);
	return r;
}

int take_down_lift(struct world *w, struct hub_repo *repo, const char *who, struct err *e)
{
	struct takedown t;
	int r = takedown_get(w->store, repo->id, &t, e);

	if (r == 0)
		return err_set(e, -ENOENT, "it is not taken down");
	if (r > 0)
		r = set_paused(
			w, repo, t.was_paused, "no longer taken down by an administrator", e);
	if (r == 0 && repo->private != t.was_private)
		r = live_set_private(w, repo, t.was_private, e);
	/* Last: what a crash cuts short can be lifted again. */
	if (r == 0)
		r = takedown_remove(w->store, repo->id, e);
	if (r == 0)
		log_info("%s=%s/%s is no longer taken down, by %s", hub_kind_name(repo->kind),
			repo->owner, repo->name, who);
	return r;
}
