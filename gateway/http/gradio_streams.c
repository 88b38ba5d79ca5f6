/* Gradio's protocol: what is said of calls, and a heartbeat. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/http/gradio.h"

struct stream_state {
	struct gradio_reader reader; /* first: its address is ours */
	struct gradio_hangup hangup;
	struct request *request;
	bool attached;
};

static void on_wake(struct gradio_reader *reader)
{
	request_resume(((struct stream_state *)reader)->request);
}

static void on_gone(void *data)
{
	struct stream_state *state = data;

	gradio_reader_done(&state->reader);
	request_resume(state->request);
}

static ssize_t on_socket_wants(void *data, uint64_t position, char *room, size_t max)
{
	struct stream_state *state = data;
	ssize_t n;

	(void)position;
	if (!state->reader.gradio)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = gradio_take(&state->reader, room, max);
	if (n == -EPIPE)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n < 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (n == 0)
		request_suspend(state->request);
	return n;
}

/* NULL: out of memory. */
static struct stream_state *state_of(struct request *r)
{
	struct stream_state *state = calloc(1, sizeof(*state));

	if (!state)
		return NULL;
	state->request = r;
	state->reader.wake = on_wake;
	state->hangup = (struct gradio_hangup){.gone = on_gone, .data = state};
	r->state = state;
	return state;
}

static void stream_done(struct request *r)
{
	struct stream_state *state = r->state;

	if (!state)
		return;
	gradio_hangup_end(&state->hangup);
	gradio_reader_done(&state->reader);
	free(state);
	r->state = NULL;
}

static enum MHD_Result answer_stream(struct request *r, struct stream_state *state)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, 32 * 1024, on_socket_wants, state, NULL);

	if (!response)
		return MHD_NO;
	gradio_hangup_begin(r, &state->hangup);
	response_events(response);
	return answer(r, MHD_HTTP_OK, response);
}

static enum MHD_Result answer_no_memory(struct request *r)
{
	return answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
}

/* --- queue/data --- */

static enum MHD_Result data_finish(struct request *r)
{
	const char *hash = request_argument(r, "session_hash");
	struct gradio_ask ask = {.who = &r->who, .hash = hash};
	struct stream_state *state;
	enum admission a = gradio_admit(r, &ask.space);

	if (a == WAITING)
		return MHD_YES;
	if (a == ADMITTED && (!hash || !*hash || strlen(hash) > GRADIO_HASH_MAX))
		request_refuse(r, MHD_HTTP_BAD_REQUEST, "session_hash: must be 1 to %d bytes",
			GRADIO_HASH_MAX);
	if (r->refusal)
		return gradio_answer_refusal(r);
	state = state_of(r);
	if (!state || gradio_read_session(request_gateway(r)->gradio, &ask, &state->reader) < 0)
		return answer_no_memory(r);
	return answer_stream(r, state);
}

const struct handler gradio_data_handler = {
	.name = "data", .finish = data_finish, .done = stream_done};

/* --- call/NAME/ID and call/v2/NAME/ID --- */

static bool split(const struct request *r, char function[65], char id[GRADIO_EVENT_ID_LEN + 1])
{
	size_t n, length;
	const char *at = gradio_path_after(r, "/call/v2/", &n);
	const char *slash;

	if (!at)
		at = gradio_path_after(r, "/call/", &n);
	slash = at ? memchr(at, '/', n) : NULL;
	if (!slash || slash - at > 64)
		return false;
	length = (size_t)(slash - at);
	memcpy(function, at, length);
	function[length] = '\0';
	n -= length + 1;
	if (n != GRADIO_EVENT_ID_LEN)
		return false;
	memcpy(id, slash + 1, n);
	id[n] = '\0';
	return true;
}

static enum MHD_Result result_finish(struct request *r)
{
	char function[65], id[GRADIO_EVENT_ID_LEN + 1];
	struct stream_state *state;
	struct space *s = NULL;
	enum admission a = gradio_admit(r, &s);
	int done = -ENOENT;

	if (a == WAITING)
		return MHD_YES;
	if (a == REFUSED)
		return gradio_answer_refusal(r);
	state = state_of(r);
	if (!state)
		return answer_no_memory(r);
	if (split(r, function, id))
		done = gradio_read_event(
			request_gateway(r)->gradio, s, id, function, &state->reader);
	if (done == -ENOENT)
		return answer_error(r, MHD_HTTP_NOT_FOUND,
			"There is no such event; it was read to its end, or is too old.");
	return done < 0 ? answer_no_memory(r) : answer_stream(r, state);
}

const struct handler gradio_result_handler = {
	.name = "result", .finish = result_finish, .done = stream_done};

/* --- heartbeat/HASH --- */

/* The Python client asks again at once whenever this ends. */
static enum MHD_Result heartbeat_finish(struct request *r)
{
	struct space *s = NULL;
	struct stream_state *state;
	enum admission a = gradio_admit(r, &s);

	if (a == WAITING)
		return MHD_YES;
	if (a == REFUSED)
		return gradio_answer_refusal(r);
	state = state_of(r);
	if (!state || gradio_read_alive(request_gateway(r)->gradio, &state->reader) < 0)
		return answer_no_memory(r);
	return answer_stream(r, state);
}

const struct handler gradio_heartbeat_handler = {
	.name = "heartbeat", .finish = heartbeat_finish, .done = stream_done};
