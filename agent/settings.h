/*
 * Variables and secrets of the Spaces that this node starts, as the orchestrator has told them. In
 * memory only, up to SETTINGS_HELD_MAX bytes; those used longest ago go first, and are asked for
 * again. Knows no links.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "agent/redact.h"
#include "base/cleanup.h"
#include "proto/messages.h"

#define SETTINGS_HELD_MAX (64u << 20)
#define SETTINGS_SPACES_MAX 8192

/* Never changed: a Space's next version is another one. */
struct settings {
	unsigned int refs;
	char space[33];
	int64_t version;
	json_t *variables, *secrets; /* owned; objects of texts */
	struct redaction *redaction; /* owned */
	size_t bytes;
	uint64_t used; /* counts uses of any */
};

struct settings_held;

int settings_held_new(struct settings_held **ret);
struct settings_held *settings_held_free(struct settings_held *h);
DEFINE_CLEANUP(struct settings_held *, settings_held_free)

/* Takes what the orchestrator says in place of what was there; version 0: forgets. -EINVAL: values
 * are no texts. -ENOMEM. */
int settings_put(struct settings_held *h, const struct agent_settings *m, struct err *e);

/* A reference for the caller; NULL: not here, or older than that. */
struct settings *settings_find(struct settings_held *h, const char *space, int64_t version);
struct settings *settings_unref(struct settings *s);
DEFINE_CLEANUP(struct settings *, settings_unref)
