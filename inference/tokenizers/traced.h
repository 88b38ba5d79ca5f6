/*
 * Text on its way to tokens: its bytes, and for each byte the bytes of the original that it came
 * from, so that a token can say where it stood. Knows no tokenizer.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "inference/tokenizers/pattern.h"

struct span {
	uint32_t from, to; /* bytes of the original */
};

struct traced {
	struct buf bytes; /* valid UTF-8 */
	struct span *map; /* owned; one for each byte */
	size_t map_cap;
	struct pattern_budget *budget; /* borrowed; NULL: each search has its own */
};

/* Empty, with a ceiling of bytes. Allocates nothing yet. */
void traced_init(struct traced *t, size_t max);
void traced_done(struct traced *t);

/* Appends part of an original that begins at byte base: each character came from itself.
 * -ENOSPC, -ENOMEM, as below; -EINVAL: it is not UTF-8. */
int traced_add_original(struct traced *t, const char *s, size_t n, size_t base);

/* Appends bytes that all came from one place. */
int traced_add(struct traced *t, const char *s, size_t n, struct span from);
int traced_add_point(struct traced *t, uint32_t c, struct span from);

/* Appends [from, to) of another text. */
int traced_add_part(struct traced *t, const struct traced *other, size_t from, size_t to);

/* The original's bytes of [from, to), which is not empty. */
struct span traced_span(const struct traced *t, size_t from, size_t to);

/*
 * One character of a changed text: 0: it stands for the next character of the text as it was;
 * 1: it was put in after what stands before it; -n: it stands for the next one, and n more after
 * that are gone.
 */
struct change {
	uint32_t c;
	int32_t change;
};

struct changes {
	struct change *list; /* owned; n used of cap */
	size_t n, cap;
};

int changes_add(struct changes *c, uint32_t point, int32_t change);
void changes_done(struct changes *c);

/* Appends what the changes make of in to out. */
int traced_apply(struct traced *out, const struct traced *in, const struct changes *changes);
