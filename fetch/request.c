#include "fetch/request.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"
#include "fetch/headers.h"

#define METHOD_MAX 8
#define CODING_SHOWN_MAX 15

struct request {
	struct multi_slot slot;      /* first: what libcurl hands back */
	struct request_world *world; /* borrowed */
	request_done_fn done;
	void *data;
	char method[METHOD_MAX];      /* of this hop */
	char name[HTTP_HOST_MAX + 8]; /* of the first target */
	struct target first, target;  /* owned; what the app named, and where we are */
	json_t *headers, *allow;      /* owned */
	struct buf body;              /* of the app */
	bool has_body;                /* and this hop sends it */
	CURL *easy;                   /* owned; NULL: between hops */
	struct curl_slist *out;       /* owned */
	struct buf answer;
	size_t header_bytes;
	bool prove;
	bool foreign; /* since a hop to another origin than the app named, which chose the rest */
	bool packed;  /* this hop's answer has named how */
	unsigned int redirects;
	uint64_t started_usec, deadline_usec;
	struct verdict verdict; /* set by a callback of libcurl's: why it was stopped */
	char words[CURL_ERROR_SIZE];
};

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

/* --- what libcurl asks while it works --- */

/*
 * The address that connect(2) is about to get, of whatever name: nothing resolves again in between.
 * One that is refused ends the request, though the name may have others: it points inside.
 */
static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct request *r = data;
	const char *rule;

	(void)purpose;
	if (r->verdict.code)
		return CURL_SOCKET_BAD;
	rule = address_rule(&a->addr, &r->world->except);
	if (rule && !(r->prove && address_is_own(&a->addr) && !address_is_loopback(&a->addr))) {
		(void)verdict_set(&r->verdict, "refused", "address",
			"%.120s is at an address that is %s; apps reach public addresses only",
			r->target.name, rule);
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* What follows the name where the line is that header; NULL: it is another. *len is the line's, and
 * the value's then, without blanks around it. */
static const char *value_of(const char *line, const char *name, size_t *len)
{
	size_t n = strlen(name);

	if (*len < n || strncasecmp(line, name, n) != 0)
		return NULL;
	for (line += n, *len -= n; *len && strchr(" \t\r\n", line[*len - 1]);)
		--*len;
	for (; *len && (*line == ' ' || *line == '\t'); line++)
		--*len;
	return line;
}

static bool is_word(const char *value, size_t len, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == len && !strncasecmp(value, *words, len))
			return true;
	return false;
}

/*
 * One coding, and once: libcurl unpacks whatever a server names, one coding within another, and a
 * few bytes that were packed so become so many that no callback sees an end of them.
 */
static int check_coding(struct request *r, const char *line, size_t len)
{
	static const char *const packings[] = {"", "gzip", "x-gzip", "deflate", "identity", NULL};
	static const char *const transfers[] = {"", "chunked", "identity", NULL};
	size_t n = len;
	const char *value = value_of(line, "content-encoding:", &n);

	if (value && r->packed)
		return verdict_set(&r->verdict, "refused", "encoding",
			"the answer says more than once how it is packed");
	if (value) {
		r->packed = true;
		if (is_word(value, n, packings))
			return 0;
	} else {
		n = len;
		value = value_of(line, "transfer-encoding:", &n);
		if (!value || is_word(value, n, transfers))
			return 0;
	}
	return verdict_set(&r->verdict, "refused", "encoding",
		"the answer is packed as '%.*s', for which nobody asked; gzip or deflate is "
		"understood, once",
		n < CODING_SHOWN_MAX ? (int)n : CODING_SHOWN_MAX, value);
}

static size_t on_header(char *line, size_t size, size_t n, void *data)
{
	struct request *r = data;
	size_t len = size * n;

	if (len > 5 && !strncasecmp(line, "HTTP/", 5))
		r->header_bytes = 0;
	r->header_bytes += len;
	if (r->header_bytes > REQUEST_ANSWER_HEADERS_MAX) {
		(void)verdict_set(&r->verdict, "too_large", "size",
			"the answer's headers are over %u KiB, the limit",
			REQUEST_ANSWER_HEADERS_MAX >> 10);
		return 0;
	}
	return check_coding(r, line, len) < 0 ? 0 : len;
}

/* Unpacked bytes: whatever was sent, no more than these are ever in memory. */
static size_t on_body(char *bytes, size_t size, size_t n, void *data)
{
	struct request *r = data;
	size_t len = size * n;

	if (r->answer.len + len > REQUEST_ANSWER_MAX) {
		(void)verdict_set(&r->verdict, "too_large", "size",
			"the answer is over %u MiB, the limit", REQUEST_ANSWER_MAX >> 20);
		return 0;
	}
	if (r->world->held + len > REQUEST_HELD_MAX) {
		(void)verdict_set(&r->verdict, "busy", "memory",
			"answers to all Spaces together are over %u MiB at the moment",
			REQUEST_HELD_MAX >> 20);
		return 0;
	}
	if (buf_add(&r->answer, bytes, len) < 0) {
		(void)verdict_set(&r->verdict, "failed", NULL, "out of memory");
		return 0;
	}
	r->world->held += len;
	return len;
}

