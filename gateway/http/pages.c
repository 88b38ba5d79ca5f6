/* Pages, assets: what a browser shows before any socket is open. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/json.h"
#include "gateway/http/request.h"
#include "gateway/http/site.h"
#include "gateway/paint/paint.h"
#include "gateway/space.h"

#define PAGE_MAX (6u << 20)

#define POLICY                                                                                     \
	"default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' " \
	"data: blob:; media-src 'self' blob:; connect-src 'self'; object-src 'none'; "             \
	"base-uri 'none'; form-action 'self'; "

static const char policy[] = POLICY "frame-ancestors 'self'";
/* For /-/embed alone: in it nobody is signed in, so nothing of anybody's is clicked unseen. */
static const char embed_policy[] = POLICY "frame-ancestors *";

/* For /frame.html, where an app's own HTML lives: its scripts have no origin and reach nobody. */
static const char frame_policy[] =
	"sandbox allow-scripts allow-popups; default-src 'none'; script-src 'unsafe-inline'; "
	"style-src 'unsafe-inline'; img-src data: blob:; media-src data: blob:; font-src data:; "
	"base-uri 'none'; form-action 'none'";

static bool is_read(const struct request *r)
{
	return !strcmp(r->method, MHD_HTTP_METHOD_GET) || !strcmp(r->method, MHD_HTTP_METHOD_HEAD);
}

static void begin_read(struct request *r)
{
	if (!is_read(r))
		request_refuse(
			r, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are answered here");
}

/* Tells the same page from another one; not a secret, so a short sum does. */
static void make_etag(const void *bytes, size_t n, char ret[40])
{
	(void)snprintf(ret, 40, "\"%08" PRIx32 "-%zx\"", crc32c(0, bytes, n), n);
}

static bool etag_matches(const struct request *r, const char *etag)
{
	const char *have = request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH);

	return have && (strstr(have, etag) || !strcmp(have, "*"));
}

static enum MHD_Result answer_unchanged(struct request *r, const char *etag, const char *cache)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);

	if (!response)
		return MHD_NO;
	response_header(response, "ETag", etag);
	response_header(response, "Cache-Control", cache);
	return answer(r, MHD_HTTP_NOT_MODIFIED, response);
}

static enum MHD_Result answer_html(struct request *r, unsigned status, const struct buf *html)
{
	static const char cache[] = "private, no-cache";
	struct MHD_Response *response;
	char etag[40];

	make_etag(html->data, html->len, etag);
	if (status == MHD_HTTP_OK && etag_matches(r, etag))
		return answer_unchanged(r, etag, cache);
	response = MHD_create_response_from_buffer(html->len, html->data, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	response_header(response, "Content-Type", "text/html; charset=utf-8");
	response_header(response, "Content-Security-Policy",
		r->handler == &embed_handler ? embed_policy : policy);
	/* Other sites' windows have no hold on ours; what is embedded is theirs to arrange. */
	if (r->handler != &embed_handler)
		response_header(response, "Cross-Origin-Opener-Policy", "same-origin");
	response_header(response, "Cache-Control", cache);
	response_header(response, "ETag", etag);
	return answer(r, status, response);
}

static enum MHD_Result answer_template(
	struct request *r, unsigned status, const char *name, const struct site_holes *holes)
{
	const struct buf *template = site_template(request_site(r), name);
	enum MHD_Result done;
	struct buf html;

	if (!template)
		return answer_error(r,
			status == MHD_HTTP_OK ? MHD_HTTP_SERVICE_UNAVAILABLE : status,
			"the web UI is not installed");
	buf_init(&html, PAGE_MAX);
	if (site_fill(template, holes, &html) < 0)
		done = answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "the page is too large");
	else
		done = answer_html(r, status, &html);
	buf_done(&html);
	return done;
}

/* --- platform pages --- */

enum MHD_Result answer_platform(struct request *r)
{
	request_visitor(r);
	return answer_template(
		r, MHD_HTTP_OK, "platform.html", &(struct site_holes){.title = "Vitrine"});
}

enum MHD_Result answer_missing(struct request *r)
{
	if (*r->host)
		return answer_absent(r);
	return answer_template(
		r, MHD_HTTP_NOT_FOUND, "platform.html", &(struct site_holes){.title = "Not found"});
}

const struct handler platform_handler = {
	.name = "platform", .begin = begin_read, .finish = answer_platform};
const struct handler missing_handler = {.name = "missing", .finish = answer_missing};

/* --- a Space's page --- */

static const char *phase_of(const struct request *r, const struct route *route)
{
	const struct space *space = space_by_id(request_gateway(r)->spaces, route->space);

	if (route_is_static(route))
		return route->stopped ? "stopped" : "site";
	if (!route->bundle[0])
		return "empty";
	if (space)
		return space_phase(space, route->bundle);
	return route->stopped ? "stopped" : "asleep";
}

