/* The post-processor of a tokenizer.json: the special tokens around one text or two, the type ids,
 * and whether the place of a token counts the spaces around it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define FRAMING_PARTS_MAX 24

struct framing_part {
	bool text;   /* a text of the call, else a special token */
	uint32_t id; /* 0 or 1: which text; the special token's id */
	uint8_t type;
};

struct framing {
	struct framing_part single[FRAMING_PARTS_MAX], pair[FRAMING_PARTS_MAX];
	size_t n_single, n_pair;
	bool trims;        /* places of tokens leave out spaces around them */
	bool prefix_space; /* but not the one space that was put before a text */
};

/* config: the member "post_processor", null included; ids are below size. -EBADMSG. -ENOTSUP
 * names what is not supported. -EMSGSIZE. */
int framing_read(const json_t *config, uint32_t size, struct framing *ret, struct err *e);
