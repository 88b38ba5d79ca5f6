#include "proto/http_hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_DNS 253
#define LABEL_MAX 63
#define PORT_USUAL (-1)
#define PORT_ANY (-2)
#define PORT_OF_PROGRAMS 1024 /* below, ports are of other protocols but for these two: */
#define PORT_HTTP 80
#define PORT_HTTPS 443

/* A pattern in its parts. */
struct parts {
	char host[NAME_MAX_DNS + 1]; /* without brackets and "*." */
	bool below;                  /* names below host; with an empty host: every host */
	long port;                   /* or PORT_USUAL, PORT_ANY */
};

static int read_port(const char *text, long *ret)
{
	long port = 0;

	if (!strcmp(text, "*")) {
		*ret = PORT_ANY;
		return 0;
	}
	if (!*text || strlen(text) > 5 || strspn(text, "0123456789") != strlen(text))
		return -EINVAL;
	for (; *text; text++)
		port = port * 10 + (*text - '0');
	if (port < 1 || port > UINT16_MAX)
		return -EINVAL;
	*ret = port;
	return 0;
}

/* Letters, digits, '-' and '_' in labels of 1 to 63; not only of digits and dots: that would be an
 * address, and is read as one. */
static bool is_name(const char *name)
{
	size_t label = 0;
	bool letter = false;

	for (; *name; name++) {
		if (*name == '.') {
			if (label == 0)
				return false;
			label = 0;
			letter = false;
			continue;
		}
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_0123456789",
			    *name) ||
			++label > LABEL_MAX)
			return false;
		letter |= *name < '0' || *name > '9';
	}
	return label > 0 && letter;
}

static bool is_address(const char *host, struct in6_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET6, host, ret) == 1)
		return true;
	/* As its mapped form: both families compare alike. */
	ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
	return inet_pton(AF_INET, host, ret->s6_addr + 12) == 1;
}

/* Where the host ends; NULL: brackets are not closed. */
static const char *host_end(const char *pattern)
{
	const char *colon;

	if (*pattern == '[')
		return strchr(pattern, ']');
	colon = strchr(pattern, ':');
	return colon ? colon : pattern + strlen(pattern);
}

static int read_parts(const char *pattern, struct parts *ret)
{
	const char *end = host_end(pattern), *host = pattern + (*pattern == '['), *port;
	size_t n = end ? (size_t)(end - host) : 0;

	if (!end || strlen(pattern) > HTTP_HOST_MAX)
		return -EINVAL;
	*ret = (struct parts){.port = PORT_USUAL};
	port = end + (*end == ']');
	if (*port && (*port != ':' || read_port(port + 1, &ret->port) < 0))
		return -EINVAL;
	if (n >= 1 && *host == '*' && *pattern != '[') {
		ret->below = true;
		if (n == 1)
			return 0;
		if (host[1] != '.')
			return -EINVAL;
		host += 2;
		n -= 2;
	}
	if (n == 0 || n > NAME_MAX_DNS)
		return -EINVAL;
	memcpy(ret->host, host, n);
	ret->host[n] = '\0';
	return 0;
}

int http_host_check(const char *pattern, struct err *e)
{
	struct in6_addr address;
	struct parts p;

	if (strstr(pattern, "://") || strchr(pattern, '/'))
		return err_set(e, -EINVAL,
			"'%.80s': a host is written without http:// and without a path", pattern);
	if (read_parts(pattern, &p) == 0) {
		if (p.below ? !*p.host || is_name(p.host) : is_name(p.host))
			return 0;
		if (!p.below && is_address(p.host, &address) &&
			(*pattern == '[') == (strchr(p.host, ':') != NULL))
			return 0;
	}
	return err_set(e, -EINVAL,
		"'%.80s' is no host; one is written like api.example.org, *.example.org:8443, "
		"192.0.2.7 or [2001:db8::1]:8080",
		pattern);
}

static bool covers_port(const struct parts *p, unsigned int port, bool tls)
{
	if (p->port >= 0)
		return port == (unsigned int)p->port;
	if (p->port == PORT_ANY)
		return true;
	if (p->below && !*p->host && port >= PORT_OF_PROGRAMS)
		return true;
	if (p->below && !*p->host)
		return port == PORT_HTTP || port == PORT_HTTPS;
	return port == (tls ? PORT_HTTPS : PORT_HTTP);
}

static bool covers_host(const struct parts *p, const char *host)
{
	struct in6_addr is, wanted;
	size_t n = strlen(host), m = strlen(p->host);

	if (p->below && m == 0)
		return true;
	if (is_address(host, &is))
		return !p->below && is_address(p->host, &wanted) &&
		       !memcmp(&is, &wanted, sizeof(is));
	if (n > 0 && host[n - 1] == '.') /* the same name, said to be complete */
		n--;
	if (p->below)
		return n > m + 1 && host[n - m - 1] == '.' &&
		       !strncasecmp(host + n - m, p->host, m);
	return n == m && !strncasecmp(host, p->host, m);
}

bool http_host_covers(const char *pattern, const char *host, unsigned int port, bool tls)
{
	struct parts p;

	return read_parts(pattern, &p) == 0 && covers_port(&p, port, tls) && covers_host(&p, host);
}
