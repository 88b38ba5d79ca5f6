/*
 * The image of a session: its `session` table as top-level keys with JSON text. Values are shared
 * between copies, so a group is tried on a copy and kept only when all of it fits.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/frame.h"

#define IMAGE_KEY_MAX 1024

struct blob; /* counted bytes */

struct image_key {
	struct blob *name, *value; /* counted references */
};

struct image {
	struct image_key *keys; /* owned */
	size_t n, cap;
	size_t bytes; /* of names and values; at most SESSION_IMAGE_MAX */
};

void image_init(struct image *i);
void image_done(struct image *i);
int image_copy(struct image *dest, const struct image *src); /* -ENOMEM */

/*
 * Applies one IMAGE frame. -EBADMSG: op unknown, no key, or a kept prefix longer than the stored
 * value. -EMSGSIZE: over SESSION_IMAGE_MAX or SESSION_IMAGE_KEYS_MAX. -ENOMEM. Unchanged then.
 */
int image_apply(struct image *i, const struct frame *f, struct err *e);

/* Appends the image as IMAGE frames, and as one JSON object. -ENOSPC, -ENOMEM. */
int image_write_frames(const struct image *i, struct buf *b);
int image_write_json(const struct image *i, struct buf *b);
