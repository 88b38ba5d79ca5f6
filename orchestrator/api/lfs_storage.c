/*
 * The signed addresses of large files: their bytes, streamed to the disk while they are hashed, in
 * one piece or in parts, and back. An upload is answered once its bytes, its name and its row
 * survive power loss; until then nothing refers to it.
 *
 *	bytes ──▶ a nameless file ──fsync──▶ its hash is its name ──fsync──▶ the repo's row ──▶ 200
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/offload.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/disk.h"
#include "orchestrator/fault.h"
#include "orchestrator/hub/lfs.h"
#include "orchestrator/metrics.h"

#define SYNC_AHEAD (64u << 20) /* bytes after which the disk is set to work */
#define JUDGE_AFTER (8u << 20) /* bytes after which the disk's room is looked at again */
#define ETAG_MAX (SHA256_HEX + 3)
#define COMPLETES_MAX 8 /* of one owner at once; a client has that many threads at most */
#define RETRY_SEC "5"

/* An upload under way: a whole file, one part, or the parts becoming a file. */
struct upload {
	struct upload *next;
	struct request *request; /* borrowed */
	struct hub_repo repo;
	struct signed_claim claim;
	struct blob_writer *writer; /* owned; of a whole file */
	int fd;                     /* owned; of parts; -1: none */
	uint64_t at, end;           /* of a part: where the next byte goes, and where it ends */
	struct offload_job *job, *ahead;
	int ahead_outcome;
	void (*after_ahead)(struct upload *u); /* all bytes have come */
	size_t unsynced, unjudged;    /* bytes since the disk was set to work, and looked at */
	char parts[PARTS_ID_MAX + 1]; /* where parts are kept; "": of a whole file */
	char etag[ETAG_MAX];          /* of a part */
};

static struct upload *uploads;

static void end_upload(struct request *r)
{
	struct upload *u = r->state;

	for (struct upload **p = &uploads; *p; p = &(*p)->next)
		if (*p == u) {
			*p = u->next;
			break;
		}
	u->job = offload_forget(u->job);
	u->ahead = offload_forget(u->ahead);
	(void)blob_abort(u->writer);
	if (u->fd >= 0)
		close(u->fd);
	free(u);
	r->state = NULL;
}

/* --- who may --- */

static uint64_t number(struct request *r, const char *name)
{
	const char *text = request_query(r, name);

	return text ? strtoull(text, NULL, 10) : 0;
}

static void copy_query(struct request *r, const char *name, char *ret, size_t size)
{
	const char *text = request_query(r, name);

	(void)snprintf(ret, size, "%s", text ? text : "");
}

/* Whatever a client made of the address, its tag fits only what was signed. */
static int read_claim(
	struct request *r, enum signed_verb verb, struct signed_claim *ret, struct err *e)
{
	*ret = (struct signed_claim){.verb = verb,
		.size = number(r, "size"),
		.expires_sec = (int64_t)number(r, "exp"),
		.chunk_size = number(r, "chunk"),
		.part = number(r, "part")};
	(void)snprintf(ret->oid, sizeof(ret->oid), "%.64s", r->id);
	copy_query(r, "repo", ret->repo, sizeof(ret->repo));
	copy_query(r, "upload", ret->upload, sizeof(ret->upload));
	return signed_check(&r->world->lfs.key, ret, request_query(r, "sig"),
		(int64_t)(clock_wall_usec() / USEC_PER_SEC), e);
}

/* The claim of the address and the repo it is about. 0; otherwise answered. */
static int admit(
	struct request *r, enum signed_verb verb, struct signed_claim *claim, struct hub_repo *repo)
{
	struct err e = {0};
	int code = read_claim(r, verb, claim, &e);

