/* REST: repos come, go, move, and are seen by everybody or by their owner. */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/hub_repos.h"
#include "orchestrator/api/private.h"
#include "orchestrator/hub/note.h"
#include "orchestrator/live.h"
#include "orchestrator/metrics.h"
#include "orchestrator/rebuild.h"
#include "orchestrator/repo/policy.h"
#include "orchestrator/repo/seed.h"

#define DELETED_LIST_MAX 200

/* --- what bodies say --- */

static int take_kind(const json_t *body, enum repo_kind *ret, struct err *e)
{
	const char *type;
	int code = json_opt_str(body, "type", WORD_MAX, "model", &type, e);

	if (code == 0 && hub_kind_find(type, strlen(type), ret) < 0)
		return err_set(e, -EINVAL, "type: 'space', 'model' or 'dataset'");
	return code;
}

int named_split(const char *text, const char *owner, struct named *ret, struct err *e)
{
	const char *slash = strchr(text, '/');
	const char *name = slash ? slash + 1 : text;
	int n = slash ? (int)(slash - text) : (int)strlen(owner);

	if (strchr(name, '/') || n >= (int)sizeof(ret->owner) || strlen(name) >= sizeof(ret->name))
		return err_set(e, -EINVAL, "name: is no name of a repository");
	(void)snprintf(ret->owner, sizeof(ret->owner), "%.*s", n, slash ? text : owner);
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	return 0;
}

static int take_named(struct request *r, struct named *ret, struct err *e)
{
	const char *name, *organization;
	int code = take_kind(r->json, &ret->kind, e);

	if (code == 0)
		code = json_get_str(r->json, "name", WORD_MAX, &name, e);
	if (code == 0)
		code = json_opt_str(r->json, "organization", WORD_MAX, NULL, &organization, e);
	return code < 0 ? code
			: named_split(name, organization ? organization : r->who.user, ret, e);
}

int repo_take_private(const json_t *body, bool *ret, struct err *e)
{
	const json_t *private = json_object_get(body, "private");
	const char *visibility;
	int code = json_opt_str(body, "visibility", WORD_MAX, NULL, &visibility, e);

	if (code < 0)
		return code;
	if (visibility) {
		*ret = strcmp(visibility, "public") != 0;
		if (*ret && strcmp(visibility, "private") != 0)
			return err_set(e, -EINVAL, "visibility: 'public' or 'private'");
		return 1;
	}
	if (private && !json_is_null(private)) {
		*ret = json_is_true(private);
		return json_is_boolean(private)
			       ? 1
			       : err_set(e, -EINVAL, "private: must be true or false");
	}
	return 0;
}

void repo_write_url(struct request *r, const struct hub_repo *repo, char ret[512])
{
	(void)snprintf(ret, 512, "%s/%s%s/%s", request_base_url(r), hub_prefix(repo->kind),
		repo->owner, repo->name);
}

/* As _id in what tells of a repo; Hugging Face's have 24 characters, and clients take any. */
static void answer_made(struct request *r, const struct hub_repo *repo)
{
	char url[512], name[OWNER_MAX + REPO_NAME_MAX + 2];

	repo_write_url(r, repo, url);
	(void)snprintf(name, sizeof(name), "%s/%s", repo->owner, repo->name);
	request_json(r, MHD_HTTP_OK,
		json_pack("{s:s, s:s, s:s}", "url", url, "name", name, "id", repo->id));
}

void repo_answer_taken(struct request *r, const struct hub_repo *repo)
{
	char url[512], words[400];

	repo_write_url(r, repo, url);
	(void)snprintf(words, sizeof(words), "there is a %s %s/%s already",
		hub_kind_name(repo->kind), repo->owner, repo->name);
	request_json(r, MHD_HTTP_CONFLICT, json_pack("{s:s, s:s}", "error", words, "url", url));
	request_add_header(r, "X-Error-Message", words);
}

/* --- create --- */

