/* REST: what is in a repo: folders, paths, refs, history, changes. The answers are vitrine-reader's
 * (orchestrator/reader/jobs.c); here are the questions, their limits and the headers. */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/look_up.h"
#include "orchestrator/api/routes.h"
#include "orchestrator/repo/revision.h"

#define TREE_PAGE 1000
#define TREE_PAGE_EXPANDED 200
#define COMMITS_PAGE 50
#define COMMITS_PAGE_MAX 1000
#define SKIP_MAX 1000000

static bool is_true(struct request *r, const char *name)
{
	const char *value = request_query(r, name);

	return value && (!strcmp(value, "true") || !strcmp(value, "1") || !strcmp(value, "True"));
}

/* A number of the query, cut to its limits. */
static json_int_t number(
	struct request *r, const char *name, json_int_t fallback, json_int_t min, json_int_t max)
{
	const char *text = request_query(r, name);
	char *end;
	long long n;

	if (!text || !*text)
		return fallback < max ? fallback : max;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (*end || errno)
		return fallback < max ? fallback : max;
	return n < min ? min : n > max ? max : n;
}

/* --- pages --- */

/* The target without one field of its query, which comes last with its new value. */
static void add_next(struct request *r, const char *field, const char *value)
{
	const char *query = strchr(r->target, '?'), *at = query ? query + 1 : "";
	size_t n = strlen(field);
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 32768);
	(void)buf_addf(&b, "<%s%.*s?", request_base_url(r),
		(int)(query ? (size_t)(query - r->target) : strlen(r->target)), r->target);
	while (*at) {
		size_t length = strcspn(at, "&");

		if (length && (strncmp(at, field, n) != 0 || at[n] != '='))
			(void)buf_addf(&b, "%.*s&", (int)length, at);
		at += length + (at[length] == '&');
	}
	if (buf_addf(&b, "%s=%s>; rel=\"next\"", field, value) == 0)
		request_add_header(r, MHD_HTTP_HEADER_LINK, buf_str(&b));
}

/* The last path of the page before, as hexadecimal: it needs no escape in a query. */
static json_t *read_cursor(struct request *r)
{
	const char *text = request_query(r, "cursor");
	uint8_t path[REVISION_PATH_MAX];
	size_t n = text ? strlen(text) / 2 : 0;

	if (n == 0 || n > sizeof(path) || !hex_read(text, n, path))
		return NULL;
	return json_stringn((const char *)path, n);
}

static void done_tree(struct look_up *u, struct reading_answer *a)
{
	const char *next = json_string_value(json_object_get(a->head, "next"));
	char text[2 * REVISION_PATH_MAX + 1];

	look_up_done_json(u, a);
	if (next && strlen(next) < REVISION_PATH_MAX) {
		hex_write((const uint8_t *)next, strlen(next), text);
		add_next(u->request, "cursor", text);
	}
}

void handle_tree(struct request *r)
{
	bool recursive = is_true(r, "recursive"), expand = is_true(r, "expand");
	json_int_t max = expand ? TREE_PAGE_EXPANDED : TREE_PAGE;
	struct look_up_plan plan = {.heavy = expand, .input = -1, .done = done_tree};
	struct hub_repo repo;
	json_t *after;

	if (request_repo(r, ACTION_READ, &repo) < 0)
		return;
	plan.args = json_pack("{s:s, s:b, s:b, s:I}", "op", "tree", "recursive", (int)recursive,
		"expand", (int)expand, "limit", number(r, "limit", max, 1, max));
	after = read_cursor(r);
	if (after)
		(void)json_object_set_new(plan.args, "after", after);
	look_up(r, &repo, &plan);
}

static void done_commits(struct look_up *u, struct reading_answer *a)
{
	struct request *r = u->request;
	json_int_t total = json_integer_value(json_object_get(a->head, "total"));
	json_int_t limit = number(r, "limit", COMMITS_PAGE, 1, COMMITS_PAGE_MAX);
	json_int_t page = number(r, "p", 0, 0, SKIP_MAX / limit);
	char text[32];

	look_up_done_json(u, a);
	(void)snprintf(text, sizeof(text), "%lld", (long long)total);
	request_add_header(r, "X-Total-Count", text);
	(void)snprintf(text, sizeof(text), "%lld", (long long)page + 1);
	if ((page + 1) * limit < total && page < SKIP_MAX / limit)
		add_next(r, "p", text);
}

void handle_commits(struct request *r)
{
	json_int_t limit = number(r, "limit", COMMITS_PAGE, 1, COMMITS_PAGE_MAX);
	struct look_up_plan plan = {.heavy = true, .input = -1, .done = done_commits};
	struct hub_repo repo;

	if (request_repo(r, ACTION_READ, &repo) < 0)
		return;
	plan.args = json_pack("{s:s, s:I, s:I}", "op", "commits", "limit", limit, "skip",
		number(r, "p", 0, 0, SKIP_MAX / limit) * limit);
	look_up(r, &repo, &plan);
}

/* --- all at once --- */

