/*
 * Secret values in texts that leave the node: wherever one stands, "[secret NAME]" stands instead.
 * A value of several lines is one for each line, as logs are. What an app has changed, encoded or
 * cut before it said it is not found. Knows no Space.
 */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/cleanup.h"

#define REDACT_LEAST 6 /* bytes of a value: shorter ones are found in ordinary words */

struct redaction;

/* secrets: object of texts by name, borrowed for the call. -ENOMEM. */
int redaction_new(const json_t *secrets, struct redaction **ret);
struct redaction *redaction_free(struct redaction *r);
DEFINE_CLEANUP(struct redaction *, redaction_free)

/*
 * text without the values: text itself where there are none or r is NULL, otherwise kept in b,
 * whose former content goes, and cut at its ceiling between two characters. NULL stays NULL.
 */
const char *redact(const struct redaction *r, const char *text, struct buf *b);

/* A copy of v without them in any of its strings, keys left alone. NULL: out of memory. The
 * caller's. */
json_t *redact_json(const struct redaction *r, const json_t *v);
