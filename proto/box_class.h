/*
 * The classes of boxes: what each may use, how many blank ones wait, and how an operator writes it.
 *
 *	--class small=64M,50%       memory, and CPU in percent of one core; either one alone will do
 *	--pool small=3,medium=1     blank boxes kept waiting
 *	--isolation full|dense      every box has a network namespace of its own; or all share one
 *	                            that is empty, which a box is built 0.4 ms sooner and 0.2 MB
 *	                            smaller without
 *
 * Numbers are those of the wire (BOX_SMALL, …). boxd holds boxes to the limits, the worker makes
 *its heap fit, the agent fills the pool, `vitrine up` refuses what is wrong before anything starts.
 * Knows no kernel mechanism.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/constants.h"

#define BOX_CLASSES (BOX_LARGE + 1) /* 0 is no class */

struct box_class {
	uint64_t memory_bytes;    /* whole MiB */
	unsigned int cpu_percent; /* of one core */
};

struct box_classes {
	struct box_class of[BOX_CLASSES];
};

/* Where a route has them for its class, there is no box: a folder of pages is shown, or the card of
 * what is made for an sdk that does not run here. */
#define NO_BOX_STATIC "static"
#define NO_BOX_CARD "card"

extern const struct box_classes box_classes_default;

/* BOX_SMALL, … of the first n bytes of word; -EINVAL: there is no such class. */
int box_class_number(const char *word, size_t n);

/* "small", …; number is one of the classes. Static text. */
const char *box_class_name(unsigned int number);

/* Takes one --class. -EINVAL with words that name class, field and limit; *c is unchanged then. */
int box_classes_set(struct box_classes *c, const char *text, struct err *e);

/* As --class takes it, "small=64M,50%". */
void box_class_write(const struct box_classes *c, unsigned int number, char ret[64]);

/*
 * The address space of a box (RLIMIT_AS). Above its memory, because mapped files count whole and
 * are nobody's memory.
 */
uint64_t box_class_address_bytes(const struct box_class *c);

/* What Lua may take of a box with that address space; the rest of the memory is the host's. */
uint64_t box_heap_bytes(uint64_t address_bytes);

#define BOX_POOL_AUTO (-1) /* as the class is used */

struct box_pool {
	int of[BOX_CLASSES]; /* BOX_POOL_AUTO, or 0 to BOX_POOL_MAX */
};

#define BOX_POOL_MAX 64

extern const struct box_pool box_pool_default;

/* Takes one --pool, as above. -EINVAL with words; *p is unchanged then. */
int box_pool_set(struct box_pool *p, const char *text, struct err *e);

/* Takes --isolation. -EINVAL with words. */
int box_isolation_read(const char *text, bool *ret_dense, struct err *e);

/* As --pool takes it. At least one class has a number. */
void box_pool_write(const struct box_pool *p, char ret[128]);