/* --- a hop --- */

static void forget_answer(struct request *r)
{
	r->world->held -= r->answer.len;
	buf_done(&r->answer);
	r->header_bytes = 0;
	r->packed = false;
}

static void end_hop(struct request *r)
{
	if (r->easy)
		curl_easy_cleanup(r->easy);
	r->easy = NULL;
	curl_slist_free_all(r->out);
	r->out = NULL;
	forget_answer(r);
}

static const struct {
	CURLoption option;
	long value;
} fixed[] = {
	{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
	{CURLOPT_FOLLOWLOCATION, 0},
	{CURLOPT_NETRC, CURL_NETRC_IGNORED},
	{CURLOPT_NOSIGNAL, 1},
	{CURLOPT_QUICK_EXIT, 1}, /* a resolver that hangs holds nobody up */
	{CURLOPT_DNS_CACHE_TIMEOUT, 0},
	{CURLOPT_FORBID_REUSE, 1}, /* what one Space left on a connection is no other's */
	{CURLOPT_FRESH_CONNECT, 1},
	{CURLOPT_SSL_SESSIONID_CACHE, 0},
	{CURLOPT_SSL_VERIFYPEER, 1},
	{CURLOPT_SSL_VERIFYHOST, 2},
	{CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
	{CURLOPT_HTTP09_ALLOWED, 0},
	{CURLOPT_CONNECTTIMEOUT_MS, REQUEST_CONNECT_MS},
	{CURLOPT_MAXFILESIZE, REQUEST_ANSWER_MAX},
};

static int set_up_body(struct request *r)
{
	CURLcode code = CURLE_OK;

	if (!strcmp(r->method, "HEAD")) {
		code = curl_easy_setopt(r->easy, CURLOPT_NOBODY, 1L);
		/* The length that it tells is of what does not come. */
		if (code == CURLE_OK)
			code = curl_easy_setopt(r->easy, CURLOPT_MAXFILESIZE, 0L);
	} else if (r->has_body || !strcmp(r->method, "POST") || !strcmp(r->method, "PUT") ||
		   !strcmp(r->method, "PATCH")) {
		code = curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE,
			(curl_off_t)(r->has_body ? r->body.len : 0));
		if (code == CURLE_OK)
			code = curl_easy_setopt(
				r->easy, CURLOPT_POSTFIELDS, r->has_body ? buf_str(&r->body) : "");
	}
	if (code == CURLE_OK && strcmp(r->method, "HEAD") != 0)
		code = curl_easy_setopt(r->easy, CURLOPT_CUSTOMREQUEST, r->method);
	return code == CURLE_OK ? 0 : -ENOMEM;
}

static int set_up(struct request *r, uint64_t now_usec)
{
	const struct {
		CURLoption option;
		const void *value;
	} texts[] = {
		{CURLOPT_PROTOCOLS_STR, "http,https"},
		{CURLOPT_PROXY, ""},
		{CURLOPT_NOPROXY, "*"},
		{CURLOPT_ACCEPT_ENCODING, "gzip, deflate"},
		{CURLOPT_USERAGENT, "vitrine/" VITRINE_VERSION},
		{CURLOPT_CURLU, r->target.url},
		{CURLOPT_HTTPHEADER, r->out},
		{CURLOPT_ERRORBUFFER, r->words},
		{CURLOPT_OPENSOCKETDATA, r},
		{CURLOPT_HEADERDATA, r},
		{CURLOPT_WRITEDATA, r},
	};
	CURLcode code = CURLE_OK;

	for (size_t i = 0; code == CURLE_OK && i < sizeof(fixed) / sizeof(fixed[0]); i++)
		code = curl_easy_setopt(r->easy, fixed[i].option, fixed[i].value);
	for (size_t i = 0; code == CURLE_OK && i < sizeof(texts) / sizeof(texts[0]); i++)
		code = curl_easy_setopt(r->easy, texts[i].option, texts[i].value);
	if (code != CURLE_OK ||
		curl_easy_setopt(r->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) != CURLE_OK ||
		curl_easy_setopt(r->easy, CURLOPT_HEADERFUNCTION, on_header) != CURLE_OK ||
		curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK ||
		curl_easy_setopt(r->easy, CURLOPT_TIMEOUT_MS,
			(long)((r->deadline_usec - now_usec) / USEC_PER_MSEC + 1)) != CURLE_OK)
		return -ENOMEM;
	return set_up_body(r);
}

static void on_ended(CURL *easy, CURLcode code, void *data);

static int timed_out(const struct request *r, struct verdict *v)
{
	return verdict_set(v, "timeout", "time", "%.120s did not answer within %llu s",
		r->target.name,
		(unsigned long long)((r->deadline_usec - r->started_usec) / USEC_PER_SEC));
}

/* The one thing that is asked of hosts on no list. */
static int check_proof(const struct request *r, struct verdict *v)
{
	static const char below[] = "/.well-known/vitrine-domain/";
	char *path = NULL;
	bool fine = r->world->proves && !r->target.tls && !strcmp(r->method, "GET") &&
		    curl_url_get(r->target.url, CURLUPART_PATH, &path, 0) == CURLUE_OK &&
		    !strncmp(path, below, sizeof(below) - 1);

	curl_free(path);
	return fine ? 0
		    : verdict_set(v, "refused", "operator",
			      "%.120s is not looked at: the operator has not said --custom-domains",
			      r->target.name);
}

static int start_hop(struct request *r, struct verdict *v)
{
	uint64_t now_usec = clock_mono_usec();
	int e = r->prove ? check_proof(r, v)
			 : target_check(&r->target, r->allow, &r->world->hosts, v);

	if (e < 0)
		return e;
	if (now_usec >= r->deadline_usec)
		return timed_out(r, v);
	r->foreign |= !target_same_origin(&r->first, &r->target);
	r->easy = curl_easy_init();
	r->slot.done = on_ended;
	r->words[0] = '\0';
	buf_init(&r->answer, REQUEST_ANSWER_MAX);
	if (!r->easy || headers_out(r->headers, r->foreign, &r->out) < 0 ||
		set_up(r, now_usec) < 0 || multi_add(r->world->multi, r->easy, &r->slot) < 0)
		return verdict_set(v, "failed", NULL, "out of memory");
	return 0;
}

/* --- its end --- */

static int fail_of(const struct request *r, CURLcode code, struct verdict *v)
{
	const char *why = r->words[0] ? r->words : curl_easy_strerror(code);

	if (r->verdict.code) {
		*v = r->verdict;
		return -EPERM;
	}
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return verdict_set(v, "no_host", NULL, "%.120s has no address", r->target.name);
	case CURLE_OPERATION_TIMEDOUT:
		if (clock_mono_usec() + USEC_PER_SEC < r->deadline_usec)
			return verdict_set(v, "timeout", "time",
				"%.120s could not be connected within %d s", r->target.name,
				REQUEST_CONNECT_MS / 1000);
		return timed_out(r, v);
	case CURLE_COULDNT_CONNECT:
		return verdict_set(
			v, "unreachable", NULL, "%.120s could not be connected", r->target.name);
	case CURLE_FILESIZE_EXCEEDED:
		return verdict_set(v, "too_large", "size", "the answer is over %u MiB, the limit",
			REQUEST_ANSWER_MAX >> 20);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
		return verdict_set(v, "tls", NULL, "%.100s: %.120s", r->target.name, why);
	default:
		return verdict_set(v, "failed", NULL, "%.100s: %.120s", r->target.name, why);
	}
}

