/* REST: how the platform is, for its administrators. */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/tell.h"
#include "orchestrator/api/certificates.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/disk.h"
#include "orchestrator/history/lasts.h"
#include "orchestrator/peers/told.h"

#define WARNINGS_SHOWN 10
#define CERTIFICATE_SOON_SEC (14 * 86400)
#define WARNING_AGE_USEC (24 * 3600 * USEC_PER_SEC)

static json_t *name_of_space(struct world *w, const char *id)
{
	char name[OWNER_MAX + SPACE_NAME_MAX + 2];
	struct space space;

	if (space_by_id(w->store, id, &space, &(struct err){0}) < 0)
		return json_null();
	(void)snprintf(name, sizeof(name), "%s/%s", space.owner, space.name);
	return json_string(name);
}

static json_t *list_workers(struct world *w)
{
	json_t *list = agent_peer_workers(w->agent), *worker;
	size_t i;

	json_array_foreach(list, i, worker)
	{
		const char *id = json_string_value(json_object_get(worker, "space"));
		json_t *name = name_of_space(w, id ? id : "");

		(void)json_object_set_new(worker, "space", name);
	}
	return list;
}

static json_t *list_models(struct world *w)
{
	const json_t *list = models_peer_list(w->models);

	return list ? json_deep_copy(list) : json_array();
}

static int64_t sum_sessions(const json_t *spaces)
{
	const json_t *s;
	int64_t n = 0;
	size_t i;

	json_array_foreach(spaces, i, s) n += json_integer_value(json_object_get(s, "sessions"));
	return n;
}

/* --- numbers of the other services --- */

static const struct {
	enum teller who;
	const char *metric, *name;
} numbers[] = {
	{TOLD_GATEWAY, "vitrine_gateway_spaces_awake", "awake"},
	{TOLD_GATEWAY, "vitrine_gateway_sessions", "sessionsKept"},
	{TOLD_GATEWAY, "vitrine_gateway_sockets", "sockets"},
	{TOLD_GATEWAY, "vitrine_gateway_events_accepted_total", "eventsAccepted"},
	{TOLD_GATEWAY, "vitrine_gateway_events_waiting", "eventsWaiting"},
	{TOLD_GATEWAY, "vitrine_gateway_events_failed_total", "eventsFailed"},
	{TOLD_GATEWAY, "vitrine_gateway_events_interrupted_total", "eventsInterrupted"},
	{TOLD_GATEWAY, "vitrine_gateway_session_log_errors_total", "sessionLogErrors"},
	{TOLD_TLS, "vitrine_tls_connections", "tlsConnections"},
	{TOLD_TLS, "vitrine_tls_certificates", "certificates"},
	{TOLD_TLS, "vitrine_tls_earliest_expiry_seconds", "certificateEnds"},
	{TOLD_AGENT, "vitrine_agent_box_slots", "boxSlots"},
	{TOLD_AGENT, "vitrine_agent_boxes{state=\"running\"}", "boxesRunning"},
	{TOLD_AGENT, "vitrine_agent_boxes{state=\"blank\"}", "boxesWaiting"},
	{TOLD_AGENT, "vitrine_agent_workers_crashed_total", "workersCrashed"},
	{TOLD_INFERENCE, "vitrine_inference_calls_total{result=\"done\"}", "modelCalls"},
	{TOLD_INFERENCE, "vitrine_inference_requests", "modelCallsOpen"},
};

/* What has not been told is left out. */
static json_t *list_numbers(void)
{
	json_t *o = json_object();

	for (size_t i = 0; o && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		double value;

		if (metrics_find(told_text(numbers[i].who), numbers[i].metric, &value))
			(void)json_object_set_new(
				o, numbers[i].name, json_integer((json_int_t)value));
	}
	return o;
}

/* --- warnings --- */

static void add_warning(
	json_t *list, const char *service, uint64_t wall_usec, const char *level, const char *words)
{
	if (clock_wall_usec() - wall_usec > WARNING_AGE_USEC)
		return;
	(void)json_array_append_new(
		list, json_pack("{s:I, s:o, s:s, s:s, s:o}", "usec", (json_int_t)wall_usec, "time",
			      json_time((int64_t)wall_usec), "service", service, "level", level,
			      "words", json_words(words)));
}

static int newest_first(const void *a, const void *b)
{
	json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "usec"));
	json_int_t y = json_integer_value(json_object_get(*(json_t *const *)b, "usec"));

	return (x < y) - (x > y);
}

static json_t *newest_of(const json_t *all)
{
	json_t *sorted[LOG_RECENT * (TELLERS + 1)], *one, *list = json_array();
	size_t n = 0, i;

	json_array_foreach(all, i, one) if (n < sizeof(sorted) / sizeof(sorted[0])) sorted[n++] =
		one;
	qsort(sorted, n, sizeof(sorted[0]), newest_first);
	for (i = 0; i < n && i < WARNINGS_SHOWN; i++) {
		(void)json_object_del(sorted[i], "usec");
		(void)json_array_append(list, sorted[i]);
	}
	return list;
}

static json_t *list_warnings(void)
{
	CLEANUP(json_unrefp) json_t *all = json_array();
	const struct log_recent *own;

	for (unsigned int i = 0; (own = log_recent_at(i)); i++)
		add_warning(
			all, "orchestrator", own->wall_usec, log_level_name(own->level), own->text);
	for (enum teller who = 0; who < TELLERS; who++) {
		const char *at = told_lines(who);
		struct told_line line;

		while (json_array_size(all) < LOG_RECENT * (TELLERS + 1) &&
			tell_next_line(&at, &line))
			add_warning(all, teller_name(who), line.wall_usec, line.level, line.words);
	}
	return newest_of(all);
}