static int write_data(const struct request *r, const struct route *route, struct buf *b)
{
	const char *phase = phase_of(r, route);
	const struct hosts *hosts = &request_gateway(r)->hosts;
	json_t *o;
	char base[160], address[HOST_URL_MAX];
	int n;

	request_base(r, base, sizeof(base));
	hosts_address(hosts, route, address);
	o = json_pack("{ss ss ss ss ss ss ss ss}", "space", route->space, "owner", route->owner,
		"name", route->name, "title", route->title, "bundle", route->bundle, "phase", phase,
		"base", base, "entry", route->entry);
	if (o && *address)
		(void)json_object_set_new(o, "address", json_string(address));
	if (o && *r->host)
		(void)json_object_set_new(o, "platform", json_string(hosts->url));
	if (o && *route->of)
		(void)json_object_set_new(o, "preview",
			json_pack("{ss ss sI}", "of", route->of, "branch", route->branch, "endsSec",
				(json_int_t)route->ends_sec));
	n = o ? json_write(b, o) : -ENOMEM;
	json_decref(o);
	if (n < 0)
		return n;
	/* The tree is text already: put in before the closing brace. */
	b->len--;
	n = buf_add_str(b, ",\"tree\":");
	if (n == 0)
		n = buf_add_str(b, route->page ? page_tree(route->page) : "null");
	return n < 0 ? n : buf_add(b, "}", 1);
}

static const struct buf *painted(const struct route *route)
{
	return route->page ? page_paint(route->page) : NULL;
}

/* What was painted beforehand is the first page of an app that has several. */
static bool is_first(const struct request *r)
{
	return r->path.rest_length <= 1;
}

static enum MHD_Result page_finish(struct request *r)
{
	struct gateway *g = request_gateway(r);
	struct route *route = route_by_name(g->routes, r->path.owner, r->path.name);
	struct paint_place place;
	enum MHD_Result done;
	struct buf data, paint;
	char location[ELSEWHERE_MAX];

	if (!route)
		return *r->host ? answer_absent(r) : answer_repo_page(r);
	if (route->private && !request_identify(r))
		return MHD_YES;
	if (route->private && !request_owns(r, route))
		return answer_missing(r);
	if (request_leads_elsewhere(r, route, location))
		return answer_redirect(r, MHD_HTTP_SEE_OTHER, location);
	if (route_is_card(route) && !route->stopped)
		return answer_platform(r);
	request_visitor(r);
	buf_init(&data, PAGE_MAX);
	buf_init(&paint, PAGE_MAX);
	place = (struct paint_place){.owner = route->owner,
		.name = route->name,
		.platform = *r->host ? g->hosts.url : "",
		.of = route->of,
		.branch = route->branch};
	if (write_data(r, route, &data) < 0 ||
		paint_page(&place, is_first(r) ? painted(route) : NULL, &paint) < 0)
		done = answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "the page is too large");
	else
		done = answer_template(r, MHD_HTTP_OK, "space.html",
			&(struct site_holes){
				.title = route->title, .paint = &paint, .data = &data});
	buf_done(&data);
	buf_done(&paint);
	return done;
}

const struct handler page_handler = {
	.name = "page", .begin = begin_read, .finish = page_finish, .done = repo_page_done};

/* --- the same inside another site's page --- */

/* The visitor travels in the page: where third parties' cookies are blocked it still has one. */
static int write_embed_data(const struct request *r, const struct route *route, struct buf *b)
{
	char id[ID_LEN + 1], visitor[VISITOR_COOKIE_LEN + 1];
	int n = write_data(r, route, b);

	if (n < 0)
		return n;
	visitor_new(&request_gateway(r)->key, id, visitor);
	b->len--;
	return buf_addf(b, ",\"visitor\":\"%s\"}", visitor);
}

static enum MHD_Result embed_finish(struct request *r)
{
	static const char words[] = "There is no such Space, or it is not for everybody.";
	struct route *route =
		route_by_name(request_gateway(r)->routes, r->path.owner, r->path.name);
	enum MHD_Result done;
	struct buf data, paint;

	if (!route || route->private)
		return answer_bytes(r, MHD_HTTP_NOT_FOUND, "text/plain; charset=utf-8", words,
			sizeof(words) - 1);
	buf_init(&data, PAGE_MAX);
	buf_init(&paint, PAGE_MAX);
	if (write_embed_data(r, route, &data) < 0 || paint_embed(painted(route), &paint) < 0)
		done = answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "the page is too large");
	else
		done = answer_template(r, MHD_HTTP_OK, "space.html",
			&(struct site_holes){
				.title = route->title, .paint = &paint, .data = &data});
	buf_done(&data);
	buf_done(&paint);
	return done;
}

