/* Runs of frames in memory: walking them, joined where they were split. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/frame.h"

/* Negative: stop, and frames_each returns it. f->value is borrowed for the call. */
typedef int (*frames_fn)(const struct frame *f, void *data, struct err *e);

/*
 * Calls fn for each whole message in the n bytes. -EBADMSG: they are not whole frames.
 * max: ceiling of one joined value; -EMSGSIZE beyond.
 */
int frames_each(
	const uint8_t *bytes, size_t n, size_t max, frames_fn fn, void *data, struct err *e);

/* Whether they name a file, which is written {"file": id}; may say yes too often, never no. */
bool frames_name_files(const uint8_t *bytes, size_t n);
