/*
 * What goes over a stream of vitrine-picture's, as it lies in memory, for both are programs of one
 * build on one machine. There: this, and n bytes of the file. Back: an int32_t, 0 or a negative
 * errno, then the pixels, or words. An end without it: a limit ended who read the picture.
 */
#pragma once

#include <stdint.h>

struct picture_job {
	uint32_t width, height, shortest, filter; /* as in struct picture_form */
	uint32_t n;
};
