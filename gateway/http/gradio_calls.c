/* Gradio's protocol: calls that begin, and that end before their time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include "gateway/adapters/schema.h"
#include "gateway/http/gradio.h"
#include "gateway/page.h"

struct call_state {
	struct gradio_body body;
	struct gradio_event
		*event; /* of queue/join, while its answer waits; the id is enough then */
	char event_id[GRADIO_EVENT_ID_LEN + 1];
	struct source *hold; /* owned */
	/* run */
	struct gradio_reader reader;
	struct gradio_hangup hangup;
	struct request *request;
	bool reads;
};

static void call_begin(struct request *r)
{
	struct call_state *state = calloc(1, sizeof(*state));

	if (!state) {
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
		return;
	}
	state->request = r;
	r->state = state;
	gradio_body_begin(r, &state->body);
}

static size_t call_feed(struct request *r, const char *bytes, size_t n)
{
	struct call_state *state = r->state;

	gradio_body_feed(r, &state->body, bytes, n);
	return n;
}

static void call_done(struct request *r)
{
	struct call_state *state = r->state;

	if (!state)
		return;
	gradio_hangup_end(&state->hangup);
	gradio_reader_done(&state->reader);
	(void)source_free(state->hold);
	gradio_body_done(r, &state->body);
	free(state);
	r->state = NULL;
}

/* --- what is asked for --- */

struct asked {
	const struct function *function;
	uint64_t fn_index;
	struct slice data; /* array */
	char hash[GRADIO_HASH_MAX + 1];
	struct buf bound; /* of call/v2: the array, data points there */
};

static void asked_done(struct asked *a)
{
	buf_done(&a->bound);
}

static bool find_index(
	struct request *r, const struct function_table *t, struct slice index, struct asked *ret)
{
	if (!slice_number(index, UINT32_MAX, &ret->fn_index)) {
		request_refuse(r, MHD_HTTP_BAD_REQUEST, "fn_index: must be a number");
		return false;
	}
	if (ret->fn_index < GRADIO_FIRST || ret->fn_index >= t->n + GRADIO_FIRST) {
		request_refuse(r, MHD_HTTP_NOT_FOUND, "fn_index: there is no function %llu",
			(unsigned long long)ret->fn_index);
		return false;
	}
	ret->function = &t->list[ret->fn_index - GRADIO_FIRST];
	return true;
}

static bool find_name(struct request *r, const struct function_table *t, const char *name, size_t n,
	struct asked *ret)
{
	ret->function = function_find(t, name, n);
	if (!ret->function) {
		request_refuse(r, MHD_HTTP_NOT_FOUND, "There is no function /%.*s.",
			(int)(n < 64 ? n : 64), name);
		return false;
	}
	ret->fn_index = (uint64_t)(ret->function - t->list) + GRADIO_FIRST;
	return true;
}

/* required: without one the request is refused. */
static bool read_hash(struct request *r, struct slice body, bool required, struct asked *ret)
{
	struct slice hash = slice_member(body, "session_hash");

	if (slice_is_null(hash) && !required)
		return true;
	if (slice_text(hash, ret->hash, sizeof(ret->hash)) && ret->hash[0])
		return true;
	request_refuse(r, MHD_HTTP_BAD_REQUEST,
		"session_hash: must be a text of 1 to %d bytes without escapes", GRADIO_HASH_MAX);
	return false;
}

static bool read_data(struct request *r, struct slice body, struct asked *ret)
{
	struct slice_walk w;

	ret->data = slice_member(body, "data");
	if (slice_walk_begin(ret->data, &w) && !w.object)
		return true;
	request_refuse(r, MHD_HTTP_BAD_REQUEST, "data: must be an array of arguments");
	return false;
}

/* --- arguments by name --- */

static bool is_one_of(const json_t *names, struct slice key)
{
	size_t i;
	json_t *name;

	json_array_foreach(names, i, name)
	{
		if (slice_is_string(key, json_string_value(name)))
			return true;
	}
	return false;
}

static bool check_names(
	struct request *r, const struct function *f, const json_t *names, struct slice body)
{
	struct slice_walk w;
	struct slice key, value;

	(void)slice_walk_begin(body, &w);
	while (slice_walk_next(&w, &key, &value)) {
		if (is_one_of(names, key) || slice_is_string(key, "session_hash"))
			continue;
		request_refuse(r, MHD_HTTP_BAD_REQUEST, "%s has no parameter %.*s", f->name,
			(int)utf8_cut((const char *)key.at, key.n, 80), (const char *)key.at);
		return false;
	}
	return true;
}

