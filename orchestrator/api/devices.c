/* REST: the devices that models run on, and an administrator's word about one. */
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/private.h"
#include "orchestrator/api/request.h"
#include "orchestrator/people/permit.h"

#define REASON_MAX 200

/* As they were told last. */
static json_t *devices_told(struct world *w)
{
	uint64_t at = 0;
	const json_t *top = models_peer_top(w->models, &at);

	return json_object_get(top, "devices");
}

static const char *text_of(const json_t *d, const char *key)
{
	const char *text = json_string_value(json_object_get(d, key));

	return text ? text : "";
}

static const json_t *find_device(struct world *w, const char *name)
{
	const json_t *d;
	size_t i;

	json_array_foreach(devices_told(w), i, d) if (!strcmp(text_of(d, "name"), name)) return d;
	return NULL;
}

static bool is_serving(const json_t *d)
{
	return !strcmp(text_of(d, "state"), "serving");
}

static size_t count_serving(struct world *w)
{
	const json_t *d;
	size_t i, n = 0;

	json_array_foreach(devices_told(w), i, d) n += is_serving(d);
	return n;
}

void handle_devices(struct request *r)
{
	struct world *w = r->world;
	uint64_t at = 0;
	json_t *devices = devices_told(w);

	(void)models_peer_top(w->models, &at);
	request_json(r, MHD_HTTP_OK,
		json_pack("{s:b, s:I, s:O?, s:O?}", "connected",
			models_peer_is_connected(w->models), "toldMs",
			at ? (json_int_t)((clock_mono_usec() - at) / USEC_PER_MSEC)
			   : (json_int_t)-1,
			"devices", devices, "gpus",
			json_object_get(models_peer_top(w->models, &at), "gpus")));
}

/* --- orders --- */

static void end_waiting(struct request *r)
{
	if (r->state)
		models_order_drop(r->state);
	r->state = NULL;
}

static void fail(struct request *r, int code, const char *words)
{
	struct err e = {0};

	if (code == -ENOTCONN)
		request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, "%s", words);
	else if (code == -EBUSY || code == -ENODEV)
		request_error(r, MHD_HTTP_CONFLICT, NULL, "%s", words);
	else
		request_fail(r, err_set(&e, code, "%s", words), &e);
}

static void on_done(int code, const char *error, void *data)
{
	struct request *r = data;
	const json_t *d = find_device(r->world, r->name);

	r->state = NULL;
	r->on_end = NULL;
	if (code < 0) {
		fail(r, code, error);
		return;
	}
	request_json(r, MHD_HTTP_OK, d ? json_deep_copy(d) : json_object());
}

/* Whoever takes the last one out of service has said that they know. */
static int check_last(struct request *r, const char *act, struct err *e)
{
	const json_t *d = find_device(r->world, r->name);
	bool known = json_opt_bool(r->json, "last", false);

	if (!strcmp(act, "return") || known || !d || !is_serving(d) || count_serving(r->world) > 1)
		return 0;
	return err_set(e, -EEXIST,
		"%s is the last device in service: every model call would be refused, and visitors "
		"would read \"no device in service\"; say \"last\": true if that is meant",
		r->name);
}

static void order(struct request *r, const char *act)
{
	struct models_order *o = NULL;
	const char *reason = "";
	struct err e = {0};
	int code = permit(&r->who, ACTION_ADMINISTER, NULL, &e);

	if (code == 0 && r->json)
		code = json_opt_str(r->json, "reason", REASON_MAX, "", &reason, &e);
	if (code == 0)
		code = check_last(r, act, &e);
	if (code == 0)
		code = audit_ahead(r, &e);
	if (code == 0)
		code = models_peer_order(
			r->world->models, r->name, act, reason, on_done, r, &o, &e);
	if (code < 0) {
		fail(r, code, e.text);
		return;
	}
	r->state = o;
	r->on_end = end_waiting;
}

void handle_device_drain(struct request *r)
{
	order(r, "drain");
}

void handle_device_exclude(struct request *r)
{
	order(r, "exclude");
}

void handle_device_return(struct request *r)
{
	order(r, "return");
}
