/*
 * A Space's page before any script: the recorded tree as HTML, so that it is seen at once, and read
 * by whoever has no JavaScript. Escaped and bounded; knows no visitor, so one serves all.
 */
#pragma once

#include <jansson.h>

#include "base/buf.h"

#define PAINT_MAX (1u << 20)

/*
 * Adds the inside of the page's main element: heading and components. A tree that would take more
 * than ret's ceiling is -ENOSPC, and ret is as it was. -ENOMEM.
 */
int paint_tree(const char *title, const json_t *tree, struct buf *ret);

/* Where a page is: names of letters, digits, "-", "_" and "."; a branch of any text. */
struct paint_place {
	const char *owner, *name;
	const char *platform;    /* address of the platform's pages; "": this host */
	const char *of, *branch; /* of "": it is no preview */
};

/* Adds the bars on top and main around what paint_tree made (NULL: nothing). -ENOSPC, -ENOMEM. */
int paint_page(const struct paint_place *place, const struct buf *inside, struct buf *ret);

/* The same without the bar, as other sites frame it. */
int paint_embed(const struct buf *inside, struct buf *ret);
