/* Requests at a Space's own host: whose they are, and what there is for them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/host_door.h"
#include "gateway/http/request.h"
#include "gateway/http/upstream.h"
#include "gateway/prove.h"
#include "proto/challenge.h"
#include "proto/cookie.h"

#define TARGET_MAX (8192 + 1024)

static bool path_is(const char *target, const char *path)
{
	size_t n = strlen(path);

	return strcspn(target, "?") == n && !memcmp(target, path, n);
}

/* Whoever checks a host, or gives it a certificate, asks the gateway and no Space. */
static bool is_of_no_space(const char *target)
{
	return !strncmp(target, CHALLENGE_PATH, sizeof(CHALLENGE_PATH) - 1) ||
	       !strncmp(target, PROOF_PATH, sizeof(PROOF_PATH) - 1);
}

/* A file of the UI's: the Space's page is made of them. */
static bool is_asset(const char *target)
{
	size_t n = strcspn(target, "?");

	return !strncmp(target, "/assets/", 8) ||
	       (!memchr(target + 1, '/', n - 1) && memchr(target, '.', n));
}

/* The same request below the path; from then on it is what everybody sees. */
static bool move_below(struct request *r, const char *path, const char *rest)
{
	char target[TARGET_MAX];
	int n = snprintf(target, sizeof(target), "%s%s", path, rest);
	char *copy = n > 0 && (size_t)n < sizeof(target) ? strdup(target) : NULL;

	if (!copy) {
		request_refuse(r, MHD_HTTP_URI_TOO_LONG, "the address is too long");
		return false;
	}
	r->asked = r->target;
	r->target = copy;
	return true;
}

/* --- static Spaces: all but /-/ is theirs --- */

/* What other sites frame of it is itself: it has an origin of its own. */
static enum MHD_Result front_finish(struct request *r)
{
	return answer_redirect(r, MHD_HTTP_SEE_OTHER, "/");
}

static const struct handler front_handler = {.name = "front", .finish = front_finish};

/* The file that stands for the folder; its name is any text. */
static void write_entry(const struct route *route, char *ret, size_t size)
{
	size_t n = 0;

	for (const unsigned char *at = (const unsigned char *)route->entry; *at && n + 4 < size;
		at++) {
		bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
			     (*at >= '0' && *at <= '9') || strchr("-._~/", *at);

		n += (size_t)snprintf(ret + n, size - n, plain ? "%c" : "%%%02X", *at);
	}
	ret[n] = '\0';
}

static const struct handler *choose_of_site(struct request *r, const struct route *route)
{
	char path[160 + 3 * sizeof(route->entry)], entry[3 * sizeof(route->entry) + 1] = "";

	if (path_is(r->target, "/-/embed"))
		return &front_handler;
	if (!strncmp(r->target, "/-/", 3))
		return &absent_handler;
	if (path_is(r->target, "/")) {
		entry[0] = '/';
		write_entry(route, entry + 1, sizeof(entry) - 1);
	}
	(void)snprintf(
		path, sizeof(path), "/spaces/%s/%s/-/site%s", route->owner, route->name, entry);
	if (!move_below(r, path, r->target + (*entry != '\0')) ||
		!space_path_parse(r->target, strlen(r->target), &r->path))
		return &absent_handler;
	return &site_handler;
}

