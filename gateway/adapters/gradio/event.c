/* Calls as events: what each says, to whom and when, until its last message was told. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/loop.h"
#include "base/random.h"
#include "gateway/adapters/gradio/inside.h"
#include "gateway/adapters/gradio/message.h"
#include "gateway/adapters/gradio/value.h"
#include "gateway/files.h"
#include "gateway/space.h"

#define RESULT_USEC (600 * USEC_PER_SEC)
#define FAILURE_USEC (30 * USEC_PER_SEC) /* costs the caller nothing, so it is not kept long */
#define KEPT_MAX (18u << 20)             /* of one event: its largest result */
#define UNREAD_MAX (GRADIO_LOG_MAX - KEPT_MAX)
#define SPACE_EVENTS_MAX 1000 /* of one Space, so that it cannot take all there may be */

/* --- a Space's share --- */

static int share_take(struct gradio_event *ev)
{
	struct map *shares = &ev->gradio->shares;
	struct share *s = map_get_str(shares, ev->space);

	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s || map_put_str(shares, ev->space, s) < 0) {
			free(s);
			return -ENOMEM;
		}
		s->tail = &s->ended;
	}
	s->n++;
	ev->share = s;
	return 0;
}

static void share_note_ended(struct gradio_event *ev)
{
	struct share *s = ev->share;

	ev->at_ended = s->tail;
	*s->tail = ev;
	s->tail = &ev->next_ended;
}

static void share_return(struct gradio_event *ev)
{
	struct share *s = ev->share;

	if (!s)
		return;
	if (ev->at_ended) {
		*ev->at_ended = ev->next_ended;
		if (ev->next_ended)
			ev->next_ended->at_ended = ev->at_ended;
		else
			s->tail = ev->at_ended;
	}
	ev->share = NULL;
	if (--s->n == 0) {
		(void)map_take_str(&ev->gradio->shares, ev->space);
		free(s);
	}
}

/* --- events --- */

void gradio_event_free(struct gradio_event *ev)
{
	struct gradio *g = ev->gradio;

	if (ev->session) {
		*ev->at = ev->next;
		if (ev->next)
			ev->next->at = ev->at;
		else
			ev->session->tail = ev->at;
		ev->session->pending -= !ev->done_usec;
	}
	if (ev->reader)
		ev->reader->event = NULL;
	share_return(ev);
	(void)map_take_str(&g->events, ev->id);
	if (!g->stopping)
		(void)call_drop(ev->call);
	(void)caller_close(ev->caller);
	(void)source_free(ev->timer);
	gradio_release(g, &ev->log);
	gradio_release(g, &ev->last);
	gradio_release(g, &ev->held);
	free(ev->api);
	free(ev->hash);
	free(ev);
}

/* It has ended, and nobody is known to wait for it: it failed, or was told, or is not fetched. */
static bool is_spare(const struct gradio_event *ev)
{
	return ev->session ? ev->failed || ev->session->readers : !ev->reader;
}

bool gradio_has_room(struct gradio *g, const char *space)
{
	const struct share *s = map_get_str(&g->shares, space);
	struct gradio_event *ev = s ? s->ended : NULL;

	if (!s || s->n < SPACE_EVENTS_MAX)
		return true;
	while (ev && !is_spare(ev))
		ev = ev->next_ended;
	if (ev)
		gradio_event_free(ev);
	return ev != NULL;
}

/* A slow client has not noted yet that there is this event. */
static bool is_held(const struct gradio_event *ev)
{
	return ev->noted_usec && !ev->gradio->stopping && ev->noted_usec > clock_mono_usec();
}

/* To whoever reads it, and for who does later. */
static void tell(struct gradio_event *ev, const struct buf *line)
{
	struct gradio *g = ev->gradio;

	if (ev->form != GRADIO_QUEUE) {
		if (ev->reader) {
			gradio_reader_add(ev->reader, line->data, line->len);
			return;
		}
		/* Values are whole, so of those on the way the last ones will do. */
		if (!ev->done_usec && ev->log.len > UNREAD_MAX)
			gradio_release(g, &ev->log);
		ev->forgotten =
			gradio_keep(g, &ev->log, line->data, line->len) < 0 || ev->forgotten;
		return;
	}
	if (!ev->forgotten && gradio_keep(g, &ev->log, line->data, line->len) < 0) {
		ev->forgotten = true;
		gradio_release(g, &ev->log);
	}
	for (struct gradio_reader *r = ev->session->readers; r; r = r->next)
		gradio_reader_add(r, line->data, line->len);
}

static void tell_held(struct gradio_event *ev)
{
	struct buf lines = ev->held;

	buf_init(&ev->held, KEPT_MAX);
	ev->gradio->bytes -= lines.len;
	if (lines.len > 0)
		tell(ev, &lines);
	buf_done(&lines);
}

