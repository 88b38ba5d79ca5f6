/*
 * Transfers of libcurl on the event loop. Knows no request and no rule.
 */
#pragma once

#include <curl/curl.h>

#include "base/cleanup.h"
#include "base/loop.h"

struct multi;

/* Called from the loop when the transfer has ended; it has been removed. The handle is the
 * caller's. */
typedef void (*multi_done_fn)(CURL *easy, CURLcode code, void *data);

/* -ENOMEM. */
int multi_new(struct loop *loop, struct multi **ret);
/* Every transfer has been removed before. NULL is fine. Returns NULL. */
struct multi *multi_free(struct multi *m);
DEFINE_CLEANUP(struct multi *, multi_free)

/* A transfer begins; CURLOPT_PRIVATE is data, which must begin with a struct multi_slot. -ENOMEM.
 */
struct multi_slot {
	multi_done_fn done;
};
int multi_add(struct multi *m, CURL *easy, struct multi_slot *slot);

/* It ends here and now, without a call back. Not from one of libcurl's own callbacks. */
void multi_remove(struct multi *m, CURL *easy);
