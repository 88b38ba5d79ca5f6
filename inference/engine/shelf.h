/*
 * All models there are: every folder with a config.json below the model directories. Knows no
 * link and no request.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/engine/model.h"

#define SHELF_MODELS_MAX 256
#define SHELF_DIRS_MAX 8

struct shelf;

/*
 * Loads DIR/name as "vitrine/name" and DIR/owner/name as "owner/name", of each directory in turn;
 * an id that is taken already keeps its first model. What cannot be loaded stays on the shelf
 * with its error. -ENOMEM; an unreadable directory is an error only when all are (its errno).
 */
int shelf_open(
	const char *const *dirs, size_t n, struct device *d, struct shelf **ret, struct err *e);
struct shelf *shelf_free(struct shelf *s);
DEFINE_CLEANUP(struct shelf *, shelf_free)

/* NULL: no such model. One with an error has no net. Borrowed. */
struct model *shelf_find(const struct shelf *s, const char *id);

size_t shelf_count(const struct shelf *s);
struct model *shelf_at(const struct shelf *s, size_t i);

/* The array of models.LIST. NULL: out of memory. Caller owns it. */
json_t *shelf_list(const struct shelf *s);
