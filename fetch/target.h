/*
 * Where a request goes: a URL read by the parser that libcurl connects with, so that no other
 * reading of it exists, and the two lists that must both cover its host: the app's and the
 * operator's. Knows no address.
 */
#pragma once

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "fetch/verdict.h"
#include "proto/http_hosts.h"

#define TARGET_URL_MAX 8192

struct target {
	CURLU *url; /* owned; without a fragment */
	bool tls;
	char host[HTTP_HOST_MAX + 1]; /* IPv6 without brackets */
	unsigned int port;
	char name[HTTP_HOST_MAX + 8]; /* host, and port where it is not the usual one; for people */
};

/* What the operator allows. */
struct host_list {
	const char *of[HTTP_HOSTS_MAX]; /* borrowed; checked */
	size_t n;
};

/* Reads a URL. Less than 0: refused, with words in v; *ret is empty then. */
int target_read(const char *url, struct target *ret, struct verdict *v);
void target_done(struct target *t);

/* app: the array of the app's patterns. The same errors. */
int target_check(const struct target *t, const json_t *app, const struct host_list *operator_list,
	struct verdict *v);

/* Scheme, host and port. */
bool target_same_origin(const struct target *a, const struct target *b);