	if (code < 0) {
		request_error(r, MHD_HTTP_FORBIDDEN, NULL, "%s", e.text);
		return code;
	}
	code = hub_by_id(r->world->store, claim->repo, repo, &e);
	if (code == 0 && repo->deleted_usec)
		code = -ENOENT;
	if (code == -ENOENT)
		request_error(r, MHD_HTTP_NOT_FOUND, NULL, "the repo of this address is gone");
	else if (code < 0)
		request_fail(r, code, &e);
	return code;
}

static struct pointer pointer_of(const struct signed_claim *c)
{
	struct pointer p = {.size = c->size};

	memcpy(p.oid, c->oid, sizeof(p.oid));
	return p;
}

/* Bytes of an owner's uploads that no row counts yet. */
struct under_way {
	struct store *store;
	const struct hub_repo *repo; /* borrowed; of the upload that asks */
	const char *upload;          /* of it: it counts itself */
	struct hub_repo last;        /* that was looked up */
	uint64_t bytes;
};

static bool is_completed_now(const char *upload)
{
	for (const struct upload *u = uploads; u; u = u->next)
		if (u->claim.verb == SIGNED_COMPLETE && !strcmp(u->claim.upload, upload))
			return true;
	return false;
}

/* id: "REPO-UPLOAD" */
static void count_parts(const char *id, uint64_t bytes, void *data)
{
	struct under_way *w = data;
	const char *dash = strchr(id, '-');
	char repo[ID_LEN + 1];

	if (!dash || dash - id > ID_LEN || !strcmp(dash + 1, w->upload) ||
		is_completed_now(dash + 1))
		return;
	(void)snprintf(repo, sizeof(repo), "%.*s", (int)(dash - id), id);
	if (strcmp(w->last.id, repo) != 0 && hub_by_id(w->store, repo, &w->last, NULL) < 0) {
		w->last.id[0] = '\0';
		return;
	}
	if (!strcmp(w->last.owner, w->repo->owner))
		w->bytes += bytes;
}

/* Whole files and completions by what was announced, parts by what they take of the disk. */
static uint64_t under_way(
	struct request *r, const struct hub_repo *repo, const struct signed_claim *c)
{
	struct under_way w = {
		.store = r->world->store, .repo = repo, .upload = c->upload, .last = *repo};

	if (!r->world->lfs.storage_max)
		return 0;
	for (const struct upload *u = uploads; u; u = u->next)
		if (!strcmp(u->repo.owner, repo->owner) && u->claim.verb != SIGNED_PART &&
			(!c->upload[0] || strcmp(u->claim.upload, c->upload) != 0))
			w.bytes += u->claim.size;
	blob_parts_list(r->world->blobs, count_parts, &w);
	return w.bytes;
}

/* 0; otherwise answered: what is left of the disk is kept back. */
static int check_disk(struct request *r)
{
	const struct disk_view *disk = disk_look(r->world->disk);

	if (disk->state != DISK_FULL)
		return 0;
	orchestrator_count(ORCHESTRATOR_DISK_REFUSED, 1);
	request_error(r, MHD_HTTP_INSUFFICIENT_STORAGE, NULL, "%s", disk->words);
	return -ENOSPC;
}

/* 0; otherwise answered: there is no room on the disk or in the owner's storage. */
static int check_room(struct request *r, const struct hub_repo *repo, const struct signed_claim *c)
{
	const struct pointer p = pointer_of(c);
	struct lfs_room room = {.owner = repo->owner, .limit = r->world->lfs.storage_max};
	struct err e = {0};

	if (check_disk(r) < 0)
		return -ENOSPC;
	room.busy = under_way(r, repo, c);
	if (lfs_check_room(r->world->store, &room, &p, &e) < 0) {
		request_error(r, MHD_HTTP_INSUFFICIENT_STORAGE, NULL, "%s", e.text);
		return -EDQUOT;
	}
	return 0;
}

/* --- beginning --- */

static struct upload *new_upload(
	struct request *r, const struct hub_repo *repo, const struct signed_claim *c)
{
	struct upload *u = calloc(1, sizeof(*u));

