#include "gateway/hosts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/visitor.h"

static int read_url(struct hosts *h, const char *url)
{
	const char *host = strstr(url, "://");
	const char *port = host ? strrchr(host + 3, ':') : NULL;

	if (!host || (!h->https && strncmp(url, "http://", 7) != 0) ||
		strlen(url) >= sizeof(h->url) || strcspn(host + 3, "/?#[") != strlen(host + 3) ||
		!host_name_of_url(url, h->name) || (port && strlen(port) > 6))
		return -EINVAL;
	(void)snprintf(h->url, sizeof(h->url), "%s", url);
	(void)snprintf(h->port, sizeof(h->port), "%s", port ? port : "");
	return 0;
}

int hosts_init(struct hosts *ret, const char *url, const char *domain, struct err *e)
{
	*ret = (struct hosts){.https = !strncmp(url, "https://", 8)};
	if (read_url(ret, url) < 0 && *domain)
		return err_set(e, -EINVAL,
			"--url: '%.100s' is not https://NAME[:PORT], and --spaces-domain needs it",
			url);
	if (*domain && !host_name_read(domain, strlen(domain), ret->domain))
		return err_set(e, -EINVAL, "--spaces-domain: '%.100s' is no name", domain);
	return 0;
}

enum host_kind hosts_find(const struct hosts *h, const struct route_table *t, const char *host,
	size_t n, struct route **ret)
{
	char name[DOMAIN_NAME_MAX + 1];
	const char *label;

	if (!host || !host_name_read(host, n, name) || !strcmp(name, h->name))
		return HOST_PLATFORM;
	label = host_name_label(name, h->domain, &n);
	if (label) {
		*ret = route_by_host(t, label, n);
		if (!*ret)
			return HOST_NOBODY;
		return strlen((*ret)->label) == n && !memcmp((*ret)->label, label, n) ? HOST_SPACE
										      : HOST_FORMER;
	}
	if (host_name_below(name, h->domain) && strcmp(name, h->domain) != 0)
		return HOST_NOBODY;
	*ret = strchr(name, '.') ? route_by_host(t, name, strlen(name)) : NULL;
	return *ret ? HOST_SPACE : HOST_PLATFORM;
}

void hosts_url_of(const struct hosts *h, const char *name, char ret[HOST_URL_MAX])
{
	(void)snprintf(ret, HOST_URL_MAX, "%s://%s%s", h->https ? "https" : "http", name, h->port);
}

void hosts_address(const struct hosts *h, const struct route *route, char ret[HOST_URL_MAX])
{
	char name[HOST_LABEL_MAX + DOMAIN_NAME_MAX + 2];

	ret[0] = '\0';
	if (!*h->domain)
		return;
	(void)snprintf(name, sizeof(name), "%s.%s", route->label, h->domain);
	hosts_url_of(h, name, ret);
}

const char *hosts_visitor_cookie(const struct hosts *h)
{
	return h->https ? "__Host-" VISITOR_COOKIE : VISITOR_COOKIE;
}

const char *hosts_pass_cookie(const struct hosts *h)
{
	return h->https ? "__Host-vitrine_pass" : "vitrine_pass";
}

const char *hosts_enter_cookie(const struct hosts *h)
{
	return h->https ? "__Host-vitrine_enter" : "vitrine_enter";
}
