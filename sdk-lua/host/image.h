/*
 * What changed of a session table since the gateway last heard: each top-level key is written as
 * JSON and its hash compared. A list or a string that only grew sends its new end.
 */
#pragma once

#include "sdk-lua/host/inside.h"

/*
 * Compares the table at index with what the gateway has and adds IMAGE records for the
 * difference; all or nothing. [-0, +0, m], only from protected code. -EINVAL, -EFBIG: why names the
 * path or the limit. -ENOMEM.
 */
int image_send(struct session *s, lua_State *L, int index, struct value_why *why);

/* The gateway has exactly this table already: nothing is sent. Same errors. */
int image_learn(struct session *s, lua_State *L, int index, struct value_why *why);

void image_free(struct image *image);
