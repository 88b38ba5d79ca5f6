/*
 * git-lfs's batch API (git-lfs, docs/api/batch.md), with Hugging Face's multipart transfer: what is
 * to be uploaded or downloaded, and at which signed address. The bytes are lfs_storage.c's.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/disk.h"
#include "orchestrator/hub/lfs.h"
#include "orchestrator/metrics.h"

#define LFS_TYPE "application/vnd.git-lfs+json"
#define ADDRESS_SEC 3600
#define PARTS_SEC 86400     /* many parts take a while, over more than one connection */
#define PARTS_MAX 1000      /* of one file; larger files have larger parts */
#define ADDRESSES_MAX 20000 /* of the parts of one batch; of many large files, fewer each */
#define PARTS_FROM 8        /* a file of fewer parts goes in one piece */
#define ADDRESS_MAX 1024

struct batch {
	struct request *request;
	struct hub_repo repo;
	bool upload, multipart; /* multipart: the client knows that transfer */
	bool parts;             /* and some file of this batch is to use it */
	int64_t now_sec;
	struct lfs_room room;
	uint64_t parts_max; /* of one file */
};

/* git-lfs shows "message", Hugging Face's clients "error". */
static void refuse(struct request *r, unsigned int status, const char *words)
{
	request_json_as(
		r, status, LFS_TYPE, json_pack("{s:s, s:s}", "message", words, "error", words));
}

/* --- addresses --- */

static json_t *address(struct batch *b, const struct signed_claim *c)
{
	CLEANUP(buf_done) struct buf url;

	buf_init(&url, ADDRESS_MAX);
	if (buf_addf(&url, "%s/lfs-storage/", request_base_url(b->request)) < 0 ||
		signed_write(&b->request->world->lfs.key, c, &url) < 0)
		return NULL;
	return json_string(buf_str(&url));
}

static json_t *action(json_t *href, json_t *header, int64_t seconds)
{
	return json_pack("{s:o, s:o, s:I}", "href", href, "header", header, "expires_in",
		(json_int_t)seconds);
}

static struct signed_claim claim_of(
	const struct batch *b, enum signed_verb verb, const struct pointer *p)
{
	struct signed_claim c = {
		.verb = verb, .size = p->size, .expires_sec = b->now_sec + ADDRESS_SEC};

	(void)snprintf(c.repo, sizeof(c.repo), "%s", b->repo.id);
	(void)snprintf(c.oid, sizeof(c.oid), "%s", p->oid);
	return c;
}

/* git-lfs sends what it is given here; the token that it has used for the batch will do. */
static json_t *verify_action(struct batch *b)
{
	const char *given = request_header(b->request, MHD_HTTP_HEADER_AUTHORIZATION);
	char url[ADDRESS_MAX];
	json_t *header = given ? json_pack("{s:s}", "Authorization", given) : json_object();

	(void)snprintf(url, sizeof(url), "%s/%s%s/%s.git/info/lfs/verify",
		request_base_url(b->request), hub_prefix(b->repo.kind), b->repo.owner,
		b->repo.name);
	return action(json_string(url), header, ADDRESS_SEC);
}

/* Each part its address, by its number in five digits or more, and how large a part is. */
static json_t *upload_in_parts(struct batch *b, const struct pointer *p)
{
	uint64_t chunk = b->request->world->lfs.part_bytes;
	struct signed_claim c = claim_of(b, SIGNED_PART, p);
	json_t *header = json_object(), *href;
	char name[24];

	if (p->size / chunk >= b->parts_max)
		chunk = p->size / b->parts_max + 1;
	random_id(c.upload);
	c.chunk_size = chunk;
	c.expires_sec = b->now_sec + PARTS_SEC;
	(void)snprintf(name, sizeof(name), "%llu", (unsigned long long)chunk);
	(void)json_object_set_new(header, "chunk_size", json_string(name));
	for (c.part = 1; c.part <= (p->size + chunk - 1) / chunk; c.part++) {
		(void)snprintf(name, sizeof(name), "%05llu", (unsigned long long)c.part);
		(void)json_object_set_new(header, name, address(b, &c));
	}
	c.verb = SIGNED_COMPLETE;
	c.part = 0;
	href = address(b, &c);
	return action(href, header, PARTS_SEC);
}

