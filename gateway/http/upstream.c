#include "gateway/http/upstream.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/http/request.h"
#include "proto/cookie.h"

#define RING (64 * 1024)
#define HEADERS_MAX (32 * 1024)
#define HEADER_COUNT_MAX 100
#define ANSWER_SEC 120    /* from the end of the request to the first line of the answer */
#define COMPLETE_SEC 3600 /* the same: a large file is hashed in between */
#define COMPLETE "/lfs-storage/complete/"
#define CONNECT_MS 5000L

struct upstreams {
	struct loop *loop;
	CURLM *multi;         /* owned */
	struct source *timer; /* owned; curl's */
	struct source *pump;  /* owned; unpausing that is due */
	struct exchange *all;
	char socket_path[4096];
};

/* Bytes on their way from one side to the other. */
struct pipe {
	char bytes[RING];
	size_t start, length;
	bool ended;   /* no more will be put in */
	bool stalled; /* the writer waits for room */
	bool starved; /* the reader waits for bytes */
};

struct exchange {
	struct exchange *next, **at; /* among all */
	struct upstreams *upstreams;
	struct request *request;    /* borrowed; NULL once the client is gone */
	CURL *easy;                 /* owned */
	struct curl_slist *headers; /* owned */
	struct pipe up, down;
	bool head_done, done, failed, answering, late;
	bool unpause_up, unpause_down;
	long status;
	struct buf head; /* NAME: VALUE lines of the answer */
	size_t head_count;
	curl_off_t length;       /* of the answer's body; -1: unknown */
	struct source *deadline; /* owned */
	bool body;
};

/* --- pipes --- */

static size_t pipe_put(struct pipe *p, const char *bytes, size_t n)
{
	size_t room = RING - p->length;
	size_t done = 0;

	if (n > room)
		n = room;
	while (done < n) {
		size_t at = (p->start + p->length) % RING;
		size_t run = RING - at < n - done ? RING - at : n - done;

		memcpy(p->bytes + at, bytes + done, run);
		p->length += run;
		done += run;
	}
	return n;
}

static size_t pipe_get(struct pipe *p, char *bytes, size_t n)
{
	size_t done = 0;

	if (n > p->length)
		n = p->length;
	while (done < n) {
		size_t run = RING - p->start < n - done ? RING - p->start : n - done;

		memcpy(bytes + done, p->bytes + p->start, run);
		p->start = (p->start + run) % RING;
		p->length -= run;
		done += run;
	}
	return n;
}

/* --- unpausing, always from the loop: curl calls back from inside curl_easy_pause --- */

static void pump(void *data)
{
	struct upstreams *u = data;

	u->pump = NULL;
	for (struct exchange *x = u->all; x; x = x->next) {
		if (!x->unpause_up && !x->unpause_down)
			continue;
		x->unpause_up = x->unpause_down = false;
		(void)curl_easy_pause(x->easy, CURLPAUSE_CONT);
	}
}

static void pump_soon(struct upstreams *u)
{
	if (!u->pump)
		(void)loop_defer(u->loop, pump, u, &u->pump);
}

/* --- the answer, from the orchestrator --- */

static bool is_hop_by_hop(const char *name, size_t n)
{
	/* RFC 9110, 7.6.1, and what is ours to say */
	static const char *const names[] = {"connection", "keep-alive", "proxy-authenticate",
		"proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding",
		"upgrade", "content-length", "date", "server", "x-content-type-options"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i]) == n && !strncasecmp(names[i], name, n))
			return true;
	return false;
}

static void wake_client(struct exchange *x)
{
	if (x->request)
		request_resume(x->request);
}