/* RFC 9110, 15.4: 303 asks for a GET, and after 301 and 302 a POST becomes one, as everywhere. */
static void choose_method(struct request *r, long status)
{
	if (status == 307 || status == 308)
		return;
	if (status != 303 && strcmp(r->method, "POST") != 0)
		return;
	if (strcmp(r->method, "HEAD") != 0)
		(void)snprintf(r->method, sizeof(r->method), "GET");
	r->has_body = false;
}

static int follow(struct request *r, long status, const char *location, struct verdict *v)
{
	struct target next;
	int e;

	if (++r->redirects > REQUEST_REDIRECTS_MAX)
		return verdict_set(v, "refused", "redirect",
			"%.120s redirects more than %d times, the limit", r->name,
			REQUEST_REDIRECTS_MAX);
	e = target_read(location, &next, v);
	if (e < 0)
		return err_wrap(&v->words, "%.100s redirects", r->target.name);
	choose_method(r, status);
	if (r->target.tls && !next.tls)
		e = verdict_set(v, "refused", "redirect", "%.120s redirects from https to http",
			r->target.name);
	else if (r->has_body && !target_same_origin(&r->first, &next))
		e = verdict_set(v, "refused", "redirect",
			"%.100s redirects a request with a body to %.100s", r->target.name,
			next.name);
	end_hop(r);
	target_done(&r->target);
	r->target = next;
	return e < 0 ? e : start_hop(r, v);
}

