/*
 * One component as HTML, marked up as its widget in ui/src/widgets marks it up, so that nothing
 * moves when the script takes the page over. Nothing in it can be pressed or typed into yet.
 */
#pragma once

#include <jansson.h>

#include "gateway/paint/out.h"

#define PAINT_ITEMS_MAX 100 /* rows, turns, choices of one component */

/* One node of the tree, of a component without a layout of its own. */
struct widget {
	const char *type;
	const json_t *props;
	unsigned n; /* its number */
};

/* False: a component that this does not know. Its label and its plain value are painted then. */
bool widget_paint(struct out *o, const struct widget *w);
