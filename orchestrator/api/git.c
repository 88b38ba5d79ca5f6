/*
 * git's smart HTTP (gitprotocol-http(5)), by the programs themselves: what `git http-backend`
 * does, without its process, and with back-pressure both ways. Nothing here grows with a pack.
 */
#include "orchestrator/repo/git.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/push.h"

#define INFLATE_CHUNK 65536

struct exchange {
	struct request *request; /* borrowed */
	struct git *git;         /* owned; of a push, the push's */
	struct push *push;       /* owned */
	char head[64];           /* goes out before git's own bytes */
	size_t head_at;
	bool gzip, inflated_all, deaf; /* deaf: git reads no more, the rest is thrown away */
	z_stream z;
	uint8_t chunk[INFLATE_CHUNK]; /* inflated, not yet written: from chunk_at on */
	size_t chunk_at, chunk_n;
	struct buf input; /* of upload-pack: the whole request, inflated */
	size_t input_at;
	bool reading; /* the answer has begun */
};

static const char *const service_names[] = {"git-upload-pack", "git-receive-pack"};

/* --- life --- */

static void end_exchange(struct request *r)
{
	struct exchange *x = r->state;

	if (x->push)
		push_release(x->push);
	else
		git_free(x->git);
	if (x->gzip)
		(void)inflateEnd(&x->z);
	buf_done(&x->input);
	free(x);
	r->state = NULL;
}

static struct exchange *new_exchange(struct request *r)
{
	const char *encoding = request_header(r, MHD_HTTP_HEADER_CONTENT_ENCODING);
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x) {
		request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, "out of memory");
		return NULL;
	}
	x->request = r;
	buf_init(&x->input, GIT_REQUEST_MAX);
	r->state = x;
	r->on_end = end_exchange;
	if (!encoding || !strcasecmp(encoding, "identity"))
		return x;
	if (strcasecmp(encoding, "gzip") != 0 && strcasecmp(encoding, "x-gzip") != 0) {
		request_error(
			r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, NULL, "Content-Encoding: takes gzip");
		return NULL;
	}
	x->gzip = inflateInit2(&x->z, 15 + 16) == Z_OK; /* 16: a gzip head, zlib.h */
	if (!x->gzip) {
		request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, "out of memory");
		return NULL;
	}
	return x;
}

/* --- what git says --- */

static ssize_t read_output(struct request *r, char *bytes, size_t n)
{
	struct exchange *x = r->state;
	size_t left = strlen(x->head) - x->head_at;
	ssize_t got;

	if (left) {
		if (n > left)
			n = left;
		memcpy(bytes, x->head + x->head_at, n);
		x->head_at += n;
		return (ssize_t)n;
	}
	got = git_read(x->git, bytes, n);
	if (got > 0)
		return got;
	if (got == 0)
		return STREAM_END;
	if (got != -EAGAIN)
		return STREAM_BROKEN;
	git_want_output(x->git);
	request_park(r);
	return 0;
}

static void on_output(void *data)
{
	struct exchange *x = data;

	request_wake(x->request);
}

static void start_answer(struct exchange *x, enum git_service service, const char *kind)
{
	char type[64];

	(void)snprintf(type, sizeof(type), "application/x-%s-%s", service_names[service], kind);
	x->reading = true;
	request_stream(x->request, type, read_output);
}

/* --- what git hears --- */

/* Inflates from bytes into the empty chunk. Returns bytes taken, or negative: no gzip. */
static ssize_t inflate_some(struct exchange *x, const char *bytes, size_t n)
{
	int rc;

	if (x->inflated_all)
		return (ssize_t)n; /* what follows the stream means nothing */
	x->z.next_in = (Bytef *)bytes;
	x->z.avail_in = (uInt)n;
	x->z.next_out = x->chunk;
	x->z.avail_out = sizeof(x->chunk);
	rc = inflate(&x->z, Z_NO_FLUSH);
	x->chunk_at = 0;
	x->chunk_n = sizeof(x->chunk) - x->z.avail_out;
	x->inflated_all = rc == Z_STREAM_END;
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return -EBADMSG;
	return (ssize_t)(n - x->z.avail_in);
}

/* Puts bytes where they belong. Returns bytes taken, -EAGAIN, -ENOSPC, -EPIPE. */
static ssize_t put(struct exchange *x, const void *bytes, size_t n)
{
	int r;

	if (x->push)
		return git_write(x->git, bytes, n);
	r = buf_add(&x->input, bytes, n);
	return r < 0 ? r : (ssize_t)n;
}

/* Empties the chunk. 0: empty now. */
static int flush_chunk(struct exchange *x)
{
	while (x->chunk_at < x->chunk_n) {
		ssize_t n = put(x, x->chunk + x->chunk_at, x->chunk_n - x->chunk_at);

		if (n < 0)
			return (int)n;
		x->chunk_at += (size_t)n;
	}
	return 0;
}

