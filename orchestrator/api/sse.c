/*
 * Logs and events as text/event-stream: what there is, and with follow=1 what comes. Every event
 * has an id; whoever comes back with it (Last-Event-ID, or after=ID) goes on behind that line,
 * whatever restarted meanwhile. What has gone by then is said in an event named gap.
 */
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/live.h"

/* So that a proxy on the way does not take us for dead. Python's client waits for 5 s of silence to
 * know that it has everything there is. */
#define PING_USEC (30 * USEC_PER_SEC)
#define OUT_MAX (8 * JOURNAL_LINE_MAX)
/* A build is told at once, and a line may be nothing but its newline. */
#define BUILD_OUT_MAX (256 * BUILD_LOG_MAX)
#define RETRY_MS 1000 /* EventSource connects again after this */

struct follower {
	struct request *request;  /* borrowed */
	struct journals *journal; /* borrowed */
	char name[JOURNAL_NAME_MAX + 1];
	char build[ID_LEN + 1]; /* of build logs: only this one */
	bool follow, builds;
	int64_t at; /* position in the journal, or number of the last build told */
	struct run_filter filter;
	struct journal_watch *watch; /* owned */
	struct source *timer;        /* owned */
	struct buf out;              /* events to be sent, from out_at on */
	size_t out_at;
	bool ping;
};

static void end_follower(struct request *r)
{
	struct follower *f = r->state;

	(void)journal_unwatch(f->watch);
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

/* --- lines of a journal --- */

static void tell_gap(struct follower *f)
{
	int64_t oldest = journal_oldest(f->journal, f->name),
		end = journal_end(f->journal, f->name);

	if (f->at >= oldest && f->at <= end)
		return;
	if (f->at > 0 && oldest > 0)
		(void)buf_addf(&f->out,
			"event: gap\ndata: {\"after\":%" PRId64 ",\"oldest\":%" PRId64
			",\"data\":\"[lines are missing here]\\n\"}\n\n",
			f->at, oldest);
	f->at = oldest;
}

static void add_time(struct follower *f, int64_t wall_usec)
{
	CLEANUP(json_unrefp) json_t *when = json_time(wall_usec);
	const char *text = json_string_value(when);

	(void)buf_addf(&f->out, "\"timestamp\":\"%s\"", text ? text : "");
}

/*
 * What the hub's clients read of a log line: {data, timestamp}. As run_log.c writes them, time is
 * the first field and line the last; a quote within a text is escaped, so it ends no field.
 */
static void add_for_clients(struct follower *f, const char *line, size_t n)
{
	static const char time[] = "{\"time\":", words[] = "\"line\":\"";
	const char *at = memmem(line, n, words, sizeof(words) - 1);

	if (!at || n < sizeof(time) || memcmp(line, time, sizeof(time) - 1) != 0 ||
		memcmp(line + n - 3, "\"}\n", 3) != 0)
		return;
	at += sizeof(words) - 1;
	add_time(f, strtoll(line + sizeof(time) - 1, NULL, 10));
	(void)buf_add_str(&f->out, ",\"data\":\"");
	(void)buf_add(&f->out, at, (size_t)(line + n - 3 - at));
	(void)buf_add_str(&f->out, "\\n\",");
}

/* Each stored line is one JSON object already; what is new stands in front of its other fields. */
static void add_line(struct follower *f, int64_t id, const char *line, size_t n)
{
	if (n < 3 || line[0] != '{' || !run_line_matches(line, n, &f->filter))
		return;
	(void)buf_addf(&f->out, "id: %" PRId64 "\ndata: {\"id\":%" PRId64 ",", id, id);
	if (f->journal == f->request->world->run_logs)
		add_for_clients(f, line, n);
	(void)buf_add(&f->out, line + 1, n - 1);
	(void)buf_add(&f->out, "\n", 1);
}

/* Until there is something to send, or no more: a search may pass over many lines. */
static void fill_from_journal(struct follower *f)
{
	static char bytes[JOURNAL_LINE_MAX]; /* single-threaded */
	ssize_t n;

	tell_gap(f);
	while (f->out.len == 0 &&
		(n = journal_read(f->journal, f->name, &f->at, bytes, sizeof(bytes))) > 0) {
		int64_t id = f->at - n;

		for (const char *p = bytes; p < bytes + n;) {
			size_t len =
				(size_t)((const char *)memchr(p, '\n', (size_t)(bytes + n - p)) +
					 1 - p);

			id += (int64_t)len;
			add_line(f, id, p, len);
			p += len;
		}
	}
}

/* --- builds --- */

static void add_build_line(
	struct follower *f, const struct store_row *row, const char *line, size_t n)
{
	CLEANUP(freep) char *text = strndup(line, n);
	CLEANUP(json_unrefp)
	json_t *o =
		text ? json_pack("{s:I, s:s, s:s, s:o, s:o}", "time", (json_int_t)store_int(row, 2),
			       "build", store_text(row, 0), "commit", store_text(row, 4), "line",
			       json_words(text), "timestamp", json_time(store_int(row, 2)))
		     : NULL;

	if (o)
		(void)json_object_set_new(o, "data",
			json_sprintf("%s\n", json_string_value(json_object_get(o, "line"))));

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
	if (*f->build && strcmp(store_text(row, 0), f->build) != 0)
		return 0;
	while (*line) {
		size_t n = strcspn(line, "\n");

		add_build_line(f, row, line, n);
		line += n + (line[n] == '\n');
	}
	/* The id comes last: a build is told whole, or again. */
	(void)buf_addf(&f->out, "id: %" PRId64 "\n\n", f->at);
	return 0;
}

static void fill_from_builds(struct follower *f)
{
	struct err e = {0};

	(void)store_run(f->request->world->store, "build_logs_after", add_build, f, &e, "si",
		f->name, f->at);
}

/* --- the stream --- */

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
		if (f->builds)
			fill_from_builds(f);
		else
			fill_from_journal(f);
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

static struct follower *new_follower(
	struct request *r, struct journals *journal, const char *name, bool builds)
{
	const char *follow = request_query(r, "follow");
	struct follower *f = calloc(1, sizeof(*f));

	if (!f) {
		request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, "out of memory");
		return NULL;
	}
	*f = (struct follower){.request = r,
		.journal = journal,
		.builds = builds,
		.follow = follow && strcmp(follow, "0") != 0};
	(void)snprintf(f->name, sizeof(f->name), "%s", name);
	buf_init(&f->out, builds ? BUILD_OUT_MAX : OUT_MAX);
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
	/* The watch hears of finished builds too: journal_poke in push.c. */
	return journal_watch(f->journal, f->name, on_line, f, &f->watch);
}

