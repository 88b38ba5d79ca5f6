#include "orchestrator/api/runtime.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/api/request.h"
#include "orchestrator/build/build.h"
#include "orchestrator/usage/flavours.h"

/* A row of space_runtime, and what is known beside it. */
struct view {
	struct world *world;
	const char *space;
	bool inside;
	struct activity activity;
	json_t *json; /* owned */
};

/* What gateways report, in the words that Hugging Face's clients know. */
static const char *stage_of_phase(const char *phase)
{
	static const struct {
		const char *phase, *stage;
	} stages[] = {
		{"asleep", "SLEEPING"},
		{"waking", "APP_STARTING"},
		{"running", "RUNNING"},
		{"failed", "RUNTIME_ERROR"},
		{"crashing", "RUNTIME_ERROR"},
	};

	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		if (!strcmp(stages[i].phase, phase))
			return stages[i].stage;
	return "RUNNING";
}

/* Of a Space where nothing is live: the last build says why. */
static const char *stage_of_build(const char *state, const char *message)
{
	if (strcmp(state, "failed") != 0)
		return "NO_APP_FILE";
	return !strncmp(message, "README.md", 9) ? "CONFIG_ERROR" : "BUILD_ERROR";
}

static const char *find_stage(const struct view *v, const struct store_row *row)
{
	const char *class = store_text(row, 5);
	bool shown = !strcmp(class, NO_BOX_STATIC) || !strcmp(class, NO_BOX_CARD);
	bool live = shown || *store_text(row, 3), building = build_runs(v->space);

	if (store_int(row, 0))
		return "PAUSED";
	if (building)
		return live ? "RUNNING_BUILDING" : "BUILDING";
	if (shown)
		return "RUNNING"; /* there is nothing that could sleep */
	return live ? stage_of_phase(v->activity.phase)
		    : stage_of_build(store_text(row, 7), store_text(row, 8));
}

static json_t *hardware_object(const struct view *v, const struct store_row *row, bool runs)
{
	const struct space_wish w = {.owner = store_text(row, 10),
		.name = store_text(row, 11),
		.flavour = store_text(row, 2),
		.class = store_text(row, 5)};
	struct space_flavour f;
	struct err e = {0};

	if (flavours_of(v->world->store, accounts_peer_policy(v->world->accounts), &w, &f, &e) < 0)
		return NULL;
	return json_pack("{s:s?, s:s}", "current", runs ? f.name : NULL, "requested",
		*w.flavour ? w.flavour : f.name);
}

static int read_runtime(const struct store_row *row, void *data)
{
	struct view *v = data;
	const char *stage = find_stage(v, row), *commit = store_text(row, 4);
	bool runs = !strcmp(v->activity.phase, "running") && !store_int(row, 0);
	int64_t sleep = store_int(row, 1) >= 0 ? store_int(row, 1) : store_int(row, 6);
	const char *host = strstr(v->world->url, "://");

	v->json = json_pack(
		"{s:s, s:o, s:n, s:o, s:{s:i, s:i}, s:b, s:s?, s:s, s:[{s:s, s:s}], s:I}", "stage",
		stage, "hardware", hardware_object(v, row, runs), "storage", "gcTimeout",
		sleep > 0 ? json_integer(sleep) : json_null(), "replicas", "current", runs ? 1 : 0,
		"requested", store_int(row, 0) ? 0 : 1, "devMode", 0, "sha",
		*commit ? commit : NULL, "sdk", *store_text(row, 9) ? store_text(row, 9) : "lua",
		"domains", "domain", host ? host + 3 : v->world->url, "stage", "READY", "sessions",
		(json_int_t)v->activity.sessions);
	if (v->json && v->inside && strstr(stage, "ERROR") && *store_text(row, 8) &&
		!*store_text(row, 3))
		(void)json_object_set_new(v->json, "errorMessage", json_words(store_text(row, 8)));
	return v->json ? 1 : -ENOMEM;
}

json_t *runtime_object(struct world *w, const char *space_id, bool inside, struct err *e)
{
	struct view v = {.world = w,
		.space = space_id,
		.inside = inside,
		.activity = edge_peer_activity(w->edge, space_id)};
	int r = store_run(w->store, "space_runtime", read_runtime, &v, e, "s", space_id);

	if (r == 0)
		(void)err_set(e, -ENOENT, "there is no such Space");
	return v.json;
}
