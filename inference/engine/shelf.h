/*
 * All models there are: every model folder below the model directories, loaded as far as memory
 * goes, each on the first device in service that may hold it (devices/rack.h). Knows no link and no
 * request.
 *
 *	          examined            wanted          a place in memory
 *	 NEW ─────────────▶ COLD ───────────▶ WAITING ────────▶ LOADING ──▶ READY
 *	  │                  ▲                                     │          │
 *	  └──▶ FAILED ◀──────┼─────────────────────────────────────┘          │
 *	                     └── another one needs the memory and nobody it ──┘
 *
 * Examining and loading happen in a thread (loading.h) once shelf_start was called, so that calls
 * of other models go on; before, at once and in the caller. A folder that appears, changes or goes
 * is noticed within seconds.
 *
 * A model whose device is left (shelf_vacate) while requests wait for it goes from READY back to
 * WAITING, keeps its tokenizer, which they refer to, and gets a network on another device.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "inference/devices/rack.h"
#include "inference/engine/model.h"

#define SHELF_MODELS_MAX 256
#define SHELF_DIRS_MAX 8
#define SHELF_STAY_USEC (20 * USEC_PER_SEC) /* of a model that goes from device to device */

struct guard;
struct shelf;

struct shelf_ops {
	/* What is served has changed, or how far a model is. */
	void (*changed)(void *data);
	/* Whether the model can be unloaded now; what was kept for it beside it is given up then.
	 */
	bool (*release)(struct model *m, void *data);
	/* The model will not come back to a device, and requests wait for it; NULL: there are none
	 * ever. */
	void (*strand)(struct model *m, const struct err *why, void *data);
};

/*
 * Finds DIR/name as "vitrine/name" and DIR/owner/name as "owner/name", of each directory in turn;
 * an id that is taken already keeps its first model. memory_max: bytes that the weights of all
 * loaded models may take. -ENOMEM; an unreadable directory is an error only when all are (its
 * errno).
 */
int shelf_open(const char *const *dirs, size_t n, struct device *d, uint64_t memory_max,
	struct shelf **ret, struct err *e);
/* Another device; before shelf_start. Borrows it. -ENOSPC. */
int shelf_add_device(struct shelf *s, struct device *d, uint64_t memory_max);
struct shelf *shelf_free(struct shelf *s);
DEFINE_CLEANUP(struct shelf *, shelf_free)

/* From now on a model that ended this process while it was read is left alone. Borrows g. */
void shelf_set_guard(struct shelf *s, struct guard *g);

/* From now on in the background; begins to load what fits. Borrows loop and data. Errors of
 * loading_new. */
int shelf_start(struct shelf *s, struct loop *loop, const struct shelf_ops *ops, void *data);

/* Loads as many as fit, in order. Without shelf_start only. */
void shelf_load_all(struct shelf *s);

/* Reads all but the weights' content of each. Without shelf_start only. */
void shelf_examine_all(struct shelf *s);

/* NULL: no such model. It may be unloaded; see shelf_use. Borrowed; once it is gone and unloaded,
 * and there is no other room, it becomes another one. */
struct model *shelf_find(const struct shelf *s, const char *id);

/*
 * Asks for a model that is to be called now. 0: it is loaded, and stays so until control returns
 * to the loop or a request holds it. -EAGAIN: it is being loaded; ask again when changed is called.
 * -ENOENT: it cannot be loaded, with the reason. -EFBIG: it is larger than memory_max, with both
 * numbers. -ENODEV: no device in service may hold it, with what there is.
 */
int shelf_use(struct shelf *s, struct model *m, struct err *e);
/* The same for a call that is to run on that device: where the model is loaded on another one it
 * moves as soon as nobody uses it; -EAGAIN until then. Two that want it in different places have it
 * in turn: where it was called for it stays for SHELF_STAY_USEC, and whoever has waited for so long
 * has it next, calls for where it is being told -EAGAIN. -ENODEV: that may not take so much. */
int shelf_use_on(struct shelf *s, struct model *m, struct bay *on, struct err *e);

/* The device that it is loaded on, or being loaded for. NULL: none. Borrowed. */
const struct bay *shelf_bay(const struct shelf *s, const struct model *m);

/* How much of the model is there, from 0 to 1. */
double shelf_progress(const struct shelf *s, const struct model *m);

bool shelf_is_loading(const struct shelf *s); /* or examining one */
size_t shelf_count(const struct shelf *s);
struct model *shelf_at(const struct shelf *s, size_t i);
uint64_t shelf_memory(const struct shelf *s); /* bytes of all loaded weights */

/* The devices; borrowed. After a change of a state: shelf_settle, or shelf_vacate. */
struct rack *shelf_rack(struct shelf *s);

/* Models leave devices that are not in service as soon as they can, and come to those that are. */
void shelf_settle(struct shelf *s);
/* The device is left now; nothing of any request is on it (engine_vacate). Models that requests
 * wait for are loaded on another one, or stranded. */
void shelf_vacate(struct shelf *s, struct bay *b);
/* A model is being loaded for it at this moment. */
bool shelf_is_loading_on(const struct shelf *s, const struct bay *b);

/* The array of models.LIST. NULL: out of memory. Caller owns it. */
json_t *shelf_list(const struct shelf *s);
