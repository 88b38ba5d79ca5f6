#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/hosts.h"

#define ANSWER_MAX (32u << 20)
#define EVENT_MAX (1u << 20)
#define SERVICES_MAX (1u << 20)

struct client {
	CURL *curl;                 /* owned */
	struct curl_slist *headers; /* owned */
	char base[1024];
	char url[512], token[512]; /* as client_url and client_token tell them */
	struct buf answer;
	char id[32], seen_id[32]; /* of the event that is coming, and of the last one that came */
	client_event_fn on_event;
	void *data;
};

bool client_option(struct client_options *o, int c, const char *value)
{
	const char **fields[] = {&o->data, &o->url, &o->token};

	if (c < 1001 || c > 1003)
		return false;
	*fields[c - 1001] = value;
	return true;
}

static int add_header(struct client *c, const char *name, const char *value)
{
	char line[1024];
	struct curl_slist *grown;

	(void)snprintf(line, sizeof(line), "%s: %s", name, value);
	grown = curl_slist_append(c->headers, line);
	if (!grown)
		return -ENOMEM;
	c->headers = grown;
	return 0;
}

static int use_socket(struct client *c, const char *data, struct err *e)
{
	CLEANUP(buf_done) struct buf key;
	char path[4096];
	int r;

	buf_init(&key, 256);
	(void)snprintf(path, sizeof(path), "%s/orchestrator/ctl.key", data);
	r = fs_read(AT_FDCWD, path, &key, e);
	if (r == -ENOENT)
		return err_set(e, r,
			"no platform has been started in %s; start it with: vitrine up", data);
	if (r == -EACCES)
		return err_set(e, r, "only the user who runs Vitrine may do this (%s)", path);
	if (r < 0)
		return r;
	key.data[strcspn(buf_str(&key), "\r\n")] = '\0';
	(void)snprintf(path, sizeof(path), "%s/run/http.sock", data);
	(void)curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, path);
	(void)snprintf(c->base, sizeof(c->base), "http://localhost");
	return add_header(c, "X-Vitrine-Ctl", buf_str(&key));
}

/* VITRINE_TOKEN is for whatever --url names; a login's only for where it was made. */
static int find_token(struct client *c, const struct client_options *o, struct err *e)
{
	const char *given = o->token ? o->token : o->url ? getenv("VITRINE_TOKEN") : NULL;
	struct host h;
	int r;

	if (given) {
		(void)snprintf(c->token, sizeof(c->token), "%s", given);
		return 0;
	}
	r = hosts_find(c->url, &h, e);
	if (r == -ENOENT)
		return err_set(e, -EACCES, "--url needs --token, VITRINE_TOKEN or vitrine login");
	if (r == 0)
		(void)snprintf(c->token, sizeof(c->token), "%s", h.token);
	explicit_bzero(&h, sizeof(h));
	return r;
}

static int use_url(struct client *c, const struct client_options *o, struct err *e)
{
	char bearer[600];
	int r;

	while (*c->url && c->url[strlen(c->url) - 1] == '/')
		c->url[strlen(c->url) - 1] = '\0';
	(void)snprintf(c->base, sizeof(c->base), "%s", c->url);
	if (o->nobody) {
		(void)curl_easy_setopt(c->curl, CURLOPT_COOKIEFILE, "");
		return 0;
	}
	r = find_token(c, o, e);
	if (r < 0)
		return r;
	(void)snprintf(bearer, sizeof(bearer), "Bearer %s", c->token);
	return client_add_header(c, "Authorization", bearer, e);
}

