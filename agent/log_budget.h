/*
 * How much each Space may log: a bucket of bytes that fills again at a steady rate. Kept by Space
 * and not by worker, so that a worker that dies and comes back brings no new bucket. Knows no
 * pipe, no clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define LOG_BYTES_PER_SEC (64u << 10)
#define LOG_BYTES_BURST (256u << 10)
#define LOG_LINE_COST                                                                              \
	128 /* of a line beside its text: it becomes a message and a stored object                 \
	     */

struct log_budget;

int log_budget_new(struct log_budget **ret);
struct log_budget *log_budget_free(struct log_budget *b);
DEFINE_CLEANUP(struct log_budget *, log_budget_free)

/* Takes a line of n bytes; false: there is no room for it now. now_usec: monotonic. */
bool log_budget_take(struct log_budget *b, const char *space, size_t n, uint64_t now_usec);