	if (!u) {
		request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL, "out of memory");
		return NULL;
	}
	*u = (struct upload){.request = r, .repo = *repo, .claim = *c, .fd = -1, .next = uploads};
	uploads = u;
	r->state = u;
	r->on_end = end_upload;
	if (c->upload[0])
		(void)snprintf(u->parts, sizeof(u->parts), "%s-%s", c->repo, c->upload);
	return u;
}

/* The client says how much will come. 0; otherwise answered. */
static int check_length(struct request *r, uint64_t want)
{
	const char *text = request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

	if (!text || strtoull(text, NULL, 10) == want)
		return 0;
	request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "Content-Length",
		"Content-Length: %.20s bytes, but %" PRIu64 " were announced", text, want);
	return -EINVAL;
}

void handle_lfs_put(struct request *r)
{
	struct signed_claim c;
	struct hub_repo repo;
	struct upload *u;
	struct err e = {0};

	if (admit(r, SIGNED_PUT, &c, &repo) < 0 || check_length(r, c.size) < 0 ||
		check_room(r, &repo, &c) < 0)
		return;
	u = new_upload(r, &repo, &c);
	if (u && blob_begin(r->world->blobs, &u->writer, &e) < 0)
		request_fail(r, e.code, &e);
}

/* The part's place in the file. False: there is no such part. */
static bool place_part(struct upload *u)
{
	const struct signed_claim *c = &u->claim;

	if (!c->chunk_size || !c->part ||
		(c->part - 1) >= (c->size + c->chunk_size - 1) / c->chunk_size)
		return false;
	u->at = (c->part - 1) * c->chunk_size;
	u->end = c->size - u->at < c->chunk_size ? c->size : u->at + c->chunk_size;
	return true;
}

/* Whether somebody else is at work on the same upload. */
static bool is_busy(const struct upload *mine, enum signed_verb verb)
{
	for (const struct upload *u = uploads; u; u = u->next)
		if (u != mine && u->claim.verb == verb &&
			!strcmp(u->claim.upload, mine->claim.upload))
			return true;
	return false;
}

static void refuse_for_now(struct request *r, const char *words)
{
	request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, "%s", words);
	request_add_header(r, MHD_HTTP_HEADER_RETRY_AFTER, RETRY_SEC);
}

void handle_lfs_part(struct request *r)
{
	struct signed_claim c;
	struct hub_repo repo;
	struct upload *u;
	struct err e = {0};

	if (admit(r, SIGNED_PART, &c, &repo) < 0 || check_room(r, &repo, &c) < 0)
		return;
	u = new_upload(r, &repo, &c);
	if (!u)
		return;
	if (!place_part(u)) {
		request_error(r, MHD_HTTP_BAD_REQUEST, NULL, "the file has no such part");
		return;
	}
	if (is_busy(u, SIGNED_COMPLETE)) {
		refuse_for_now(r, "this upload is being completed");
		return;
	}
	if (check_length(r, u->end - u->at) < 0)
		return;
	u->fd = blob_parts_open(r->world->blobs, u->parts, c.size, &e);
	if (u->fd < 0)
		request_fail(r, e.code, &e);
}

/* --- bytes --- */

static void on_ahead(int outcome, void *data)
{
	struct upload *u = data;

	u->ahead = NULL;
	if (u->ahead_outcome == 0)
		u->ahead_outcome = outcome;
	if (u->after_ahead)
		u->after_ahead(u);
}

/* The kernel tells one fsync alone of a failure, and that may be the one ahead. */
static void go_on_after_ahead(struct upload *u, void (*next)(struct upload *u))
{
	u->after_ahead = next;
	if (!u->ahead)
		next(u);
}

static int dup_of(const struct upload *u)
{
	if (u->writer)
		return blob_dup(u->writer);
	return fcntl(u->fd, F_DUPFD_CLOEXEC, 3);
}

