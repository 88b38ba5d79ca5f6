/* REST: an administrator takes a repo down, lifts that, and sees what is taken down. */
#include <errno.h>
#include <microhttpd.h>

#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/routes.h"
#include "orchestrator/takedown.h"

/* {reason} */
void handle_takedown(struct request *r)
{
	struct hub_repo repo;
	const char *reason;
	struct err e = {0};
	int code;

	if (request_repo(r, ACTION_ADMINISTER, &repo) < 0)
		return;
	code = json_get_str(r->json, "reason", TAKEDOWN_REASON_MAX, &reason, &e);
	code = code < 0 ? -EINVAL : take_down(r->world, &repo, reason, r->who.user, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		request_json(r, MHD_HTTP_OK,
			json_pack("{s:s, s:b}", "reason", reason, "private", (int)repo.private));
}

void handle_takedown_lift(struct request *r)
{
	struct hub_repo repo;
	struct err e = {0};
	int code;

	if (request_repo(r, ACTION_ADMINISTER, &repo) < 0)
		return;
	code = take_down_lift(r->world, &repo, r->who.user, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		request_json(r, MHD_HTTP_OK, json_pack("{s:b}", "private", (int)repo.private));
}

static int append(const struct store_row *row, void *data)
{
	return json_array_append_new(
		       data, json_pack("{s:s, s:s, s:s, s:s, s:o}", "kind",
				     hub_kind_name((enum repo_kind)store_int(row, 0)), "id",
				     store_text(row, 1), "reason", store_text(row, 2), "by",
				     store_text(row, 3), "at", json_time(store_int(row, 4)))) < 0
		       ? -ENOMEM
		       : 0;
}

void handle_takedown_list(struct request *r)
{
	json_t *list = json_array();
	struct err e = {0};
	int code = store_run(r->world->store, "takedown_list", append, list, &e, "");

	if (code >= 0) {
		request_json(r, MHD_HTTP_OK, list);
		return;
	}
	json_decref(list);
	request_fail(r, code, &e);
}