static size_t on_header(char *line, size_t size, size_t count, void *data)
{
	struct exchange *x = data;
	size_t n = size * count;
	const char *colon = memchr(line, ':', n);

	if (n > 5 && !memcmp(line, "HTTP/", 5)) {
		/* 100 Continue is followed by another head. */
		buf_clear(&x->head);
		x->head_count = 0;
		return n;
	}
	if (n <= 2) {
		(void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &x->status);
		if (x->status < 200)
			return n;
		(void)curl_easy_getinfo(x->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &x->length);
		x->head_done = true;
		wake_client(x);
		return n;
	}
	if (!colon || is_hop_by_hop(line, (size_t)(colon - line)))
		return n;
	if (++x->head_count > HEADER_COUNT_MAX || buf_add(&x->head, line, n) < 0)
		return 0;
	return n;
}

static size_t on_answer_bytes(char *bytes, size_t size, size_t count, void *data)
{
	struct exchange *x = data;
	size_t n = size * count;

	if (!x->request)
		return 0;
	/* All or nothing: curl has no way to take part of it. */
	if (RING - x->down.length < n) {
		x->down.stalled = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	(void)pipe_put(&x->down, bytes, n);
	if (x->down.starved) {
		x->down.starved = false;
		wake_client(x);
	}
	return n;
}

static size_t on_wants_body(char *room, size_t size, size_t count, void *data)
{
	struct exchange *x = data;
	size_t n = pipe_get(&x->up, room, size * count);

	if (n > 0 && x->up.stalled) {
		x->up.stalled = false;
		wake_client(x);
	}
	if (n == 0 && !x->up.ended) {
		x->up.starved = true;
		return CURL_READFUNC_PAUSE;
	}
	return n;
}

static void finish(struct exchange *x, CURLcode code)
{
	x->done = true;
	x->failed = code != CURLE_OK;
	if (x->failed && x->request && !x->late)
		log_warn("%s %s: the orchestrator did not answer: %s", x->request->method,
			x->request->target, curl_easy_strerror(code));
	x->down.ended = true;
	x->down.starved = false;
	x->up.stalled = false;
	(void)curl_multi_remove_handle(x->upstreams->multi, x->easy);
	wake_client(x);
}

static void on_late(void *data)
{
	struct exchange *x = data;

	if (x->head_done || x->done)
		return;
	x->late = true;
	finish(x, CURLE_OPERATION_TIMEDOUT);
}

/* --- curl in base/loop --- */

static void collect(struct upstreams *u)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(u->multi, &left))) {
		struct exchange *x = NULL;
		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&x);
		finish(x, code);
	}
}

