/*
 * The overlay of a session: the component values that differ from the page, as cells (node, path)
 * in the order to apply, compacted by the rules of docs/UI-TREE.md without parsing a value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/frame.h"

#define OVERLAY_CELLS_MAX 8192

struct cell {
	uint32_t node;
	uint32_t hash; /* of path */
	bool removal;  /* a REMOVE; no base, no tail */
	uint8_t path_length;
	char *path;    /* owned */
	uint8_t *base; /* owned; SET's JSON; NULL: only a tail */
	size_t base_length;
	uint8_t *tail; /* owned; raw text added by APPEND */
	size_t tail_length, tail_cap;
};

struct overlay {
	struct cell *cells; /* owned */
	size_t n, cap;
	size_t bytes; /* what counts against OVERLAY_MAX */
};

/* A PATCH value taken apart; all borrowed from the frame. */
struct patch {
	uint32_t node;
	uint8_t op;
	const char *path; /* not NUL-terminated */
	size_t path_length;
	const uint8_t *value;
	size_t length;
};

/* -EBADMSG: op unknown, no NUL, or path empty or over PATCH_PATH_MAX; words name the field. */
int patch_read(struct patch *p, const struct frame *f, struct err *e);

void overlay_init(struct overlay *o);
void overlay_done(struct overlay *o);

/*
 * Applies one patch. Transient properties (node 0's toast) are not kept. -ENOMEM;
 * -ENOSPC: OVERLAY_CELLS_MAX is reached. The overlay is unchanged then.
 */
int overlay_apply(struct overlay *o, const struct patch *p);

/* A deep copy, to try a change. -ENOMEM. */
int overlay_copy(struct overlay *dest, const struct overlay *src);

/* Forgets the cells of this property of this node. */
void overlay_drop(struct overlay *o, uint32_t node, const char *property);

/* Appends the cells as PATCH frames that make the overlay from a fresh page. -ENOSPC, -ENOMEM. */
int overlay_write_frames(const struct overlay *o, struct buf *b);

/* Appends the cells as OPEN wants them: [[node, path, op, value], …]. */
int overlay_write_json(const struct overlay *o, struct buf *b);
