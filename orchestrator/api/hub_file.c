/* The files of a repo: resolve (large ones as themselves), raw (as they lie in git), and those of a
 * static Space as its own pages. */
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/look_up.h"
#include "orchestrator/api/routes.h"
#include "orchestrator/hub/signed.h"
#include "orchestrator/repo/revision.h"

#define NAME_SHOWN 255 /* bytes of a name in Content-Disposition */

/* --- headers --- */

/* Our pages and the files of strangers are of one origin, so nothing that a browser runs or draws
 * as a document is called what it is. */
static const struct {
	const char *suffix, *type;
} types[] = {
	{".json", "application/json"},
	{".png", "image/png"},
	{".jpg", "image/jpeg"},
	{".jpeg", "image/jpeg"},
	{".gif", "image/gif"},
	{".webp", "image/webp"},
	{".avif", "image/avif"},
	{".mp3", "audio/mpeg"},
	{".wav", "audio/wav"},
	{".flac", "audio/flac"},
	{".ogg", "audio/ogg"},
	{".mp4", "video/mp4"},
	{".webm", "video/webm"},
};

static const char *const texts[] = {".md", ".txt", ".html", ".htm", ".xhtml", ".svg", ".xml",
	".css", ".js", ".mjs", ".ts", ".tsx", ".jsx", ".lua", ".py", ".c", ".h", ".cpp", ".rs",
	".go", ".java", ".rb", ".sh", ".yml", ".yaml", ".toml", ".ini", ".cfg", ".csv", ".tsv",
	".jsonl", ".ipynb", ".sql", ".tex", ".log", ".gitattributes", ".gitignore"};

/* In a static Space's own frame, which has no origin, they are what they are. */
static const struct {
	const char *suffix, *type;
} site_types[] = {
	{".html", "text/html; charset=utf-8"},
	{".htm", "text/html; charset=utf-8"},
	{".css", "text/css; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"},
	{".mjs", "text/javascript; charset=utf-8"},
	{".svg", "image/svg+xml"},
	{".wasm", "application/wasm"},
	{".woff2", "font/woff2"},
	{".woff", "font/woff"},
	{".ttf", "font/ttf"},
};

/* No origin: no cookie, no storage and no page of ours is within reach of its scripts. */
static const char site_policy[] =
	"sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads; "
	"frame-ancestors 'self'";

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n >= m && !strcasecmp(name + n - m, suffix);
}

/* The gateway asks for a static Space's own host, where nothing of ours lies beside its pages. */
static bool is_at_host(struct request *r)
{
	return request_header(r, "X-Vitrine-At-Host") != NULL;
}

static bool is_site(const struct request *r)
{
	return r->route->handle == handle_site;
}

static const char *type_of(const struct request *r, const char *name)
{
	for (size_t i = 0; is_site(r) && i < sizeof(site_types) / sizeof(site_types[0]); i++)
		if (ends_with(name, site_types[i].suffix))
			return site_types[i].type;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (ends_with(name, types[i].suffix))
			return types[i].type;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (ends_with(name, texts[i]))
			return "text/plain; charset=utf-8";
	return "application/octet-stream";
}

/* RFC 6266: the name in percent-encoded UTF-8, and for those who do not read that in ASCII. */
static void add_name(struct request *r, const char *name, bool attachment)
{
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 4096);
	(void)buf_addf(&b, "%s; filename*=UTF-8''", attachment ? "attachment" : "inline");
	for (const char *p = name; *p && p - name < NAME_SHOWN; p++) {
		unsigned char c = (unsigned char)*p;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || strchr("-._~", c);

		(void)buf_addf(&b, plain ? "%c" : "%%%02X", c);
	}
	(void)buf_add_str(&b, "; filename=\"");
	for (const char *p = name; *p && p - name < NAME_SHOWN; p++)
		(void)buf_addf(
			&b, "%c", *p < ' ' || *p > '~' || *p == '"' || *p == '\\' ? '_' : *p);
	if (buf_add_str(&b, "\";") == 0)
		request_add_header(r, MHD_HTTP_HEADER_CONTENT_DISPOSITION, buf_str(&b));
}