/* Takes as much of the body as can be taken now. *ret_error: why not all of it. */
static size_t take_piece(struct exchange *x, const char *bytes, size_t n, int *ret_error)
{
	size_t taken = 0;

	*ret_error = flush_chunk(x);
	/* An inflater may hold output back after its input is used up: one more round is free. */
	while (*ret_error == 0 && taken < n) {
		ssize_t step = x->gzip ? inflate_some(x, bytes + taken, n - taken)
				       : put(x, bytes + taken, n - taken);

		if (step < 0)
			*ret_error = (int)step;
		else
			taken += (size_t)step;
		if (*ret_error == 0)
			*ret_error = flush_chunk(x);
	}
	return taken;
}

/* What the inflater still holds after the body's last byte. */
static int drain_inflater(struct exchange *x)
{
	int r = flush_chunk(x);

	while (r == 0 && x->gzip && !x->inflated_all) {
		ssize_t n = inflate_some(x, "", 0);

		if (n < 0)
			return (int)n;
		if (x->chunk_n == 0)
			return -EBADMSG; /* cut off */
		r = flush_chunk(x);
	}
	return r;
}

/* --- info/refs --- */

static const char *protocol_of(struct request *r)
{
	const char *value = request_header(r, "Git-Protocol");

	return value && git_protocol_check(value) == 0 ? value : NULL;
}

static void on_exit_of_git(int status, void *data)
{
	(void)status;
	(void)data;
}

static const struct git_ops advertise_ops = {.on_output = on_output, .on_exit = on_exit_of_git};

/*
 * A push to a repo that does not exist makes it, once the pack begins to come: then *ret->id is "",
 * and path an empty repo. 0; otherwise answered.
 */
static int open_for_push(struct request *r, struct hub_repo *ret, char path[REPO_PATH_MAX])
{
	struct err e = {0};
	int code = permit_some(&r->who, ACTION_PUSH, r->owner, &e);

	*ret = (struct hub_repo){.id = ""};
	if (code == 0)
		code = request_find_repo(r, ret, &e);
	if (code == -ESTALE)
		return code;
	if (code == 0)
		code = request_permit(r, ACTION_PUSH, ret, &e);
	if (code == -ENOENT) {
		*ret = (struct hub_repo){.id = ""};
		e = (struct err){0};
		code = permit(&r->who, ACTION_CREATE, r->owner, &e);
		if (code == 0)
			code = request_check_new(r, r->kind, r->owner, r->name, &e);
	}
	if (code == 0)
		code = request_check_room(r, &e);
	if (code < 0) {
		request_fail(r, code, &e);
		return code;
	}
	repo_path(&r->world->repos, ret->id, path);
	if (!ret->id[0] || !repo_exists(path))
		repo_empty_path(&r->world->repos, path);
	return 0;
}

static int make_repo(struct request *r, struct hub_repo *repo, struct err *e)
{
	char path[REPO_PATH_MAX];
	int code = 0;

	if (!repo->id[0]) {
		hub_prepare(repo, r->kind, r->owner, r->name, false);
		memcpy(repo->maker, r->who.user_id, sizeof(repo->maker));
		code = hub_add(r->world->store, repo, e);
	}
	if (code < 0)
		return code;
	repo_path(&r->world->repos, repo->id, path);
	return repo_create(path, e);
}

int request_repo_for_push(struct request *r, struct hub_repo *ret)
{
	char path[REPO_PATH_MAX];
	struct err e = {0};
	int code = open_for_push(r, ret, path);

	if (code < 0)
		return code;
	code = make_repo(r, ret, &e);
	if (code < 0)
		request_fail(r, code, &e);
	return code;
}

/* 0; otherwise answered. */
static int open_for_fetch(struct request *r, char path[REPO_PATH_MAX])
{
	struct hub_repo repo;
	int code = request_repo(r, ACTION_READ, &repo);

	if (code < 0)
		return code;
	repo_path(&r->world->repos, repo.id, path);
	if (!repo_exists(path))
		repo_empty_path(&r->world->repos, path);
	return 0;
}

static bool find_service(const char *name, enum git_service *ret)
{
	for (int i = 0; name && i < 2; i++)
		if (!strcmp(name, service_names[i])) {
			*ret = (enum git_service)i;
			return true;
		}
	return false;
}