static int take_files(
	const json_t *body, struct seed_file files[SEED_FILES_MAX], size_t *ret_n, struct err *e)
{
	const json_t *list = json_object_get(body, "files"), *one;
	size_t i;

	*ret_n = 0;
	if (list && !json_is_null(list) && !json_is_array(list))
		return err_set(e, -EINVAL, "files: must be a list");
	if (json_array_size(list) > SEED_FILES_MAX)
		return err_set(e, -EINVAL, "files: over the limit of %d", SEED_FILES_MAX);
	json_array_foreach(list, i, one)
	{
		const char *encoding;
		struct seed_file *f = &files[i];
		int code = json_get_str(one, "path", 4096, &f->path, e);

		if (code == 0)
			code = json_get_str(one, "content", REPO_CREATE_MAX, &f->content, e);
		if (code == 0)
			code = json_opt_str(one, "encoding", WORD_MAX, "utf-8", &encoding, e);
		if (code < 0)
			return code;
		f->base64 = !strcmp(encoding, "base64");
	}
	*ret_n = json_array_size(list);
	return 0;
}

static int take_seed(struct request *r, const struct named *named, struct seed *ret, struct err *e)
{
	static const char *const sdks[] = {"lua", "static", "gradio", "docker", "streamlit"};
	int code;

	*ret = (struct seed){
		.space = named->kind == REPO_SPACE, .title = named->name, .user = r->who.user};
	code = json_opt_str(r->json, "license", WORD_MAX, NULL, &ret->license, e);
	if (code == 0)
		code = json_opt_str(
			r->json, "sdk", WORD_MAX, ret->space ? "lua" : NULL, &ret->sdk, e);
	if (code < 0 || !ret->sdk)
		return code;
	for (size_t i = 0; i < sizeof(sdks) / sizeof(sdks[0]); i++)
		if (!strcmp(sdks[i], ret->sdk))
			return 0;
	return err_set(e, -EINVAL, "sdk: 'lua', 'static', 'gradio', 'docker' or 'streamlit'");
}

/*
 * The folder with its first commit, then the policy, then the row, then the folder's place: what is
 * cut short before the row was never there, what is cut short after it is settled at the next
 * start.
 */
struct making {
	struct request *request; /* borrowed */
	struct hub_repo repo;
	char path[REPO_PATH_MAX]; /* "": it has its place */
	struct draft *draft;      /* owned */
	struct policy *policy;    /* owned */
};

static void drop(struct making *m)
{
	m->policy = policy_free(m->policy);
	m->draft = draft_free(m->draft);
	if (*m->path)
		(void)fs_remove_tree(m->path);
	m->path[0] = '\0';
}

static void end_making(struct request *r)
{
	drop(r->state);
	free(r->state);
	r->state = NULL;
}

static int keep(struct making *m, struct err *e)
{
	struct world *w = m->request->world;
	int code = draft_keep(m->draft, e);

	m->draft = draft_free(m->draft);
	if (code == 0)
		code = hub_add(w->store, &m->repo, e);
	if (code < 0)
		return code;
	code = repo_settle(&w->repos, m->repo.id, e);
	repo_path(&w->repos, m->repo.id, m->path);
	if (code == 0)
		code = hub_note_push(w->store, m->path, &m->repo, e);
	m->path[0] = '\0';
	return code;
}

int repo_may_make(struct request *r, const struct named *named, struct err *e)
{
	int code = permit(&r->who, ACTION_CREATE, named->owner, e);

	if (code == 0)
		code = request_check_new(r, named->kind, named->owner, named->name, e);
	if (code == -ENOENT)
		code = -EPERM; /* nobody may have repos in a name that is nobody's */
	return code == 0 ? request_check_room(r, e) : code;
}

int repo_finish_space(struct request *r, struct hub_repo *repo, struct err *e)
{
	struct space space;
	struct err why = {0};
	int code = hub_space_take_settings(r, repo->id, e);

	if (code < 0) {
		(void)live_delete(r->world, repo, &why);
		return code;
	}
	code = space_by_id(r->world->store, repo->id, &space, e);
	if (code == 0 && rebuild_start(r->world, &space, &why) < 0)
		log_warn("space=%s/%s its first commit is not built: %s", repo->owner, repo->name,
			why.text);
	return code;
}

static void fail(struct making *m, int code, const struct err *e)
{
	struct hub_repo repo;

	drop(m);
	/* Somebody else was quicker. */
	if (code == STORE_CONFLICT &&
		hub_by_name(m->request->world->store, m->repo.kind, m->repo.owner, m->repo.name,
			&repo, &(struct err){0}) == 0)
		repo_answer_taken(m->request, &repo);
	else
		request_fail(m->request, code, e);
}

