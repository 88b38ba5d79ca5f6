#include "fetch/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PORT_HTTP 80
#define PORT_HTTPS 443

static void curl_freep(char **text)
{
	curl_free(*text);
}

static bool has_part(CURLU *u, CURLUPart part)
{
	CLEANUP(curl_freep) char *text = NULL;

	return curl_url_get(u, part, &text, 0) == CURLUE_OK;
}

/* libcurl folds other alphabets and other notations of addresses in its own way; what is left to
 * differ about is refused. */
static int take_host(struct target *t, struct verdict *v)
{
	CLEANUP(curl_freep) char *host = NULL;
	const char *at;
	size_t n;

	if (curl_url_get(t->url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return verdict_set(v, "bad_request", "url", "the URL has no host");
	at = host;
	n = strlen(host);
	if (*host == '[' && host[n - 1] == ']') {
		at++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof(t->host))
		return verdict_set(
			v, "bad_request", "url", "the URL's host is over %d bytes", HTTP_HOST_MAX);
	memcpy(t->host, at, n);
	t->host[n] = '\0';
	if (strspn(t->host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "-_.:") != n)
		return verdict_set(v, "bad_request", "url",
			"the URL's host may have letters, digits, '-', '_' and '.' only (other "
			"alphabets: in their form xn--…)");
	if (has_part(t->url, CURLUPART_ZONEID))
		return verdict_set(v, "refused", "address", "the URL names a network interface");
	return 0;
}

static int take_port(struct target *t, struct verdict *v)
{
	CLEANUP(curl_freep) char *port = NULL;

	if (curl_url_get(t->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return verdict_set(v, "bad_request", "url", "the URL has no port");
	t->port = (unsigned int)strtoul(port, NULL, 10);
	if (t->port == 0)
		return verdict_set(v, "bad_request", "url", "the URL's port is 0");
	return 0;
}

static int take_scheme(struct target *t, struct verdict *v)
{
	CLEANUP(curl_freep) char *scheme = NULL;

	if (curl_url_get(t->url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return verdict_set(v, "bad_request", "url", "the URL has no scheme");
	t->tls = !strcasecmp(scheme, "https");
	if (!t->tls && strcasecmp(scheme, "http") != 0)
		return verdict_set(v, "refused", "scheme",
			"'%.20s' is no scheme that apps may use; http and https are", scheme);
	return 0;
}

static int take_parts(struct target *t, struct verdict *v)
{
	bool v6, usual;
	int r = take_scheme(t, v);

	if (r == 0)
		r = take_host(t, v);
	if (r == 0)
		r = take_port(t, v);
	if (r < 0)
		return r;
	if (has_part(t->url, CURLUPART_USER) || has_part(t->url, CURLUPART_PASSWORD))
		return verdict_set(v, "refused", "url",
			"a URL may have no user and password; send the header Authorization");
	if (curl_url_set(t->url, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK)
		return verdict_set(v, "failed", NULL, "out of memory");
	v6 = strchr(t->host, ':') != NULL;
	usual = t->port == (t->tls ? PORT_HTTPS : PORT_HTTP);
	if (usual)
		(void)snprintf(t->name, sizeof(t->name), v6 ? "[%s]" : "%s", t->host);
	else
		(void)snprintf(
			t->name, sizeof(t->name), v6 ? "[%s]:%u" : "%s:%u", t->host, t->port);
	return 0;
}

int target_read(const char *url, struct target *ret, struct verdict *v)
{
	CURLUcode code;
	int r;

	*ret = (struct target){.url = curl_url()};
	if (!ret->url)
		return verdict_set(v, "failed", NULL, "out of memory");
	code = strlen(url) > TARGET_URL_MAX
		       ? CURLUE_MALFORMED_INPUT
		       : curl_url_set(ret->url, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
	if (code == CURLUE_OK)
		r = take_parts(ret, v);
	else if (code == CURLUE_BAD_SCHEME || code == CURLUE_UNSUPPORTED_SCHEME)
		r = verdict_set(v, "bad_request", "url", "a URL begins with http:// or https://");
	else
		r = verdict_set(v, "bad_request", "url", "the URL cannot be read: %s",
			strlen(url) > TARGET_URL_MAX ? "over 8192 bytes" : curl_url_strerror(code));
	if (r < 0)
		target_done(ret);
	return r;
}

void target_done(struct target *t)
{
	curl_url_cleanup(t->url);
	t->url = NULL;
}

int target_check(const struct target *t, const json_t *app, const struct host_list *operator_list,
	struct verdict *v)
{
	bool by_app = false, by_operator = false;
	size_t i;
	json_t *pattern;

	if (operator_list->n == 0)
		return verdict_set(v, "refused", "operator",
			"apps may not speak HTTP here: the operator of this platform allows no "
			"host (vitrine up --fetch-allow)");
	json_array_foreach(app, i, pattern) if (json_is_string(pattern)) by_app |=
		http_host_covers(json_string_value(pattern), t->host, t->port, t->tls);
	if (!by_app)
		return verdict_set(v, "refused", "app",
			"%.120s is not in the front matter of README.md; add it to http: there",
			t->name);
	for (i = 0; i < operator_list->n; i++)
		by_operator |= http_host_covers(operator_list->of[i], t->host, t->port, t->tls);
	if (!by_operator)
		return verdict_set(v, "refused", "operator",
			"%.120s is not among the hosts that the operator of this platform allows",
			t->name);
	return 0;
}

bool target_same_origin(const struct target *a, const struct target *b)
{
	return a->tls == b->tls && a->port == b->port && !strcasecmp(a->host, b->host);
}
