/* Unguessable bytes and the ids made of them. */
#pragma once

#include <stddef.h>

#define ID_LEN 26 /* 130 bits in Crockford's base 32, without the NUL */

/* Fills n bytes from getrandom(2); blocks only before the kernel's pool is ready. */
void random_bytes(void *dest, size_t n);

/* Writes ID_LEN characters of [0-9a-hjkmnp-tv-z] and a NUL: an id nobody can guess. */
void random_id(char ret[ID_LEN + 1]);
