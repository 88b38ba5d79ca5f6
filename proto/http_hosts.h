/*
 * Which hosts an app may speak HTTP with, as its author (front matter's http) and the operator
 * (--fetch-allow) write them:
 *
 *	api.example.org       that host, at the usual port: 80 for http, 443 for https
 *	*.example.net:8443    every name below example.net, at port 8443
 *	192.0.2.7:*           that address, at any port; IPv6 stands in brackets, [2001:db8::1]
 *	*                     every host, at 80, 443 and all ports from 1024
 *
 * One home for what such a pattern is and what it covers. Knows no address of a name and no URL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define HTTP_HOST_MAX 262 /* bytes of a pattern: 253 of a name, "*." and a port */
#define HTTP_HOSTS_MAX 64 /* patterns of an app, and of the operator's */

/* -EINVAL with words. */
int http_host_check(const char *pattern, struct err *e);

/*
 * Whether pattern, which was checked, covers that host at that port. host: a name of any case, or
 * an address, IPv6 without brackets. tls: the scheme is https.
 */
bool http_host_covers(const char *pattern, const char *host, unsigned int port, bool tls);
