/* Files: a visitor's upload, and the download of uploads and of what workers made. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/range.h"
#include "gateway/http/request.h"
#include "gateway/metrics.h"

#define POST_BUFFER (32 * 1024)

/* --- upload --- */

struct upload_state {
	struct upload *upload; /* owned; NULL before the first byte of a form's file */
	struct MHD_PostProcessor *processor; /* owned; NULL: the body is the file */
	char space[33];
	bool taken;   /* a form's first file is the one … */
	bool over;    /* … and another one has begun */
	bool settled; /* its bytes are on the disk, or not: see settling */
	struct settling settling, ahead;
	size_t unsettled;      /* bytes since ahead began */
	struct file_info info; /* once it is a file */
};

static void start_file(struct request *r, const char *name)
{
	struct upload_state *u = r->state;
	struct err e = {0};
	int n = upload_new(request_gateway(r)->files, u->space, NULL, name, &u->upload, &e);

	if (n < 0)
		request_refuse(r,
			n == -ENOSPC ? MHD_HTTP_INSUFFICIENT_STORAGE
				     : MHD_HTTP_INTERNAL_SERVER_ERROR,
			"%s", e.text);
}

static void write_file(struct request *r, const char *bytes, size_t n)
{
	struct upload_state *u = r->state;
	struct err e = {0};
	int done;

	if (r->refusal || !u->upload)
		return;
	done = upload_write(u->upload, bytes, n, request_gateway(r)->upload_bytes, &e);
	if (done == -EMSGSIZE)
		request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "%s", e.text);
	else if (done < 0)
		request_refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE, "%s", e.text);
	if (done < 0)
		u->upload = upload_free(u->upload);
	u->unsettled += n;
	if (u->upload && u->unsettled >= SETTLE_AHEAD && !u->ahead.job) {
		u->unsettled = 0;
		request_settle_ahead(r, &u->ahead, upload_dup(u->upload));
	}
}

/* One piece of a form; only its first file counts. */
static enum MHD_Result on_piece(void *data, enum MHD_ValueKind kind, const char *key,
	const char *filename, const char *type, const char *coding, const char *bytes,
	uint64_t offset, size_t n)
{
	struct request *r = data;
	struct upload_state *u = r->state;

	(void)kind;
	(void)key;
	(void)type;
	(void)coding;
	if (!filename || (u->taken && !u->upload) || r->refusal)
		return MHD_YES;
	if (u->taken && (u->over || offset != upload_size(u->upload))) {
		u->over = true;
		return MHD_YES;
	}
	if (!u->taken) {
		u->taken = true;
		start_file(r, filename);
	}
	write_file(r, bytes, n);
	return MHD_YES;
}

static void check_length(struct request *r)
{
	const char *text = request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint64_t max = request_gateway(r)->upload_bytes;

	if (text && strtoull(text, NULL, 10) > max + POST_BUFFER)
		request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE,
			"the file is over the limit of %" PRIu64 " bytes", max);
}

static void upload_begin(struct request *r)
{
	struct gateway *g = request_gateway(r);
	struct route *route = route_by_name(g->routes, r->path.owner, r->path.name);
	const char *type = request_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);
	const char *name = request_argument(r, "name");
	struct upload_state *u;

	if (strcmp(r->method, MHD_HTTP_METHOD_POST)) {
		request_refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "only POST is answered here");
	} else if (!route) {
		request_refuse(r, MHD_HTTP_NOT_FOUND, "There is no such Space.");
	} else if (!request_is_same_origin(r)) {
		request_refuse(r, MHD_HTTP_FORBIDDEN, "Origin: not the host that serves this page");
	} else if (g->upload_refusal[0]) {
		gateway_count(GATEWAY_REFUSED_DISK, 1);
		request_refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE, "%s", g->upload_refusal);
	} else if (r->address && !limits_take(r->address, LIMIT_UPLOAD, clock_mono_usec())) {
		gateway_count(GATEWAY_REFUSED_UPLOADS, 1);
		request_refuse(r, MHD_HTTP_TOO_MANY_REQUESTS,
			"too many uploads from your address; try again in a minute");
	}
	check_length(r);
	if (r->refusal)
		return;
	u = calloc(1, sizeof(*u));
	if (!u) {
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
		return;
	}
	memcpy(u->space, route->space, sizeof(u->space));
	r->state = u;
	if (type && !strncasecmp(type, "multipart/form-data", 19)) {
		u->processor = MHD_create_post_processor(r->connection, POST_BUFFER, on_piece, r);
		if (!u->processor)
			request_refuse(r, MHD_HTTP_BAD_REQUEST, "Content-Type: no boundary");
		return;
	}
	u->taken = true;
	start_file(r, name ? name : "file");
}