static void site_begin(struct request *r)
{
	if (strcmp(r->method, MHD_HTTP_METHOD_GET) && strcmp(r->method, MHD_HTTP_METHOD_HEAD))
		request_refuse(
			r, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are answered here");
}

static enum MHD_Result site_finish(struct request *r)
{
	const struct route *route =
		route_by_name(request_gateway(r)->routes, r->path.owner, r->path.name);

	if (!route)
		return answer_absent(r);
	if (route->private && !request_identify(r))
		return MHD_YES;
	if (route->private && !request_owns(r, route))
		return answer_absent(r);
	if (!r->state) {
		upstream_handler.begin(r);
		if (r->refusal)
			return answer_error(r, r->refusal, r->refusal_words);
	}
	if (upstream_status(r->state) == MHD_HTTP_NOT_FOUND)
		return answer_absent(r);
	return upstream_handler.finish(r);
}

static void site_done(struct request *r)
{
	upstream_handler.done(r);
}

const struct handler site_handler = {
	.name = "site", .begin = site_begin, .finish = site_finish, .done = site_done};

/* --- which of them --- */

/* A program's token opens no file of a static Space: nothing there looks at one. */
static bool is_hidden(struct request *r, const struct route *route)
{
	size_t n;

	return route->private && !request_sign_in(r, &n);
}

static const struct handler *choose(struct request *r, const struct route *route)
{
	char path[160];

	if (route && route_is_static(route) && !route->stopped && !is_hidden(r, route))
		return choose_of_site(r, route);
	if (is_asset(r->target))
		return &asset_handler;
	(void)snprintf(path, sizeof(path), "/spaces/%s/%s", route ? route->owner : "-",
		route ? route->name : "-");
	return move_below(r, path, r->target) ? NULL : &absent_handler;
}

const struct handler *request_find_host(struct request *r)
{
	const char *host = request_header(r, "Host"), *cookie = request_header(r, "Cookie");
	struct shown shown = {
		.cookie = {cookie, cookie ? strlen(cookie) : 0}, .token = request_has_token(r)};
	struct route *route;
	enum host_kind kind;

	if (!host || is_of_no_space(r->target))
		return NULL;
	kind = host_door_find(
		request_gateway(r), &(struct span){host, strlen(host)}, &shown, r->host, &route);
	if (kind == HOST_PLATFORM)
		return NULL;
	if (path_is(r->target, "/-/enter"))
		return &entry_handler;
	if (path_is(r->target, "/-/leave"))
		return &leave_handler;
	if (kind == HOST_FORMER)
		return &former_handler;
	return choose(r, route);
}

/* --- what all who answer there ask --- */

void request_base(const struct request *r, char *ret, size_t size)
{
	ret[0] = '\0';
	if (!*r->host)
		(void)snprintf(ret, size, "/spaces/%s/%s", r->path.owner, r->path.name);
}

void request_url(const struct request *r, char *ret, size_t size)
{
	const char *host = request_host(r);
	char base[160];

	request_base(r, base, sizeof(base));
	(void)snprintf(
		ret, size, "%s://%.260s%s", request_scheme(r), host ? host : "localhost", base);
}

const char *request_sign_in(struct request *r, size_t *ret_n)
{
	const struct gateway *g = request_gateway(r);
	const char *header = request_header(r, "Cookie");
	struct span cookie = {header, header ? strlen(header) : 0};

	/* Inside another site's page nobody is signed in, whatever the browser sends. */
	if (!header || r->path.visitor.at)
		return NULL;
	if (!*r->host)
		return cookie_find(header, strlen(header), SIGN_IN_COOKIE(g->hosts.https), ret_n);
	return host_door_open(g, r->host, &cookie, r->sign_in, ret_n) ? r->sign_in : NULL;
}

/* --- answers --- */

static enum MHD_Result proof_finish(struct request *r)
{
	const struct gateway *g = request_gateway(r);
	const char *host = request_header(r, "Host");
	const char *token = r->target + sizeof(PROOF_PATH) - 1;
	char name[DOMAIN_NAME_MAX + 1], sum[PROOF_LEN + 1];

	if (!host || !host_name_read(host, strlen(host), name) ||
		!proofs_answer(g->proofs, name, token, sum))
		return answer_error(r, MHD_HTTP_NOT_FOUND, "nobody is asked about here just now");
	return answer_bytes(r, MHD_HTTP_OK, "text/plain", sum, PROOF_LEN);
}

const struct handler proof_handler = {.name = "proof", .begin = site_begin, .finish = proof_finish};

enum MHD_Result answer_redirect(struct request *r, unsigned status, const char *location)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);

	if (!response)
		return MHD_NO;
	response_header(response, MHD_HTTP_HEADER_LOCATION, location);
	response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	return answer(r, status, response);
}

static enum MHD_Result former_finish(struct request *r)
{
	struct gateway *g = request_gateway(r);
	const char *host = request_header(r, "Host");
	struct route *route = NULL;
	char url[HOST_URL_MAX + 8192 + 8];
	size_t n;

	if (!host || hosts_find(&g->hosts, g->routes, host, strlen(host), &route) != HOST_FORMER)
		return answer_absent(r);
	hosts_address(&g->hosts, route, url);
	n = strlen(url);
	(void)snprintf(url + n, sizeof(url) - n, "%s", r->target);
	return answer_redirect(r, MHD_HTTP_TEMPORARY_REDIRECT, url);
}

const struct handler former_handler = {.name = "former host", .finish = former_finish};

static const char absent_page[] =
	"<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
	"content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">"
	"<title>Nothing here</title><style>body{font:16px/1.5 system-ui,sans-serif;margin:0;"
	"min-height:100vh;display:grid;place-items:center;text-align:center}main{padding:1.5rem;"
	"max-width:28rem}h1{font-size:1.25rem;margin:0 0 .5rem}p{margin:0 0 1rem}a{color:inherit}"
	"</style><main><h1>There is nothing here</h1><p>No Space has this address, or it is not "
	"for "
	"everybody.</p><p><a href=\"/-/enter\">Sign in</a> · <a href=\"%s/\">All Spaces</a></p>"
	"</main></html>";

enum MHD_Result answer_absent(struct request *r)
{
	const char *accept = request_header(r, MHD_HTTP_HEADER_ACCEPT);
	char page[sizeof(absent_page) + HOST_URL_MAX];
	struct MHD_Response *response;

	if (!accept || !strstr(accept, "text/html"))
		return answer_error(r, MHD_HTTP_NOT_FOUND, "There is nothing here.");
	(void)snprintf(page, sizeof(page), absent_page, request_gateway(r)->hosts.url);
	response = MHD_create_response_from_buffer(strlen(page), page, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	response_header(response, "Content-Type", "text/html; charset=utf-8");
	response_header(response, "Cache-Control", "no-store");
	response_header(response, "Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; "
		"base-uri 'none'; form-action 'none'");
	return answer(r, MHD_HTTP_NOT_FOUND, response);
}

const struct handler absent_handler = {.name = "absent", .finish = answer_absent};