static bool bind_names(struct request *r, struct slice body, struct asked *a)
{
	json_t *names = schema_names(a->function->inputs), *name;
	bool known = names && check_names(r, a->function, names, body);
	int done = names ? buf_add(&a->bound, "[", 1) : -ENOMEM;
	size_t i;

	json_array_foreach(names, i, name)
	{
		struct slice value = slice_member(body, json_string_value(name));

		if (done == 0 && i > 0)
			done = buf_add(&a->bound, ",", 1);
		if (done == 0)
			done = value.at ? buf_add(&a->bound, value.at, value.n)
					: buf_add_str(&a->bound, "null");
	}
	if (done == 0)
		done = buf_add(&a->bound, "]", 1);
	json_decref(names);
	if (done < 0)
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	a->data = slice_of(a->bound.data, a->bound.len);
	return known && done == 0;
}

/* --- starting --- */

static void refuse_start(struct request *r, int code, const struct err *e)
{
	unsigned status = code == -EBUSY    ? MHD_HTTP_SERVICE_UNAVAILABLE
			  : code == -EAGAIN ? MHD_HTTP_TOO_MANY_REQUESTS
			  : code == -ENOENT ? MHD_HTTP_NOT_FOUND
					    : MHD_HTTP_INTERNAL_SERVER_ERROR;

	request_refuse(r, status, "%s", e->text[0] ? e->text : "out of memory");
}

static struct gradio_event *begin_event(
	struct request *r, struct space *s, enum gradio_form form, const struct asked *a)
{
	char root[512], api[sizeof(root) + sizeof(GRADIO_PREFIX)];
	struct gradio_ask ask = {.space = s,
		.who = &r->who,
		.address = r->address,
		.hash = a->hash[0] ? a->hash : NULL,
		.api = api};
	const char *agent = request_header(r, MHD_HTTP_HEADER_USER_AGENT);
	struct gradio_event *ev = NULL;
	struct err e = {0};
	int done;

	ask.python = agent && !strncmp(agent, "gradio_client/", strlen("gradio_client/"));

	gradio_root(r, root, sizeof(root));
	(void)snprintf(api, sizeof(api), "%s%s", root, GRADIO_PREFIX);
	done = gradio_start(
		request_gateway(r)->gradio, &ask, form, a->function, a->fn_index, a->data, &ev, &e);
	if (done < 0)
		refuse_start(r, done, &e);
	return done < 0 ? NULL : ev;
}

/* Reads what is asked for with read, and begins it. NULL: waiting or refused. */
static struct gradio_event *ask_and_begin(struct request *r, enum gradio_form form,
	bool (*read)(struct request *r, const struct function_table *t, struct slice body,
		struct asked *ret),
	bool *ret_waits)
{
	struct call_state *state = r->state;
	CLEANUP(page_unrefp) struct page *page = NULL;
	const struct function_table *t = NULL;
	struct asked a = {0};
	struct gradio_event *ev = NULL;
	struct space *s = NULL;
	struct slice body;
	enum admission admission = gradio_admit(r, &s);

	*ret_waits = admission == WAITING;
	if (admission == ADMITTED)
		t = gradio_functions(r, s, &page);
	buf_init(&a.bound, GRADIO_BODY_MAX);
	if (t && gradio_body_object(r, &state->body, &body) && read(r, t, body, &a))
		ev = begin_event(r, s, form, &a);
	asked_done(&a);
	return ev;
}

static enum MHD_Result answer_event(struct request *r, const char *event_id)
{
	return gradio_answer_json(r, MHD_HTTP_OK, json_pack("{ss}", "event_id", event_id));
}

/* --- queue/join --- */

static bool read_join(
	struct request *r, const struct function_table *t, struct slice body, struct asked *ret)
{
	return read_hash(r, body, true, ret) &&
	       find_index(r, t, slice_member(body, "fn_index"), ret) && read_data(r, body, ret);
}

static void on_held(void *data)
{
	struct request *r = data;
	struct call_state *state = r->state;

	state->hold = source_free(state->hold);
	request_resume(r);
}

static enum MHD_Result join_finish(struct request *r)
{
	struct call_state *state = r->state;
	struct gradio_event *ev;
	uint64_t hold;
	bool waits;

	if (state->event_id[0])
		return answer_event(r, state->event_id);
	ev = ask_and_begin(r, GRADIO_QUEUE, read_join, &waits);
	if (waits)
		return MHD_YES;
	if (!ev)
		return gradio_answer_refusal(r);
	memcpy(state->event_id, gradio_event_id(ev), sizeof(state->event_id));
	request_when_closed(r, gradio_noted, request_gateway(r)->gradio, state->event_id);
	hold = gradio_hold_usec(ev);
	if (hold == 0 || loop_add_timer(request_gateway(r)->loop, on_held, r, &state->hold) < 0)
		return answer_event(r, state->event_id);
	timer_arm_after(state->hold, hold);
	request_suspend(r);
	return MHD_YES;
}

const struct handler gradio_join_handler = {.name = "join",
	.begin = call_begin,
	.feed = call_feed,
	.finish = join_finish,
	.done = call_done};