const struct handler embed_handler = {.name = "embed", .begin = begin_read, .finish = embed_finish};

/* --- assets --- */

static const struct {
	const char *coding, *ending;
} codings[] = {
	{"br", ".br"},
	{"gzip", ".gz"},
	{NULL, ""},
};

/* RFC 9110, 12.5.3: named, and not with a weight of zero. */
static bool accepts(const char *header, const char *coding)
{
	size_t n = strlen(coding);

	for (const char *at = header; at && *at;) {
		while (*at == ' ' || *at == ',' || *at == '\t')
			at++;
		if (!strncasecmp(at, coding, n) && (!at[n] || strchr(" ,;\t", at[n]))) {
			const char *rest = at + n;

			while (*rest == ' ' || *rest == '\t')
				rest++;
			if (*rest != ';')
				return true;
			rest = strstr(rest, "q=");
			return !rest || strtod(rest + 2, NULL) > 0;
		}
		at = strchr(at, ',');
	}
	return false;
}

/* The path below --ui: names of ordinary characters, none of them hidden. */
static bool asset_name(const char *target, char *ret, size_t size)
{
	size_t n = strcspn(target, "?");

	if (n < 2 || n >= size || target[0] != '/')
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)target[i];

		if (!isalnum(c) && !strchr("/-_.", c))
			return false;
		if (c == '/' && (target[i + 1] == '.' || target[i + 1] == '/'))
			return false;
	}
	memcpy(ret, target + 1, n - 1);
	ret[n - 1] = '\0';
	return true;
}

static int open_asset(int dir_fd, const char *name, const char *ending, struct stat *st)
{
	char path[600];
	int fd;

	(void)snprintf(path, sizeof(path), "%s%s", name, ending);
	fd = openat(dir_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

static enum MHD_Result answer_asset(
	struct request *r, const char *name, int fd, const struct stat *st, const char *coding)
{
	bool hashed = !strncmp(name, "assets/", 7);
	const char *cache = hashed ? "public, max-age=31536000, immutable" : "public, max-age=300";
	struct MHD_Response *response;
	char etag[64];

	(void)snprintf(etag, sizeof(etag), "\"%" PRIx64 "-%" PRIx64 "%s%s\"",
		(uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec,
		(uint64_t)st->st_size, coding ? "-" : "", coding ? coding : "");
	if (etag_matches(r, etag)) {
		close(fd);
		return answer_unchanged(r, etag, cache);
	}
	response = MHD_create_response_from_fd((size_t)st->st_size, fd);
	if (!response) {
		close(fd);
		return MHD_NO;
	}
	response_header(response, "Content-Type", site_type(name));
	response_header(response, "Cache-Control", cache);
	response_header(response, "ETag", etag);
	response_header(response, "Vary", "Accept-Encoding");
	if (coding)
		response_header(response, "Content-Encoding", coding);
	/* The one file that other sites' pages load, also as a module. */
	if (!strcmp(name, "vitrine-space.js")) {
		response_header(response, "Access-Control-Allow-Origin", "*");
		response_header(response, "Cross-Origin-Resource-Policy", "cross-origin");
	}
	if (!strcmp(name + strlen(name) - 4, ".svg"))
		response_header(response, "Content-Security-Policy", "default-src 'none'; sandbox");
	if (!strcmp(name, "frame.html"))
		response_header(response, "Content-Security-Policy", frame_policy);
	return answer(r, MHD_HTTP_OK, response);
}

static enum MHD_Result asset_finish(struct request *r)
{
	const char *accept = request_header(r, MHD_HTTP_HEADER_ACCEPT_ENCODING);
	int dir_fd = site_dir_fd(request_site(r));
	char name[512];

	if (dir_fd < 0 || !asset_name(r->target, name, sizeof(name)) || strlen(name) < 4)
		return answer_missing(r);
	/* Templates are not pages yet. */
	if (strstr(name, ".html") && strcmp(name, "frame.html") != 0)
		return answer_missing(r);
	for (size_t i = 0; i < sizeof(codings) / sizeof(*codings); i++) {
		struct stat st;
		int fd;

		if (codings[i].coding && !accepts(accept, codings[i].coding))
			continue;
		fd = open_asset(dir_fd, name, codings[i].ending, &st);
		if (fd >= 0)
			return answer_asset(r, name, fd, &st, codings[i].coding);
	}
	return answer_missing(r);
}

const struct handler asset_handler = {.name = "asset", .begin = begin_read, .finish = asset_finish};