static void say(struct gradio_event *ev, const struct buf *line)
{
	if (is_held(ev) || ev->held.len > 0) {
		if (gradio_keep(ev->gradio, &ev->held, line->data, line->len) == 0) {
			timer_arm(ev->timer, ev->noted_usec);
			return;
		}
		/* Said too early it may be missed, lost it certainly is. */
		tell_held(ev);
		ev->noted_usec = 0;
		timer_disarm(ev->timer);
	}
	tell(ev, line);
}

static double seconds_of(const struct gradio_event *ev)
{
	return (double)(clock_mono_usec() - ev->begun_usec) / (double)USEC_PER_SEC;
}

/* Its last message is said. */
static void end_event(struct gradio_event *ev)
{
	struct gradio_session *s = ev->session;

	ev->call = NULL;
	ev->done_usec = clock_mono_usec();
	share_note_ended(ev);
	if (s) {
		s->pending--;
		gradio_talk_arm(s);
		return;
	}
	if (ev->reader) {
		ev->reader->failed = ev->failed;
		ev->reader->ended = true;
		ev->reader->wake(ev->reader);
	}
	if (ev->timer)
		timer_arm_after(ev->timer, ev->failed ? FAILURE_USEC : RESULT_USEC);
}

static void conclude(struct gradio_event *ev, const struct buf *line)
{
	ev->call = NULL;
	ev->caller = caller_close(ev->caller);
	gradio_release(ev->gradio, &ev->last);
	say(ev, line);
	ev->concluded = ev->held.len > 0;
	if (!ev->concluded)
		end_event(ev);
}

void gradio_event_due(void *data)
{
	struct gradio_event *ev = data;

	if (ev->form != GRADIO_QUEUE) { /* nobody came for its result */
		gradio_event_free(ev);
		return;
	}
	tell_held(ev);
	if (ev->concluded)
		end_event(ev);
}

/* --- what a call says --- */

static void on_queue(size_t place, size_t of, int64_t expected_ms, const char *reason, void *data)
{
	struct gradio_event *ev = data;
	CLEANUP(buf_done) struct buf b;

	if (reason)
		return; /* its client takes a place for one before the start */
	ev->estimated = true;
	buf_init(&b, 1024);
	if (ev->form == GRADIO_QUEUE &&
		gradio_estimation(&b, ev->id, place - 1, of, expected_ms) == 0)
		say(ev, &b);
}

static void on_started(void *data)
{
	struct gradio_event *ev = data;
	CLEANUP(buf_done) struct buf b;
	int r = 0;

	buf_init(&b, 1024);
	if (ev->form != GRADIO_QUEUE)
		return;
	/* The client takes its first word for its place. */
	if (!ev->estimated)
		r = gradio_estimation(&b, ev->id, 0, 1, 0);
	ev->estimated = true;
	if (r == 0 && gradio_starts(&b, ev->id) == 0)
		say(ev, &b);
}

static void on_progress(const uint8_t *json, size_t n, void *data)
{
	struct gradio_event *ev = data;
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, KEPT_MAX);
	if (ev->form == GRADIO_QUEUE && gradio_progress(&b, ev->id, slice_of(json, n)) == 0)
		say(ev, &b);
}

static void on_log(const uint8_t *json, size_t n, void *data)
{
	struct gradio_event *ev = data;
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, KEPT_MAX);
	if (ev->form == GRADIO_QUEUE && gradio_log(&b, ev->id, slice_of(json, n)) == 0)
		say(ev, &b);
}

static bool find_file(const char *id, struct file_info *ret, void *data)
{
	const struct gradio_event *ev = data;
	CLEANUP(closep) int fd = files_open(ev->gradio->gateway->files, ev->space, id, ret);

	return fd >= 0;
}

/* A value for each output, files as clients know them. */
static int write_outputs(struct gradio_event *ev, const uint8_t *json, size_t n, struct buf *ret)
{
	CLEANUP(buf_done) struct buf b;
	int r;

	buf_init(&b, KEPT_MAX);
	r = gradio_write_value(&b, slice_of(json, n), ev->api, find_file, ev);
	return r < 0 ? r : gradio_write_values(ret, slice_of(b.data, b.len), ev->n_outputs);
}

static int write_yield(struct gradio_event *ev, const struct buf *values, struct buf *line)
{
	struct slice now = slice_of(values->data, values->len);
	CLEANUP(buf_done) struct buf edits;
	int r = 0;

	buf_init(&edits, KEPT_MAX);
	if (ev->form == GRADIO_CALL)
		return gradio_call_event(line, "generating", now);
	if (!ev->last.len)
		return gradio_generating(line, ev->id, now, seconds_of(ev));
	r = gradio_write_diff(&edits, slice_of(ev->last.data, ev->last.len), now, ev->n_outputs);
	return r < 0 ? r
		     : gradio_generating(
			       line, ev->id, slice_of(edits.data, edits.len), seconds_of(ev));
}

