/*
 * JSON as text, for values the gateway passes on and never takes apart: is it well formed, and
 * how does raw text become a string. Allocates nothing per value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* True when the bytes are exactly one JSON value in valid UTF-8, nested at most JSON_DEPTH_MAX. */
bool json_text_valid(const uint8_t *text, size_t n);
/* The same where a string may hold NUL and lone halves of surrogate pairs, written \u0000 and so
 * on: what goes between programs and an app. */
bool json_text_valid_nul(const uint8_t *text, size_t n);

/* Appends the bytes as a JSON string; what is not UTF-8 becomes U+FFFD. -ENOSPC, -ENOMEM. */
int json_text_quote(struct buf *b, const void *bytes, size_t n);
