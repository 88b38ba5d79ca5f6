/*
 * Uploads that go on after a cut, by tus 1.0.0: /-/uploads makes one, /-/uploads/ID is one. Every
 * byte that an answer or a HEAD acknowledges was written; a whole file is on the disk for good.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/http/request.h"
#include "gateway/metrics.h"
#include "gateway/partial.h"
#include "gateway/tus.h"

#define PATH_PREFIX "/-/uploads"

struct tus_state {
	struct partial *upload; /* held; NULL: nothing to write, or taken away */
	struct file_info info;  /* of the file it became */
	char space[33];
	char id[ID_LEN + 1]; /* "" in the address that makes uploads */
	bool made;           /* by this request */
	bool told;           /* the maker knows its address */
	bool whole;
	int stage; /* of making it a file: 1 its bytes are on the disk, 2 its name is being brought
		    */
	struct settling settling, ahead;
	size_t unsettled; /* bytes since ahead began */
};

static int64_t wall_sec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

/* --- the head --- */

/* A proxy that lets neither PATCH nor DELETE through is got around as tus says. */
static const char *method_of(struct request *r)
{
	const char *other = request_header(r, "X-HTTP-Method-Override");

	return other && !strcmp(r->method, "POST") ? other : r->method;
}

static void claim(struct request *r, struct partial *upload, uint64_t offset)
{
	struct tus_state *u = r->state;
	struct err e = {0};
	int n = partial_claim(upload, offset, wall_sec(), &u->upload, &e);

	if (n == -EBUSY)
		request_refuse(r, MHD_HTTP_LOCKED, "%s", e.text);
	else if (n == -ESTALE)
		request_refuse(r, MHD_HTTP_CONFLICT, "%s", e.text);
	else if (n < 0)
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", e.text);
}

static bool has_body_type(struct request *r)
{
	const char *type = request_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);

	return type && !strcmp(type, TUS_BODY);
}

/* True: there is no room. What a partial upload has already waits until there is again. */
static bool refuse_for_room(struct request *r)
{
	const struct gateway *g = request_gateway(r);

	if (!g->upload_refusal[0])
		return false;
	gateway_count(GATEWAY_REFUSED_DISK, 1);
	request_refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE, "%s", g->upload_refusal);
	return true;
}

static void begin_make(struct request *r)
{
	struct tus_state *u = r->state;
	struct gateway *g = request_gateway(r);
	struct partial *upload;
	char name[FILE_NAME_MAX + 1];
	uint64_t length;
	struct err e = {0};
	int n;

	if (refuse_for_room(r))
		return;
	if (r->address && !limits_take(r->address, LIMIT_UPLOAD, clock_mono_usec())) {
		gateway_count(GATEWAY_REFUSED_UPLOADS, 1);
		request_refuse(r, MHD_HTTP_TOO_MANY_REQUESTS,
			"too many uploads from your address; try again in a minute");
		return;
	}
	if (tus_number("Upload-Length", request_header(r, "Upload-Length"), &length, &e) < 0 ||
		tus_file_name(request_header(r, "Upload-Metadata"), name, &e) < 0) {
		request_refuse(r, MHD_HTTP_BAD_REQUEST, "%s", e.text);
		return;
	}
	if (length > g->upload_bytes) {
		request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE,
			"the file is over the limit of %" PRIu64 " bytes", g->upload_bytes);
		return;
	}
	request_visitor(r);
	n = partial_new(g->partials, u->space, r->visitor, name, length, wall_sec(), &upload, &e);
	if (n < 0) {
		request_refuse(r,
			n == -EDQUOT   ? MHD_HTTP_TOO_MANY_REQUESTS
			: n == -ENOSPC ? MHD_HTTP_INSUFFICIENT_STORAGE
				       : MHD_HTTP_INTERNAL_SERVER_ERROR,
			"%s", e.text);
		return;
	}
	u->made = true;
	claim(r, upload, 0);
}

