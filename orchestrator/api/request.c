#include "orchestrator/api/request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/range.h"
#include "orchestrator/api/private.h"
#include "orchestrator/api/routes.h"
#include "proto/cookie.h"

#define STREAM_BLOCK 65536
#define ANSWER_MAX (32u << 20)

/* --- asking --- */

const char *request_header(struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, name);
}

const char *request_query(struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->conn, MHD_GET_ARGUMENT_KIND, name);
}

struct query_walk {
	const char *name;
	bool (*fn)(const char *value, void *data);
	void *data;
};

static enum MHD_Result on_argument(
	void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
	const struct query_walk *w = data;
	size_t n = strlen(w->name);

	(void)kind;
	if (strncmp(name, w->name, n) != 0 || (name[n] && strcmp(name + n, "[]") != 0))
		return MHD_YES;
	return w->fn(value ? value : "", w->data) ? MHD_YES : MHD_NO;
}

void request_query_each(
	struct request *r, const char *name, bool (*fn)(const char *value, void *data), void *data)
{
	struct query_walk w = {.name = name, .fn = fn, .data = data};

	(void)MHD_get_connection_values(r->conn, MHD_GET_ARGUMENT_KIND, on_argument, &w);
}

/* The gateway says how it was asked; whoever comes past it knows only the platform's own URL. */
const char *request_base_url(struct request *r)
{
	const char *scheme = request_header(r, "X-Vitrine-Scheme");
	const char *host = request_header(r, MHD_HTTP_HEADER_HOST);

	if (!scheme || !host)
		return r->world->url;
	if (!r->base_url[0])
		(void)snprintf(r->base_url, sizeof(r->base_url), "%s://%s",
			!strcmp(scheme, "https") ? "https" : "http", host);
	return r->base_url;
}

/* --- waiting --- */

void request_park(struct request *r)
{
	r->parked = true;
	MHD_suspend_connection(r->conn);
}

void request_wake(struct request *r)
{
	if (!r->parked)
		return;
	r->parked = false;
	MHD_resume_connection(r->conn);
	server_soon(r->server);
}

/* --- answering --- */

/*
 * Without credentials: a page elsewhere that has no token sees what everybody sees.
 */
static void allow_elsewhere(struct request *r)
{
	request_add_header(r, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, "*");
	request_add_header(r, MHD_HTTP_HEADER_ACCESS_CONTROL_EXPOSE_HEADERS,
		"X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,"
		"Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag");
}

static void set_answer(
	struct request *r, unsigned int status, struct MHD_Response *response, const char *type)
{
	if (!response)
		return; /* out of memory: the connection times out */
	if (r->response)
		MHD_destroy_response(r->response);
	r->response = response;
	r->status = status;
	if (type)
		request_add_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	request_add_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	request_add_header(r, "X-Content-Type-Options", "nosniff");
	request_add_header(r, "X-Request-Id", r->number);
	if (r->readable_elsewhere)
		allow_elsewhere(r);
	request_wake(r);
}

void request_add_header(struct request *r, const char *name, const char *value)
{
	if (r->response)
		(void)MHD_add_response_header(r->response, name, value);
}

static struct MHD_Response *copy_of(const void *bytes, size_t n)
{
	return MHD_create_response_from_buffer(n, (void *)bytes, MHD_RESPMEM_MUST_COPY);
}

void request_json_as(struct request *r, unsigned int status, const char *type, json_t *body)
{
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, ANSWER_MAX);
	if (!body || json_write(&b, body) < 0) {
		request_error(
			r, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL, "the answer cannot be written");
	} else {
		set_answer(r, status, copy_of(b.data, b.len), type);
		/* It is no page, whatever a browser may be made to believe. */
		request_add_header(
			r, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
	}
	json_decref(body);
}

void request_json(struct request *r, unsigned int status, json_t *body)
{
	request_json_as(r, status, "application/json; charset=utf-8", body);
}

void request_text(
	struct request *r, unsigned int status, const char *type, const void *bytes, size_t n)
{
	set_answer(r, status, copy_of(bytes, n), type);
}

/* RFC 9110, 13.1.5: with another If-Range, and for HEAD, there are no ranges. */
static const char *range_of(struct request *r, const char *etag)
{
	const char *only_if = request_header(r, MHD_HTTP_HEADER_IF_RANGE);

	return only_if && strcmp(only_if, etag) != 0 ? NULL
						     : request_header(r, MHD_HTTP_HEADER_RANGE);
}

