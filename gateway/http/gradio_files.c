/* Gradio's protocol: files that go up, several in one form, and files that come down. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "gateway/adapters/gradio/value.h"
#include "gateway/http/gradio.h"
#include "gateway/metrics.h"

#define POST_BUFFER (32 * 1024)
#define FILES_MAX 32 /* in one form */

/* bytes are written ──▶ SETTLING (they are brought to the disk) ──▶ NAMING (its name is) ──▶ next
 */
enum upload_step { STEP_BYTES, STEP_SETTLED, STEP_NAMED };

struct upload_state {
	struct MHD_PostProcessor *processor; /* owned */
	struct upload *uploads[FILES_MAX];   /* owned */
	struct file_info files[FILES_MAX];
	size_t n, at;                      /* at: the one that is being brought to the disk */
	char last_name[FILE_NAME_MAX + 1]; /* as it came, of the last one */
	enum upload_step step;
	struct settling settling;
	char space[33];
	struct space *admitted;
};

static void begin_file(struct request *r, struct upload_state *u, const char *name)
{
	struct err e = {0};

	if (u->n == FILES_MAX) {
		request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "more than %d files", FILES_MAX);
		return;
	}
	if (upload_new(request_gateway(r)->files, u->space, NULL, name, &u->uploads[u->n], &e) < 0)
		request_refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE, "%s", e.text);
	else
		u->n++;
	(void)snprintf(u->last_name, sizeof(u->last_name), "%s", name);
}

/* A part begins. libmicrohttpd may tell of its head alone first, and then of its first bytes. */
static bool begins(const struct upload_state *u, const char *name, uint64_t offset, size_t n)
{
	if (offset > 0)
		return false;
	return u->n == 0 || n == 0 || upload_size(u->uploads[u->n - 1]) > 0 ||
	       strcmp(u->last_name, name) != 0;
}

static enum MHD_Result on_piece(void *data, enum MHD_ValueKind kind, const char *key,
	const char *filename, const char *type, const char *coding, const char *bytes,
	uint64_t offset, size_t n)
{
	struct request *r = data;
	struct upload_state *u = r->state;
	struct err e = {0};
	int done;

	(void)kind;
	(void)type;
	(void)coding;
	if (r->refusal || !key || strcmp(key, "files") != 0)
		return MHD_YES;
	if (!filename || !*filename)
		filename = "blob";
	if (begins(u, filename, offset, n))
		begin_file(r, u, filename);
	if (r->refusal || u->n == 0)
		return MHD_YES;
	done = upload_write(u->uploads[u->n - 1], bytes, n, request_gateway(r)->upload_bytes, &e);
	if (done < 0)
		request_refuse(r,
			done == -EMSGSIZE ? MHD_HTTP_CONTENT_TOO_LARGE
					  : MHD_HTTP_INSUFFICIENT_STORAGE,
			"%s", e.text);
	return MHD_YES;
}

static bool may_upload(struct request *r)
{
	struct gateway *g = request_gateway(r);
	const char *length = request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

	if (g->upload_refusal[0]) {
		gateway_count(GATEWAY_REFUSED_DISK, 1);
		request_refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE, "%s", g->upload_refusal);
	} else if (r->address && !limits_take(r->address, LIMIT_UPLOAD, clock_mono_usec())) {
		gateway_count(GATEWAY_REFUSED_UPLOADS, 1);
		request_refuse(r, MHD_HTTP_TOO_MANY_REQUESTS,
			"too many uploads from your address; try again in a minute");
	} else if (length &&
		   strtoull(length, NULL, 10) > FILES_MAX * (g->upload_bytes + POST_BUFFER)) {
		request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE,
			"a file is over the limit of %" PRIu64 " bytes", g->upload_bytes);
	}
	return !r->refusal;
}

