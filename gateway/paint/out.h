/*
 * HTML as it is written for a page's first paint: text and attributes are escaped, every text has a
 * measure, and the first failure is kept, so that writers need not ask after each piece. Knows no
 * component.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define PAINT_TEXT_MAX 16384 /* bytes of one text that are shown before the script is there */

struct out {
	struct buf *html; /* borrowed */
	int error;        /* the first one; nothing is written after it */
};

/* Markup of ours, as it is. */
void out_markup(struct out *o, const char *html);
void out_markupf(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Somebody's words: escaped, good in an element and between quotes. NULL is nothing. */
void out_text(struct out *o, const char *text);

/* n bytes of it, cut at PAINT_TEXT_MAX before a character. */
void out_text_n(struct out *o, const char *text, size_t n);

/* ` name="value"`; nothing where value is NULL. */
void out_attribute(struct out *o, const char *name, const char *value);