/* --- call/NAME and call/v2/NAME --- */

static bool read_call(
	struct request *r, const struct function_table *t, struct slice body, struct asked *ret)
{
	size_t n;
	const char *name = gradio_path_after(r, "/call/v2/", &n);

	if (name)
		return find_name(r, t, name, n, ret) && read_hash(r, body, false, ret) &&
		       bind_names(r, body, ret);
	name = gradio_path_after(r, "/call/", &n);
	return name && find_name(r, t, name, n, ret) && read_hash(r, body, false, ret) &&
	       read_data(r, body, ret);
}

static enum MHD_Result call_finish(struct request *r)
{
	bool waits;
	struct gradio_event *ev = ask_and_begin(r, GRADIO_CALL, read_call, &waits);

	if (waits)
		return MHD_YES;
	return ev ? answer_event(r, gradio_event_id(ev)) : gradio_answer_refusal(r);
}

const struct handler gradio_call_handler = {.name = "call",
	.begin = call_begin,
	.feed = call_feed,
	.finish = call_finish,
	.done = call_done};

/* --- run/NAME --- */

static bool read_run(
	struct request *r, const struct function_table *t, struct slice body, struct asked *ret)
{
	struct slice index = slice_member(body, "fn_index");
	size_t n;
	const char *name = gradio_path_after(r, "/run/", &n);

	if (!name)
		name = gradio_path_after(r, "/api/", &n);
	if (!read_hash(r, body, false, ret) || !read_data(r, body, ret))
		return false;
	/* A client that has no name posts to run/predict whatever the function is. */
	return slice_is_null(index) ? name && find_name(r, t, name, n, ret)
				    : find_index(r, t, index, ret);
}

static void on_wake(struct gradio_reader *reader)
{
	struct call_state *state =
		(struct call_state *)((char *)reader - offsetof(struct call_state, reader));

	if (reader->ended || reader->broken)
		request_resume(state->request);
}

static void on_gone(void *data)
{
	struct call_state *state = data;

	gradio_reader_done(&state->reader); /* the call is cancelled */
	request_resume(state->request);
}

static enum MHD_Result answer_run(struct request *r, struct call_state *state)
{
	const struct buf *out = &state->reader.out;

	if (!state->reader.gradio || state->reader.broken)
		return MHD_NO;
	if (state->reader.failed)
		return gradio_answer_json(r, MHD_HTTP_INTERNAL_SERVER_ERROR,
			json_pack("{ss}", "error", buf_str(out)));
	return answer_bytes(r, MHD_HTTP_OK, "application/json", out->data, out->len);
}

static enum MHD_Result run_finish(struct request *r)
{
	struct call_state *state = r->state;
	struct gradio_event *ev;
	bool waits;

	if (!state->reads) {
		ev = ask_and_begin(r, GRADIO_RUN, read_run, &waits);
		if (waits)
			return MHD_YES;
		if (!ev)
			return gradio_answer_refusal(r);
		state->reads = true;
		state->reader.wake = on_wake;
		if (gradio_read_started(request_gateway(r)->gradio, ev, &state->reader) < 0)
			return MHD_NO;
		state->hangup = (struct gradio_hangup){.gone = on_gone, .data = state};
		gradio_hangup_begin(r, &state->hangup);
	}
	if (state->reader.gradio && !state->reader.ended && !state->reader.broken) {
		request_suspend(r);
		return MHD_YES;
	}
	return answer_run(r, state);
}

const struct handler gradio_run_handler = {.name = "run",
	.begin = call_begin,
	.feed = call_feed,
	.finish = run_finish,
	.done = call_done};

/* --- cancel and reset; the client sends no token here, so the ids have to do --- */

static enum MHD_Result answer_success(struct request *r)
{
	return gradio_answer_json(r, MHD_HTTP_OK, json_pack("{sb}", "success", 1));
}

static enum MHD_Result cancel_finish(struct request *r)
{
	struct call_state *state = r->state;
	char id[GRADIO_EVENT_ID_LEN + 1], hash[GRADIO_HASH_MAX + 1];
	struct slice body;
	uint64_t index;

	if (!gradio_body_object(r, &state->body, &body))
		return gradio_answer_refusal(r);
	if (slice_text(slice_member(body, "event_id"), id, sizeof(id)) &&
		slice_number(slice_member(body, "fn_index"), UINT32_MAX, &index))
		gradio_cancel(request_gateway(r)->gradio, id,
			slice_text(slice_member(body, "session_hash"), hash, sizeof(hash)) ? hash
											   : NULL,
			index);
	return answer_success(r);
}

const struct handler gradio_cancel_handler = {.name = "cancel",
	.begin = call_begin,
	.feed = call_feed,
	.finish = cancel_finish,
	.done = call_done};

const struct handler gradio_reset_handler = {.name = "reset", .finish = answer_success};