static void upload_begin(struct request *r)
{
	struct gateway *g = request_gateway(r);
	struct route *route = route_by_name(g->routes, r->path.owner, r->path.name);
	const char *type = request_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);
	struct upload_state *u;

	if (!may_upload(r))
		return;
	u = calloc(1, sizeof(*u));
	r->state = u;
	if (!u) {
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
		return;
	}
	/* Whether it exists for whoever asks is said at the end, as for a Space that does. */
	if (!route)
		return;
	memcpy(u->space, route->space, sizeof(u->space));
	if (type && !strncasecmp(type, "multipart/form-data", 19))
		u->processor = MHD_create_post_processor(r->connection, POST_BUFFER, on_piece, r);
	if (!u->processor)
		request_refuse(r, MHD_HTTP_BAD_REQUEST,
			"Content-Type: must be multipart/form-data with a boundary");
}

static size_t upload_feed(struct request *r, const char *bytes, size_t n)
{
	struct upload_state *u = r->state;

	if (u->processor && MHD_post_process(u->processor, bytes, n) != MHD_YES)
		request_refuse(r, MHD_HTTP_BAD_REQUEST, "the form is malformed");
	return n;
}

/* One file to the disk, step by step. False: it waits, or a refusal was decided. */
static bool make_file(struct request *r, struct upload_state *u)
{
	struct files *files = request_gateway(r)->files;
	struct err e = {0};
	int fds[2];

	if (u->step == STEP_BYTES) {
		u->step = STEP_SETTLED;
		fds[0] = upload_dup(u->uploads[u->at]);
		u->settling.outcome = fds[0] < 0 ? fds[0] : 0;
		if (fds[0] >= 0 && !request_settle(r, &u->settling, fds, 1))
			return false;
	}
	if (u->step == STEP_SETTLED && u->settling.outcome == 0) {
		u->step = STEP_NAMED;
		if (upload_finish(TAKE_PTR(u->uploads[u->at]), &u->files[u->at], &e) < 0) {
			request_refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE, "%s", e.text);
			return false;
		}
		if (files_open_names(files, u->space, u->files[u->at].id, fds) == 0 &&
			!request_settle(r, &u->settling, fds, 2))
			return false;
	}
	if (u->settling.outcome < 0)
		request_refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE, "the disk does not take the file");
	return u->settling.outcome == 0;
}

static enum MHD_Result answer_paths(struct request *r, const struct upload_state *u)
{
	json_t *list = json_array();

	for (size_t i = 0; i < u->n; i++) {
		CLEANUP(buf_done) struct buf b;

		buf_init(&b, 1024);
		if (gradio_write_path(&b, &u->files[i]) == 0)
			(void)json_array_append_new(list, json_string(buf_str(&b)));
	}
	return gradio_answer_json(r, MHD_HTTP_OK, list);
}

static enum MHD_Result upload_finish_request(struct request *r)
{
	struct upload_state *u = r->state;
	enum admission a = u->admitted ? ADMITTED : gradio_admit(r, &u->admitted);

	if (a == WAITING)
		return MHD_YES;
	while (a == ADMITTED && u->at < u->n) {
		if (!make_file(r, u))
			return r->refusal ? gradio_answer_refusal(r) : MHD_YES;
		u->at++;
		u->step = STEP_BYTES;
	}
	return a == REFUSED ? gradio_answer_refusal(r) : answer_paths(r, u);
}

static void upload_done(struct request *r)
{
	struct upload_state *u = r->state;

	if (!u)
		return;
	request_settle_end(&u->settling);
	if (u->processor)
		(void)MHD_destroy_post_processor(u->processor);
	for (size_t i = 0; i < u->n; i++)
		(void)upload_free(u->uploads[i]);
	free(u);
	r->state = NULL;
}

const struct handler gradio_upload_handler = {.name = "upload",
	.begin = upload_begin,
	.feed = upload_feed,
	.finish = upload_finish_request,
	.done = upload_done};

/* --- file=PATH --- */

/* No token comes with it, so whoever has the id, which nobody can guess, has the file. */
static enum MHD_Result file_finish(struct request *r)
{
	struct route *route =
		route_by_name(request_gateway(r)->routes, r->path.owner, r->path.name);
	char id[ID_LEN + 1];
	size_t n;
	const char *path = gradio_path_after(r, "/file=", &n);

	if (!route || !path || !gradio_path_id(path, n, id))
		return answer_error(r, MHD_HTTP_NOT_FOUND, "There is no such file.");
	return answer_stored_file(r, route->space, id);
}

const struct handler gradio_file_handler = {.name = "file", .finish = file_finish};
