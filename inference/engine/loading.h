/*
 * Models are loaded beside the step loop, in one thread of their own: reading a tokenizer or
 * packing one large matrix takes longer than a step may, and neither can be cut into slices without
 * every family being written in slices. The thread touches only the model that it makes and files;
 * it is nicer than the step loop. One model at a time, since a disk is not quicker with two.
 *
 * Knows no budget and no request.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "inference/engine/model.h"

#define LOADING_PATH_MAX 600
#define LOADING_LOOK_USEC 2000000ull /* between two looks at the folders */

struct loading;

struct loading_job {
	int dirfd; /* borrowed */
	char folder[LOADING_PATH_MAX];
	char id[MODEL_ID_MAX + 1];
	struct device *device; /* borrowed */
	struct model_limits limits;
};

struct loading_ops {
	/* The model that was asked for, with its error where it has one; NULL: out of memory. The
	 * callee owns it. */
	void (*on_loaded)(struct model *m, void *data);
	/* Runs in the thread, every LOADING_LOOK_USEC; true: look_done is to be called. */
	bool (*look)(void *data);
	void (*look_done)(void *data); /* in the loop; no look runs meanwhile */
};

/* Starts the thread, which keeps what its caller may do with files. Borrows all. Caller owns *ret.
 * The errno of eventfd and pthread_create. */
int loading_new(struct loop *loop, const struct loading_ops *ops, void *data, struct loading **ret);
/* Ends the thread, in the middle of a model if need be. */
struct loading *loading_free(struct loading *l);
DEFINE_CLEANUP(struct loading *, loading_free)

/* Begins; false: it is busy with another one. Copies job. */
bool loading_begin(struct loading *l, const struct loading_job *job);
uint64_t loading_done_bytes(const struct loading *l); /* of the tensors of the model at hand */