/* The disk works while bytes still come, so that there is little to wait for at the end. */
static void sync_ahead(struct upload *u, size_t n)
{
	int fd, done;

	u->unsynced += n;
	if (u->unsynced < SYNC_AHEAD || u->ahead)
		return;
	u->unsynced = 0;
	fd = dup_of(u);
	if (fd < 0)
		return;
	done = offload_sync(u->request->world->offload, &fd, 1, on_ahead, u, &u->ahead);
	if (done < 0)
		u->ahead_outcome = done;
}

static int write_at(struct upload *u, const char *bytes, size_t n, struct err *e)
{
	while (n) {
		ssize_t put = pwrite(u->fd, bytes, n, (off_t)u->at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_set(e, -errno, "cannot store a part: %s", strerror(errno));
		bytes += put;
		n -= (size_t)put;
		u->at += (uint64_t)put;
	}
	return 0;
}

static bool is_too_much(const struct upload *u, size_t n)
{
	return u->writer ? n > u->claim.size - blob_written(u->writer) : n > u->end - u->at;
}

ssize_t take_lfs_bytes(struct request *r, const char *bytes, size_t n)
{
	struct upload *u = r->state;
	struct err e = {0};
	int code;

	if (is_too_much(u, n)) {
		request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "body",
			"more bytes come than were announced");
		return (ssize_t)n;
	}
	u->unjudged += n;
	if (u->unjudged >= JUDGE_AFTER) {
		u->unjudged = 0;
		if (check_disk(r) < 0)
			return (ssize_t)n;
	}
	code = u->writer ? blob_write(u->writer, bytes, n, &e) : write_at(u, bytes, n, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		sync_ahead(u, n);
	return (ssize_t)n;
}

/* --- the end of a file --- */

static void on_named(int outcome, void *data)
{
	struct upload *u = data;
	struct request *r = u->request;
	const struct pointer p = pointer_of(&u->claim);
	struct err e = {0};
	int code = outcome;

	u->job = NULL;
	fault_point("lfs-named");
	/* Named, it may have been taken for garbage before its row says otherwise. */
	if (code == 0 && !blob_touch(r->world->blobs, p.oid))
		code = err_set(&e, -EIO, "the file was removed while it came; upload it again");
	if (code == 0)
		code = lfs_hold(r->world->store, u->repo.id, &p, &e);
	if (code < 0) {
		if (!e.text[0])
			(void)err_set(&e, code, "the file is not on the disk: %s", strerror(-code));
		log_warn("repo=%s large file %.12s: %s", u->repo.id, p.oid, e.text);
		request_fail(r, code, &e);
		return;
	}
	fault_point("lfs-held");
	if (u->claim.verb == SIGNED_COMPLETE)
		request_json(r, MHD_HTTP_OK, json_pack("{s:b}", "success", 1));
	else
		request_empty(r, MHD_HTTP_OK);
}

/* The folders that its name changed. */
static void sync_names(struct upload *u, const int fds[2])
{
	int done = offload_sync(u->request->world->offload, fds, 2, on_named, u, &u->job);

	if (done != 1)
		on_named(done, u);
}

static void on_written(int outcome, void *data)
{
	struct upload *u = data;
	struct err e = {0};
	int fds[2], code = outcome < 0 ? outcome : u->ahead_outcome;

	u->job = NULL;
	fault_point("lfs-written");
	if (code < 0)
		(void)err_set(&e, code, "the file is not on the disk: %s", strerror(-code));
	else
		code = blob_publish(TAKE_PTR(u->writer), fds, &e);
	if (code < 0)
		request_fail(u->request, code, &e);
	else
		sync_names(u, fds);
}

/* Size and hash as announced? 0; otherwise answered. */
static int check_whole(struct upload *u)
{
	struct request *r = u->request;
	char hash[SHA256_HEX + 1];
	struct err e = {0};

	if (blob_written(u->writer) != u->claim.size) {
		request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "body",
			"the file has %" PRIu64 " bytes, but %" PRIu64 " were announced",
			blob_written(u->writer), u->claim.size);
		return -EINVAL;
	}
	if (blob_end(u->writer, hash, &e) < 0) {
		request_fail(r, e.code, &e);
		return e.code;
	}
	if (strcmp(hash, u->claim.oid) != 0) {
		request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "body",
			"the file's SHA-256 is %.12s…, but %.12s… was announced", hash,
			u->claim.oid);
		return -EINVAL;
	}
	return 0;
}