void handle_info_refs(struct request *r)
{
	const char *protocol = protocol_of(r);
	char path[REPO_PATH_MAX];
	struct hub_repo repo;
	struct git_plan plan = {
		.advertise = true, .repo = path, .protocol = protocol, .hook_fd = -1};
	struct exchange *x;
	struct err e = {0};
	int code;

	if (!find_service(request_query(r, "service"), &plan.service)) {
		request_error(r, MHD_HTTP_FORBIDDEN, "service",
			"only git's smart protocol is spoken here; git 1.6.6 or newer knows it");
		return;
	}
	code = plan.service == GIT_RECEIVE_PACK ? open_for_push(r, &repo, path)
						: open_for_fetch(r, path);
	if (code < 0)
		return;
	x = new_exchange(r);
	if (!x)
		return;
	/* http-backend.c, get_info_refs: version 2 has no line of the service before it. */
	if (!(plan.service == GIT_UPLOAD_PACK && protocol && strstr(protocol, "version=2")))
		(void)snprintf(x->head, sizeof(x->head), "%04zx# service=%s\n0000",
			strlen(service_names[plan.service]) + 15, service_names[plan.service]);
	code = git_start(r->world->loop, &plan, &advertise_ops, x, &x->git, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		start_answer(x, plan.service, "advertisement");
}

/* --- fetch --- */

static void feed(struct exchange *x)
{
	while (x->input_at < x->input.len) {
		ssize_t n =
			git_write(x->git, x->input.data + x->input_at, x->input.len - x->input_at);

		if (n == -EAGAIN) {
			git_want_input(x->git);
			return;
		}
		if (n < 0)
			break; /* it has heard enough */
		x->input_at += (size_t)n;
	}
	git_end_input(x->git);
}

static void on_fetch_input(void *data)
{
	feed(data);
}

static const struct git_ops fetch_ops = {
	.on_output = on_output, .on_input = on_fetch_input, .on_exit = on_exit_of_git};

static int take_request(struct exchange *x)
{
	struct request *r = x->request;
	int error;

	if (!x->gzip) {
		x->input = r->body;
		buf_init(&r->body, BODY_MAX);
		return 0;
	}
	(void)take_piece(x, (const char *)r->body.data, r->body.len, &error);
	if (error == 0)
		error = drain_inflater(x);
	buf_done(&r->body);
	if (error == -ENOSPC)
		request_error(r, MHD_HTTP_CONTENT_TOO_LARGE, "body", "the limit is %u bytes",
			GIT_REQUEST_MAX);
	else if (error < 0)
		request_error(r, MHD_HTTP_BAD_REQUEST, "body", "is not the gzip it says it is");
	return error;
}

void handle_upload_pack(struct request *r)
{
	char path[REPO_PATH_MAX];
	const struct git_plan plan = {.service = GIT_UPLOAD_PACK,
		.repo = path,
		.protocol = protocol_of(r),
		.hook_fd = -1};
	struct exchange *x;
	struct err e = {0};
	int code = open_for_fetch(r, path);

	if (code < 0)
		return;
	x = new_exchange(r);
	if (!x || take_request(x) < 0)
		return;
	code = git_start(r->world->loop, &plan, &fetch_ops, x, &x->git, &e);
	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	start_answer(x, GIT_UPLOAD_PACK, "result");
	feed(x);
}

/* --- push --- */

static void on_push_input(void *data)
{
	struct exchange *x = data;

	if (!x->reading)
		request_wake(x->request);
}

static const struct git_ops push_ops = {.on_output = on_output, .on_input = on_push_input};

void handle_receive_pack(struct request *r)
{
	char path[REPO_PATH_MAX];
	struct hub_repo repo;
	struct exchange *x;
	struct err e = {0};
	int code = open_for_push(r, &repo, path);

	if (code < 0)
		return;
	code = make_repo(r, &repo, &e);
	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	x = new_exchange(r);
	if (!x)
		return;
	code = push_start(r->world, &repo, protocol_of(r), &push_ops, x, &x->push, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		x->git = push_git(x->push);
}

/* Waits for room, or settles what goes wrong. True: the rest is to be thrown away. */
static bool is_over(struct exchange *x, int error)
{
	if (error == -EAGAIN) {
		git_want_input(x->git);
		request_park(x->request);
		return false;
	}
	if (error == -EBADMSG)
		request_error(
			x->request, MHD_HTTP_BAD_REQUEST, "body", "is not the gzip it says it is");
	x->deaf = true; /* git ended early, and its output says why */
	git_end_input(x->git);
	return true;
}

ssize_t take_receive_pack(struct request *r, const char *bytes, size_t n)
{
	struct exchange *x = r->state;
	size_t taken;
	int error;

	if (x->deaf)
		return (ssize_t)n;
	taken = take_piece(x, bytes, n, &error);
	if (error < 0 && is_over(x, error))
		return (ssize_t)n;
	return (ssize_t)taken;
}

void finish_receive_pack(struct request *r)
{
	struct exchange *x = r->state;
	int error = x->deaf ? 0 : drain_inflater(x);

	if (error == -EAGAIN) {
		r->dispatched = false; /* called again once there is room */
		(void)is_over(x, error);
		return;
	}
	if (error < 0)
		(void)is_over(x, error);
	if (error == -EBADMSG)
		return;
	git_end_input(x->git);
	start_answer(x, GIT_RECEIVE_PACK, "result");
}
