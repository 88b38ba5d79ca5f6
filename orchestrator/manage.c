#include "orchestrator/manage.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "orchestrator/change.h"
#include "orchestrator/live.h"
#include "orchestrator/notes.h"
#include "orchestrator/space/hardware.h"
#include "orchestrator/usage/flavours.h"

/* A start goes without what cannot be opened, which its owner reads in the log. */
static void note_lost(struct world *w, const struct space *space, size_t lost)
{
	log_error("space=%s/%s %zu secrets cannot be opened", space->owner, space->name, lost);
	notes_say(w, space, "error",
		"%zu secrets cannot be opened: they were sealed with another key; set them again",
		lost);
}

/* A preview runs with its parent's settings. */
static int find_source(struct world *w, const struct space *space, struct space *ret, struct err *e)
{
	*ret = *space;
	return *space->parent ? space_by_id(w->store, space->parent, ret, e) : 0;
}

static int tell_agent(
	struct world *w, const struct space *space, const char *why, bool answer, struct err *e)
{
	struct space source;
	CLEANUP(json_unrefp) json_t *variables = NULL;
	CLEANUP(json_unrefp) json_t *secrets = NULL;
	struct agent_settings m = {
		.space = space->id, .version = space->settings, .answer = answer};
	size_t lost = 0;
	int r = find_source(w, space, &source, e);

	if (r == 0)
		r = settings_variables(w->store, &source, &variables, e);
	if (r == 0)
		r = settings_open_secrets(
			w->store, w->seal, &source, "agent", why, &secrets, &lost, e);
	if (r < 0)
		return r;
	if (lost)
		note_lost(w, space, lost);
	m.variables = variables;
	m.secrets = secrets;
	agent_peer_settings(w->agent, &m);
	return 0;
}

void manage_answer(struct world *w, const struct agent_want_settings *m)
{
	struct space space;
	struct err e = {0};
	int r = space_by_id(w->store, m->space, &space, &e);

	if (r == -ENOENT) {
		agent_peer_settings(
			w->agent, &(struct agent_settings){.space = m->space, .answer = true});
		return;
	}
	if (r == 0)
		r = tell_agent(w, &space,
			*space.parent ? m->check ? "a build of a preview" : "a start of a preview"
			: m->check    ? "a build"
				      : "a start",
			true, &e);
	if (r == 0)
		return;
	/* The start is for visitors, and the reason is the operator's. */
	log_error("space=%s its settings cannot be read: %s", m->space, e.text);
	agent_peer_settings(w->agent,
		&(struct agent_settings){.space = m->space,
			.why = "the secrets and variables of this Space cannot be read now; it is "
			       "tried again"});
}

void manage_tell(struct world *w, const struct space *space, const char *why)
{
	struct err e = {0};

	if (agent_peer_is_connected(w->agent) && tell_agent(w, space, why, false, &e) < 0)
		log_warn("space=%s/%s its settings come later: %s", space->owner, space->name,
			e.text);
	live_tell(w, space->id);
}

int manage_set(struct world *w, struct space *space, enum setting_kind kind,
	const struct setting *new, const char *who, struct err *e)
{
	int r = setting_set(w->store, w->seal, space, kind, new, who, e);

	if (r == 0)
		manage_tell(w, space, "a change");
	return r;
}

int manage_restart(struct world *w, struct space *space, struct err *e)
{
	int r = settings_touch(w->store, space, e);

	if (r == 0 && space->paused)
		r = manage_pause(w, space, false, e);
	else if (r == 0)
		manage_tell(w, space, "a restart");
	if (r < 0)
		return r;
	notes_say(w, space, "info", "restarted");
	if (space_serves_app(w->store, space))
		edge_peer_wake(w->edge, space->id);
	return 0;
}

int manage_pause(struct world *w, struct space *space, bool paused, struct err *e)
{
	int r = store_run(
		w->store, "space_set_paused", NULL, NULL, e, "si", space->id, (int64_t)paused);

	if (r < 0)
		return r;
	space->paused = paused;
	space->epoch++;
	log_info("space=%s/%s %s", space->owner, space->name, paused ? "is paused" : "goes on");
	if (paused)
		notes_say(w, space, "info", "paused: nothing runs until it is restarted");
	live_tell(w, space->id);
	return 0;
}

int manage_sleep(struct world *w, struct space *space, int64_t seconds, struct err *e)
{
	int r = store_run(w->store, "space_set_sleep", NULL, NULL, e, "si", space->id, seconds);

	if (r < 0)
		return r;
	space->sleep_sec = seconds;
	space->epoch++;
	live_tell(w, space->id);
	return 0;
}

struct found_flavour {
	struct world *world;
	const char *asked; /* NULL: what it asks for now */
	struct space_flavour flavour;
	int r; /* whether it may ask for that */
	struct err e;
};

static int take_flavour(const struct store_row *row, void *data)
{
	struct found_flavour *f = data;
	const struct usage_policy *policy = accounts_peer_policy(f->world->accounts);
	const struct space_wish wish = {.owner = store_text(row, 1),
		.name = store_text(row, 2),
		.flavour = f->asked ? f->asked : store_text(row, 3),
		.class = store_text(row, 4)};

	f->r = f->asked ? flavours_check(f->world->store, policy, &wish, &f->e) : 0;
	if (f->r == 0)
		f->r = flavours_of(f->world->store, policy, &wish, &f->flavour, &f->e);
	return 1;
}

static int find_flavour(const struct space *space, struct found_flavour *f, struct err *e)
{
	int r = store_run(f->world->store, "space_flavour", take_flavour, f, e, "s", space->id);

	if (r == 0)
		return err_set(e, -ENOENT, "there is no such Space");
	if (r > 0 && f->r < 0)
		*e = f->e;
	return r < 0 ? r : f->r;
}

int manage_hardware(struct world *w, struct space *space, const char *flavor, struct err *e)
{
	struct found_flavour before = {.world = w}, after = {.world = w, .asked = flavor};
	int r = hardware_check(flavor, e);

	if (r == 0)
		r = find_flavour(space, &before, e);
	if (r == 0)
		r = find_flavour(space, &after, e);
	if (r == 0)
		r = store_run(
			w->store, "space_set_hardware", NULL, NULL, e, "ss", space->id, flavor);
	if (r < 0)
		return r;
	(void)snprintf(space->hardware, sizeof(space->hardware), "%s", flavor);
	if (strcmp(before.flavour.class, after.flavour.class) != 0)
		return manage_restart(w, space, e);
	live_tell(w, space->id);
	return 0;
}

int manage_remove(struct world *w, struct space *space, enum setting_kind kind, const char *name,
	const char *who, struct err *e)
{
	int r = setting_remove(w->store, space, kind, name, who, e);

	if (r == 0)
		manage_tell(w, space, "a change");
	return r;
}