static void sync_whole(struct upload *u)
{
	struct offload *offload = u->request->world->offload;
	int fd = blob_dup(u->writer);
	int done = fd < 0 ? fd : offload_sync(offload, &fd, 1, on_written, u, &u->job);

	if (done != 1)
		on_written(done, u);
}

void finish_lfs_put(struct request *r)
{
	struct upload *u = r->state;

	fault_point("lfs-received");
	if (check_whole(u) == 0)
		go_on_after_ahead(u, sync_whole);
}

/* Nobody can say it who has not sent the part. */
static int write_etag(const struct upload *u, uint64_t part, char ret[ETAG_MAX])
{
	char receipt[SHA256_HEX + 1], birth[PARTS_BIRTH_MAX];
	int r = blob_parts_birth(u->fd, birth);

	if (r < 0)
		return r;
	signed_receipt(&u->request->world->lfs.key, u->claim.upload, part, birth, receipt);
	(void)snprintf(ret, ETAG_MAX, "\"%s\"", receipt);
	return 0;
}

static void answer_part(struct upload *u)
{
	struct request *r = u->request;
	struct err e = {0};
	int code = u->ahead_outcome;

	if (code < 0) {
		/* No later fsync would know, so no part of the file can be relied on. */
		blob_parts_drop(r->world->blobs, u->parts);
	} else {
		code = write_etag(u, u->claim.part, u->etag);
	}
	if (code < 0) {
		(void)err_set(&e, code, "the part is not on the disk: %s", strerror(-code));
		request_fail(r, code, &e);
		return;
	}
	request_empty(r, MHD_HTTP_OK);
	request_add_header(r, MHD_HTTP_HEADER_ETAG, u->etag);
}

void finish_lfs_part(struct request *r)
{
	struct upload *u = r->state;

	if (u->at != u->end) {
		request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "body",
			"%" PRIu64 " bytes of the part are missing", u->end - u->at);
		return;
	}
	go_on_after_ahead(u, answer_part);
}

/* --- parts become a file --- */

static void on_hashed(int outcome, const char hash[SHA256_HEX + 1], void *data)
{
	struct upload *u = data;
	struct request *r = u->request;
	struct err e = {0};
	int fds[2], code = outcome;

	u->job = NULL;
	fault_point("lfs-hashed");
	if (code == -ECANCELED) {
		refuse_for_now(r, "the platform is restarting; try again in a moment");
		return;
	}
	if (code == 0 && strcmp(hash, u->claim.oid) != 0) {
		blob_parts_drop(r->world->blobs, u->parts);
		request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "parts",
			"the file's SHA-256 is %.12s…, but %.12s… was announced; upload it again",
			hash, u->claim.oid);
		return;
	}
	if (code < 0)
		(void)err_set(&e, code, "the file cannot be read: %s", strerror(-code));
	else
		code = blob_parts_publish(r->world->blobs, u->parts, u->claim.oid, fds, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		sync_names(u, fds);
}

static void on_parts_written(int outcome, void *data)
{
	struct upload *u = data;
	struct err e = {0};
	int fd, code = outcome;

	u->job = NULL;
	if (code < 0)
		blob_parts_drop(u->request->world->blobs, u->parts); /* as answer_part */
	fd = code == 0 ? dup_of(u) : code;
	if (fd >= 0)
		code = offload_hash(u->request->world->offload, fd, on_hashed, u, &u->job);
	if (fd >= 0 && code < 0)
		close(fd);
	if (code < 0) {
		(void)err_set(&e, code, "the file is not on the disk: %s", strerror(-code));
		request_fail(u->request, code, &e);
	}
}