static void add_range(struct request *r, const struct range *range, uint64_t size, bool outside)
{
	char text[96];

	request_add_header(r, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
	if (range->partial)
		(void)snprintf(text, sizeof(text), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
			range->first, range->first + range->length - 1, size);
	else
		(void)snprintf(text, sizeof(text), "bytes */%" PRIu64, size);
	/* Of an empty file no range can be had; Hugging Face's JS client looks for its size here.
	 */
	if (range->partial || outside || size == 0)
		request_add_header(r, MHD_HTTP_HEADER_CONTENT_RANGE, text);
}

void request_file(struct request *r, int fd, uint64_t size, const char *type, const char *etag)
{
	const char *known = request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH);
	struct range range = {.length = 0};
	unsigned int status = MHD_HTTP_OK;

	if (known && (!strcmp(known, "*") || strstr(known, etag)))
		status = MHD_HTTP_NOT_MODIFIED;
	else if (size && range_parse(range_of(r, etag), size, &range) < 0)
		status = MHD_HTTP_RANGE_NOT_SATISFIABLE;
	else if (range.partial)
		status = MHD_HTTP_PARTIAL_CONTENT;
	if (status >= 300 || size == 0) {
		close(fd);
		set_answer(r, status, copy_of("", 0), status == MHD_HTTP_OK ? type : NULL);
		add_range(r, &range, size, status == MHD_HTTP_RANGE_NOT_SATISFIABLE);
	} else {
		set_answer(r, status,
			MHD_create_response_from_fd_at_offset64(range.length, fd, range.first),
			type);
		add_range(r, &range, size, false);
	}
	request_add_header(r, MHD_HTTP_HEADER_ETAG, etag);
}

void request_answer_fd(
	struct request *r, unsigned int status, const char *type, int fd, uint64_t size)
{
	struct MHD_Response *response =
		size ? MHD_create_response_from_fd_at_offset64(size, fd, 0) : copy_of("", 0);

	if (!size || !response)
		close(fd);
	set_answer(r, status, response, type);
}

void request_empty(struct request *r, unsigned int status)
{
	set_answer(r, status, copy_of("", 0), NULL);
}

static void answer_in_text(struct request *r, unsigned int status, const char *words)
{
	char text[600];
	int n = snprintf(text, sizeof(text), "vitrine: %s\n", words);

	set_answer(r, status, copy_of(text, (size_t)n), "text/plain; charset=utf-8");
}

/*
 * git and its kin ask again with a password when they are told to; a browser would ask its user,
 * over our page. Our pages are known by their cookies.
 */
static void challenge(struct request *r)
{
	if ((r->route && r->route->git) || (!request_header(r, MHD_HTTP_HEADER_COOKIE) &&
						   !request_header(r, "Sec-Fetch-Mode")))
		request_add_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
			"Basic realm=\"Vitrine\", charset=\"UTF-8\"");
}

/* One printable line, as a header must be. */
static void add_words_header(struct request *r, const char *words)
{
	char line[512];

	(void)snprintf(line, sizeof(line), "%s", words);
	for (char *p = line; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = *p == '\n' || *p == '\t' ? ' ' : '?';
	request_add_header(r, "X-Error-Message", line);
}

static void answer_error(struct request *r, unsigned int status, const char *field,
	const char *code, const char *words)
{
	if (r->route && r->route->git) {
		answer_in_text(r, status, words);
	} else {
		json_t *body = json_object();

		(void)json_object_set_new(body, "error", json_words(words));
		if (field)
			(void)json_object_set_new(body, "field", json_string(field));
		request_json(r, status, body);
	}
	add_words_header(r, words);
	if (code)
		request_add_header(r, "X-Error-Code", code);
	if (status == MHD_HTTP_UNAUTHORIZED)
		challenge(r);
}

void request_error(struct request *r, unsigned int status, const char *field, const char *fmt, ...)
{
	char words[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	answer_error(r, status, field, NULL, words);
}

void request_hub_error(
	struct request *r, unsigned int status, const char *code, const char *fmt, ...)
{
	char words[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	answer_error(r, status, NULL, code, words);
}

static const struct {
	int code;
	unsigned int status;
} statuses[] = {
	{-EACCES, MHD_HTTP_UNAUTHORIZED},
	{-EPERM, MHD_HTTP_FORBIDDEN},
	{-ENOENT, MHD_HTTP_NOT_FOUND},
	{-EEXIST, MHD_HTTP_CONFLICT},
	{-EINVAL, MHD_HTTP_BAD_REQUEST},
	{-EBADMSG, MHD_HTTP_BAD_REQUEST},
	{-EMSGSIZE, MHD_HTTP_CONTENT_TOO_LARGE},
	{-ENOSPC, MHD_HTTP_INSUFFICIENT_STORAGE},
	{-EBUSY, MHD_HTTP_SERVICE_UNAVAILABLE},
	{-EAGAIN, MHD_HTTP_SERVICE_UNAVAILABLE},
};

void request_fail(struct request *r, int code, const struct err *e)
{
	unsigned int status = MHD_HTTP_INTERNAL_SERVER_ERROR;
	char field[32] = "";
	size_t n = strcspn(e->text, ":");

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].code == code)
			status = statuses[i].status;
	/* Words about a field begin with its name. */
	if (status == MHD_HTTP_BAD_REQUEST && e->text[n] && n < sizeof(field) &&
		!memchr(e->text, ' ', n))
		(void)snprintf(field, sizeof(field), "%.*s", (int)n, e->text);
	request_error(
		r, status, *field ? field : NULL, "%s", e->text[0] ? e->text : strerror(-code));
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		request_add_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "1");
}

