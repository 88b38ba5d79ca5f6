/* Logs as text/event-stream: what there is, and with follow=1 what comes. */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/live.h"

#define PING_USEC (15 * USEC_PER_SEC) /* so that a proxy on the way does not take us for dead */
#define OUT_MAX (8 * RUN_LOG_LINE_MAX)

struct follower {
	struct request *request; /* borrowed */
	char space[ID_LEN + 1];
	bool follow, build;
	int64_t at;                  /* position in the run log, or number of the last build told */
	struct run_log_watch *watch; /* owned */
	struct source *timer;        /* owned */
	struct buf out;              /* events to be sent, from out_at on */
	size_t out_at;
	bool ping;
};

static void end_follower(struct request *r)
{
	struct follower *f = r->state;

	(void)run_log_unwatch(f->watch);
	(void)source_free(f->timer);
	buf_done(&f->out);
	free(f);
	r->state = NULL;
}

static void on_line(void *data)
{
	struct follower *f = data;

	request_wake(f->request);
}

static void on_timer(void *data)
{
	struct follower *f = data;

	f->ping = true;
	timer_arm_after(f->timer, PING_USEC);
	request_wake(f->request);
}

/* --- events --- */

/* Each stored line is one JSON object already. */
static void fill_from_run_log(struct follower *f)
{
	static char bytes[RUN_LOG_LINE_MAX]; /* single-threaded */
	ssize_t n =
		run_log_read(f->request->world->run_logs, f->space, &f->at, bytes, sizeof(bytes));
	const char *p = bytes;

	while (n > 0) {
		const char *end = memchr(p, '\n', (size_t)n);
		size_t len = (size_t)(end - p) + 1;

		(void)buf_addf(&f->out, "data: ");
		(void)buf_add(&f->out, p, len);
		(void)buf_add(&f->out, "\n", 1);
		p += len;
		n -= (ssize_t)len;
	}
}

static void add_build_line(
	struct follower *f, const char *build, int64_t time_usec, const char *line, size_t n)
{
	CLEANUP(freep) char *text = strndup(line, n);
	CLEANUP(json_unrefp)
	json_t *o = text ? json_pack("{s:I, s:s, s:o}", "time", (json_int_t)time_usec, "build",
				   build, "line", json_words(text))
			 : NULL;

	if (!o)
		return;
	(void)buf_addf(&f->out, "data: ");
	(void)json_write(&f->out, o);
	(void)buf_add_str(&f->out, "\n\n");
}

static int add_build(const struct store_row *row, void *data)
{
	struct follower *f = data;
	const char *line = store_text(row, 3);

	f->at = store_int(row, 1);
	while (*line) {
		size_t n = strcspn(line, "\n");

		add_build_line(f, store_text(row, 0), store_int(row, 2), line, n);
		line += n + (line[n] == '\n');
	}
	return 0;
}

static void fill_from_builds(struct follower *f)
{
	struct err e = {0};

	(void)store_run(f->request->world->store, "build_logs_after", add_build, f, &e, "si",
		f->space, f->at);
}

static ssize_t take_out(struct follower *f, char *bytes, size_t n)
{
	if (n > f->out.len - f->out_at)
		n = f->out.len - f->out_at;
	memcpy(bytes, f->out.data + f->out_at, n);
	f->out_at += n;
	if (f->out_at == f->out.len) {
		buf_clear(&f->out);
		f->out_at = 0;
	}
	return (ssize_t)n;
}

static ssize_t read_events(struct request *r, char *bytes, size_t n)
{
	struct follower *f = r->state;

	if (f->out.len == 0) {
		if (f->build)
			fill_from_builds(f);
		else
			fill_from_run_log(f);
	}
	if (f->out.len == 0 && f->ping)
		(void)buf_add_str(&f->out, ": still here\n\n");
	f->ping = false;
	if (f->out.len > 0)
		return take_out(f, bytes, n);
	if (!f->follow)
		return STREAM_END;
	request_park(r);
	return 0;
}

/* --- start --- */

static struct follower *new_follower(struct request *r, bool build)
{
	const char *follow = request_query(r, "follow");
	struct follower *f;
	struct space space;

	if (request_space(r, &space) < 0)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (!f) {
		request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, "out of memory");
		return NULL;
	}
	*f = (struct follower){
		.request = r, .build = build, .follow = follow && strcmp(follow, "0") != 0};
	(void)snprintf(f->space, sizeof(f->space), "%s", space.id);
	buf_init(&f->out, OUT_MAX);
	r->state = f;
	r->on_end = end_follower;
	return f;
}

static int start_watching(struct follower *f)
{
	int r;

	if (!f->follow)
		return 0;
	r = loop_add_timer(f->request->world->loop, on_timer, f, &f->timer);
	if (r < 0)
		return r;
	timer_arm_after(f->timer, PING_USEC);
	/* The watch hears of finished builds too: run_log_poke in push.c. */
	return run_log_watch(f->request->world->run_logs, f->space, on_line, f, &f->watch);
}

static void start_stream(struct follower *f)
{
	struct request *r = f->request;

	if (start_watching(f) < 0) {
		request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, "out of memory");
		return;
	}
	request_stream(r, "text/event-stream", read_events);
	request_add_header(r, "X-Accel-Buffering", "no");
}

/* Optional: tail=N, the last N lines only. */
void handle_run_logs(struct request *r)
{
	const char *tail = request_query(r, "tail");
	struct follower *f = new_follower(r, false);

	if (!f)
		return;
	f->at = run_log_tail(
		r->world->run_logs, f->space, tail ? strtoul(tail, NULL, 10) : SIZE_MAX);
	start_stream(f);
}

static int read_number(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

/* The last build's lines. */
void handle_build_logs(struct request *r)
{
	struct follower *f = new_follower(r, true);
	struct err e = {0};
	int64_t last = 0;

	if (!f)
		return;
	(void)store_run(
		r->world->store, "build_last_number", read_number, &last, &e, "s", f->space);
	f->at = last > 0 ? last - 1 : 0;
	start_stream(f);
}
