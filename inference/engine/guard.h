/*
 * Which model was being read when this process died, known to its next life. Models are files by
 * strangers, and one that ends the process must not do so again and again. A death
 * may have another cause; three of them, with no reading in between that went well, are held
 * against the model until it changes. Knows no shelf and no format.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

#define GUARD_DEATHS 3

struct guard;

/* Keeps what it knows in dir/reading. The errno of opening it; -ENOMEM. */
int guard_open(const char *dir, struct guard **ret, struct err *e);
struct guard *guard_free(struct guard *g);
DEFINE_CLEANUP(struct guard *, guard_free)

/* Whether that model, with that stamp, has ended the process GUARD_DEATHS times. NULL g: never. */
bool guard_blames(const struct guard *g, const char *id, uint64_t stamp);

/* It is read from now on; and was read, and the process lives. One at a time. NULL is fine. */
void guard_begin(struct guard *g, const char *id, uint64_t stamp);
void guard_end(struct guard *g);