static void on_policy(bool ok, const char *words, void *data)
{
	struct making *m = data;
	struct request *r = m->request;
	struct err e = {0};
	int code;

	m->policy = NULL;
	if (!ok) {
		orchestrator_count(ORCHESTRATOR_REFUSED, 1);
		drop(m);
		request_hub_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, NULL, "%.*s",
			(int)strcspn(words, "\n"), words);
		return;
	}
	audit_begin(r);
	code = keep(m, &e);
	audit_end(r);
	if (code == 0 && m->repo.kind == REPO_SPACE)
		code = repo_finish_space(r, &m->repo, &e);
	if (code < 0) {
		fail(m, code, &e);
		return;
	}
	log_info("%s=%s/%s is made", hub_kind_name(m->repo.kind), m->repo.owner, m->repo.name);
	answer_made(r, &m->repo);
}

/* A repo that is not there yet can point to nothing. */
static int open_no_lfs(const char *oid, uint64_t *ret_size, void *data)
{
	(void)oid;
	(void)ret_size;
	(void)data;
	return -ENOENT;
}

static int start_policy(struct making *m, struct err *e)
{
	char head[1][41];
	const struct policy_request q = {.repo_path = m->path,
		.quarantine = draft_quarantine(m->draft),
		.heads = (const char(*)[41])head,
		.n_heads = 1,
		.space = m->repo.kind == REPO_SPACE,
		.open_lfs = open_no_lfs};

	(void)snprintf(head[0], sizeof(head[0]), "%s", draft_commit(m->draft));
	return policy_start(m->request->world->loop, &q, on_policy, m, &m->policy, e);
}

static void make(struct request *r, const struct hub_repo *repo, const struct seed *seed)
{
	struct making *m = calloc(1, sizeof(*m));
	struct err e = {0};
	int code;

	if (!m) {
		request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, "out of memory");
		return;
	}
	*m = (struct making){.request = r, .repo = *repo};
	r->state = m;
	r->on_end = end_making;
	repo_nascent_path(&r->world->repos, repo->id, m->path);
	code = repo_create(m->path, &e);
	if (code == 0)
		code = seed_draft(m->path, seed, &m->draft, &e);
	if (code == 0)
		code = start_policy(m, &e);
	if (code < 0)
		fail(m, code, &e);
}

void handle_repo_create(struct request *r)
{
	struct seed_file files[SEED_FILES_MAX];
	struct hub_repo repo;
	struct named named;
	struct seed seed;
	struct err e = {0};
	bool private = false;
	int code = take_named(r, &named, &e);

	if (code == 0)
		code = repo_may_make(r, &named, &e);
	if (code == 0)
		code = repo_take_private(r->json, &private, &e);
	if (code >= 0)
		code = take_seed(r, &named, &seed, &e);
	if (code == 0)
		code = take_files(r->json, files, &seed.n, &e);
	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	seed.files = files;
	if (hub_by_name(r->world->store, named.kind, named.owner, named.name, &repo, &e) == 0) {
		repo_answer_taken(r, &repo);
		return;
	}
	hub_prepare(&repo, named.kind, named.owner, named.name, private);
	memcpy(repo.maker, r->who.user_id, sizeof(repo.maker));
	make(r, &repo, &seed);
}

/* --- delete, restore, move --- */

/* The repo of a body, for whoever may change it. 0; otherwise answered. */
static int find_named(struct request *r, struct hub_repo *ret)
{
	struct named named;
	struct err e = {0};
	int code = take_named(r, &named, &e);

	if (code < 0) {
		request_fail(r, code, &e);
		return code;
	}
	r->kind = named.kind;
	(void)snprintf(r->owner, sizeof(r->owner), "%s", named.owner);
	(void)snprintf(r->name, sizeof(r->name), "%s", named.name);
	return request_repo(r, ACTION_MANAGE, ret);
}

