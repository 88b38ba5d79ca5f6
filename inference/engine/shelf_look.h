/* A look at the model directories: which folders hold models, and whether they have changed. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "inference/engine/loading.h"

#define LOOK_MODELS_MAX 256

struct found {
	size_t dir; /* which of the directories */
	char folder[LOADING_PATH_MAX];
	char id[MODEL_ID_MAX + 1];
	uint64_t stamp; /* another one: something in it has changed */
};

struct found_all {
	struct found list[LOOK_MODELS_MAX];
	size_t n;
};

/* Looks into one directory and adds what is found; an id that is there already is left out. The
 * errno of opening it. */
int look_into(int dirfd, size_t dir, struct found_all *to);