static void on_curl_fd(int fd, uint32_t events, void *data)
{
	struct upstreams *u = data;
	int what = (events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
		   (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		   (events & EPOLLERR ? CURL_CSELECT_ERR : 0);
	int running;

	(void)curl_multi_socket_action(u->multi, fd, what, &running);
	collect(u);
}

static void on_curl_timer(void *data)
{
	struct upstreams *u = data;
	int running;

	(void)curl_multi_socket_action(u->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(u);
}

static int watch(CURL *easy, curl_socket_t fd, int what, void *data, void *source)
{
	struct upstreams *u = data;
	uint32_t events =
		(what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	struct source *s = source;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		(void)source_free(s);
		(void)curl_multi_assign(u->multi, fd, NULL);
		return 0;
	}
	if (s)
		return source_set_events(s, events) < 0 ? -1 : 0;
	if (loop_add_fd(u->loop, fd, events, on_curl_fd, u, &s) < 0)
		return -1;
	(void)curl_multi_assign(u->multi, fd, s);
	return 0;
}

static int arm(CURLM *multi, long timeout_ms, void *data)
{
	struct upstreams *u = data;

	(void)multi;
	if (timeout_ms < 0)
		timer_disarm(u->timer);
	else
		timer_arm_after(u->timer, (uint64_t)timeout_ms * USEC_PER_MSEC);
	return 0;
}

int upstreams_new(struct loop *loop, const char *run_dir, struct upstreams **ret)
{
	CLEANUP(upstreams_freep) struct upstreams *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	u->loop = loop;
	(void)snprintf(u->socket_path, sizeof(u->socket_path), "%s/http.sock", run_dir);
	r = loop_add_timer(loop, on_curl_timer, u, &u->timer);
	if (r < 0)
		return r;
	if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK)
		return -EIO;
	u->multi = curl_multi_init();
	if (!u->multi)
		return -ENOMEM;
	(void)curl_multi_setopt(u->multi, CURLMOPT_SOCKETFUNCTION, watch);
	(void)curl_multi_setopt(u->multi, CURLMOPT_SOCKETDATA, u);
	(void)curl_multi_setopt(u->multi, CURLMOPT_TIMERFUNCTION, arm);
	(void)curl_multi_setopt(u->multi, CURLMOPT_TIMERDATA, u);
	*ret = TAKE_PTR(u);
	return 0;
}

void upstreams_abandon(struct upstreams *u)
{
	for (struct exchange *x = u->all, *next; x; x = next) {
		next = x->next;
		if (!x->done)
			finish(x, CURLE_ABORTED_BY_CALLBACK);
	}
}

struct upstreams *upstreams_free(struct upstreams *u)
{
	if (!u)
		return NULL;
	if (u->multi) {
		(void)curl_multi_cleanup(u->multi);
		curl_global_cleanup();
	}
	(void)source_free(u->pump);
	(void)source_free(u->timer);
	free(u);
	return NULL;
}

/* --- the request, from the client --- */

struct copying {
	struct exchange *exchange;
	bool at_host; /* cookies there are the Space's and ours, and not the platform's */
	bool failed;
	size_t count;
};

static bool is_ours(const char *name)
{
	/* Set here, by curl, or (X-Vitrine-Ctl) by the CLI on the socket itself; never believed
	 * from outside. */
	return !strncasecmp(name, "x-vitrine-", strlen("x-vitrine-")) ||
	       !strcasecmp(name, "expect") || !strcasecmp(name, "host");
}

static void add_header(struct exchange *x, bool *failed, const char *name, const char *value)
{
	char line[HEADERS_MAX];
	struct curl_slist *grown;
	/* "Name;" is curl's way to say an empty value; "Name:" would remove the header. */
	int n = *value ? snprintf(line, sizeof(line), "%s: %s", name, value)
		       : snprintf(line, sizeof(line), "%s;", name);

	if (n < 0 || (size_t)n >= sizeof(line)) {
		*failed = true;
		return;
	}
	grown = curl_slist_append(x->headers, line);
	if (grown)
		x->headers = grown;
	else
		*failed = true;
}

static enum MHD_Result copy_header(
	void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct copying *c = data;

	(void)kind;
	if (is_hop_by_hop(name, strlen(name)) || is_ours(name) ||
		(c->at_host && !strcasecmp(name, "cookie")))
		return MHD_YES;
	if (++c->count > HEADER_COUNT_MAX)
		c->failed = true;
	else
		add_header(c->exchange, &c->failed, name, value ? value : "");
	return c->failed ? MHD_NO : MHD_YES;
}

static bool copy_headers(struct exchange *x, struct request *r)
{
	struct copying c = {.exchange = x, .at_host = *r->host};
	const char *host = request_host(r);
	char cookie[SIGN_IN_MAX + 40];

	(void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND, copy_header, &c);
	add_header(x, &c.failed, "X-Vitrine-Remote", r->address ? address_text(r->address) : "");
	add_header(x, &c.failed, "X-Vitrine-Scheme", request_scheme(r));
	add_header(x, &c.failed, "Host", host ? host : "vitrine");
	if (c.at_host)
		add_header(x, &c.failed, "X-Vitrine-At-Host", "1");
	if (c.at_host && *r->sign_in) {
		(void)snprintf(cookie, sizeof(cookie), "%s=%s",
			SIGN_IN_COOKIE(request_gateway(r)->hosts.https), r->sign_in);
		add_header(x, &c.failed, "Cookie", cookie);
	}
	/* curl adds these by itself unless it is told not to. */
	x->headers = curl_slist_append(x->headers, "Expect:");
	if (!request_header(r, "Accept"))
		x->headers = curl_slist_append(x->headers, "Accept:");
	if (!request_header(r, "User-Agent"))
		x->headers = curl_slist_append(x->headers, "User-Agent:");
	return !c.failed && x->headers;
}

static void set_body(struct exchange *x, struct request *r)
{
	const char *length = request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
	const char *coding = request_header(r, MHD_HTTP_HEADER_TRANSFER_ENCODING);

	x->body = coding || (length && strtoull(length, NULL, 10) > 0);
	if (!x->body) {
		/* Some methods carry a length even when it is nothing. */
		if (strcmp(r->method, "GET") && strcmp(r->method, "HEAD"))
			x->headers = curl_slist_append(x->headers, "Content-Length: 0");
		x->up.ended = true;
		return;
	}
	(void)curl_easy_setopt(x->easy, CURLOPT_UPLOAD, 1L);
	(void)curl_easy_setopt(x->easy, CURLOPT_READFUNCTION, on_wants_body);
	(void)curl_easy_setopt(x->easy, CURLOPT_READDATA, x);
	if (!coding)
		(void)curl_easy_setopt(
			x->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)strtoull(length, NULL, 10));
	else
		x->headers = curl_slist_append(x->headers, "Transfer-Encoding: chunked");
}

static bool set_question(struct exchange *x, struct request *r, const struct buf *json)
{
	const char *host = request_host(r);
	bool failed = false;

	add_header(x, &failed, "X-Vitrine-Remote", r->address ? address_text(r->address) : "");
	add_header(x, &failed, "X-Vitrine-Scheme", request_scheme(r));
	add_header(x, &failed, "Host", host ? host : "vitrine");
	add_header(x, &failed, "Content-Type", "application/json");
	x->headers = curl_slist_append(x->headers, "Expect:");
	x->up.ended = true;
	(void)curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE, (long)json->len);
	return !failed && x->headers &&
	       curl_easy_setopt(x->easy, CURLOPT_COPYPOSTFIELDS, json->data) == CURLE_OK;
}

