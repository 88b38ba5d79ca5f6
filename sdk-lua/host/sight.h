/*
 * Pictures for models: a visitor's upload, a file's bytes or a drawing's pixels become RGB bytes of
 * the size that a model wants. A large picture yields the processor while it is read.
 */
#pragma once

#include <lua.h>

/*
 * The last four arguments of each: width, height, shortest, filter (struct picture_form). They give
 * the RGB bytes, or nil and words.
 */

/* picture_upload(id, …) */
int sight_host_upload(lua_State *L);
/* picture_bytes(bytes, …): of a PNG or JPEG file. */
int sight_host_bytes(lua_State *L);
/* picture_gray(pixels, columns, rows, …): one byte each. */
int sight_host_gray(lua_State *L);