static size_t upload_feed(struct request *r, const char *bytes, size_t n)
{
	struct upload_state *u = r->state;

	if (!u->processor)
		write_file(r, bytes, n);
	else if (MHD_post_process(u->processor, bytes, n) != MHD_YES)
		request_refuse(r, MHD_HTTP_BAD_REQUEST, "the form is malformed");
	return n;
}

static enum MHD_Result answer_file_info(struct request *r, const struct file_info *info)
{
	json_t *o = json_pack("{ss ss ss sI}", "file", info->id, "name", info->name, "type",
		info->type, "size", (json_int_t)info->size);
	enum MHD_Result done;
	struct buf b;

	buf_init(&b, 4096);
	if (o)
		(void)json_write(&b, o);
	json_decref(o);
	done = answer_bytes(r, MHD_HTTP_OK, "application/json", buf_str(&b), b.len);
	buf_done(&b);
	return done;
}

/* Bytes to the disk, a name for them, the name to the disk; called again after each wait. False: it
 * waits, or a refusal was decided. */
static bool make_file(struct request *r)
{
	struct upload_state *u = r->state;
	struct files *files = request_gateway(r)->files;
	struct err e = {0};
	int fds[2], n;

	if (u->upload && !u->settled) {
		u->settled = true;
		fds[0] = upload_dup(u->upload);
		u->settling.outcome = fds[0] < 0 ? fds[0] : 0;
		if (fds[0] >= 0 && !request_settle(r, &u->settling, fds, 1))
			return false;
	}
	/* The kernel tells of a failed write once, to whoever asks first. */
	if (u->ahead.outcome < 0)
		u->settling.outcome = u->ahead.outcome;
	if (u->upload && u->settling.outcome == 0) {
		n = upload_finish(TAKE_PTR(u->upload), &u->info, &e);
		if (n < 0) {
			request_refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE, "%s", e.text);
			return false;
		}
		if (files_open_names(files, u->space, u->info.id, fds) == 0 &&
			!request_settle(r, &u->settling, fds, 2))
			return false;
	}
	if (u->settling.outcome < 0)
		request_refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE, "the disk does not take the file");
	return u->settling.outcome == 0;
}

static enum MHD_Result upload_finish_request(struct request *r)
{
	struct gateway *g = request_gateway(r);
	struct upload_state *u = r->state;
	struct route *route = route_by_space(g->routes, u->space);
	bool token;

	if (route && route->private && !request_identify_program(r, &token))
		return MHD_YES;
	if (!route || (route->private && !request_owns(r, route)))
		return answer_error(r, MHD_HTTP_NOT_FOUND, "There is no such Space.");
	if (!u->upload && !u->info.id[0])
		return answer_error(r, MHD_HTTP_BAD_REQUEST, "the form holds no file");
	request_visitor(r);
	if (make_file(r))
		return answer_file_info(r, &u->info);
	return r->refusal ? answer_error(r, r->refusal, r->refusal_words) : MHD_YES;
}

static void upload_done(struct request *r)
{
	struct upload_state *u = r->state;

	if (!u)
		return;
	request_settle_end(&u->settling);
	request_settle_end(&u->ahead);
	if (u->processor)
		(void)MHD_destroy_post_processor(u->processor);
	(void)upload_free(u->upload);
	free(u);
	r->state = NULL;
}

const struct handler upload_handler = {.name = "upload",
	.begin = upload_begin,
	.feed = upload_feed,
	.finish = upload_finish_request,
	.done = upload_done};

/* --- download --- */

/* RFC 8187: any name, as UTF-8 in percent form. */
static void add_disposition(struct MHD_Response *response, const struct file_info *info)
{
	char text[FILE_NAME_MAX * 3 + 64];
	size_t n = (size_t)snprintf(
		text, sizeof(text), "%s; filename*=UTF-8''", info->image ? "inline" : "attachment");

	for (const char *c = info->name; *c && n + 4 < sizeof(text); c++) {
		if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			(*c >= '0' && *c <= '9') || strchr("-_.", *c))
			text[n++] = *c;
		else
			n += (size_t)snprintf(text + n, 4, "%%%02X", (unsigned char)*c);
	}
	text[n] = '\0';
	response_header(response, "Content-Disposition", text);
}