/* json: the question, and target its path; NULL: the request is passed on. */
static bool prepare(
	struct exchange *x, struct request *r, const char *target, const struct buf *json)
{
	char url[9000];

	(void)snprintf(url, sizeof(url), "http://vitrine%s", target);
	x->easy = curl_easy_init();
	if (!x->easy || !(json ? set_question(x, r, json) : copy_headers(x, r)))
		return false;
	if (curl_easy_setopt(x->easy, CURLOPT_URL, url) != CURLE_OK ||
		curl_easy_setopt(x->easy, CURLOPT_UNIX_SOCKET_PATH, x->upstreams->socket_path) !=
			CURLE_OK)
		return false;
	if (!json) {
		set_body(x, r);
		(void)curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, r->method);
		if (!strcmp(r->method, "HEAD"))
			(void)curl_easy_setopt(x->easy, CURLOPT_NOBODY, 1L);
	}
	(void)curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
	(void)curl_easy_setopt(x->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(x->easy, CURLOPT_PATH_AS_IS, 1L);
	(void)curl_easy_setopt(x->easy, CURLOPT_FORBID_REUSE, 1L);
	(void)curl_easy_setopt(x->easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(x->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	(void)curl_easy_setopt(x->easy, CURLOPT_BUFFERSIZE, 16384L);
	(void)curl_easy_setopt(x->easy, CURLOPT_UPLOAD_BUFFERSIZE, 65536L);
	(void)curl_easy_setopt(x->easy, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(x->easy, CURLOPT_HEADERDATA, x);
	(void)curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, on_answer_bytes);
	(void)curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, x);
	(void)curl_easy_setopt(x->easy, CURLOPT_PRIVATE, (char *)x);
	return true;
}

static struct exchange *exchange_free(struct exchange *x)
{
	if (!x)
		return NULL;
	if (x->at) {
		*x->at = x->next;
		if (x->next)
			x->next->at = x->at;
	}
	(void)source_free(x->deadline);
	if (x->easy) {
		if (!x->done)
			(void)curl_multi_remove_handle(x->upstreams->multi, x->easy);
		curl_easy_cleanup(x->easy);
	}
	curl_slist_free_all(x->headers);
	buf_done(&x->head);
	free(x);
	return NULL;
}

static struct exchange *exchange_new(struct request *r, const char *target, const struct buf *json)
{
	struct exchange *x = calloc(1, sizeof(*x));
	struct upstreams *u = request_upstreams(r);

	if (!x)
		return NULL;
	x->upstreams = u;
	x->request = r;
	x->length = -1;
	buf_init(&x->head, HEADERS_MAX);
	x->next = u->all;
	x->at = &u->all;
	if (x->next)
		x->next->at = &x->next;
	u->all = x;
	if (!prepare(x, r, target, json) || loop_add_timer(u->loop, on_late, x, &x->deadline) < 0 ||
		curl_multi_add_handle(u->multi, x->easy) != CURLM_OK) {
		x->done = true; /* never was among the running ones */
		return exchange_free(x);
	}
	return x;
}

static void upstream_begin(struct request *r)
{
	r->state = exchange_new(r, r->target, NULL);
	if (!r->state)
		request_refuse(
			r, MHD_HTTP_INTERNAL_SERVER_ERROR, "the request cannot be passed on");
}

struct exchange *upstream_ask(struct request *r, const char *path, const struct buf *json)
{
	struct exchange *x = exchange_new(r, path, json);

	if (x)
		timer_arm_after(x->deadline, ANSWER_SEC * USEC_PER_SEC);
	return x;
}

struct exchange *upstream_look(struct request *r, const char *path)
{
	struct exchange *x = exchange_new(r, path, NULL);

	if (x) {
		x->up.ended = true;
		timer_arm_after(x->deadline, ANSWER_SEC * USEC_PER_SEC);
	}
	return x;
}

long upstream_status(const struct exchange *x)
{
	if (x->head_done)
		return x->status;
	return x->done ? -1 : 0;
}

void upstream_forget(struct exchange *x)
{
	(void)exchange_free(x);
}

static size_t upstream_feed(struct request *r, const char *bytes, size_t n)
{
	struct exchange *x = r->state;
	size_t taken;

	/* Answered before it was asked in full: the rest only has to be got out of the way. */
	if (x->done)
		return n;
	taken = pipe_put(&x->up, bytes, n);
	if (taken > 0 && x->up.starved) {
		x->up.starved = false;
		x->unpause_up = true;
		pump_soon(x->upstreams);
	}
	if (taken < n) {
		x->up.stalled = true;
		request_suspend(r);
	}
	return taken;
}

/* --- the answer, to the client --- */

static ssize_t on_client_wants(void *data, uint64_t position, char *room, size_t max)
{
	struct exchange *x = data;
	size_t n = pipe_get(&x->down, room, max);

	(void)position;
	if (n > 0) {
		if (x->down.stalled && RING - x->down.length >= RING / 2) {
			x->down.stalled = false;
			x->unpause_down = true;
			pump_soon(x->upstreams);
		}
		return (ssize_t)n;
	}
	if (x->down.ended)
		return x->failed ? MHD_CONTENT_READER_END_WITH_ERROR
				 : MHD_CONTENT_READER_END_OF_STREAM;
	x->down.starved = true;
	request_suspend(x->request);
	return 0;
}

struct header {
	char name[256]; /* "": too long */
	char *value;    /* owned */
};

/* The line of the answer's head that at stands on, and on to the next. False: there is none. */
static bool next_header(const struct buf *head, const char **at, struct header *ret)
{
	const char *end = buf_str(head) + head->len, *line = *at;
	const char *stop = line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL;
	const char *colon = stop ? memchr(line, ':', (size_t)(stop - line)) : NULL;
	size_t n;

	if (!colon)
		return false;
	*at = stop + 1;
	n = (size_t)(colon - line);
	(void)snprintf(
		ret->name, sizeof(ret->name), "%.*s", n < sizeof(ret->name) ? (int)n : 0, line);
	colon++;
	while (colon < stop && (*colon == ' ' || *colon == '\t'))
		colon++;
	ret->value =
		strndup(colon, (size_t)(stop - colon) - (stop > colon && stop[-1] == '\r' ? 1 : 0));
	return ret->value;
}

/* only: a header's name; NULL: all of them. */
static void add_answer_headers(
	struct MHD_Response *response, const struct buf *head, const char *only)
{
	struct header h;

	for (const char *at = buf_str(head); next_header(head, &at, &h); free(h.value))
		if (h.name[0] && (!only || !strcasecmp(h.name, only)))
			response_header(response, h.name, h.value);
}

void upstream_copy_header(const struct exchange *x, const char *name, struct MHD_Response *response)
{
	add_answer_headers(response, &x->head, name);
}

char *upstream_header(const struct exchange *x, const char *name)
{
	struct header h;

	for (const char *at = buf_str(&x->head); next_header(&x->head, &at, &h); free(h.value))
		if (!strcasecmp(h.name, name))
			return h.value;
	return NULL;
}

static enum MHD_Result answer_away(struct request *r, const struct exchange *x)
{
	static const char words[] =
		"{\"error\":\"the platform is restarting; try again in a moment\"}";
	struct MHD_Response *response = MHD_create_response_from_buffer(
		sizeof(words) - 1, (void *)words, MHD_RESPMEM_PERSISTENT);

	if (!response)
		return MHD_NO;
	response_header(response, "Content-Type", "application/json");
	response_header(response, "Retry-After", "1");
	response_header(response, "Cache-Control", "no-store");
	return answer(r, x->late ? MHD_HTTP_GATEWAY_TIMEOUT : MHD_HTTP_BAD_GATEWAY, response);
}

static enum MHD_Result answer_passed(struct request *r, struct exchange *x)
{
	bool bare = x->status == 204 || x->status == 304;
	struct MHD_Response *response =
		bare ? MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT)
		     : MHD_create_response_from_callback(
			       x->length >= 0 ? (uint64_t)x->length : MHD_SIZE_UNKNOWN, 32 * 1024,
			       on_client_wants, x, NULL);

	if (!response)
		return MHD_NO;
	x->answering = true;
	add_answer_headers(response, &x->head, NULL);
	return answer(r, (unsigned)x->status, response);
}

static uint64_t answer_sec(const struct request *r)
{
	return strncmp(r->target, COMPLETE, sizeof(COMPLETE) - 1) ? ANSWER_SEC : COMPLETE_SEC;
}

static enum MHD_Result upstream_finish(struct request *r)
{
	struct exchange *x = r->state;

	if (!x->up.ended) {
		x->up.ended = true;
		if (x->up.starved) {
			x->up.starved = false;
			x->unpause_up = true;
			pump_soon(x->upstreams);
		}
	}
	if (x->head_done)
		return answer_passed(r, x);
	if (x->done)
		return answer_away(r, x);
	timer_arm_after(x->deadline, answer_sec(r) * USEC_PER_SEC);
	request_suspend(r);
	return MHD_YES;
}

static void upstream_done(struct request *r)
{
	r->state = exchange_free(r->state);
}

const struct handler upstream_handler = {.name = "upstream",
	.begin = upstream_begin,
	.feed = upstream_feed,
	.finish = upstream_finish,
	.done = upstream_done};