static void start_stream(struct follower *f)
{
	struct request *r = f->request;

	if (start_watching(f) < 0) {
		request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, "out of memory");
		return;
	}
	/* The id: who loses the connection before any line has come back here misses none. */
	(void)buf_addf(&f->out, "retry: %d\nid: %" PRId64 "\n\n", RETRY_MS, f->at);
	request_stream(r, "text/event-stream", read_events);
	request_add_header(r, "X-Accel-Buffering", "no");
}

/* A word of the query, "" where there is none or it cannot be one. */
static void query_word(struct request *r, const char *name, char *ret, size_t size)
{
	const char *value = request_query(r, name);

	if (value && strlen(value) < size &&
		!value[strspn(value, "0123456789abcdefghijklmnopqrst"
				     "uvwxyzABCDEFGHIJKLMNOPQRSTUVW"
				     "XYZ")])
		(void)snprintf(ret, size, "%s", value);
}

static void read_filter(struct request *r, struct run_filter *f)
{
	const char *since = request_query(r, "since");

	query_word(r, "level", f->level, sizeof(f->level));
	query_word(r, "session", f->session, sizeof(f->session));
	query_word(r, "commit", f->commit, sizeof(f->commit));
	query_word(r, "ref", f->reference, sizeof(f->reference));
	f->since_usec = since ? strtoull(since, NULL, 10) : 0;
}

/* What the client has seen already; -1: nothing. */
static int64_t seen_before(struct request *r)
{
	const char *id = request_header(r, "Last-Event-ID");

	if (!id || !*id)
		id = request_query(r, "after");
	return id && *id >= '0' && *id <= '9' ? strtoll(id, NULL, 10) : -1;
}

/* Where to begin in a journal: behind what was seen, or with what is asked for. */
static void start_of_lines(struct follower *f)
{
	struct request *r = f->request;
	const char *tail = request_query(r, "tail");
	int64_t seen = seen_before(r);

	read_filter(r, &f->filter);
	if (seen >= 0)
		f->at = seen;
	else if (tail)
		f->at = journal_tail(
			f->journal, f->name, strtoul(tail, NULL, 10), run_line_matches, &f->filter);
	else if (f->filter.since_usec)
		f->at = journal_since(f->journal, f->name, f->filter.since_usec);
	else
		f->at = journal_oldest(f->journal, f->name);
}

static void follow_journal(struct request *r, struct journals *journal, const char *name)
{
	struct follower *f = new_follower(r, journal, name, false);

	if (!f)
		return;
	start_of_lines(f);
	start_stream(f);
}

/* All of the query is optional: tail=N, since=µs, level=, session=, commit=, ref=, after=ID. */
void handle_run_logs(struct request *r)
{
	struct space space;

	if (request_space(r, &space) == 0)
		follow_journal(r, r->world->run_logs, space.id);
}

/* Optional, as above: tail, since, commit, after. */
void handle_events(struct request *r)
{
	struct space space;

	if (request_space(r, &space) == 0)
		follow_journal(r, events_of_spaces(r->world->events), space.id);
}

void handle_all_events(struct request *r)
{
	follow_journal(r, events_of_all(r->world->events), EVENTS_ALL_NAME);
}

static int read_number(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

/* The last build's lines, or with build=ID that one's. */
void handle_build_logs(struct request *r)
{
	struct follower *f;
	struct space space;
	struct err e = {0};
	int64_t last = 0;

	if (request_space(r, &space) < 0)
		return;
	f = new_follower(r, r->world->run_logs, space.id, true);
	if (!f)
		return;
	query_word(r, "build", f->build, sizeof(f->build));
	if (*f->build)
		(void)store_run(r->world->store, "build_number", read_number, &last, &e, "ss",
			space.id, f->build);
	else
		(void)store_run(r->world->store, "build_last_number", read_number, &last, &e, "s",
			space.id);
	if (*f->build && last == 0) {
		request_error(r, MHD_HTTP_NOT_FOUND, "build", "there is no build %s", f->build);
		return;
	}
	f->follow = f->follow && !*f->build;
	f->at = last > 0 ? last - 1 : 0;
	if (seen_before(r) >= 0)
		f->at = seen_before(r);
	start_stream(f);
}
