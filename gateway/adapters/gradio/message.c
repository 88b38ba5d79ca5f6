#include "gateway/adapters/gradio/message.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "gateway/session/json_text.h"

static int add_slice(struct buf *b, const char *before, struct slice value)
{
	int r = buf_add_str(b, before);
	size_t from = b->len;

	if (r < 0)
		return r;
	r = value.at ? buf_add(b, value.at, value.n) : buf_add_str(b, "null");
	/* Space between the tokens of a worker's JSON; a message is one line. */
	for (size_t i = from; r == 0 && i < b->len; i++)
		if (b->data[i] == '\n' || b->data[i] == '\r')
			b->data[i] = ' ';
	return r;
}

static int add_text(struct buf *b, const char *before, const char *text)
{
	int r = buf_add_str(b, before);

	return r < 0 ? r : json_text_quote(b, text, strlen(text));
}

static int begin(struct buf *b, const char *msg, const char *event_id)
{
	return buf_addf(b, "data: {\"msg\":\"%s\",\"event_id\":\"%s\"", msg, event_id);
}

static int end(struct buf *b, int r)
{
	return r < 0 ? r : buf_add_str(b, "}\n\n");
}

int gradio_estimation(
	struct buf *b, const char *event_id, size_t rank, size_t of, int64_t expected_ms)
{
	int r = begin(b, "estimation", event_id);

	if (r == 0)
		r = buf_addf(b, ",\"rank\":%zu,\"queue_size\":%zu,\"rank_eta\":", rank, of);
	if (r == 0 && expected_ms > 0)
		r = buf_addf(b, "%lld.%03lld", (long long)expected_ms / 1000,
			(long long)expected_ms % 1000);
	else if (r == 0)
		r = buf_add_str(b, "null");
	return end(b, r);
}

int gradio_starts(struct buf *b, const char *event_id)
{
	int r = begin(b, "process_starts", event_id);

	return end(b, r < 0 ? r : buf_add_str(b, ",\"eta\":null"));
}

int gradio_progress(struct buf *b, const char *event_id, struct slice progress)
{
	struct slice unit = slice_member(progress, "unit");
	int r = begin(b, "progress", event_id);

	if (r == 0)
		r = add_slice(
			b, ",\"progress_data\":[{\"index\":", slice_member(progress, "index"));
	if (r == 0)
		r = add_slice(b, ",\"length\":", slice_member(progress, "length"));
	if (r == 0)
		r = add_slice(
			b, ",\"unit\":", slice_is_null(unit) ? slice_of("\"steps\"", 7) : unit);
	if (r == 0)
		r = add_slice(b, ",\"progress\":", slice_member(progress, "fraction"));
	if (r == 0)
		r = add_slice(b, ",\"desc\":", slice_member(progress, "message"));
	return end(b, r < 0 ? r : buf_add_str(b, "}]"));
}

int gradio_log(struct buf *b, const char *event_id, struct slice log)
{
	struct slice title = slice_member(log, "title"), level = slice_member(log, "level");
	char word[16] = "info", heading[20];
	int r = begin(b, "log", event_id);

	(void)slice_text(level, word, sizeof(word));
	(void)snprintf(heading, sizeof(heading), "\"%c%s\"", toupper((unsigned char)*word),
		*word ? word + 1 : "");
	if (r == 0)
		r = add_text(b, ",\"level\":", word);
	if (r == 0)
		r = add_slice(b, ",\"log\":", slice_member(log, "message"));
	if (r == 0)
		r = add_slice(b, ",\"title\":",
			slice_is_null(title) ? slice_of(heading, strlen(heading)) : title);
	return end(b, r < 0 ? r : buf_add_str(b, ",\"duration\":10,\"visible\":true"));
}

static int add_output(struct buf *b, struct slice data, bool generating, double seconds)
{
	int r = add_slice(b, "{\"data\":", data);

	return r < 0 ? r
		     : buf_addf(b,
			       ",\"is_generating\":%s,\"duration\":%.6f,\"average_duration\":%.6f,"
			       "\"render_config\":null,\"changed_state_ids\":[]}",
			       generating ? "true" : "false", seconds, seconds);
}

int gradio_generating(struct buf *b, const char *event_id, struct slice data, double seconds)
{
	int r = begin(b, "process_generating", event_id);

	if (r == 0)
		r = buf_add_str(b, ",\"success\":true,\"time_limit\":null,\"output\":");
	return end(b, r < 0 ? r : add_output(b, data, true, seconds));
}

#define COMPLETED_REST ",\"used_cache\":null,\"cache_duration\":null,\"avg_time\":null"

int gradio_completed(struct buf *b, const char *event_id, struct slice data, double seconds)
{
	int r = begin(b, "process_completed", event_id);

	if (r == 0)
		r = buf_add_str(
			b, ",\"success\":true,\"title\":null" COMPLETED_REST ",\"output\":");
	return end(b, r < 0 ? r : add_output(b, data, false, seconds));
}

/* No other key: the Python client passes each of them to a constructor. */
static int add_failure(struct buf *b, const char *message, const char *title)
{
	int r = add_text(b, "{\"error\":", message);

	if (r == 0)
		r = add_text(b, ",\"duration\":10,\"visible\":true,\"title\":", title);
	return r < 0 ? r : buf_add(b, "}", 1);
}

int gradio_failed(struct buf *b, const char *event_id, const char *message, const char *title)
{
	int r = begin(b, "process_completed", event_id);

	if (r == 0)
		r = add_text(b, ",\"success\":false" COMPLETED_REST ",\"title\":", title);
	if (r == 0)
		r = buf_add_str(b, ",\"output\":");
	return end(b, r < 0 ? r : add_failure(b, message, title));
}

int gradio_call_event(struct buf *b, const char *event, struct slice data)
{
	int r = buf_addf(b, "event: %s\n", event);

	if (r == 0)
		r = add_slice(b, "data: ", data);
	return r < 0 ? r : buf_add_str(b, "\n\n");
}

int gradio_call_failed(struct buf *b, const char *message, const char *title)
{
	int r = buf_add_str(b, "event: error\ndata: ");

	if (r == 0)
		r = add_failure(b, message, title);
	return r < 0 ? r : buf_add_str(b, "\n\n");
}

int gradio_run_done(struct buf *b, struct slice data, double seconds)
{
	int r = add_slice(b, "{\"data\":", data);

	return r < 0 ? r
		     : buf_addf(b,
			       ",\"is_generating\":false,\"duration\":%.6f,\"average_duration\":"
			       "%.6f}",
			       seconds, seconds);
}
