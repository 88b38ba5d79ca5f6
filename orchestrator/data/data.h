/*
 * What apps keep: calls to vitrine.store, each done once, answered when it is on the disk.
 *
 * Writes of one moment share a transaction and an fsync, which runs in a thread (base/offload): a
 * tenant who writes much holds up neither the loop nor the platform's own database. What a call has
 * read of a write that is not on the disk yet is told only once it is. A call that comes again,
 * from a gateway or a worker that did not hear the answer, gets the answer of the first time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/offload.h"
#include "orchestrator/store/store.h"

#define DATA_VALUE_MAX (1u << 20) /* of one key, as JSON */
#define DATA_KEY_MAX 200
#define DATA_SCOPE_KEYS 256                   /* of one visitor */
#define DATA_SCOPE_BYTES (2u << 20)           /* likewise */
#define DATA_KEYS 100000                      /* of a Space, unless the operator says otherwise */
#define DATA_BYTES ((uint64_t)64 << 20)       /* likewise: keys and values */
#define DATA_FILES 10000                      /* of a Space */
#define DATA_FILE_BYTES ((uint64_t)256 << 20) /* of a Space, unless the operator says otherwise */
#define DATA_SNAPSHOTS 4                      /* of a Space */
#define DATA_LIST_MAX 1000
#define DATA_AGAIN_SEC 600 /* for so long a call that comes again is known */

struct data;

struct data_limits {
	uint64_t keys, bytes; /* of one Space */
	uint64_t file_bytes;  /* of its files */
};

/* op: HOST_DONE, HOST_FAILED; value: as in app.HOST_RESULT. Also from inside data_take. */
typedef void (*data_answer_fn)(
	uint64_t ticket, uint8_t op, const void *value, size_t n, void *data);

struct data_call {
	const char *id;          /* the same id is the same call */
	const char *space;       /* id */
	const char *user;        /* id of the signed-in visitor; "": nobody is */
	const char *visitor;     /* pseudonym; "": there is none */
	const char *owner_scope; /* whoever manages the Space asks, about the keys of that scope;
				  * NULL: its app does */
	const char *op;
	const void *body; /* arguments as JSON; NUL and bytes may follow */
	size_t n;
};

struct data_config {
	struct loop *loop;
	struct offload *offload;
	const char *where; /* folder; made when missing */
	struct data_limits limits;
};

int data_new(const struct data_config *config, struct data **ret, struct err *e);
/* What was not answered is not done, or done without a word. Before the offload ends. */
struct data *data_free(struct data *d);
DEFINE_CLEANUP(struct data *, data_free)

void data_take(
	struct data *d, const struct data_call *c, uint64_t ticket, data_answer_fn fn, void *data);

/* The Space is gone for good. Again is fine. */
int data_forget(struct data *d, const char *space, struct err *e);

/* At start: forgets Spaces that are not known, whose end was cut short. */
void data_sweep(struct data *d, bool (*known)(const char *space, void *data), void *data);
