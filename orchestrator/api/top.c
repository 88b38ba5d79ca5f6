/* REST: what each device does now, for whom, what waits and why, for administrators. */
#include <microhttpd.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"

static void name_spaces(struct world *w, json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const char *id = json_string_value(json_object_get(row, "space"));
		char name[OWNER_MAX + SPACE_NAME_MAX + 2];
		struct space space;

		if (!id || !*id || space_by_id(w->store, id, &space, &(struct err){0}) < 0)
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", space.owner, space.name);
		(void)json_object_set_new(row, "space", json_string(name));
	}
}

void handle_top(struct request *r)
{
	struct world *w = r->world;
	uint64_t told_usec = 0;
	const json_t *told = models_peer_top(w->models, &told_usec);
	json_t *o = told ? json_deep_copy(told)
			 : json_pack("{s:[], s:[], s:[], s:i, s:i}", "devices", "running",
				   "waiting", "runningAll", 0, "waitingAll", 0);

	name_spaces(w, json_object_get(o, "running"));
	name_spaces(w, json_object_get(o, "waiting"));
	(void)json_object_set_new(
		o, "connected", json_boolean(models_peer_is_connected(w->models)));
	(void)json_object_set_new(o, "toldMs",
		json_integer(
			told ? (json_int_t)((clock_mono_usec() - told_usec) / USEC_PER_MSEC) : -1));
	request_json(r, MHD_HTTP_OK, o);
}