static enum MHD_Result answer_no_range(struct request *r, uint64_t size)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
	char text[64];

	if (!response)
		return MHD_NO;
	(void)snprintf(text, sizeof(text), "bytes */%" PRIu64, size);
	response_header(response, "Content-Range", text);
	return answer(r, MHD_HTTP_RANGE_NOT_SATISFIABLE, response);
}

/* The bytes of an id never change, so the id says all about them. */
static void etag_of(const struct file_info *info, char ret[ID_LEN + 3])
{
	(void)snprintf(ret, ID_LEN + 3, "\"%s\"", info->id);
}

static bool is_known(struct request *r, const char *etag)
{
	const char *known = request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH);

	return known && (!strcmp(known, "*") || strstr(known, etag));
}

static void add_file_headers(
	const struct request *r, struct MHD_Response *response, const struct file_info *info)
{
	char etag[ID_LEN + 3];

	etag_of(info, etag);
	response_header(response, "ETag", etag);
	response_header(response, "Accept-Ranges", "bytes");
	response_header(response, "Content-Type", info->type);
	response_header(response, "Cache-Control", "private, max-age=31536000, immutable");
	response_header(response, "Content-Security-Policy", "default-src 'none'; sandbox");
	if (!r->cors)
		response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	add_disposition(response, info);
}

static enum MHD_Result answer_known(struct request *r, const struct file_info *info)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);

	if (!response)
		return MHD_NO;
	add_file_headers(r, response, info);
	return answer(r, MHD_HTTP_NOT_MODIFIED, response);
}

/* fd is taken over. */
static enum MHD_Result answer_file(struct request *r, int fd, const struct file_info *info)
{
	const char *asked = request_header(r, MHD_HTTP_HEADER_RANGE);
	const char *only_if = request_header(r, MHD_HTTP_HEADER_IF_RANGE);
	struct MHD_Response *response;
	struct range range;
	char text[96];

	etag_of(info, text);
	if (is_known(r, text)) {
		close(fd);
		return answer_known(r, info);
	}
	if ((only_if && strcmp(only_if, text) != 0) || strcmp(r->method, MHD_HTTP_METHOD_GET) != 0)
		asked = NULL; /* RFC 9110, 13.1.5 and 14.2 */
	if (range_parse(asked, info->size, &range) < 0) {
		close(fd);
		return answer_no_range(r, info->size);
	}
	response = MHD_create_response_from_fd_at_offset64(range.length, fd, range.first);
	if (!response) {
		close(fd);
		return MHD_NO;
	}
	if (range.partial) {
		(void)snprintf(text, sizeof(text), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
			range.first, range.first + range.length - 1, info->size);
		response_header(response, "Content-Range", text);
	}
	add_file_headers(r, response, info);
	return answer(r, range.partial ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, response);
}

enum MHD_Result answer_stored_file(struct request *r, const char *space, const char *id)
{
	struct file_info info;
	int fd = files_open(request_gateway(r)->files, space, id, &info);

	if (fd < 0)
		return answer_error(r, MHD_HTTP_NOT_FOUND, "There is no such file.");
	return answer_file(r, fd, &info);
}

static void file_begin(struct request *r)
{
	if (strcmp(r->method, MHD_HTTP_METHOD_GET) && strcmp(r->method, MHD_HTTP_METHOD_HEAD))
		request_refuse(
			r, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are answered here");
}

static enum MHD_Result file_finish(struct request *r)
{
	struct gateway *g = request_gateway(r);
	struct route *route = route_by_name(g->routes, r->path.owner, r->path.name);
	const size_t skip = strlen("/-/file/");
	char id[ID_LEN + 1];
	bool token;

	if (route && route->private && !request_identify_program(r, &token))
		return MHD_YES;
	if (!route || (route->private && !request_owns(r, route)) ||
		r->path.rest_length != skip + ID_LEN)
		return answer_error(r, MHD_HTTP_NOT_FOUND, "There is no such file.");
	memcpy(id, r->path.rest + skip, ID_LEN);
	id[ID_LEN] = '\0';
	return answer_stored_file(r, route->space, id);
}

const struct handler file_handler = {.name = "file", .begin = file_begin, .finish = file_finish};