static void begin_write(struct request *r)
{
	struct tus_state *u = r->state;
	const char *text = request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
	struct partial *upload;
	uint64_t offset, length = 0;
	struct err e = {0};

	if (refuse_for_room(r))
		return;
	request_visitor(r);
	upload = partial_find(request_gateway(r)->partials, u->space, u->id, r->visitor);
	if (!has_body_type(r)) {
		request_refuse(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "Content-Type: takes " TUS_BODY);
	} else if (tus_number("Upload-Offset", request_header(r, "Upload-Offset"), &offset, &e) <
			   0 ||
		   (text && tus_number("Content-Length", text, &length, &e) < 0)) {
		request_refuse(r, MHD_HTTP_BAD_REQUEST, "%s", e.text);
	} else if (!upload) {
		request_refuse(r, MHD_HTTP_NOT_FOUND, "There is no such upload.");
	} else if (offset == partial_offset(upload) && length > partial_length(upload) - offset) {
		request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE,
			"Content-Length: the upload ends after %" PRIu64 " bytes",
			partial_length(upload));
	} else {
		claim(r, upload, offset);
	}
}

static bool take_path(struct request *r, struct tus_state *u)
{
	const char *id = r->path.rest + strlen(PATH_PREFIX);
	size_t n = r->path.rest_length - strlen(PATH_PREFIX);

	if (n == 0)
		return true;
	if (*id != '/' || !file_id_is_valid(id + 1, n - 1))
		return false;
	memcpy(u->id, id + 1, ID_LEN);
	return true;
}

static bool check_version(struct request *r)
{
	const char *version = request_header(r, "Tus-Resumable");

	if (!strcmp(r->method, "OPTIONS") || (version && !strcmp(version, TUS_VERSION)))
		return true;
	request_refuse(r, MHD_HTTP_PRECONDITION_FAILED, "Tus-Resumable: takes " TUS_VERSION);
	return false;
}

static void tus_begin(struct request *r)
{
	struct route *route =
		route_by_name(request_gateway(r)->routes, r->path.owner, r->path.name);
	struct tus_state *u = calloc(1, sizeof(*u));
	const char *method = method_of(r);

	r->tus = true;
	r->state = u;
	if (!u)
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	else if (!route)
		request_refuse(r, MHD_HTTP_NOT_FOUND, "There is no such Space.");
	else if (!request_is_same_origin(r))
		request_refuse(r, MHD_HTTP_FORBIDDEN, "Origin: not the host that serves this page");
	else if (!take_path(r, u))
		request_refuse(r, MHD_HTTP_NOT_FOUND, "There is no such upload.");
	else
		(void)check_version(r);
	if (r->refusal)
		return;
	memcpy(u->space, route->space, sizeof(u->space));
	if (!strcmp(method, "POST") && !u->id[0])
		begin_make(r);
	else if (!strcmp(method, "PATCH") && u->id[0])
		begin_write(r);
}

/* --- the bytes --- */

static size_t tus_feed(struct request *r, const char *bytes, size_t n)
{
	struct tus_state *u = r->state;
	struct err e = {0};
	int done;

	if (u->made && !has_body_type(r))
		return n; /* a body that means nothing */
	if (!u->upload) {
		request_refuse(r, MHD_HTTP_CONFLICT, "another request went on with this upload");
		return n;
	}
	done = partial_write(u->upload, bytes, n, wall_sec(), &e);
	if (done == -EMSGSIZE)
		request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "%s", e.text);
	else if (done < 0)
		request_refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE, "%s", e.text);
	if (done < 0 && u->made)
		partial_drop(u->upload); /* nobody was told of it */
	else if (done < 0)
		partial_rest(u->upload);
	u->unsettled += n;
	if (u->upload && u->unsettled >= SETTLE_AHEAD && !u->ahead.job) {
		u->unsettled = 0;
		request_settle_ahead(r, &u->ahead, partial_dup(u->upload));
	}
	return n;
}

/* --- the answers --- */

static void add_number(struct MHD_Response *response, const char *name, uint64_t value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	response_header(response, name, text);
}

