/* Base64, RFC 4648, section 4. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Appends the n bytes as base64. -ENOSPC, -ENOMEM. */
int base64_add(struct buf *b, const uint8_t *bytes, size_t n);

/* Appends what n characters of base64 stand for. -EBADMSG: they are none, or end early. */
int base64_add_decoded(struct buf *b, const char *text, size_t n);
