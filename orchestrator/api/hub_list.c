/* REST: lists of repos, and who likes them. */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/routes.h"
#include "orchestrator/api/runtime.h"
#include "orchestrator/hub/likes.h"
#include "orchestrator/hub/list.h"
#include "orchestrator/repo/card.h"

#define LIKERS_MAX 1000
#define CARDS_MAX (2u << 20) /* bytes of card text, after which a page ends */

struct listing {
	struct request *request;
	struct list_query query;
	bool runtime; /* asked for: it costs each Space another look */
	json_t *json; /* owned by the handler */
	int64_t key, number;
	size_t cards; /* bytes */
	bool full;
};

/* --- one row --- */

static void add_tags(json_t *tags, const json_t *card, const char *key, const char *prefix)
{
	const json_t *value = json_object_get(card, key), *one;
	char tag[256];
	size_t i;

	if (json_is_string(value) && snprintf(tag, sizeof(tag), "%s%s", prefix,
					     json_string_value(value)) < (int)sizeof(tag))
		(void)json_array_append_new(tags, json_string(tag));
	json_array_foreach(value, i,
		one) if (json_is_string(one) && snprintf(tag, sizeof(tag), "%s%s", prefix,
							json_string_value(one)) < (int)sizeof(tag))(
		void) json_array_append_new(tags, json_string(tag));
}

static void add_card(json_t *o, const struct list_row *row)
{
	json_t *card = NULL, *tags = json_object_get(o, "tags");
	struct err e = {0};

	if (json_parse(row->card, strlen(row->card), CARD_MAX * 2, &card, &e) < 0)
		card = json_object();
	add_tags(tags, card, "tags", "");
	add_tags(tags, card, "license", "license:");
	add_tags(tags, card, "language", "language:");
	add_tags(tags, card, "datasets", "dataset:");
	for (size_t i = 0; row->repo.kind == REPO_MODEL && i < 2; i++) {
		const char *key = i ? "library_name" : "pipeline_tag";
		json_t *value = json_object_get(card, key);

		if (json_is_string(value))
			(void)json_object_set(o, key, value);
	}
	(void)json_object_set_new(o, "cardData", card);
}

/* What a Space's page is, beside what it shares with other repos. */
static void add_space(const struct listing *l, json_t *o, const struct list_row *row)
{
	struct request *r = l->request;
	struct activity a = edge_peer_activity(r->world->edge, row->repo.id);
	json_t *runtime = l->runtime ? runtime_object(r->world, row->repo.id,
					       request_permit(r, ACTION_SEE_INSIDE, &row->repo,
						       &(struct err){0}) == 0,
					       &(struct err){0})
				     : NULL;
	char url[512];

	(void)snprintf(url, sizeof(url), "%s/spaces/%s/%s", request_base_url(r), row->repo.owner,
		row->repo.name);
	(void)json_object_set_new(o, "sdk",
		json_words(*row->sdk      ? row->sdk
			   : *row->bundle ? "lua"
					  : "static"));
	(void)json_object_set_new(o, "emoji", json_words(row->emoji));
	(void)json_object_set_new(o, "state", json_string(*row->bundle ? a.phase : "empty"));
	(void)json_object_set_new(o, "sessions", json_integer((json_int_t)a.sessions));
	(void)json_object_set_new(o, "url", json_string(url));
	if (runtime)
		(void)json_object_set_new(o, "runtime", runtime);
	(void)json_object_set_new(
		o, "bundle", *row->bundle ? json_string(row->bundle) : json_null());
	(void)json_object_set_new(
		o, "commit", *row->commit ? json_string(row->commit) : json_null());
}

