/* REST: the audit log, and what of the requests goes into it. */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/private.h"
#include "orchestrator/api/routes.h"
#include "orchestrator/audit/audit.h"
#include "orchestrator/fault.h"

#define LIST_MAX 1000
#define FIELD_MAX 200 /* bytes of JSON */

/* What changes contents and not who may do what: pushes have their history in git; or nothing. */
static bool is_of_contents(const struct route *route)
{
	static const char *const parts[] = {"/like", "/paths-info/", "/validate-yaml",
		"/policy/plan", "/info/lfs/", "/lfs-storage/", "/git-upload-pack",
		"/git-receive-pack"};

	if (route->action == ACTION_PUSH || route->kind == ROUTE_STREAM)
		return true;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strstr(route->pattern, parts[i]))
			return true;
	return false;
}

/* Also of an array: junk in it must not make the row too long to be written. */
static bool is_short(const json_t *v)
{
	CLEANUP(buf_done) struct buf text;

	buf_init(&text, FIELD_MAX);
	return json_write(&text, v) == 0;
}

/* Of the body: what says who or what is meant, and never what is kept secret. */
static void add_fields(json_t *detail, const json_t *body)
{
	static const char *const told[] = {"username", "name", "key", "organization", "type",
		"repository", "fromRepo", "toRepo", "role", "private", "visibility", "reason",
		"readOnly", "scope", "repos", "days", "admin", "build", "flavor", "seconds"};

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		json_t *v = json_object_get(body, told[i]);

		if (!v || json_is_object(v))
			continue;
		if (is_short(v))
			(void)json_object_set(detail, told[i], v);
		else
			(void)json_object_set_new(
				detail, told[i], json_words("(too long to be kept)"));
	}
}

static json_t *detail_of(const struct request *r)
{
	json_t *o = json_pack("{s:s}", "from", r->remote);

	if (!o)
		return NULL;
	if (r->status) /* with the change itself there is none yet */
		(void)json_object_set_new(o, "status", json_integer((int)r->status));
	if (r->who.via == VIA_TOKEN)
		(void)json_object_set_new(o, "token", json_words(r->who.token_name));
	if (r->who.via == VIA_CTL)
		(void)json_object_set_new(o, "by", json_string("the control key"));
	if (r->json)
		add_fields(o, r->json);
	return o;
}

/* Signing out without having signed in is nothing, however often; the control key is somebody. */
static bool is_nobody(const struct request *r)
{
	return !*r->who.user && r->who.via != VIA_CTL && !r->route->before_sign_in;
}

/* By a link, which people follow: it alone of what is read changes something, and leads on. */
static bool has_signed_in_by_link(const struct request *r)
{
	return !strcmp(r->route->method, "GET") && r->route->before_sign_in &&
	       r->status == MHD_HTTP_SEE_OTHER;
}

/* Of its kind, whatever comes of it. */
static bool may_be_told(const struct request *r)
{
	return r->route && !is_of_contents(r->route) && !is_nobody(r) &&
	       (strcmp(r->route->method, "GET") != 0 || r->route->before_sign_in);
}

static bool is_told(const struct request *r)
{
	if (!may_be_told(r))
		return false;
	if (r->audited)
		return r->status >= 400;
	return has_signed_in_by_link(r) ||
	       (r->status < 300 && strcmp(r->route->method, "GET") != 0);
}

/* The path of a link is its key. */
static void write_subject(const struct request *r, char ret[300])
{
	bool link = !strcmp(r->route->method, "GET");

	if (link)
		(void)snprintf(ret, 300, "%s", r->route->pattern);
	else
		(void)snprintf(ret, 300, "%.*s", (int)strcspn(r->target, "?"), r->target);
	for (char *p = ret; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?'; /* a row is text */
}

static int add_row(struct request *r, struct err *e)
{
	CLEANUP(json_unrefp) json_t *detail = detail_of(r);
	char action[128], subject[300];
	const char *who = r->who.user;

	/* Who signs in or signs up is somebody only from then on. */
	if (!*who && r->route->before_sign_in &&
		json_opt_str(r->json, "username", FIELD_MAX, "", &who, e) < 0)
		who = "";
	(void)snprintf(action, sizeof(action), "%s %s", r->route->method, r->route->pattern);
	write_subject(r, subject);
	return audit_add(r->world->store, who, action, subject, detail, e);
}

static int add_with_change(struct store *s, void *data, struct err *e)
{
	struct request *r = data;
	int code = r->audited ? 0 : add_row(r, e);

	(void)s;
	fault_point("before-change");
	return code;
}

static void on_committed(void *data)
{
	struct request *r = data;

	r->audited = true;
	fault_point("after-change");
}

void audit_begin(struct request *r)
{
	static const struct store_witness witness = {add_with_change, on_committed};

	if (may_be_told(r))
		store_set_witness(r->world->store, &witness, r);
}

void audit_end(struct request *r)
{
	store_set_witness(r->world->store, NULL, NULL);
}

int audit_ahead(struct request *r, struct err *e)
{
	int code;

	if (r->audited || !may_be_told(r))
		return 0;
	r->audited = true; /* or the witness would tell of this row */
	code = add_row(r, e);
	r->audited = code == 0;
	return code;
}

void audit_request(struct request *r)
{
	struct err e = {0};

	if (is_told(r) && add_row(r, &e) < 0)
		log_error("audit: who=%s %s %.*s is not in the audit log: %s", r->who.user,
			r->route->method, (int)strcspn(r->target, "?"), r->target, e.text);
}

static bool read_number(const char *text, int64_t least, int64_t most, int64_t *ret)
{
	char *end;
	long long v = strtoll(text, &end, 10);

	if (!*text || *end || v < least || v > most)
		return false;
	*ret = v;
	return true;
}

/* ?after=N&limit=M: the rows behind row N; ?last=M: the last ones. Oldest first. */
void handle_audit(struct request *r)
{
	const char *after_text = request_query(r, "after"), *limit_text = request_query(r, "limit"),
		   *last = request_query(r, "last");
	int64_t after = 0, limit = LIST_MAX;
	json_t *list;
	struct err e = {0};
	int code;

	if (after_text && !read_number(after_text, 0, INT64_MAX - LIST_MAX, &after)) {
		request_error(r, MHD_HTTP_BAD_REQUEST, "after", "is no number of a row");
		return;
	}
	if ((limit_text && !read_number(limit_text, 1, LIST_MAX, &limit)) ||
		(last && !read_number(last, 1, LIST_MAX, &limit))) {
		request_error(
			r, MHD_HTTP_BAD_REQUEST, last ? "last" : "limit", "is 1 to %d", LIST_MAX);
		return;
	}
	code = audit_list(r->world->store, last ? -limit : after, limit, &list, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		request_json(r, MHD_HTTP_OK, list);
}
