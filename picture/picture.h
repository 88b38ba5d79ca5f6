/*
 * A picture's file made into the RGB bytes of the size that somebody wants, row by row.
 *
 * Reads PNG and JPEG, as PIL's convert("RGB") does: gray and palette become RGB, transparency is
 * dropped, a JPEG's orientation is applied. The bytes are a stranger's: what they claim is checked
 * against the limits below before anything is allocated. Knows no fd and no Lua.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "picture/resample.h"

#define PICTURE_BYTES_MAX (32u << 20)
#define PICTURE_PIXELS_MAX 64000000u /* of a file that is read row by row */
#define PICTURE_WHOLE_MAX 16000000u  /* of one that is held whole: interlaced, progressive */
#define PICTURE_RESULT_MAX 1024      /* width and height of what comes out */

/* How a picture is brought to size, as a Hugging Face image processor says it. */
struct picture_form {
	uint32_t width, height; /* the result is so large, or, with shortest, the shorter side is */
	uint32_t shortest;      /* 0: width and height; otherwise of the shorter side, kept in
				 * proportion, of which the middle width x height is cut out */
	enum resample_filter filter;
};

struct picture;

/*
 * Reads the file's head. bytes are borrowed until picture_free. Caller owns *ret.
 * -EFBIG: over a limit, which the words name. -EBADMSG: damaged. -ENOTSUP: of a kind that is not
 * read. -EINVAL: the form has no such size. -ENOMEM.
 */
int picture_open(const uint8_t *bytes, size_t n, const struct picture_form *form,
	struct picture **ret, struct err *e);

/* Goes on for at most rows rows of the file. 1: done; 0: there is more. Errors as above. */
int picture_read(struct picture *p, uint32_t rows, struct err *e);

/* width x height of the form, 3 bytes each, once picture_read has said 1. Borrowed. */
const uint8_t *picture_rgb(const struct picture *p);

struct picture *picture_free(struct picture *p);
DEFINE_CLEANUP(struct picture *, picture_free)

/* The same for pixels that are there already: width x height bytes of gray. */
int picture_from_gray(const uint8_t *gray, uint32_t width, uint32_t height,
	const struct picture_form *form, struct picture **ret, struct err *e);

/* -EINVAL with words: one that no picture could be brought to. */
int picture_form_check(const struct picture_form *form, struct err *e);