/* --- what is wrong --- */

static void __attribute__((format(printf, 2, 3))) add_problem(json_t *list, const char *fmt, ...)
{
	char words[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	(void)json_array_append_new(list, json_words(words));
}

static void add_broken_models(json_t *list, const json_t *models)
{
	const json_t *m;
	size_t i;

	json_array_foreach(models, i, m)
	{
		const char *id = json_string_value(json_object_get(m, "id"));
		const char *error = json_string_value(json_object_get(m, "error"));

		if (error && *error)
			add_problem(list, "the model %s is not served: %s", id ? id : "?", error);
	}
}

/* As vitrine-tls sees those that it serves, whoever is to renew them. */
static void add_ends(json_t *list, const json_t *numbers_)
{
	json_int_t end = json_integer_value(json_object_get(numbers_, "certificateEnds"));
	const json_t *n = json_object_get(numbers_, "certificates");
	int64_t left = (int64_t)end - (int64_t)(clock_wall_usec() / USEC_PER_SEC);

	if (n && json_integer_value(n) == 0)
		add_problem(list, "there is no certificate: nobody can come by https");
	else if (end && left <= 0)
		add_problem(list, "a certificate has ended: vitrine tls list says which");
	else if (end && left < CERTIFICATE_SOON_SEC)
		add_problem(list, "a certificate ends in %lld days: vitrine tls list says which",
			(long long)(left / 86400));
}

static void add_devices(json_t *list, const json_t *devices)
{
	const json_t *d;
	size_t i, serving = 0;

	json_array_foreach(devices, i, d)
	{
		const char *name = json_string_value(json_object_get(d, "name"));
		const char *state = json_string_value(json_object_get(d, "state"));
		const char *reason = json_string_value(json_object_get(d, "reason"));
		const char *warning = json_string_value(json_object_get(d, "warning"));

		if (!name || !state)
			continue;
		serving += !strcmp(state, "serving");
		if (!strcmp(state, "failed"))
			add_problem(list, "the device %s failed and is out of service: %s", name,
				reason ? reason : "");
		if (warning && *warning)
			add_problem(list, "the device %s: %s", name, warning);
	}
	if (json_array_size(devices) > 0 && serving == 0)
		add_problem(list, "no device is in service: every model call is refused");
}

static json_t *list_problems(struct world *w, const struct disk_view *disk, const json_t *numbers_)
{
	const json_t *slots = json_object_get(numbers_, "boxSlots");
	json_int_t lost = json_integer_value(json_object_get(numbers_, "sessionLogErrors"));
	uint64_t told_usec;
	json_t *list = json_array();

	if (!edge_peer_is_connected(w->edge))
		add_problem(list, "the gateway is not connected: nobody can visit");
	if (!agent_peer_is_connected(w->agent))
		add_problem(list, "the agent is not connected: nothing can be built or woken");
	if (!models_peer_is_connected(w->models))
		add_problem(list, "inference is not connected: model calls fail");
	if (slots && json_integer_value(slots) == 0)
		add_problem(list, "boxd is not connected: no box can be made");
	if (*disk->words)
		add_problem(list, "%s", disk->words);
	if (lost > 0)
		add_problem(
			list, "the session log could not be written %lld times", (long long)lost);
	add_ends(list, numbers_);
	add_devices(list, json_object_get(models_peer_top(w->models, &told_usec), "devices"));
	add_broken_models(list, models_peer_list(w->models));
	return list;
}

static json_t *disk_object(const struct disk_view *v, const struct history *h)
{
	char lasts[LASTS_WORDS_MAX];

	history_lasts_words(v->free_bytes, v->limits.reserve_bytes,
		history_disk_pace(h, clock_wall_usec()), lasts);
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:s}", "state", disk_state_name(v->state),
		"totalBytes", (json_int_t)v->total_bytes, "freeBytes", (json_int_t)v->free_bytes,
		"warnBytes", (json_int_t)v->limits.warn_bytes, "reserveBytes",
		(json_int_t)v->limits.reserve_bytes, "lasts", lasts);
}

static int take_count(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

void handle_status(struct request *r)
{
	struct world *w = r->world;
	const struct disk_view *disk = disk_look(w->disk);
	struct err e = {0};
	int64_t registered = 0;
	json_t *spaces = list_spaces(r, "", LIST_MAX, &e), *told = list_numbers();
	json_t *o, *problems;

	if (!spaces || store_run(w->store, "space_count", take_count, &registered, &e, "") < 0) {
		json_decref(spaces);
		json_decref(told);
		request_fail(r, e.code, &e);
		return;
	}
	(void)json_object_set_new(told, "spaces", json_integer(registered));
	o = json_pack("{s:s, s:s, s:o, s:{s:b, s:b, s:b}, s:I, s:o, s:o, s:o}", "version",
		VITRINE_VERSION, "url", w->url, "startedAt", json_time((int64_t)w->started_usec),
		"links", "gateway", edge_peer_is_connected(w->edge), "agent",
		agent_peer_is_connected(w->agent), "inference", models_peer_is_connected(w->models),
		"sessions", (json_int_t)sum_sessions(spaces), "spaces", spaces, "workers",
		list_workers(w), "models", list_models(w));
	problems = list_problems(w, disk, told);
	(void)json_object_set_new(o, "certificates", list_certificates(w, problems));
	(void)json_object_set_new(o, "problems", problems);
	(void)json_object_set_new(o, "disk", disk_object(disk, w->history));
	(void)json_object_set_new(o, "numbers", told);
	(void)json_object_set_new(o, "warnings", list_warnings());
	request_json(r, MHD_HTTP_OK, o);
}
