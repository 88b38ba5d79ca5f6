/*
 * Threads that share one computation: the one exception to a service without threads.
 *
 * A run is cut into small chunks that the caller and the threads take one by one, so that a thread
 * which the system has put aside keeps nobody but its own chunk. A thread without work looks for
 * it a few microseconds and then sleeps on a futex(2): a busy neighbour finds its core free. The
 * threads see only what work() reads and writes; they open, log and allocate nothing. Knows no
 * kernels.
 */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"

#define POOL_THREADS_MAX 256

struct pool;

/* Computes items [first, last). worker: below pool_threads(), its own while work() runs. */
typedef void (*pool_work)(void *data, size_t first, size_t last, unsigned worker);

/* threads: the caller's among them, 0: as many as processors may run this process. Fewer where the
 * system gives no more. NULL: out of memory. */
struct pool *pool_new(unsigned threads);
struct pool *pool_free(struct pool *p);
DEFINE_CLEANUP(struct pool *, pool_free)

unsigned pool_threads(const struct pool *p);

/* Does all of [0, n), grain items at a time, and returns when they are done. By one caller at a
 * time; work() must not call it. */
void pool_run(struct pool *p, size_t n, size_t grain, pool_work work, void *data);
