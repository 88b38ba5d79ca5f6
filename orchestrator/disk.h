/*
 * The disk under the data folder: looked at every few seconds, and before each push.
 *
 *	OK ──free < warn──▶ LOW ──free < reserve──▶ FULL
 *
 * and back, once there is a twentieth more than the limit. What is kept back is for what must go
 * on: sessions, the database, and the work of whoever makes room again. Knows no push and no
 * upload.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"

enum disk_state { DISK_OK, DISK_LOW, DISK_FULL };

struct disk_limits {
	uint64_t warn_bytes, reserve_bytes; /* 0: by the disk's size */
};

struct disk_view {
	enum disk_state state;
	uint64_t total_bytes, free_bytes; /* free: to whoever is not root */
	struct disk_limits limits;        /* in force */
	char words[200];                  /* for people; "": it is well */
};

struct disk;

/* changed: the state is another one; from the loop, or from disk_look. */
int disk_new(struct loop *loop, const char *path, const struct disk_limits *limits,
	void (*changed)(const struct disk_view *v, void *data), void *data, struct disk **ret,
	struct err *e);
struct disk *disk_free(struct disk *d);
DEFINE_CLEANUP(struct disk *, disk_free)

/* As it is now; borrowed until the next call. */
const struct disk_view *disk_look(struct disk *d);

/* Bytes that are free beyond what is kept back, as it is now. */
uint64_t disk_room(struct disk *d);

/* Sets state and words from the numbers. */
void disk_judge(struct disk_view *v);

const char *disk_state_name(enum disk_state state);
