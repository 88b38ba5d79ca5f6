/*
 * A look at every repo once a day, one at a time: a large one that has changed since its last whole
 * `git gc`, or keeps what nothing points to any more, gets one, a week after the last at the
 * earliest; one with many bytes in loose objects at once. `git gc --auto` (tidy.h) goes by the
 * number of objects and packs and would leave a few huge ones for good. Readers go on meanwhile:
 * git lets go of a pack only when the one in its place is there.
 */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "orchestrator/repo/repo.h"

#define ROUNDS_BYTES (16u << 20) /* of a repo; smaller ones are not worth it */

struct rounds;

/* Bytes that may be written now: a gc writes all of a repo anew beside what is there. */
typedef uint64_t rounds_room_fn(void *data);

/* The first one begins after so long. repos is borrowed. -ENOMEM. */
int rounds_new(struct loop *loop, const struct repos *repos, uint64_t first_usec,
	rounds_room_fn *room, void *data, struct rounds **ret);
struct rounds *rounds_free(struct rounds *r);
DEFINE_CLEANUP(struct rounds *, rounds_free)