static ssize_t read_stream(void *data, uint64_t at, char *bytes, size_t n)
{
	struct request *r = data;
	ssize_t got = r->read(r, bytes, n);

	(void)at;
	if (got == STREAM_END)
		return MHD_CONTENT_READER_END_OF_STREAM;
	return got == STREAM_BROKEN ? MHD_CONTENT_READER_END_WITH_ERROR : got;
}

void request_stream(struct request *r, const char *content_type, stream_fn read)
{
	r->read = read;
	set_answer(r, MHD_HTTP_OK,
		MHD_create_response_from_callback(
			MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, r, NULL),
		content_type);
}

/* --- who --- */

static const char *after_scheme(const char *value, const char *scheme)
{
	size_t n = strlen(scheme);

	return value && !strncasecmp(value, scheme, n) && value[n] == ' ' ? value + n + 1 : NULL;
}

static bool is_ctl(struct request *r)
{
	const char *key = request_header(r, "X-Vitrine-Ctl");
	const char *want = r->server->ctl_key;
	unsigned char differ = 0;

	if (!key || !*want || strlen(key) != strlen(want))
		return false;
	for (size_t i = 0; want[i]; i++)
		differ |= (unsigned char)(key[i] ^ want[i]);
	return differ == 0;
}

static int identify_by_token(struct request *r, struct err *e)
{
	const char *value = request_header(r, MHD_HTTP_HEADER_AUTHORIZATION);
	const char *token = after_scheme(value, "Bearer");
	char *password = NULL, *user = NULL;
	int code = -ENOENT;

	if (!token && after_scheme(value, "Basic")) {
		user = MHD_basic_auth_get_username_password(r->conn, &password);
		token = password;
	}
	if (token)
		code = people_by_token(r->world->people, token, &r->who, e);
	if (user)
		MHD_free(user);
	if (password)
		MHD_free(password);
	/* These words: Python's client goes by them. */
	return code == -ENOENT ? err_set(e, -EACCES, "Invalid credentials in Authorization header")
			       : code;
}

int request_identify(struct request *r, struct err *e)
{
	const char *cookie;
	struct err ignored = {0};

	if (is_ctl(r))
		return people_first_administrator(r->world->people, &r->who, e);
	if (request_header(r, MHD_HTTP_HEADER_AUTHORIZATION))
		return identify_by_token(r, e);
	cookie = MHD_lookup_connection_value(
		r->conn, MHD_COOKIE_KIND, SIGN_IN_COOKIE(!strncmp(r->world->url, "https:", 6)));
	if (cookie && people_by_cookie(r->world->people, cookie, &r->who, &ignored) == 0)
		(void)snprintf(r->cookie, sizeof(r->cookie), "%s", cookie);
	return 0;
}

/* --- helpers --- */

json_t *json_words(const char *text)
{
	json_t *v = json_string(text);
	CLEANUP(freep) char *copy = v ? NULL : strdup(text);

	if (v || !copy)
		return v ? v : json_string("");
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return json_string(copy);
}

json_t *json_time(int64_t wall_usec)
{
	time_t sec = (time_t)(wall_usec / (int64_t)USEC_PER_SEC);
	char text[40];
	struct tm tm;
	size_t n;

	if (!wall_usec || !gmtime_r(&sec, &tm))
		return json_null();
	n = strftime(text, sizeof(text), "%FT%T", &tm);
	(void)snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(wall_usec / 1000 % 1000));
	return json_string(text);
}
