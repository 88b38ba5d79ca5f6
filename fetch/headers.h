/*
 * Headers that an app sends and gets: arrays of [name, value]. Which of them it may set, which of
 * them go on to another origin. Knows no connection.
 */
#pragma once

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>

#include "fetch/verdict.h"

#define HEADERS_MAX 64
#define HEADERS_BYTES_MAX (32 << 10) /* of an app's request */

/* Whether they may be sent; NULL is none. Less than 0: refused, with words in v. */
int headers_check(const json_t *headers, struct verdict *v);

/*
 * For libcurl; the caller frees *ret. They were checked. foreign: another origin than the one the
 * app named is asked, or has sent us here, and gets only what says nothing about who asks. -ENOMEM.
 */
int headers_out(const json_t *headers, bool foreign, struct curl_slist **ret);

/* Those of the last answer, names in lower case. The caller's. NULL: out of memory. */
json_t *headers_in(CURL *easy);
