/* REST: what a repo is, in one object: its rows, what lies in git (orchestrator/reader/overview.h)
 * and, for a model, what its weights hold. */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/look_up.h"
#include "orchestrator/api/routes.h"
#include "orchestrator/hub/takedown.h"
#include "orchestrator/served.h"
#include "proto/space_host.h"

#define ID_SHOWN 24 /* digits: what Hugging Face's ids have */
#define SUM_MAX 65536
#define TENSORS_SHOWN 2000
#define USED_BY_SHOWN 50

/* --- rows --- */

/* The platform's URL is SCHEME://NAME[:PORT]. */
static int scheme_n(const char *url)
{
	const char *end = strstr(url, "://");

	return end ? (int)(end + 3 - url) : 0;
}

static const char *port_of(const char *url)
{
	const char *port = strrchr(url + scheme_n(url), ':');

	return port ? port : "";
}

static void add_kind(struct request *r, const struct hub_repo *repo, json_t *o)
{
	const struct world *w = r->world;
	char label[HOST_LABEL_MAX + 1];

	if (repo->kind != REPO_SPACE)
		(void)json_object_set_new(o, "downloads", json_integer(0));
	if (repo->kind == REPO_MODEL) {
		(void)json_object_set(o, "modelId", json_object_get(o, "id"));
		(void)json_object_set_new(o, "pipeline_tag", json_null());
		(void)json_object_set_new(o, "library_name", json_null());
	}
	if (repo->kind != REPO_SPACE)
		return;
	space_host_label(repo->owner, repo->name, label);
	(void)json_object_set_new(o, "subdomain", json_string(label));
	(void)json_object_set_new(o, "host",
		*w->spaces_domain ? json_sprintf("%.*s%s.%s%s", scheme_n(w->url), w->url, label,
					    w->spaces_domain, port_of(w->url))
				  : json_string(request_base_url(r)));
	(void)json_object_set_new(o, "customDomains", json_boolean(w->custom_domains));
	(void)json_object_set_new(o, "models", json_array());
	(void)json_object_set_new(o, "datasets", json_array());
}

/* Its owner sees why; whoever else sees it at all is an administrator. */
static void add_takedown(struct request *r, const struct hub_repo *repo, json_t *o)
{
	struct takedown t;

	if (!repo->private || takedown_get(r->world->store, repo->id, &t, &(struct err){0}) <= 0)
		return;
	(void)json_object_set_new(o, "disabled", json_true());
	(void)json_object_set_new(o, "takedown",
		json_pack("{s:s, s:o}", "reason", t.reason, "at", json_time(t.at_usec)));
}

json_t *hub_object(struct request *r, const struct hub_repo *repo)
{
	char id[OWNER_MAX + REPO_NAME_MAX + 2], digest[SHA256_HEX + 1];
	json_t *o;

	(void)snprintf(id, sizeof(id), "%s/%s", repo->owner, repo->name);
	sha256_hex(repo->id, strlen(repo->id), digest);
	digest[ID_SHOWN] = '\0';
	o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:b, s:b, s:b, s:I, s:b, s:[]}", "_id", digest,
		"id", id, "author", repo->owner, "lastModified", json_time(repo->updated_usec),
		"createdAt", json_time(repo->created_usec), "private", (int)repo->private, "gated",
		0, "disabled", 0, "likes", (json_int_t)repo->likes, "owned",
		request_permit(r, ACTION_MANAGE, repo, &(struct err){0}) == 0, "tags");
	if (o) {
		add_kind(r, repo, o);
		add_takedown(r, repo, o);
	}
	return o;
}

/* --- weights --- */

/* Sums of files by their SHA-256, which never change. The oldest gives way. */
static struct {
	char oid[SHA256_HEX + 1];
	json_t *sum; /* owned; null: it is no safetensors file */
} sums[256];
static size_t next_sum;

static json_t *known_sum(const char *oid)
{
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		if (sums[i].sum && !strcmp(sums[i].oid, oid))
			return sums[i].sum;
	return NULL;
}

static void keep_sum(const char *oid, json_t *sum)
{
	size_t i = next_sum++ % (sizeof(sums) / sizeof(sums[0]));

	json_decref(sums[i].sum);
	(void)snprintf(sums[i].oid, sizeof(sums[i].oid), "%s", oid);
	sums[i].sum = sum;
}

/* {parameters, total} of all files. */
static void add_sum(json_t *all, const json_t *sum)
{
	json_t *parameters = json_object_get(all, "parameters"), *n;
	const char *dtype;

	json_object_foreach(json_object_get(sum, "parameters"), dtype, n)(void)
		json_object_set_new(parameters, dtype,
			json_integer(json_integer_value(json_object_get(parameters, dtype)) +
				     json_integer_value(n)));
	(void)json_object_set_new(all, "total",
		json_integer(json_integer_value(json_object_get(all, "total")) +
			     json_integer_value(json_object_get(sum, "total"))));
}

