#include "proto/space_host.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"

#define HASH_BYTES 10

static void hashed(const char *owner, const char *name, char ret[HOST_LABEL_MAX + 1])
{
	uint8_t sum[SHA256_LEN];
	char text[200], digits[2 * HASH_BYTES + 1];
	int n = snprintf(text, sizeof(text), "%s/%s", owner, name);

	sha256(text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1, sum);
	hex_write(sum, HASH_BYTES, digits);
	(void)snprintf(ret, HOST_LABEL_MAX + 1, "space--%s", digits);
}

static bool is_label_text(const char *text)
{
	return *text && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(text) &&
	       text[0] != '-' && text[strlen(text) - 1] != '-';
}

void space_host_label(const char *owner, const char *name, char ret[HOST_LABEL_MAX + 1])
{
	char label[HOST_LABEL_MAX + 1];
	size_t n = 0;

	for (const char *at = owner; *at && n < HOST_LABEL_MAX - 1; at++) {
		label[n++] = *at;
		if (*at == '-')
			label[n++] = '-';
	}
	label[n] = '\0';
	if (!is_label_text(owner) || strstr(owner, "--") || !is_label_text(name) ||
		n + 1 + strlen(name) > HOST_LABEL_MAX ||
		(n > 3 && label[2] == '-' && label[3] == '-')) {
		hashed(owner, name, ret);
		return;
	}
	(void)snprintf(ret, HOST_LABEL_MAX + 1, "%s-%s", label, name);
}

static bool is_name_char(unsigned char c)
{
	return isalnum(c) || c == '-' || c == '_';
}

bool host_name_read(const char *host, size_t n, char ret[DOMAIN_NAME_MAX + 1])
{
	char name[DOMAIN_NAME_MAX + 1];
	const char *colon = memchr(host, ':', n);
	size_t label = 0;

	if (colon)
		n = (size_t)(colon - host);
	if (n > 0 && host[n - 1] == '.')
		n--;
	if (n == 0 || n > DOMAIN_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)host[i];

		if (c == '.' ? label == 0 : !is_name_char(c) || label == HOST_LABEL_MAX)
			return false;
		label = c == '.' ? 0 : label + 1;
		name[i] = (char)tolower(c);
	}
	if (label == 0)
		return false;
	memcpy(ret, name, n);
	ret[n] = '\0';
	return true;
}

bool host_name_below(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	return d > 0 && n >= d && !strcmp(name + n - d, domain) &&
	       (n == d || name[n - d - 1] == '.');
}

const char *host_name_label(const char *name, const char *domain, size_t *ret_n)
{
	size_t n = strlen(name), d = strlen(domain);

	if (n <= d || !host_name_below(name, domain) || memchr(name, '.', n - d - 1))
		return NULL;
	*ret_n = n - d - 1;
	return name;
}

bool host_name_of_url(const char *url, char ret[DOMAIN_NAME_MAX + 1])
{
	const char *at = strstr(url, "://");

	return at && host_name_read(at + 3, strcspn(at + 3, "/"), ret);
}

static bool is_local(const char *host)
{
	static const char *const local[] = {
		"localhost", "local", "internal", "home.arpa", "in-addr.arpa", "ip6.arpa"};

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (host_name_below(host, local[i]))
			return true;
	return false;
}

int custom_host_check(
	const char *host, const char *platform, const char *spaces_domain, struct err *e)
{
	char name[DOMAIN_NAME_MAX + 1];
	const char *last = strrchr(host, '.');

	if (!host_name_read(host, strlen(host), name) || strcmp(name, host) != 0 ||
		strchr(host, '_'))
		return err_set(e, -EINVAL,
			"host: '%.80s' is no name of a host; write it in lower case, without a "
			"scheme and a port",
			host);
	if (!last || strspn(last + 1, "0123456789") == strlen(last + 1))
		return err_set(e, -EINVAL, "host: '%.80s' is no name with a domain", host);
	if (host_name_below(host, platform) || host_name_below(platform, host))
		return err_set(e, -EINVAL, "host: '%.80s' is the platform's", host);
	if (host_name_below(host, spaces_domain) || host_name_below(spaces_domain, host))
		return err_set(e, -EINVAL, "host: '%.80s' belongs to the Spaces' hosts", host);
	if (is_local(host))
		return err_set(e, -EINVAL, "host: '%.80s' is a local name", host);
	return 0;
}