static void add_headers(struct look_up *u, const struct reading_answer *a, const char *name)
{
	look_up_add_commit(u, a);
	add_name(u->request, name, request_query(u->request, "download") != NULL);
	if (is_site(u->request) && is_at_host(u->request))
		return;
	/* Whatever else a browser may make of it. */
	request_add_header(u->request, "Content-Security-Policy",
		is_site(u->request) ? site_policy : "default-src 'none'; sandbox");
}

/* --- the answer --- */

static const char *name_of(const struct reading_answer *a)
{
	const char *path = json_string_value(json_object_get(a->head, "path"));
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "file";
}

/* A file that lies in git. */
static void done_raw(struct look_up *u, struct reading_answer *a)
{
	json_int_t size = json_integer_value(json_object_get(a->head, "size"));
	const char *oid = json_string_value(json_object_get(a->head, "oid"));
	char etag[44];

	(void)snprintf(etag, sizeof(etag), "\"%.40s\"", oid ? oid : "");
	request_file(u->request, a->body, (uint64_t)size, type_of(u->request, name_of(a)), etag);
	a->body = -1;
	add_headers(u, a, name_of(a));
}

static void done_resolve(struct look_up *u, struct reading_answer *a)
{
	const json_t *lfs = json_object_get(a->head, "lfs");
	const char *oid = json_string_value(json_object_get(lfs, "oid"));
	json_int_t size = json_integer_value(json_object_get(lfs, "size"));
	struct request *r = u->request;
	char etag[SHA256_HEX + 3], text[32];
	struct err e = {0};
	int fd;

	if (!oid) {
		done_raw(u, a);
		return;
	}
	fd = look_up_open_large(u, lfs, &e);
	if (fd == -ENOENT)
		request_hub_error(r, MHD_HTTP_NOT_FOUND, "EntryNotFound",
			"Entry not found: its content was never uploaded");
	else if (fd < 0)
		request_fail(r, fd, &e);
	if (fd < 0) {
		look_up_add_commit(u, a);
		return;
	}
	(void)snprintf(etag, sizeof(etag), "\"%.64s\"", oid);
	(void)snprintf(text, sizeof(text), "%lld", (long long)size);
	request_file(r, fd, (uint64_t)size, type_of(r, name_of(a)), etag);
	add_headers(u, a, name_of(a));
	request_add_header(r, "X-Linked-ETag", etag);
	request_add_header(r, "X-Linked-Size", text);
}

/* The one id that If-None-Match names, so that its content need not be read. */
static json_t *known_of(struct request *r)
{
	const char *known = request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH);

	if (!known || strlen(known) != 42 || known[0] != '"' || known[41] != '"')
		return NULL;
	return json_stringn(known + 1, 40);
}

static void serve(struct request *r, bool raw)
{
	struct look_up_plan plan = {
		.content = true, .input = -1, .done = raw ? done_raw : done_resolve};
	struct hub_repo repo;
	json_t *known;

	if (request_repo(r, ACTION_READ, &repo) < 0)
		return;
	plan.args = json_pack(
		"{s:s, s:b, s:b}", "op", "content", "raw", (int)raw, "bodiless", (int)r->head);
	known = known_of(r);
	if (known)
		(void)json_object_set_new(plan.args, "known", known);
	look_up(r, &repo, &plan);
}

/* As the version has it that is live; a folder is its index.html. */
static json_t *site_rest(const struct request *r, const char *commit)
{
	const char *index = r->rest[r->rest_n - 1] == '/' ? "index.html" : "";

	return json_sprintf("%s/%.*s%s", commit, (int)r->rest_n, r->rest, index);
}

/*
 * These pages are strangers' and lie on our origin. Ours frame them and load nothing of them; a
 * page of ours that asked for a script here would be one into which markup was put.
 */
static bool is_asked_for_by_ours(struct request *r)
{
	const char *site = request_header(r, "Sec-Fetch-Site");
	const char *use = request_header(r, "Sec-Fetch-Dest");

	return site && !strcmp(site, "same-origin") &&
	       !(use && (!strcmp(use, "iframe") || !strcmp(use, "document")));
}

