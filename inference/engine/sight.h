/*
 * What a model of pictures wants to be given: preprocessor_config.json. The caller decodes a
 * picture and brings it to size (picture/); the numbers are made of its bytes here.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sight {
	uint32_t width, height, shortest, filter; /* as in struct picture_form; width 0: none */
	float scale[3], shift[3];                 /* of a byte, by colour */
};

/*
 * width x height is what the network takes. -EBADMSG: a field is missing or does not fit. -ENOTSUP:
 * names what is not supported.
 */
int sight_read(
	const json_t *config, uint32_t width, uint32_t height, struct sight *ret, struct err *e);

/* rgb: width x height pixels. */
void sight_numbers(const struct sight *s, const uint8_t *rgb, float *ret);

/* {width, height, shortest, filter}, what the caller has to know. NULL: none, or out of memory. */
json_t *sight_form(const struct sight *s);
