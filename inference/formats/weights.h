/*
 * The tensors of a model by their names in Hugging Face's files, whatever files they come from.
 *
 * Families read from this and know no format; formats put their tensors in and stay alive with it.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/formats/tensor.h"

#define WEIGHTS_TENSORS_MAX 65536 /* of all files */

struct weights;

/* Watched by another thread while a model is loaded. */
struct weights_progress {
	_Atomic uint64_t done; /* bytes of the tensors that have been taken */
	_Atomic bool stop;     /* set: nothing more is found */
};

/* NULL: out of memory. Caller owns it. */
struct weights *weights_new(void);
struct weights *weights_free(struct weights *w);
DEFINE_CLEANUP(struct weights *, weights_free)

/*
 * Adds a file's n tensors, whose names and bytes the file holds; with success the file is w's and
 * freed with it. bytes: of the whole file. -EBADMSG: a name is taken. -EMSGSIZE. -ENOMEM.
 */
int weights_add(struct weights *w, const struct tensor *tensors, size_t n, uint64_t bytes,
	void *file, void (*file_free)(void *file), struct err *e);

/*
 * Opens the weights of a folder: its model.safetensors, or the files that its
 * model.safetensors.index.json names. -ENOENT: it has neither; -ENOTSUP: but pickled ones, which
 * are refused by name with the way to convert them. Errors of safetensors_open and json_parse.
 */
int weights_open(int folder, struct weights **ret, struct err *e);
bool weights_are_in(int folder); /* whether it has one of the two */

/* NULL: no tensor of that name. Borrowed. */
const struct tensor *weights_find(const struct weights *w, const char *name);

/* As weights_find, for loading it now: counts in the progress set before; NULL: none. */
const struct tensor *weights_take(const struct weights *w, const char *name);
void weights_watch(struct weights *w, struct weights_progress *p);

size_t weights_count(const struct weights *w);
const struct tensor *weights_at(const struct weights *w, size_t i); /* by name */
uint64_t weights_parameters(const struct weights *w); /* elements of all that can be weights */
uint64_t weights_bytes(const struct weights *w);      /* of all files */
uint64_t weights_need(const struct weights *w);       /* of all that can be weights */