/* What is kept while the weights are read: {body, size, commit, weights: […], at, all}. */
static json_int_t later_int(const struct look_up *u, const char *key)
{
	return json_integer_value(json_object_get(u->later, key));
}

static void finish(struct look_up *u)
{
	const char *commit = json_string_value(json_object_get(u->later, "commit"));
	json_t *all = json_object_get(u->later, "all");
	uint64_t size = (uint64_t)later_int(u, "size");
	CLEANUP(buf_done) struct buf b;
	int fd = (int)later_int(u, "body");

	/* The object ends in '}'. */
	buf_init(&b, SUM_MAX);
	if (json_object_size(json_object_get(all, "parameters")) && size > 1 &&
		buf_add_str(&b, ",\"safetensors\":") == 0 && json_write(&b, all) == 0 &&
		buf_add_str(&b, "}") == 0 &&
		pwrite(fd, b.data, b.len, (off_t)size - 1) == (ssize_t)b.len)
		size += b.len - 1;
	(void)json_object_set_new(u->later, "body", json_integer(-1));
	request_answer_fd(u->request, MHD_HTTP_OK, "application/json; charset=utf-8", fd, size);
	if (commit && *commit)
		request_add_header(u->request, "X-Repo-Commit", commit);
}

static void next_weights(struct look_up *u);

static void done_weights(struct look_up *u, struct reading_answer *a)
{
	const json_t *file = json_array_get(
		json_object_get(u->later, "weights"), (size_t)later_int(u, "at") - 1);
	char text[SUM_MAX];
	ssize_t n = a->size < sizeof(text) ? pread(a->body, text, (size_t)a->size, 0) : -1;
	json_t *sum = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;

	keep_sum(json_string_value(json_object_get(file, "oid")), sum ? sum : json_null());
	if (sum)
		add_sum(json_object_get(u->later, "all"), sum);
	next_weights(u);
}

/* The next file whose sum is not known yet; at the end the answer. */
static void next_weights(struct look_up *u)
{
	const json_t *weights = json_object_get(u->later, "weights");
	size_t at = (size_t)later_int(u, "at");

	for (; at < json_array_size(weights); at++) {
		const json_t *file = json_array_get(weights, at);
		const char *oid = json_string_value(json_object_get(file, "oid"));
		struct look_up_plan plan = {.done = done_weights, .or_done = true};
		const json_t *sum = oid ? known_sum(oid) : json_object_get(file, "sum");

		/* First of all it has to be this repo's. */
		plan.input = oid ? look_up_open_large(u, file, &(struct err){0}) : -1;
		if (oid && plan.input < 0)
			continue;
		if (sum)
			add_sum(json_object_get(u->later, "all"), sum);
		if (sum && plan.input >= 0)
			close(plan.input);
		if (sum || !oid)
			continue;
		plan.args = json_pack("{s:s, s:i}", "op", "sum", "tensors", 0);
		(void)json_object_set_new(u->later, "at", json_integer((json_int_t)at + 1));
		look_up_again(u, &plan);
		close(plan.input);
		return;
	}
	finish(u);
}

/* --- one repo --- */

static void done_overview(struct look_up *u, struct reading_answer *a)
{
	const json_t *weights = json_object_get(a->head, "weights");
	const char *commit = json_string_value(json_object_get(a->head, "commit"));

	if (json_array_size(weights) == 0) {
		look_up_done_json(u, a);
		return;
	}
	u->later = json_pack("{s:i, s:I, s:s*, s:O, s:i, s:{s:{}, s:i}}", "body", a->body, "size",
		(json_int_t)a->size, "commit", commit, "weights", weights, "at", 0, "all",
		"parameters", "total", 0);
	if (!u->later) {
		look_up_done_json(u, a);
		return;
	}
	a->body = -1;
	next_weights(u);
}

struct wishes {
	bool any, siblings, storage, weights;
};

static bool take_wish(const char *value, void *data)
{
	struct wishes *w = data;

	w->any = true;
	w->siblings |= !strcmp(value, "siblings");
	w->storage |= !strcmp(value, "usedStorage");
	w->weights |= !strcmp(value, "safetensors");
	return true;
}

static int add_user_of(const struct store_row *row, void *data)
{
	char id[OWNER_MAX + REPO_NAME_MAX + 2];

	(void)snprintf(id, sizeof(id), "%s/%s", store_text(row, 0), store_text(row, 1));
	return json_array_append_new(data, json_string(id)) < 0 ? -ENOMEM : 0;
}