static bool is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* 1: the request goes on. 0: *ret is filled. Less than 0: with words. */
static int look_at_end(struct request *r, CURLcode code, struct answer *ret, struct verdict *v)
{
	char *location = NULL;
	const char *url = "";
	long status = 0;
	int e;

	/* Also where everything came: a callback may have said no to the last byte. */
	if (code != CURLE_OK || r->verdict.code)
		return fail_of(r, code, v);
	(void)curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(r->easy, CURLINFO_REDIRECT_URL, &location);
	if (is_redirect(status) && location && !r->prove) {
		char *copy = strdup(location);

		e = copy ? follow(r, status, copy, v)
			 : verdict_set(v, "failed", NULL, "out of memory");
		free(copy);
		return e < 0 ? e : 1;
	}
	(void)curl_easy_getinfo(r->easy, CURLINFO_EFFECTIVE_URL, &url);
	*ret = (struct answer){.status = (int)status,
		.headers = headers_in(r->easy),
		.body = r->answer.data,
		.body_len = r->answer.len,
		.url = url,
		.redirects = r->redirects};
	return ret->headers ? 0 : verdict_set(v, "failed", NULL, "out of memory");
}

static void on_ended(CURL *easy, CURLcode code, void *data)
{
	struct request *r = data;
	struct verdict v = {0};
	struct answer a = {0};
	int e = look_at_end(r, code, &a, &v);

	(void)easy;
	if (e == 1)
		return;
	r->slot.done = NULL;
	r->done(r, e == 0 ? &a : NULL, &v, r->data);
	json_decref((json_t *)a.headers);
}

/* --- its beginning --- */

static int take_method(struct request *r, const char *method, struct verdict *v)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!strcmp(method, methods[i])) {
			(void)snprintf(r->method, sizeof(r->method), "%s", method);
			return 0;
		}
	return verdict_set(v, "refused", "method",
		"'%.20s' is no method that apps may use; GET, HEAD, POST, PUT, PATCH, DELETE and "
		"OPTIONS are",
		method);
}

static int take_body(struct request *r, const struct ask *ask, struct verdict *v)
{
	if (ask->body_len > REQUEST_BODY_MAX)
		return verdict_set(v, "too_large", "size", "the body is over %u MiB, the limit",
			REQUEST_BODY_MAX >> 20);
	r->has_body = ask->has_body;
	if (ask->has_body && (!strcmp(r->method, "GET") || !strcmp(r->method, "HEAD")))
		return verdict_set(v, "bad_request", "method", "%s has no body", r->method);
	if (buf_add(&r->body, ask->body ? ask->body : (const uint8_t *)"", ask->body_len) < 0)
		return verdict_set(v, "failed", NULL, "out of memory");
	return 0;
}

int request_new(struct request_world *world, const struct ask *ask, request_done_fn done,
	void *data, struct request **ret, struct verdict *v)
{
	struct request *r = calloc(1, sizeof(*r));
	uint64_t timeout_ms = ask->timeout_ms ? ask->timeout_ms : REQUEST_MS_DEFAULT;
	struct verdict unused;
	int e;

	*ret = r;
	if (!r)
		return verdict_set(v, "failed", NULL, "out of memory");
	r->world = world;
	r->done = done;
	r->data = data;
	r->started_usec = clock_mono_usec();
	r->deadline_usec =
		r->started_usec +
		USEC_PER_MSEC * (timeout_ms > REQUEST_MS_MAX ? REQUEST_MS_MAX : timeout_ms);
	r->prove = ask->prove;
	r->headers = json_incref(ask->headers);
	r->allow = json_incref(ask->allow);
	buf_init(&r->body, REQUEST_BODY_MAX);
	buf_init(&r->answer, REQUEST_ANSWER_MAX);
	e = take_method(r, ask->method, v);
	if (e == 0)
		e = target_read(ask->url, &r->first, v);
	if (e == 0)
		(void)snprintf(r->name, sizeof(r->name), "%s", r->first.name);
	if (e == 0)
		e = headers_check(r->headers, v);
	if (e == 0)
		e = take_body(r, ask, v);
	if (e == 0 && target_read(ask->url, &r->target, &unused) < 0)
		e = verdict_set(v, "failed", NULL, "out of memory");
	return e < 0 ? e : start_hop(r, v);
}

struct request *request_free(struct request *r)
{
	if (!r)
		return NULL;
	if (r->easy && r->slot.done)
		multi_remove(r->world->multi, r->easy);
	end_hop(r);
	target_done(&r->first);
	target_done(&r->target);
	json_decref(r->headers);
	json_decref(r->allow);
	buf_done(&r->body);
	free(r);
	return NULL;
}

const char *request_host(const struct request *r)
{
	return r->name;
}

uint64_t request_age_usec(const struct request *r)
{
	return clock_mono_usec() - r->started_usec;
}