static json_t *upload_whole(struct batch *b, const struct pointer *p)
{
	const struct signed_claim c = claim_of(b, SIGNED_PUT, p);

	return action(address(b, &c), json_object(), ADDRESS_SEC);
}

/* --- one object --- */

static json_t *failed(json_t *o, int status, const char *words)
{
	(void)json_object_set_new(
		o, "error", json_pack("{s:i, s:s}", "code", status, "message", words));
	return o;
}

static json_t *describe_download(struct batch *b, const struct pointer *p, json_t *o)
{
	const struct signed_claim c = claim_of(b, SIGNED_GET, p);
	uint64_t size;

	if (lfs_size(b->request->world->store, b->repo.id, p->oid, &size, NULL) < 0 ||
		size != p->size)
		return failed(o, MHD_HTTP_NOT_FOUND, "this repo has no such object");
	(void)json_object_set_new(o, "actions",
		json_pack("{s:o}", "download", action(address(b, &c), json_object(), ADDRESS_SEC)));
	return o;
}

static int check_room(struct batch *b, const struct pointer *p, struct err *e)
{
	struct world *w = b->request->world;
	const struct disk_view *disk = disk_look(w->disk);
	uint64_t spare = disk->free_bytes > disk->limits.reserve_bytes
				 ? disk->free_bytes - disk->limits.reserve_bytes
				 : 0;

	if (disk->state == DISK_FULL || p->size > spare) {
		orchestrator_count(ORCHESTRATOR_DISK_REFUSED, 1);
		return err_set(e, -ENOSPC, "%s",
			disk->state == DISK_FULL ? disk->words
						 : "the platform's disk has no room for this file");
	}
	return lfs_check_room(w->store, &b->room, p, e);
}

static json_t *describe_upload(struct batch *b, const struct pointer *p, json_t *o)
{
	struct world *w = b->request->world;
	struct err e = {0};
	int code = lfs_check_room(w->store, &b->room, p, &e);
	bool parts = b->multipart && p->size > PARTS_FROM * w->lfs.part_bytes,
	     fresh = b->room.fresh;

	/* What somebody else has counts, too, though it takes no further room on the disk. */
	if (code == 0)
		code = lfs_claim(w->store, b->repo.id, p, &b->request->who, &e);
	if (code == 0 && fresh)
		b->room.used += p->size;
	if (code == 1)
		code = check_room(b, p, &e) < 0 ? e.code : 1;
	if (code == -EINVAL)
		return failed(o, MHD_HTTP_UNPROCESSABLE_CONTENT, e.text);
	if (code < 0)
		return failed(o,
			code == -EDQUOT || code == -ENOSPC ? MHD_HTTP_INSUFFICIENT_STORAGE
							   : MHD_HTTP_INTERNAL_SERVER_ERROR,
			e.text);
	if (code == 0)
		return o; /* it is here: without actions nothing is sent */
	b->parts |= parts;
	(void)json_object_set_new(o, "actions",
		json_pack("{s:o, s:o}", "upload",
			parts ? upload_in_parts(b, p) : upload_whole(b, p), "verify",
			verify_action(b)));
	return o;
}

static int read_pointer(const json_t *o, struct pointer *ret, struct err *e)
{
	const char *oid;
	int64_t size;
	int code = json_get_str(o, "oid", SHA256_HEX, &oid, e);

	if (code == 0 && !oid_is_valid(oid))
		code = err_set(e, -EINVAL, "oid: must be a SHA-256, 64 lower-case digits");
	if (code == 0)
		code = json_get_int(o, "size", 0, LFS_SIZE_MAX, &size, e);
	if (code < 0)
		return code;
	memcpy(ret->oid, oid, sizeof(ret->oid));
	ret->size = (uint64_t)size;
	return 0;
}

static json_t *describe(struct batch *b, const json_t *wanted)
{
	struct pointer p;
	struct err e = {0};
	json_t *o;

	if (read_pointer(wanted, &p, &e) < 0)
		return failed(json_object(), MHD_HTTP_UNPROCESSABLE_CONTENT, e.text);
	o = json_pack(
		"{s:s, s:I, s:b}", "oid", p.oid, "size", (json_int_t)p.size, "authenticated", 1);
	return b->upload ? describe_upload(b, &p, o) : describe_download(b, &p, o);
}

/* --- the batch --- */

static bool knows(const json_t *transfers, const char *name)
{
	const json_t *v;
	size_t i;

	json_array_foreach(transfers, i, v)
	{
		if (json_is_string(v) && !strcmp(json_string_value(v), name))
			return true;
	}
	return false;
}