static int append_row(const struct list_row *row, void *data)
{
	struct listing *l = data;
	json_t *o = hub_object(l->request, &row->repo);

	l->key = row->key;
	l->number = row->number;
	(void)json_object_set_new(o, "owner", json_string(row->repo.owner));
	(void)json_object_set_new(o, "name", json_string(row->repo.name));
	(void)json_object_set_new(
		o, "title", json_words(*row->title ? row->title : row->repo.name));
	(void)json_object_set_new(o, "updatedAt", json_time(row->repo.updated_usec));
	if (l->query.sort == LIST_TRENDING)
		(void)json_object_set_new(o, "trendingScore",
			json_real(heat_at(row->key, (int64_t)clock_wall_usec())));
	add_card(o, row);
	if (row->repo.kind == REPO_SPACE)
		add_space(l, o, row);
	if (json_array_append_new(l->json, o) < 0)
		return -ENOMEM;
	/* A thousand cards of the largest size are more than an answer may be, and everybody waits
	   while they are parsed: the page is short, and its Link says where it goes on. */
	l->cards += strlen(row->card);
	l->full = l->cards >= CARDS_MAX;
	return l->full ? 1 : 0;
}

/* --- the query --- */

static bool take_filter(const char *value, void *data)
{
	struct list_query *q = data;

	if (*value && q->n_tags < LIST_TAGS_MAX)
		q->tags[q->n_tags++] = value;
	return true;
}

static bool take_expand(const char *value, void *data)
{
	struct listing *l = data;

	l->runtime = l->runtime || !strcmp(value, "runtime");
	return true;
}

static int take_sort(struct request *r, struct list_query *q, struct err *e)
{
	static const struct {
		const char *name;
		enum list_sort sort;
	} sorts[] = {{"lastModified", LIST_UPDATED}, {"createdAt", LIST_CREATED},
		{"id", LIST_CREATED}, {"likes", LIST_LIKES}, {"downloads", LIST_LIKES},
		{"trendingScore", LIST_TRENDING}};
	const char *name = request_query(r, "sort");

	for (size_t i = 0; name && i < sizeof(sorts) / sizeof(sorts[0]); i++)
		if (!strcmp(name, sorts[i].name)) {
			q->sort = sorts[i].sort;
			return 0;
		}
	return name ? err_set(e, -EINVAL,
			      "sort: 'lastModified', 'createdAt', 'likes' or 'trendingScore'")
		    : 0;
}

static int take_query(struct request *r, struct list_query *q, struct err *e)
{
	const char *limit = request_query(r, "limit"), *cursor = request_query(r, "cursor");
	char rest;

	*q = (struct list_query){.kind = r->kind,
		.viewer = permit_viewer(&r->who),
		.all = permit(&r->who, ACTION_ADMINISTER, NULL, &(struct err){0}) == 0,
		.author = request_query(r, "author"),
		.search = request_query(r, "search"),
		.limit = limit ? strtoll(limit, NULL, 10) : LIST_MAX};
	if (q->search && !*q->search)
		q->search = NULL;
	request_query_each(r, "filter", take_filter, q);
	request_query_each(r, "pipeline_tag", take_filter, q);
	if (q->limit < 1 || q->limit > LIST_MAX)
		return err_set(e, -EINVAL, "limit: 1 to %d", LIST_MAX);
	if (cursor) {
		long long key, number;

		if (sscanf(cursor, "%lld_%lld%c", &key, &number, &rest) != 2)
			return err_set(e, -EINVAL, "cursor: is none of ours");
		q->paged = true;
		q->after_key = key;
		q->after_number = number;
	}
	return take_sort(r, q, e);
}

/* The same query with another cursor, as clients ask for what comes next. */
static void add_next(struct request *r, const struct listing *l)
{
	const char *query = strchr(r->target, '?');
	char link[9500];
	int n = snprintf(link, sizeof(link), "<%s%.*s?", request_base_url(r),
		(int)strcspn(r->target, "?"), r->target);

	while (query && *query) {
		size_t len = strcspn(++query, "&");

		if (strncmp(query, "cursor=", 7) != 0 && len &&
			n + (int)len + 80 < (int)sizeof(link))
			n += snprintf(link + n, sizeof(link) - (size_t)n, "%.*s&", (int)len, query);
		query += len;
	}
	(void)snprintf(link + n, sizeof(link) - (size_t)n, "cursor=%lld_%lld>; rel=\"next\"",
		(long long)l->key, (long long)l->number);
	request_add_header(r, MHD_HTTP_HEADER_LINK, link);
}

