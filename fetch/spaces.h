/*
 * How much each Space asks: how many requests run, and how many it made within a minute. Knows no
 * request.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "fetch/verdict.h"

#define SPACES_MAX 4096
#define SPACE_ID_MAX 32
#define SPACE_RUNNING_MAX 8
#define SPACE_MINUTE_MAX 120
#define RUNNING_MAX 128 /* of all Spaces */

struct spaces;

/* -ENOMEM. */
int spaces_new(struct spaces **ret);
struct spaces *spaces_free(struct spaces *s);
DEFINE_CLEANUP(struct spaces *, spaces_free)

/*
 * One more of that Space; spaces_leave when it has ended. Less than 0: too many, with words in v.
 * now_usec: monotonic.
 */
int spaces_enter(struct spaces *s, const char *id, uint64_t now_usec, struct verdict *v);
void spaces_leave(struct spaces *s, const char *id);
