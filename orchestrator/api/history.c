/* REST: the platform's numbers over time, for the charts of its administrators. */
#include <math.h>
#include <microhttpd.h>

#include "base/clock.h"
#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/history/history.h"

static json_t *series_object(size_t i)
{
	return json_pack("{s:s, s:s, s:s, s:[]}", "name", history_about[i].name, "unit",
		history_about[i].unit, "words", history_about[i].words, "values");
}

static void append(uint64_t start_sec, const double means[HISTORY_SERIES], void *data)
{
	json_t *o = data, *all = json_object_get(o, "series");

	if (!json_object_get(o, "start"))
		(void)json_object_set_new(o, "start", json_integer((json_int_t)start_sec));
	for (size_t i = 0; i < HISTORY_SERIES; i++)
		(void)json_array_append_new(json_object_get(json_array_get(all, i), "values"),
			isfinite(means[i]) ? json_real(means[i]) : json_null());
}

/* ?span=hour|day|month: {start, step, series: [{name, unit, words, values}]}; seconds since 1970,
 * a value for each step, null where nothing was measured. */
void handle_history(struct request *r)
{
	const char *name = request_query(r, "span");
	enum history_span span;
	json_t *o, *all;
	struct err e = {0};
	int code = history_span_find(name ? name : "hour", &span, &e);

	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	all = json_array();
	for (size_t i = 0; i < HISTORY_SERIES; i++)
		(void)json_array_append_new(all, series_object(i));
	o = json_pack("{s:I, s:o}", "step", (json_int_t)history_step_sec(span), "series", all);
	if (o)
		history_read(r->world->history, span, clock_wall_usec(), append, o);
	request_json(r, MHD_HTTP_OK, o);
}