static int read_batch(struct request *r, struct batch *b, struct err *e)
{
	const json_t *objects = json_object_get(r->json, "objects");
	const char *operation, *hash;
	int code = json_get_str(r->json, "operation", 16, &operation, e);

	if (code == 0)
		code = json_opt_str(r->json, "hash_algo", 16, "sha256", &hash, e);
	if (code < 0)
		return code;
	if (strcmp(operation, "upload") != 0 && strcmp(operation, "download") != 0)
		return err_set(e, -EINVAL, "operation: takes upload or download");
	if (strcmp(hash, "sha256") != 0 && strcmp(hash, "sha_256") != 0)
		return err_set(e, -EINVAL, "hash_algo: takes sha256");
	if (!json_is_array(objects) || json_array_size(objects) > LFS_BATCH_MAX)
		return err_set(e, -EINVAL, "objects: takes a list of at most %d", LFS_BATCH_MAX);
	b->upload = *operation == 'u';
	b->multipart = knows(json_object_get(r->json, "transfers"), "multipart");
	return 0;
}

static uint64_t share_of_parts(const struct batch *b)
{
	uint64_t n = 0, from = PARTS_FROM * b->request->world->lfs.part_bytes;
	const json_t *wanted;
	size_t i;

	json_array_foreach(json_object_get(b->request->json, "objects"), i, wanted)
	{
		json_int_t size = json_integer_value(json_object_get(wanted, "size"));

		n += size > 0 && (uint64_t)size > from;
	}
	return n * PARTS_MAX > ADDRESSES_MAX ? ADDRESSES_MAX / n : PARTS_MAX;
}

/* In one transaction: what is claimed is on the disk once, not object by object. */
static int describe_all(struct batch *b, json_t *list, struct err *e)
{
	struct store *s = b->request->world->store;
	const json_t *wanted;
	size_t i;
	int r = b->upload ? store_begin(s, e) : 0;

	if (r < 0)
		return r;
	json_array_foreach(json_object_get(b->request->json, "objects"), i, wanted)
	{
		(void)json_array_append_new(list, describe(b, wanted));
	}
	r = b->upload ? store_commit(s, e) : 0;
	store_rollback(s);
	return r;
}

void handle_lfs_batch(struct request *r)
{
	struct batch b = {.request = r, .now_sec = (int64_t)(clock_wall_usec() / USEC_PER_SEC)};
	json_t *list;
	struct err e = {0};

	if (read_batch(r, &b, &e) < 0) {
		refuse(r, MHD_HTTP_UNPROCESSABLE_CONTENT, e.text);
		return;
	}
	if ((b.upload ? request_repo_for_push(r, &b.repo) : request_repo(r, ACTION_READ, &b.repo)) <
		0)
		return;
	b.room = (struct lfs_room){.owner = b.repo.owner, .limit = r->world->lfs.storage_max};
	b.parts_max = share_of_parts(&b);
	list = json_array();
	if (describe_all(&b, list, &e) < 0) {
		json_decref(list);
		refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, e.text);
		return;
	}
	request_json_as(r, MHD_HTTP_OK, LFS_TYPE,
		json_pack("{s:s, s:o, s:s}", "transfer", b.parts ? "multipart" : "basic", "objects",
			list, "hash_algo", "sha256"));
}

void handle_lfs_verify(struct request *r)
{
	struct hub_repo repo;
	struct pointer p;
	struct err e = {0};
	uint64_t size;

	if (request_repo(r, ACTION_PUSH, &repo) < 0)
		return;
	if (read_pointer(r->json, &p, &e) < 0)
		refuse(r, MHD_HTTP_UNPROCESSABLE_CONTENT, e.text);
	else if (lfs_size(r->world->store, repo.id, p.oid, &size, &e) < 0)
		refuse(r, MHD_HTTP_NOT_FOUND, "this object was not uploaded");
	else if (size != p.size)
		refuse(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "size: the object has another one");
	else
		request_json_as(r, MHD_HTTP_OK, LFS_TYPE, json_object());
}

/* git-lfs then goes on without asking anybody about it: docs/api/locking.md. */
void handle_lfs_locks(struct request *r)
{
	refuse(r, MHD_HTTP_NOT_FOUND, "files are not locked here");
}
