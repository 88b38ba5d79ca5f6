/* data: URLs (RFC 2397) as programs put small files into JSON. */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "gateway/call/slice.h"

#define DATA_URL_BYTES_MAX (4u << 20) /* of the file in it */

/*
 * Appends the bytes of a JSON string that is a base64 data: URL; its media type is not looked at,
 * files tell theirs by their bytes. -EBADMSG: it is none. -EMSGSIZE: over DATA_URL_BYTES_MAX or
 * b's ceiling. -ENOMEM. With words.
 */
int data_url_decode(struct slice text, struct buf *b, struct err *e);
