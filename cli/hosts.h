/*
 * Platforms that this user is signed in to: address, who, and the access token, in
 * $XDG_CONFIG_HOME/vitrine/hosts.json (~/.config without it), which nobody else may read. Knows no
 * HTTP.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

struct host {
	char url[512]; /* without a slash at its end */
	char user[128], token[256];
	char token_id[64]; /* of a token that login made; "": it was there before */
};

/* url NULL: the one that was signed in to last. -ENOENT: there is none. -EPERM with words: others
 * may read the file. */
int hosts_find(const char *url, struct host *ret, struct err *e);

/* It is the last one from now on. */
int hosts_put(const struct host *h, struct err *e);

/* -ENOENT: it is not there. */
int hosts_remove(const char *url, struct err *e);

/* [{url, user, current}], the caller's; without tokens. NULL with words. */
json_t *hosts_list(struct err *e);

/* Whether two addresses are one; slashes at their ends do not count. */
bool hosts_same(const char *a, const char *b);