static struct MHD_Response *empty(void)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);

	if (response)
		response_header(response, "Cache-Control", "no-store");
	return response;
}

static void add_expiry(struct MHD_Response *response, const struct partial *upload)
{
	time_t when = partial_expires_sec(upload);
	char text[64];
	struct tm tm;

	(void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&when, &tm));
	response_header(response, "Upload-Expires", text);
}

static enum MHD_Result answer_whole(
	struct request *r, unsigned status, const struct file_info *info, bool location)
{
	struct MHD_Response *response = empty();
	char path[256];
	size_t n;

	if (!response)
		return MHD_NO;
	add_number(response, "Upload-Offset", info->size);
	add_number(response, "Upload-Length", info->size);
	response_header(response, "Upload-Type", info->type);
	if (location) {
		request_base(r, path, sizeof(path));
		n = strlen(path);
		(void)snprintf(path + n, sizeof(path) - n, PATH_PREFIX "/%s", info->id);
		response_header(response, "Location", path);
	}
	return answer(r, status, response);
}

static enum MHD_Result answer_part(
	struct request *r, unsigned status, const struct partial *upload, bool location)
{
	struct MHD_Response *response = empty();
	char path[256];
	size_t n;

	if (!response)
		return MHD_NO;
	add_number(response, "Upload-Offset", partial_offset(upload));
	add_number(response, "Upload-Length", partial_length(upload));
	add_expiry(response, upload);
	if (location) {
		request_base(r, path, sizeof(path));
		n = strlen(path);
		(void)snprintf(path + n, sizeof(path) - n, PATH_PREFIX "/%s", partial_id(upload));
		response_header(response, "Location", path);
	}
	return answer(r, status, response);
}

static enum MHD_Result finish_options(struct request *r)
{
	struct MHD_Response *response = empty();

	if (!response)
		return MHD_NO;
	response_header(response, "Tus-Version", TUS_VERSION);
	response_header(response, "Tus-Extension", TUS_EXTENSIONS);
	add_number(response, "Tus-Max-Size", request_gateway(r)->upload_bytes);
	return answer(r, MHD_HTTP_NO_CONTENT, response);
}

/*
 * The last byte is there: bytes to the disk, a name for them, the name to the disk. Called again
 * after each wait. False: it waits, or a refusal was decided.
 */
static bool make_whole(struct request *r)
{
	struct tus_state *u = r->state;
	struct files *files = request_gateway(r)->files;
	struct err e = {0};
	int fds[2], n;

	if (u->stage == 0) {
		fds[0] = partial_dup(u->upload);
		u->settling.outcome = fds[0] < 0 ? fds[0] : 0;
		u->stage = 1;
		partial_settle(u->upload);
		if (fds[0] >= 0 && !request_settle(r, &u->settling, fds, 1))
			return false;
	}
	if (u->stage == 1) {
		/* It may have been dropped while the disk was busy. */
		if (!u->upload) {
			request_refuse(r, MHD_HTTP_GONE, "this upload was cancelled");
			return false;
		}
		/* The kernel tells of a failed write once, to whoever asks first. */
		n = u->ahead.outcome < 0 ? u->ahead.outcome : u->settling.outcome;
		if (n == 0)
			n = partial_finish(u->upload, &u->info, &e);
		else
			partial_drop(u->upload); /* asked again it would say that all is well */
		if (n < 0) {
			request_refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE, "%s",
				e.code ? e.text : "the disk does not take the file");
			return false;
		}
		u->whole = true;
		u->stage = 2;
		if (files_open_names(files, u->space, u->info.id, fds) == 0 &&
			!request_settle(r, &u->settling, fds, 2))
			return false;
	}
	if (u->settling.outcome < 0)
		request_refuse(r, MHD_HTTP_INSUFFICIENT_STORAGE, "the disk does not take the file");
	return u->settling.outcome == 0;
}

static enum MHD_Result finish_whole(struct request *r, unsigned status)
{
	struct tus_state *u = r->state;

	if (make_whole(r))
		return answer_whole(r, status, &u->info, u->made);
	return r->refusal ? answer_error(r, r->refusal, r->refusal_words) : MHD_YES;
}