/* --- models that are served and are nobody's repo --- */

static bool is_listed(const json_t *list, const char *id)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *have = json_string_value(json_object_get(one, "id"));

		if (have && !strcmp(have, id))
			return true;
	}
	return false;
}

static bool is_wanted(const struct list_query *q, const json_t *model, const char *id)
{
	const char *task = json_string_value(json_object_get(model, "task"));
	size_t n = strcspn(id, "/");

	if (q->author && (strlen(q->author) != n || memcmp(q->author, id, n) != 0))
		return false;
	for (size_t i = 0; i < q->n_tags; i++)
		if (!task || strcmp(q->tags[i], task) != 0)
			return false;
	return !q->search || strcasestr(id, q->search);
}

static void add_served(struct listing *l)
{
	const json_t *served = models_peer_list(l->request->world->models), *one;
	size_t i;

	json_array_foreach(served, i, one)
	{
		const char *id = json_string_value(json_object_get(one, "id"));
		json_t *o;

		if (!id || is_listed(l->json, id) || !is_wanted(&l->query, one, id) ||
			json_array_size(l->json) >= (size_t)l->query.limit)
			continue;
		o = json_deep_copy(one);
		(void)json_object_update_missing_new(
			o, json_pack("{s:s, s:s, s:s, s:o, s:o, s:b, s:b, s:i, s:i, s:[]}", "_id",
				   id, "modelId", id, "author", "", "lastModified",
				   json_time((int64_t)l->request->world->started_usec), "createdAt",
				   json_time((int64_t)l->request->world->started_usec), "private",
				   0, "gated", 0, "likes", 0, "downloads", 0, "tags"));
		(void)json_object_set(o, "pipeline_tag", json_object_get(one, "task"));
		(void)json_array_append_new(l->json, o);
	}
}

void handle_repo_list(struct request *r)
{
	struct listing l = {.request = r, .json = json_array()};
	struct err e = {0};
	int rows = take_query(r, &l.query, &e);

	request_query_each(r, "expand", take_expand, &l);
	if (rows == 0)
		rows = hub_list(r->world->store, &l.query, append_row, &l, &e);
	if (rows < 0) {
		json_decref(l.json);
		request_fail(r, rows, &e);
		return;
	}
	l.full = l.full || rows == l.query.limit;
	if (r->kind == REPO_MODEL && !l.full)
		add_served(&l);
	request_json(r, MHD_HTTP_OK, l.json);
	if (l.full)
		add_next(r, &l);
}

/* --- likes --- */

static void set_like(struct request *r, bool like)
{
	struct hub_repo repo;
	struct err e = {0};
	int code;

	if (request_repo(r, ACTION_LIKE, &repo) < 0)
		return;
	code = hub_like(r->world->store, &repo, r->who.user_id, like, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		request_json(r, MHD_HTTP_OK,
			json_pack("{s:b, s:I}", "liked", like, "likes", (json_int_t)repo.likes));
}

void handle_like(struct request *r)
{
	set_like(r, true);
}

void handle_unlike(struct request *r)
{
	set_like(r, false);
}

static int append_liker(const char *user, void *data)
{
	return json_array_append_new(data, json_pack("{s:s, s:s, s:s}", "user", user, "fullname",
						   user, "type", "user")) < 0
		       ? -ENOMEM
		       : 0;
}

void handle_likers(struct request *r)
{
	struct hub_repo repo;
	struct err e = {0};
	json_t *list;

	if (request_repo(r, ACTION_READ, &repo) < 0)
		return;
	list = json_array();
	if (hub_likers(r->world->store, repo.id, LIKERS_MAX, append_liker, list, &e) >= 0) {
		request_json(r, MHD_HTTP_OK, list);
		return;
	}
	json_decref(list);
	request_fail(r, e.code, &e);
}
