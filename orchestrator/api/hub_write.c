/* What is written to a repo beside commits: branches and tags; and what is asked before a write. */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/hub_rest.h"
#include "orchestrator/build/front_matter.h"
#include "orchestrator/previews.h"
#include "orchestrator/repo/attributes.h"
#include "orchestrator/repo/card.h"
#include "orchestrator/repo/preupload.h"
#include "orchestrator/repo/refs.h"
#include "orchestrator/repo/revision.h"

#define PREUPLOAD_FILES_MAX 1000
#define SAMPLE_MAX 4096

static void fail(struct request *r, int code, const struct err *e)
{
	if (code == -EINVAL)
		request_hub_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, NULL, "%s", e->text);
	else
		request_fail(r, code, e);
}

/* The repo, its folder and the name in the rest of the path. 0, or answered. */
static int open_named(
	struct request *r, struct hub_repo *ret, char path[REPO_PATH_MAX], char *name, size_t size)
{
	struct err e = {0};
	int code = request_repo(r, ACTION_PUSH, ret);

	if (code < 0)
		return code;
	code = hub_rest(r, name, size, &e);
	repo_path(&r->world->repos, ret->id, path);
	if (code == 0)
		code = repo_create(path, &e);
	if (code < 0)
		fail(r, code, &e);
	return code;
}

/* A revision in words, or answered. */
static int find_commit(struct request *r, const char *path, const char *name, char ret[41])
{
	git_repository *repo = NULL;
	struct revision rev;
	struct err e = {0};
	int code = git_repository_open_bare(&repo, path) < 0
			   ? err_set(&e, -EIO, "cannot open the repository")
			   : revision_find(repo, name, &rev, &e);

	git_repository_free(repo);
	if (code == -ENOENT)
		request_hub_error(r, MHD_HTTP_NOT_FOUND, "RevisionNotFound", "%s", e.text);
	else if (code < 0)
		request_fail(r, code, &e);
	else
		memcpy(ret, rev.commit, sizeof(rev.commit));
	return code;
}

/* --- branches --- */

/* What a Space's main points to has been built; what would be put there here has not. One that is
 * there already is for branch_create to say. True: answered. */
static bool refuses_main(
	struct request *r, const struct hub_repo *repo, const char *path, const char *name)
{
	char commit[41];
	struct err e = {0};
	int code;