static enum MHD_Result finish_written(struct request *r)
{
	struct tus_state *u = r->state;
	unsigned status = u->made ? MHD_HTTP_CREATED : MHD_HTTP_NO_CONTENT;
	enum MHD_Result done;

	if (u->stage > 0)
		return finish_whole(r, status);
	if (!u->upload)
		return answer_error(
			r, MHD_HTTP_CONFLICT, "another request went on with this upload");
	u->told = true;
	if (partial_is_whole(u->upload))
		return finish_whole(r, status);
	done = answer_part(r, status, u->upload, u->made);
	partial_rest(u->upload);
	return done;
}

static enum MHD_Result finish_head(struct request *r)
{
	struct tus_state *u = r->state;
	struct gateway *g = request_gateway(r);
	struct partial *upload;
	int fd;

	if (u->stage > 0)
		return finish_whole(r, MHD_HTTP_OK);
	request_visitor(r);
	upload = partial_find(g->partials, u->space, u->id, r->visitor);
	if (upload && !partial_is_whole(upload))
		return answer_part(r, MHD_HTTP_OK, upload, false);
	if (upload) {
		/* Killed before anybody made a file of it; or somebody is doing so right now. */
		claim(r, upload, partial_length(upload));
		return r->refusal ? answer_error(r, r->refusal, r->refusal_words)
				  : finish_whole(r, MHD_HTTP_OK);
	}
	/* Its last answer may have been lost. */
	fd = files_open(g->files, u->space, u->id, &u->info);
	if (fd < 0)
		return answer_error(r, MHD_HTTP_NOT_FOUND, "There is no such upload.");
	close(fd);
	return answer_whole(r, MHD_HTTP_OK, &u->info, false);
}

static enum MHD_Result finish_drop(struct request *r)
{
	struct tus_state *u = r->state;
	struct partial *upload;

	request_visitor(r);
	upload = partial_find(request_gateway(r)->partials, u->space, u->id, r->visitor);
	if (!upload)
		return answer_error(r, MHD_HTTP_NOT_FOUND, "There is no such upload.");
	partial_drop(upload);
	return answer(r, MHD_HTTP_NO_CONTENT, empty());
}

static const struct {
	const char *method;
	bool id;
	enum MHD_Result (*finish)(struct request *r);
} methods[] = {
	{"OPTIONS", false, finish_options},
	{"OPTIONS", true, finish_options},
	{"POST", false, finish_written},
	{"PATCH", true, finish_written},
	{"HEAD", true, finish_head},
	{"DELETE", true, finish_drop},
};

static enum MHD_Result tus_finish(struct request *r)
{
	struct tus_state *u = r->state;
	struct route *route = route_by_space(request_gateway(r)->routes, u->space);
	const char *method = method_of(r);
	bool token;

	if (route && route->private && !request_identify_program(r, &token))
		return MHD_YES;
	if (!route || (route->private && !request_owns(r, route)))
		return answer_error(r, MHD_HTTP_NOT_FOUND, "There is no such Space.");
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (!strcmp(methods[i].method, method) && methods[i].id == (u->id[0] != '\0'))
			return methods[i].finish(r);
	return answer_error(r, MHD_HTTP_METHOD_NOT_ALLOWED,
		u->id[0] ? "only HEAD, PATCH and DELETE are answered here"
			 : "only POST is answered here");
}

static void tus_done(struct request *r)
{
	struct tus_state *u = r->state;

	if (u) {
		request_settle_end(&u->settling);
		request_settle_end(&u->ahead);
	}
	/* Nobody was told of it, so nobody could go on with it. */
	if (u && u->upload && u->made && !u->told)
		partial_drop(u->upload);
	else if (u && u->upload)
		partial_rest(u->upload);
	free(u);
	r->state = NULL;
}

const struct handler tus_handler = {.name = "uploads",
	.begin = tus_begin,
	.feed = tus_feed,
	.finish = tus_finish,
	.done = tus_done};