void handle_repo_delete(struct request *r)
{
	struct hub_repo repo;
	struct err e = {0};
	int code;

	if (find_named(r, &repo) < 0)
		return;
	code = live_delete(r->world, &repo, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		request_text(r, MHD_HTTP_OK, "text/plain; charset=utf-8", "OK", 2);
}

void handle_repo_restore(struct request *r)
{
	struct hub_repo repo;
	struct named named;
	struct err e = {0};
	int code = take_named(r, &named, &e);

	if (code == 0)
		code = permit(&r->who, ACTION_MANAGE, named.owner, &e);
	if (code == 0)
		code = hub_by_deleted_name(
			r->world->store, named.kind, named.owner, named.name, &repo, &e);
	if (code == 0)
		code = live_restore(r->world, &repo, &e);
	if (code == STORE_CONFLICT)
		repo_answer_taken(r, &repo);
	else if (code < 0)
		request_fail(r, code, &e);
	else
		answer_made(r, &repo);
}

void handle_repo_deleted(struct request *r)
{
	struct hub_repo *repos = calloc(DELETED_LIST_MAX, sizeof(*repos));
	json_t *list = json_array();
	struct err e = {0};
	int n = repos ? hub_list_deleted(r->world->store, INT64_MAX, repos, DELETED_LIST_MAX, &e)
		      : err_set(&e, -ENOMEM, "out of memory");

	for (int i = 0; i < n; i++) {
		const struct hub_repo *one = &repos[i];
		char name[OWNER_MAX + REPO_NAME_MAX + 2];

		if (permit(&r->who, ACTION_MANAGE, one->owner, &(struct err){0}) < 0)
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", one->owner, one->name);
		(void)json_array_append_new(
			list, json_pack("{s:s, s:s, s:o, s:o}", "id", name, "type",
				      hub_kind_name(one->kind), "deletedAt",
				      json_time(one->deleted_usec), "keptUntil",
				      json_time(one->deleted_usec + (int64_t)DELETED_KEPT_USEC)));
	}
	free(repos);
	if (n < 0) {
		json_decref(list);
		request_fail(r, n, &e);
		return;
	}
	request_json(r, MHD_HTTP_OK, list);
}

void handle_repo_move(struct request *r)
{
	struct hub_repo repo, other;
	struct named from, to;
	const char *old, *new;
	struct err e = {0};
	int code = take_kind(r->json, &from.kind, &e);

	to.kind = from.kind;
	if (code == 0)
		code = json_get_str(r->json, "fromRepo", WORD_MAX, &old, &e);
	if (code == 0)
		code = json_get_str(r->json, "toRepo", WORD_MAX, &new, &e);
	if (code == 0)
		code = named_split(old, r->who.user, &from, &e);
	if (code == 0)
		code = named_split(new, r->who.user, &to, &e);
	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	r->kind = from.kind;
	(void)snprintf(r->owner, sizeof(r->owner), "%s", from.owner);
	(void)snprintf(r->name, sizeof(r->name), "%s", from.name);
	if (request_repo(r, ACTION_MANAGE, &repo) < 0)
		return;
	code = repo_may_make(r, &to, &e);
	if (code == 0 &&
		hub_by_name(r->world->store, to.kind, to.owner, to.name, &other, &e) == 0 &&
		strcmp(other.id, repo.id) != 0) {
		repo_answer_taken(r, &other);
		return;
	}
	if (code == 0)
		code = live_rename(r->world, &repo, to.owner, to.name, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		request_json(r, MHD_HTTP_OK, json_object());
}

/* --- settings --- */

static void answer_settings(struct request *r, const struct hub_repo *repo)
{
	struct space space;
	struct err e = {0};

	if (repo->kind == REPO_SPACE && space_by_id(r->world->store, repo->id, &space, &e) == 0)
		answer_space(r, &space);
	else
		request_json(r, MHD_HTTP_OK,
			json_pack("{s:b, s:b}", "private", repo->private, "gated", 0));
}

void handle_repo_settings(struct request *r)
{
	struct hub_repo repo;
	struct err e = {0};
	bool private;
	int code;

	if (request_repo(r, ACTION_MANAGE, &repo) < 0)
		return;
	code = repo_take_private(r->json, &private, &e);
	if (code == 0)
		code = err_set(&e, -EINVAL, "private: is missing");
	if (code > 0)
		code = private == repo.private ? 0 : live_set_private(r->world, &repo, private, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		answer_settings(r, &repo);
}