	if (repo->kind != REPO_SPACE || strcmp(name, "main") != 0)
		return false;
	code = repo_main(path, commit, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else if (!*commit)
		request_hub_error(r, MHD_HTTP_FORBIDDEN, NULL,
			"a Space's main is made by a commit or a push, which builds it");
	return code < 0 || !*commit;
}

void handle_branch_add(struct request *r)
{
	const char *start = json_string_value(json_object_get(r->json, "startingPoint"));
	bool empty = json_is_true(json_object_get(r->json, "emptyBranch"));
	bool overwrite = json_is_true(json_object_get(r->json, "overwrite"));
	struct hub_repo repo;
	char path[REPO_PATH_MAX], name[REF_NAME_MAX + 16], commit[41];
	struct err e = {0};
	int code = open_named(r, &repo, path, name, sizeof(name));

	if (code < 0)
		return;
	if (overwrite && !strcmp(name, "main")) {
		request_hub_error(r, MHD_HTTP_FORBIDDEN, NULL,
			"main is moved by commits and pushes, not overwritten");
		return;
	}
	if (!empty && find_commit(r, path, start ? start : "HEAD", commit) < 0)
		return;
	if (refuses_main(r, &repo, path, name))
		return;
	code = branch_create(path, name, empty ? NULL : commit, r->who.user, overwrite, &e);
	if (code < 0)
		fail(r, code, &e);
	else
		request_json(r, MHD_HTTP_OK, json_object());
}

static void answer_deleted(struct request *r, int code, const struct err *e)
{
	if (code == -ENOENT)
		request_hub_error(r, MHD_HTTP_NOT_FOUND, "RevisionNotFound", "%s", e->text);
	else if (code < 0)
		fail(r, code, e);
	else
		request_json(r, MHD_HTTP_OK, json_object());
}

void handle_branch_delete(struct request *r)
{
	struct hub_repo repo;
	char path[REPO_PATH_MAX], name[REF_NAME_MAX + 16];
	struct err e = {0};
	int code;

	if (open_named(r, &repo, path, name, sizeof(name)) < 0)
		return;
	if (!strcmp(name, "main")) {
		request_hub_error(r, MHD_HTTP_FORBIDDEN, NULL,
			"main cannot be deleted, it is what is served");
		return;
	}
	code = branch_delete(path, name, &e);
	if (code == 0)
		previews_end_branch(r->world, repo.id, name);
	answer_deleted(r, code, &e);
}

/* --- tags --- */

void handle_tag_add(struct request *r)
{
	const char *tag = json_string_value(json_object_get(r->json, "tag"));
	const char *message = json_string_value(json_object_get(r->json, "message"));
	struct hub_repo repo;
	char path[REPO_PATH_MAX], rev[REVISION_MAX + 1], commit[41];
	struct err e = {0};
	int code = open_named(r, &repo, path, rev, sizeof(rev));

	if (code < 0)
		return;
	if (!tag) {
		request_error(r, MHD_HTTP_BAD_REQUEST, "tag", "tag: is missing");
		return;
	}
	if (find_commit(r, path, rev, commit) < 0)
		return;
	code = tag_create(path, tag, commit, r->who.user, message, &e);
	if (code < 0)
		fail(r, code, &e);
	else
		request_json(r, MHD_HTTP_OK, json_object());
}

void handle_tag_delete(struct request *r)
{
	struct hub_repo repo;
	char path[REPO_PATH_MAX], name[REF_NAME_MAX + 16];
	struct err e = {0};

	if (open_named(r, &repo, path, name, sizeof(name)) < 0)
		return;
	answer_deleted(r, tag_delete(path, name, &e), &e);
}

/* --- before an upload --- */

struct asking {
	struct preupload *p; /* owned */
	const char *ignore;  /* text of a .gitignore, or "" */
	uint64_t left;       /* steps of attributes.h */
};

/* One file of the question; NULL with words. */
static json_t *look_at(struct asking *a, const json_t *question, struct err *e)
{
	const char *path = json_string_value(json_object_get(question, "path"));
	const char *text = json_string_value(json_object_get(question, "sample"));
	const json_t *size = json_object_get(question, "size");
	CLEANUP(buf_done) struct buf sample;
	struct preupload_answer answer;
	struct preupload_file file;
	json_t *told;
	bool ignored;

	buf_init(&sample, SAMPLE_MAX);
	if (!path || !json_is_integer(size) || json_integer_value(size) < 0) {
		(void)err_set(e, -EBADMSG, "files: each has a path and a size in bytes");
		return NULL;
	}
	if (text && base64_add_decoded(&sample, text, strlen(text)) < 0) {
		(void)err_set(e, -EBADMSG, "files: sample is base64 of the first %d bytes at most",
			SAMPLE_MAX);
		return NULL;
	}
	file = (struct preupload_file){.path = path,
		.size = (uint64_t)json_integer_value(size),
		.sample = sample.data,
		.n = sample.len};
	if (preupload_look(a->p, &file, &a->left, &answer, e) < 0)
		return NULL;
	ignored = ignore_says(a->ignore, strlen(a->ignore), path, &a->left);
	if (!a->left) {
		(void)err_set(e, -EBADMSG, "files: their patterns take too long; ask for fewer");
		return NULL;
	}
	told = json_pack("{s:s, s:s, s:b}", "path", path, "uploadMode",
		answer.lfs ? "lfs" : "regular", "shouldIgnore", ignored);
	if (*answer.oid)
		(void)json_object_set_new(told, "oid", json_string(answer.oid));
	return told;
}

static json_t *look_at_all(struct asking *a, const json_t *files, struct err *e)
{
	json_t *list = json_array();
	const json_t *question;
	size_t i;

	json_array_foreach(files, i, question)
	{
		json_t *told = look_at(a, question, e);

		if (!told) {
			json_decref(list);
			return NULL;
		}
		(void)json_array_append_new(list, told);
	}
	return list;
}

void handle_preupload(struct request *r)
{
	const json_t *files = json_object_get(r->json, "files");
	const char *ignore = json_string_value(json_object_get(r->json, "gitIgnore"));
	struct asking a = {.ignore = ignore ? ignore : "", .left = PATTERN_STEPS_MAX};
	struct hub_repo repo;
	char path[REPO_PATH_MAX], rev[REVISION_MAX + 1], commit[41];
	struct err e = {0};
	json_t *list = NULL;
	int code;

	if (open_named(r, &repo, path, rev, sizeof(rev)) < 0)
		return;
	if (!json_is_array(files) || json_array_size(files) > PREUPLOAD_FILES_MAX) {
		request_error(r, MHD_HTTP_BAD_REQUEST, "files", "files: is a list of at most %d",
			PREUPLOAD_FILES_MAX);
		return;
	}
	if (find_commit(r, path, rev, commit) < 0)
		return;
	code = preupload_open(path, commit,
		json_string_value(json_object_get(r->json, "gitAttributes")), &a.p, &e);
	if (code == 0)
		list = look_at_all(&a, files, &e);
	(void)preupload_free(a.p);
	if (list)
		request_json(r, MHD_HTTP_OK,
			json_pack("{s:s, s:o}", "commitOid", commit, "files", list));
	else
		fail(r, e.code, &e);
}

/* --- front matter --- */

static json_t *message_of(const char *text, size_t n)
{
	char line[600];

	(void)snprintf(line, sizeof(line), "%.*s", (int)n, text);
	return json_pack("{s:o}", "message", json_words(line));
}

/* A Space's front matter means something here; a model's or dataset's must only be YAML. */
static void check_card(const char *kind, const char *text, json_t *errors, json_t *warnings)
{
	struct front_matter f;
	struct err e = {0};
	json_t *card = NULL;

	if (strcmp(kind, "space") != 0) {
		if (card_read(text, strlen(text), &card, &e) < 0)
			(void)json_array_append_new(errors, message_of(e.text, strlen(e.text)));
		json_decref(card);
		return;
	}
	if (front_matter_read(text, strlen(text), &f, &e) < 0) {
		(void)json_array_append_new(errors, message_of(e.text, strlen(e.text)));
		return;
	}
	for (const char *at = buf_str(&f.notes); *at; at += at[strcspn(at, "\n")] == '\n') {
		size_t n = strcspn(at, "\n");

		(void)json_array_append_new(warnings, message_of(at, n));
		at += n;
	}
	front_matter_done(&f);
}

void handle_validate_yaml(struct request *r)
{
	const char *text = json_string_value(json_object_get(r->json, "content"));
	const char *kind = json_string_value(json_object_get(r->json, "repoType"));
	json_t *errors, *warnings;

	if (!text) {
		request_error(r, MHD_HTTP_BAD_REQUEST, "content", "content: is missing");
		return;
	}
	errors = json_array();
	warnings = json_array();
	check_card(kind ? kind : "model", text, errors, warnings);
	request_json(r, json_array_size(errors) ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_OK,
		json_pack("{s:o, s:o}", "errors", errors, "warnings", warnings));
}
