/* A file format: opened over the whole file's bytes, then read row by row. Inside picture/ only. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct format_head {
	uint32_t width, height;
	unsigned int orientation; /* as in Exif, 1 to 8 */
};

struct format {
	const char *name;
	/* Whether the file begins as one of these does. */
	int (*is)(const uint8_t *bytes, size_t n);
	/* Errors as picture_open. *ret is the format's own. */
	int (*open)(const uint8_t *bytes, size_t n, struct format_head *head, void **ret,
		struct err *e);
	/* The next row as RGB, borrowed until the next call. Errors as picture_read. */
	int (*row)(void *own, const uint8_t **ret, struct err *e);
	void (*close)(void *own);
};

extern const struct format format_png, format_jpeg;

/* -EFBIG: over max pixels; what it is that has too many is named by what. */
int format_check_size(
	uint32_t width, uint32_t height, uint32_t max, const char *what, struct err *e);
