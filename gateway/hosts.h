/*
 * Hosts of Spaces: which Space a Host header means, and what a Space's own address is. A page there
 * is a web origin of its own: nothing that it keeps can be read by another Space's, or by the
 * platform's.
 *
 * Knows no request; who is signed in there is pass.h's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "gateway/route.h"
#include "proto/space_host.h"

#define HOST_URL_MAX 300

struct hosts {
	char url[HOST_URL_MAX]; /* the platform's, without a '/' at its end; "": not known */
	char name[DOMAIN_NAME_MAX + 1];   /* of its host */
	char domain[DOMAIN_NAME_MAX + 1]; /* Spaces' hosts are below it; "": they have none */
	char port[8];                     /* ":8080", or "" */
	bool https;
};

/*
 * url: "https://NAME[:PORT]"; domain: "" for none, and then another url is as none. -EINVAL with
 * words.
 */
int hosts_init(struct hosts *ret, const char *url, const char *domain, struct err *e);

enum host_kind {
	HOST_PLATFORM, /* what is neither of the others */
	HOST_SPACE,
	HOST_FORMER, /* of a Space that is called otherwise now */
	HOST_NOBODY, /* below the domain, and no Space's */
};

/* host: n bytes of a Host header; *ret: the Space's route where there is one. */
enum host_kind hosts_find(const struct hosts *h, const struct route_table *t, const char *host,
	size_t n, struct route **ret);

/* The address of a Space's own host; "": it has none. */
void hosts_address(const struct hosts *h, const struct route *route, char ret[HOST_URL_MAX]);

/* The address of any host here: the platform's scheme and port. */
void hosts_url_of(const struct hosts *h, const char *name, char ret[HOST_URL_MAX]);

/*
 * What cookies are called at a Space's host. Over https browsers keep a "__Host-" one to the very
 * host that set it, so that no page of a neighbour's can plant one here.
 */
const char *hosts_visitor_cookie(const struct hosts *h);
const char *hosts_pass_cookie(const struct hosts *h);
const char *hosts_enter_cookie(const struct hosts *h); /* of a browser on its way to sign in */