/* The Spaces whose card names this model, of those that are known to whoever asks. */
static void add_used_by(struct request *r, const struct hub_repo *repo, json_t *o)
{
	char tag[OWNER_MAX + REPO_NAME_MAX + 16];
	json_t *spaces = json_array();

	(void)snprintf(tag, sizeof(tag), "model:%s/%s", repo->owner, repo->name);
	if (store_run(r->world->store, "repo_used_by", add_user_of, spaces, &(struct err){0},
		    "sisii", tag, (int64_t)REPO_SPACE, permit_viewer(&r->who),
		    (int64_t)r->who.admin, (int64_t)USED_BY_SHOWN) < 0)
		(void)json_array_clear(spaces);
	(void)json_object_set_new(o, "spaces", spaces);
}

/* Whether it can be called: {state, task, words}; words say why not. */
static void add_served(struct request *r, const struct hub_repo *repo, json_t *o)
{
	const char *id = json_string_value(json_object_get(o, "id"));
	const char *refusal = served_refusal(r->world->served, repo), *broken;
	const json_t *list = models_peer_list(r->world->models), *one, *row = NULL;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *have = json_string_value(json_object_get(one, "id"));

		if (have && id && !strcmp(have, id))
			row = one;
	}
	broken = json_string_value(json_object_get(row, "error"));
	if (broken && *broken)
		refusal = broken;
	(void)json_object_set_new(o, "served",
		json_pack("{s:s, s:O?, s:s}", "state",
			*refusal ? "failed"
			: row    ? json_string_value(json_object_get(row, "state"))
				 : "new",
			"task", json_object_get(row, "task"), "words", refusal));
}

/* For a Space also what is only here: builds, sessions, who may change it. */
static json_t *describe(struct request *r, const struct hub_repo *repo, struct err *e)
{
	json_t *o = hub_object(r, repo);
	struct space space;
	json_t *more;
	int code;

	if (o && repo->kind == REPO_MODEL) {
		add_used_by(r, repo, o);
		add_served(r, repo, o);
	}
	if (!o || repo->kind != REPO_SPACE)
		return o;
	code = space_by_id(r->world->store, repo->id, &space, e);
	more = code < 0 ? NULL : space_describe(r, &space, e);
	if (!more) {
		json_decref(o);
		return NULL;
	}
	(void)json_object_update(o, more);
	json_decref(more);
	return o;
}

/* GET R and R/revision/REV. */
void handle_info(struct request *r)
{
	struct look_up_plan plan = {.input = -1, .done = done_overview};
	const char *blobs = request_query(r, "blobs");
	struct wishes w = {0};
	struct hub_repo repo;
	struct err e = {0};
	json_t *object;

	if (request_repo(r, ACTION_READ, &repo) < 0)
		return;
	request_query_each(r, "expand", take_wish, &w);
	object = describe(r, &repo, &e);
	if (!object) {
		request_fail(r, e.code ? e.code : -ENOMEM, &e);
		return;
	}
	plan.args = json_pack("{s:s, s:o, s:b, s:b, s:b, s:b, s:b}", "op", "overview", "object",
		object, "siblings", (int)(!w.any || w.siblings), "blobs",
		(int)(blobs && !strcasecmp(blobs, "true")), "card", 1, "storage",
		(int)(!w.any || w.storage), "weights",
		(int)(repo.kind == REPO_MODEL && (!w.any || w.weights)));
	plan.heavy = !w.any || w.siblings || w.storage;
	look_up(r, &repo, &plan);
}

/* --- the tensors of one file --- */

static void done_place(struct look_up *u, struct reading_answer *a)
{
	const json_t *lfs = json_object_get(a->head, "lfs");
	const char *oid = json_string_value(json_object_get(lfs, "oid"));
	struct look_up_plan plan = {.input = -1, .done = look_up_done_json};
	struct err e = {0};

	if (oid) {
		plan.input = look_up_open_large(u, lfs, &e);
		if (plan.input < 0) {
			request_hub_error(u->request, MHD_HTTP_NOT_FOUND, "EntryNotFound",
				"Entry not found: its content was never uploaded");
			return;
		}
	}
	plan.args = json_pack("{s:s, s:i}", "op", "weights", "tensors", TENSORS_SHOWN);
	look_up_again(u, &plan);
	if (plan.input >= 0)
		close(plan.input);
}

/* GET R/safetensors/REV/PATH: what its header says. */
void handle_safetensors(struct request *r)
{
	struct look_up_plan plan = {.input = -1, .done = done_place};
	struct hub_repo repo;

	if (request_repo(r, ACTION_READ, &repo) < 0)
		return;
	plan.args = json_pack("{s:s, s:b}", "op", "content", "bodiless", 1);
	look_up(r, &repo, &plan);
}
