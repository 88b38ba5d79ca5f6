/*
 * The YAML at the top of a repo's README.md as JSON, whatever its keys: what clients call cardData.
 * Knows no key and no repo; what a Space's keys mean here is front_matter.h's.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

#define CARD_MAX (64u << 10) /* bytes of the YAML */
#define CARD_DEPTH_MAX 16
#define CARD_NODES_MAX 8192

/* The YAML between the two "---" lines: its start in readme and *ret_n. NULL: there is none. */
const char *card_find(const char *readme, size_t n, size_t *ret_n);

/*
 * A whole README.md. *ret is an object, {} where there is no YAML; the caller's. Plain scalars
 * become null, booleans and numbers as in YAML 1.2's core schema, all else text; a date stays text.
 * -EINVAL with words that begin with "README.md:LINE: ": not YAML, no mapping, an alias, or over a
 * limit. -ENOMEM.
 */
int card_read(const char *readme, size_t n, json_t **ret, struct err *e);