static void on_yield(const uint8_t *json, size_t n, void *data)
{
	struct gradio_event *ev = data;
	struct gradio *g = ev->gradio;
	CLEANUP(buf_done) struct buf values;
	CLEANUP(buf_done) struct buf line;

	buf_init(&values, KEPT_MAX);
	buf_init(&line, KEPT_MAX);
	if (ev->form == GRADIO_RUN || write_outputs(ev, json, n, &values) < 0 ||
		write_yield(ev, &values, &line) < 0)
		return;
	if (ev->form == GRADIO_QUEUE) {
		/* The next one is told as what differs from it. One may be left out, too. */
		if (g->bytes + values.len > GRADIO_BYTES_MAX)
			return;
		gradio_release(g, &ev->last);
		g->bytes += values.len;
		ev->last = values;
		buf_init(&values, 1);
	}
	say(ev, &line);
}

static int write_failure(
	struct gradio_event *ev, const char *message, const char *title, struct buf *b)
{
	switch (ev->form) {
	case GRADIO_QUEUE:
		return gradio_failed(b, ev->id, message, title);
	case GRADIO_CALL:
		return gradio_call_failed(b, message, title);
	case GRADIO_RUN:
		return buf_add_str(b, message);
	}
	return 0;
}

void gradio_event_fail(struct gradio_event *ev, const char *message, const char *title)
{
	CLEANUP(buf_done) struct buf b;

	ev->failed = true;
	buf_init(&b, 64 << 10);
	(void)write_failure(ev, message, title, &b);
	conclude(ev, &b);
}

static void on_failed(enum call_failure why, const char *message, void *data)
{
	gradio_event_fail(data, message, why == CALL_CANCELLED ? "Cancelled" : "Error");
}

static void on_final(const uint8_t *json, size_t n, void *data)
{
	struct gradio_event *ev = data;
	CLEANUP(buf_done) struct buf values;
	CLEANUP(buf_done) struct buf line;
	struct slice v;
	int r;

	buf_init(&values, KEPT_MAX);
	buf_init(&line, KEPT_MAX);
	r = write_outputs(ev, json, n, &values);
	v = slice_of(values.data, values.len);
	if (r == 0)
		r = ev->form == GRADIO_QUEUE  ? gradio_completed(&line, ev->id, v, seconds_of(ev))
		    : ev->form == GRADIO_CALL ? gradio_call_event(&line, "complete", v)
					      : gradio_run_done(&line, v, seconds_of(ev));
	if (r < 0) {
		gradio_event_fail(ev, "the result is too large to be told", "Error");
		return;
	}
	conclude(ev, &line);
}

static const struct call_ops ops = {.on_queue = on_queue,
	.on_started = on_started,
	.on_progress = on_progress,
	.on_log = on_log,
	.on_yield = on_yield,
	.on_final = on_final,
	.on_failed = on_failed};

struct gradio_event *gradio_event_new(struct gradio *g, const struct gradio_ask *ask,
	enum gradio_form form, const struct function *f, uint64_t fn_index)
{
	struct gradio_event *ev = calloc(1, sizeof(*ev));
	uint8_t bits[GRADIO_EVENT_ID_LEN / 2];

	if (!ev)
		return NULL;
	*ev = (struct gradio_event){.gradio = g,
		.form = form,
		.fn_index = fn_index,
		.n_outputs = f->n_outputs,
		.begun_usec = clock_mono_usec()};
	random_bytes(bits, sizeof(bits));
	hex_write(bits, sizeof(bits), ev->id);
	(void)snprintf(ev->space, sizeof(ev->space), "%s", ask->space->id);
	(void)snprintf(ev->function, sizeof(ev->function), "%s", f->name);
	buf_init(&ev->log, GRADIO_LOG_MAX);
	buf_init(&ev->last, KEPT_MAX);
	buf_init(&ev->held, KEPT_MAX);
	ev->api = strdup(ask->api);
	ev->hash = ask->hash ? strdup(ask->hash) : NULL;
	if (!ev->api || (ask->hash && !ev->hash) || share_take(ev) < 0 ||
		map_put_str(&g->events, ev->id, ev) < 0 ||
		((form != GRADIO_QUEUE || ask->python) &&
			loop_add_timer(g->gateway->loop, gradio_event_due, ev, &ev->timer) < 0)) {
		gradio_event_free(ev);
		return NULL;
	}
	return ev;
}

int gradio_event_begin(struct gradio_event *ev, struct caller *c, const struct function *f,
	struct slice data, struct err *e)
{
	CLEANUP(buf_done) struct buf args;
	int r;

	buf_init(&args, CALL_ARGS_MAX + 4096);
	r = gradio_read_value(&args, data, find_file, ev, e);
	if (r == -ENOSPC)
		r = err_set(e, -EMSGSIZE, "the arguments are over the limit of %u bytes",
			CALL_ARGS_MAX);
	return r < 0 ? r : call_start(c, f, args.data, args.len, &ops, ev, &ev->call, e);
}