void handle_refs(struct request *r)
{
	struct look_up_plan plan = {.heavy = true, .input = -1, .done = look_up_done_json};
	struct hub_repo repo;

	if (request_repo(r, ACTION_READ, &repo) < 0)
		return;
	plan.args = json_pack("{s:s, s:b}", "op", "refs", "prs", (int)is_true(r, "include_prs"));
	look_up(r, &repo, &plan);
}

void handle_auth_check(struct request *r)
{
	struct hub_repo repo;

	if (request_repo(r, ACTION_READ, &repo) == 0)
		request_json(r, MHD_HTTP_OK, json_object());
}

/* What a commit changed. */
void handle_commit_get(struct request *r)
{
	struct look_up_plan plan = {.heavy = true, .input = -1, .done = look_up_done_json};
	struct hub_repo repo;

	if (request_repo(r, ACTION_READ, &repo) < 0)
		return;
	plan.args = json_pack("{s:s}", "op", "diff");
	look_up(r, &repo, &plan);
}

/* "FROM..TO", or with three dots, as Hugging Face has it; each may hold '/'. */
void handle_compare(struct request *r)
{
	struct look_up_plan plan = {.heavy = true, .input = -1, .done = look_up_done_json};
	const char *dots = r->rest_n > 2 ? memmem(r->rest, r->rest_n, "..", 2) : NULL;
	const char *to = dots ? dots + 2 + (dots[2] == '.') : NULL;
	struct hub_repo repo;

	if (request_repo(r, ACTION_READ, &repo) < 0)
		return;
	if (!dots || dots == r->rest || to >= r->rest + r->rest_n) {
		request_hub_error(r, MHD_HTTP_NOT_FOUND, "RevisionNotFound",
			"two revisions are compared as FROM..TO");
		return;
	}
	plan.args = json_pack("{s:s, s:s%, s:s%}", "op", "diff", "from", r->rest,
		(size_t)(dots - r->rest), "rest", to, (size_t)(r->rest + r->rest_n - to));
	if (!plan.args)
		plan.args = json_pack("{s:s, s:s}", "op", "diff", "rest", "");
	look_up(r, &repo, &plan);
}

/* --- named paths --- */

/* Appends one value of a form, decoded. */
static void take_field(json_t *args, const char *name, const char *value)
{
	json_t *paths = json_object_get(args, "paths");

	if (!strcmp(name, "paths") || !strcmp(name, "paths[]"))
		(void)json_array_append_new(paths, json_string(value));
	else if (!strcmp(name, "expand"))
		(void)json_object_set_new(args, "expand",
			json_boolean(!strcmp(value, "true") || !strcmp(value, "True") ||
				     !strcmp(value, "1")));
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 32);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place: application/x-www-form-urlencoded, of the URL Standard. */
static void decode_field(char *text)
{
	char *out = text;

	for (const char *in = text; *in; in++) {
		int high = *in == '%' ? hex(in[1]) : -1, low = high >= 0 ? hex(in[2]) : -1;

		if (low >= 0) {
			*out++ = (char)(high << 4 | low);
			in += 2;
		} else {
			*out++ = *in == '+' ? ' ' : *in;
		}
	}
	*out = '\0';
}

static void take_form(struct request *r, json_t *args)
{
	char *at = (char *)r->body.data, *next;

	for (; at && *at; at = next) {
		char *value;

		next = strchr(at, '&');
		if (next)
			*next++ = '\0';
		value = strchr(at, '=');
		if (value)
			*value++ = '\0';
		decode_field(at);
		if (value)
			decode_field(value);
		take_field(args, at, value ? value : "");
	}
}

static int take_json(struct request *r, json_t *args, struct err *e)
{
	CLEANUP(json_unrefp) json_t *body = NULL;
	json_t *paths;
	int code = json_parse(r->body.data, r->body.len, r->body.max, &body, e);

	if (code < 0)
		return code;
	paths = json_object_get(body, "paths");
	if (json_is_string(paths))
		(void)json_array_append(json_object_get(args, "paths"), paths);
	else if (json_is_array(paths))
		(void)json_object_set(args, "paths", paths);
	else
		return err_set(e, -EINVAL, "paths: must be a list of paths");
	(void)json_object_set_new(
		args, "expand", json_boolean(json_is_true(json_object_get(body, "expand"))));
	return 0;
}

void handle_paths_info(struct request *r)
{
	const char *type = request_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);
	struct look_up_plan plan = {.input = -1, .done = look_up_done_json};
	struct hub_repo repo;
	struct err e = {0};
	int code = 0;

	if (request_repo(r, ACTION_READ, &repo) < 0)
		return;
	plan.args = json_pack("{s:s, s:[]}", "op", "paths", "paths");
	if (type && !strncasecmp(type, "application/x-www-form-urlencoded", 33))
		take_form(r, plan.args);
	else
		code = take_json(r, plan.args, &e);
	if (code < 0) {
		json_decref(plan.args);
		request_fail(r, code, &e);
		return;
	}
	plan.heavy = json_is_true(json_object_get(plan.args, "expand"));
	look_up(r, &repo, &plan);
}