/* Every part is named once, in the client's words "partNumber" and the ETag it was given. */
static int check_parts(const struct upload *u, struct err *e)
{
	const struct request *r = u->request;
	const struct signed_claim *c = &u->claim;
	const json_t *parts = json_object_get(r->json, "parts"), *o;
	uint64_t n = c->chunk_size ? (c->size + c->chunk_size - 1) / c->chunk_size : 0;
	size_t i;

	if (!json_is_array(parts) || json_array_size(parts) != n)
		return err_set(e, -EINVAL, "parts: must be the %" PRIu64 " parts of the file", n);
	json_array_foreach(parts, i, o)
	{
		char want[ETAG_MAX];
		const char *etag;
		int64_t at;

		if (json_get_int(o, "partNumber", 1, (int64_t)n, &at, e) < 0 ||
			json_get_str(o, "etag", ETAG_MAX, &etag, e) < 0)
			return e->code;
		if (write_etag(u, (uint64_t)at, want) < 0)
			return err_set(e, -EIO, "parts: cannot be looked at");
		if (at != (int64_t)i + 1 || strcmp(etag, want) != 0)
			return err_set(e, -EINVAL, "parts: %zu is not as its upload said", i + 1);
	}
	return 0;
}

static size_t completes_of(const char *owner)
{
	size_t n = 0;

	for (const struct upload *u = uploads; u; u = u->next)
		n += u->claim.verb == SIGNED_COMPLETE && !strcmp(u->repo.owner, owner);
	return n;
}

/* The file of the parts, all of which have come. 0; otherwise answered. */
static int take_parts(struct upload *u)
{
	struct request *r = u->request;
	struct err e = {0};

	if (is_busy(u, SIGNED_COMPLETE) || is_busy(u, SIGNED_PART) ||
		completes_of(u->repo.owner) > COMPLETES_MAX) {
		refuse_for_now(r, "this upload, or too many beside it, are being completed");
		return -EBUSY;
	}
	u->fd = blob_parts_find(r->world->blobs, u->parts, &e);
	if (u->fd < 0) {
		request_fail(r, e.code, &e);
		return e.code;
	}
	if (check_parts(u, &e) < 0) {
		request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "parts", "%s", e.text);
		return e.code;
	}
	return 0;
}

static void sync_parts(struct upload *u)
{
	struct offload *offload = u->request->world->offload;
	int fd = dup_of(u);
	int done = fd < 0 ? -errno : offload_sync(offload, &fd, 1, on_parts_written, u, &u->job);

	if (done != 1)
		on_parts_written(done, u);
}

void handle_lfs_complete(struct request *r)
{
	struct signed_claim c;
	struct hub_repo repo;
	struct upload *u;
	uint64_t size;

	if (admit(r, SIGNED_COMPLETE, &c, &repo) < 0)
		return;
	if (lfs_size(r->world->store, repo.id, c.oid, &size, NULL) == 0 && size == c.size) {
		request_json(r, MHD_HTTP_OK, json_pack("{s:b}", "success", 1));
		return;
	}
	if (check_room(r, &repo, &c) < 0)
		return;
	u = new_upload(r, &repo, &c);
	if (u && take_parts(u) == 0)
		sync_parts(u);
}

/* --- download --- */

void handle_lfs_get(struct request *r)
{
	struct signed_claim c;
	struct hub_repo repo;
	struct pointer p;
	struct err e = {0};
	char etag[SHA256_HEX + 3];
	int fd;

	if (admit(r, SIGNED_GET, &c, &repo) < 0)
		return;
	p = pointer_of(&c);
	fd = lfs_open(r->world->store, r->world->blobs, repo.id, &p, &e);
	if (fd < 0) {
		request_fail(r, fd, &e);
		return;
	}
	(void)snprintf(etag, sizeof(etag), "\"%s\"", p.oid);
	request_file(r, fd, p.size, "application/octet-stream", etag);
}