/* --- a private one's ticket, below /-/site/ --- */

/* Takes the ticket off the path. True: there was one, and it is good for this repo. */
static bool take_ticket(struct request *r, struct hub_repo *ret)
{
	const struct signed_key *key = &r->world->lfs.key;
	const char *part = r->rest, *slash = memchr(part, '/', r->rest_n);
	size_t n = slash ? (size_t)(slash - part) : r->rest_n;

	if (!slash || slash + 1 == part + r->rest_n || !signed_is_ticket(part, n))
		return false;
	r->rest = slash + 1;
	r->rest_n -= n + 1;
	return hub_by_name(r->world->store, request_kind(r), r->owner, r->name, ret,
		       &(struct err){0}) == 0 &&
	       signed_ticket_check(
		       key, ret->id, part, n, (int64_t)(clock_wall_usec() / USEC_PER_SEC));
}

static void redirect_with_ticket(struct request *r, const struct hub_repo *repo)
{
	char ticket[SIGNED_TICKET_MAX];
	CLEANUP(buf_done) struct buf to;

	signed_ticket(&r->world->lfs.key, repo->id,
		(int64_t)(clock_wall_usec() / USEC_PER_SEC) + SIGNED_TICKET_SEC, ticket);
	buf_init(&to, 16384);
	if (buf_addf(&to, "/spaces/%s/%s/-/site/%s/%.*s", repo->owner, repo->name, ticket,
		    (int)r->rest_n, r->rest) < 0) {
		request_error(r, MHD_HTTP_URI_TOO_LONG, NULL, "the path is too long");
		return;
	}
	request_empty(r, MHD_HTTP_TEMPORARY_REDIRECT);
	request_add_header(r, MHD_HTTP_HEADER_LOCATION, buf_str(&to));
}

/* Whether the Space serves a folder of pages now. repo becomes the one that has the files: of a
 * preview its parent. */
static int find_site(struct request *r, struct hub_repo *repo, struct build_row *ret, struct err *e)
{
	struct space space, parent = {.paused = false};
	int code = space_by_id(r->world->store, repo->id, &space, e);

	if (code == 0 && *space.parent)
		code = space_by_id(r->world->store, space.parent, &parent, e);
	if (code == 0)
		code = build_by_id(r->world->store, space.live_build, ret, e);
	if (code == 0 && ret->bundle[0])
		code = err_set(e, -ENOENT, "this Space is an app, no folder of pages");
	/* It was an app when its owner paused it, or it is taken down. Its previews go with it. */
	if (code == 0 && (space.paused || parent.paused))
		code = err_set(e, -ENOENT, "this Space is paused");
	if (code == 0 && *space.parent)
		(void)snprintf(repo->id, sizeof(repo->id), "%s", space.parent);
	return code;
}

void handle_site(struct request *r)
{
	struct look_up_plan plan = {.content = true, .input = -1, .done = done_resolve};
	struct build_row build;
	struct hub_repo repo, files;
	struct err e = {0};
	bool ticket;
	json_t *known;
	int code;

	if (!is_at_host(r) && is_asked_for_by_ours(r)) {
		request_error(r, MHD_HTTP_FORBIDDEN, NULL,
			"a Space's files are for its own pages, in a frame");
		return;
	}
	ticket = take_ticket(r, &repo);
	if (!ticket && request_repo(r, ACTION_READ, &repo) < 0)
		return;
	files = repo;
	code = find_site(r, &files, &build, &e);
	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	if (!ticket && repo.private && !is_at_host(r)) {
		redirect_with_ticket(r, &repo);
		return;
	}
	plan.args = json_pack("{s:s, s:o, s:b}", "op", "content", "rest",
		site_rest(r, build.commit), "bodiless", (int)r->head);
	known = known_of(r);
	if (known)
		(void)json_object_set_new(plan.args, "known", known);
	look_up(r, &files, &plan);
}

void handle_resolve(struct request *r)
{
	serve(r, false);
}

void handle_raw(struct request *r)
{
	serve(r, true);
}