int client_add_header(struct client *c, const char *name, const char *value, struct err *e)
{
	return add_header(c, name, value) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

const char *client_url(const struct client *c)
{
	return c->url;
}

const char *client_token(const struct client *c)
{
	return c->token;
}

/* Which platform is meant: the one that is named, was signed in to last, or is here. */
static int choose(struct client *c, const struct client_options *o, struct err *e)
{
	struct host h = {0};
	int r = 0;

	if (o->url)
		(void)snprintf(c->url, sizeof(c->url), "%s", o->url);
	else if (!o->data)
		r = hosts_find(NULL, &h, e);
	if (r == 0 && *h.url)
		(void)snprintf(c->url, sizeof(c->url), "%s", h.url);
	explicit_bzero(&h, sizeof(h));
	return r == -ENOENT ? 0 : r;
}

int client_new(const struct client_options *o, struct client **ret, struct err *e)
{
	CLEANUP(client_freep) struct client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(e, -ENOMEM, "out of memory");
	buf_init(&c->answer, ANSWER_MAX);
	c->curl = curl_easy_init();
	if (!c->curl)
		return err_set(e, -ENOMEM, "out of memory");
	r = choose(c, o, e);
	if (r == 0)
		r = *c->url ? use_url(c, o, e)
			    : use_socket(c, o->data ? o->data : default_data_dir(), e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

struct client *client_free(struct client *c)
{
	if (!c)
		return NULL;
	curl_slist_free_all(c->headers);
	if (c->curl)
		curl_easy_cleanup(c->curl);
	buf_done(&c->answer);
	explicit_bzero(c->token, sizeof(c->token));
	free(c);
	return NULL;
}

static size_t take_answer(char *bytes, size_t size, size_t n, void *data)
{
	struct client *c = data;

	return buf_add(&c->answer, bytes, size * n) == 0 ? n : 0;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signo)
{
	(void)signo;
	interrupted = 1;
}

static void take_event(struct client *c, const char *line, size_t n)
{
	struct err e = {0};
	json_t *event;

	/* An event that was cut off comes again, so its id counts when it has ended. */
	if (n > 4 && !memcmp(line, "id: ", 4))
		(void)snprintf(
			c->id, sizeof(c->id), "%.*s", (int)(n - 4 < 30 ? n - 4 : 30), line + 4);
	if (n == 0)
		memcpy(c->seen_id, c->id, sizeof(c->id));
	if (n < 6 || memcmp(line, "data: ", 6) != 0)
		return;
	if (json_parse(line + 6, n - 6, EVENT_MAX, &event, &e) < 0)
		return;
	c->on_event(event, c->data);
	json_decref(event);
}

static size_t take_stream(char *bytes, size_t size, size_t n, void *data)
{
	struct client *c = data;
	char *end;

	if (buf_add(&c->answer, bytes, size * n) < 0)
		return 0;
	while (c->answer.len && (end = memchr(c->answer.data, '\n', c->answer.len))) {
		size_t len = (size_t)(end - (char *)c->answer.data);

		take_event(c, (char *)c->answer.data, len);
		buf_consume(&c->answer, len + 1);
	}
	return n;
}

long client_status(struct client *c)
{
	long status = 0;

	(void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static int explain(struct client *c, CURLcode code, struct err *e)
{
	long status = client_status(c);
	json_t *answer = NULL;
	const char *words = NULL;
	struct err ignored = {0};

	if (code != CURLE_OK)
		return err_set(
			e, -ENOENT, "cannot reach the platform: %s", curl_easy_strerror(code));
	if (status < 400)
		return 0;
	if (json_parse(c->answer.data, c->answer.len, ANSWER_MAX, &answer, &ignored) == 0)
		(void)json_opt_str(answer, "error", 1024, NULL, &words, &ignored);
	(void)err_set(e, -EREMOTEIO, "%s (%ld)", words ? words : "the platform refused", status);
	json_decref(answer);
	return -EREMOTEIO;
}

static CURLcode perform(struct client *c, const char *method, const char *path, const char *body)
{
	char url[2048];

	buf_clear(&c->answer);
	(void)snprintf(url, sizeof(url), "%s%s", c->base, path);
	(void)curl_easy_setopt(c->curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
	(void)curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
	(void)curl_easy_setopt(c->curl, CURLOPT_NOPROXY, "*");
	/* curl keeps what was set for the request before. */
	(void)curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
	if (body)
		(void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body);
	(void)curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
	return curl_easy_perform(c->curl);
}

static bool is_json(struct client *c)
{
	const char *type = NULL;

	(void)curl_easy_getinfo(c->curl, CURLINFO_CONTENT_TYPE, &type);
	return type && (!strncmp(type, "application/json", 16) || strstr(type, "+json"));
}

static int request(struct client *c, const char *method, const char *path, const char *text,
	json_t **ret, struct err *e)
{
	int r;

	(void)curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_answer);
	r = explain(c, perform(c, method, path, text), e);
	if (r < 0)
		return r;
	*ret = NULL;
	if (c->answer.len == 0 || !is_json(c))
		return 0;
	return json_parse(c->answer.data, c->answer.len, ANSWER_MAX, ret, e);
}

int client_request(struct client *c, const char *method, const char *path, const json_t *body,
	json_t **ret, struct err *e)
{
	CLEANUP(freep) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	if (text && add_header(c, "Content-Type", "application/json") < 0)
		return err_set(e, -ENOMEM, "out of memory");
	return request(c, method, path, text, ret, e);
}

int client_post_text(
	struct client *c, const char *path, const char *text, json_t **ret, struct err *e)
{
	return request(c, "POST", path, text, ret, e);
}

int client_follow(struct client *c, const char *path, client_event_fn fn, void *data, struct err *e)
{
	c->on_event = fn;
	c->data = data;
	(void)curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_stream);
	return explain(c, perform(c, "GET", path, NULL), e);
}

static int look_for_interrupt(void *data, curl_off_t a, curl_off_t b, curl_off_t x, curl_off_t y)
{
	(void)data;
	(void)a;
	(void)b;
	(void)x;
	(void)y;
	return interrupted;
}

static void wait_a_moment(void)
{
	const struct timespec moment = {.tv_nsec = 200 * 1000 * 1000};

	(void)nanosleep(&moment, NULL);
}

/* The path again, behind what has been seen. */
static void path_after(const struct client *c, const char *path, char *ret, size_t size)
{
	if (*c->seen_id)
		(void)snprintf(
			ret, size, "%s%cafter=%s", path, strchr(path, '?') ? '&' : '?', c->seen_id);
	else
		(void)snprintf(ret, size, "%s", path);
}

int client_follow_on(
	struct client *c, const char *path, client_event_fn fn, void *data, struct err *e)
{
	const struct sigaction action = {.sa_handler = on_interrupt};
	char now[1024];
	bool came = false;
	int r;

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(c->curl, CURLOPT_XFERINFOFUNCTION, look_for_interrupt);
	do {
		path_after(c, path, now, sizeof(now));
		r = client_follow(c, now, fn, data, e);
		came = came || client_status(c) == 200;
		if (interrupted)
			return 0;
		/* A gateway without its orchestrator says 502; that passes. */
		if (r == -EREMOTEIO && client_status(c) != 502 && client_status(c) != 503)
			return r;
		if (came)
			wait_a_moment();
	} while (came);
	return r;
}

struct client *client_or_complain(const struct client_options *o)
{
	struct client *c = NULL;
	struct err e = {0};

	if (client_new(o, &c, &e) < 0)
		fprintf(stderr, "vitrine: %s\n", e.text);
	return c;
}

json_t *client_read_services(const char *data, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	json_t *services = NULL;
	char path[4096];

	buf_init(&text, SERVICES_MAX);
	(void)snprintf(path, sizeof(path), "%s/run/services.json", data);
	if (fs_read(AT_FDCWD, path, &text, e) < 0 ||
		json_parse(text.data, text.len, SERVICES_MAX, &services, e) < 0)
		return NULL;
	return services;
}
