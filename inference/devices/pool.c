#include "inference/devices/pool.h"

#include <assert.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* About 20 µs: longer than what lies between two operators of a step, shorter than what another
 * process would miss. */
#define SPINS 400
#define STACK_BYTES (256 << 10)
#define CHUNKS_MAX UINT32_MAX

/* Chunks there are (upper half) and chunks taken (lower). One word, so that whoever takes a chunk
 * has seen the run it belongs to, and that run cannot end before the chunk has. */
#define RUN(chunks, taken) ((uint64_t)(chunks) << 32 | (taken))
#define RUN_CHUNKS(run) ((uint32_t)((run) >> 32))
#define RUN_TAKEN(run) ((uint32_t)(run))

struct thread {
	struct pool *pool;
	pthread_t id;
	unsigned worker;
};

struct pool {
	unsigned threads; /* the caller's among them */

	/* The run; written before run and read by who has taken a chunk of it. */
	size_t n, grain;
	pool_work work;
	void *data;

	_Alignas(64) _Atomic uint64_t run;
	_Alignas(64) _Atomic uint32_t done; /* chunks; the caller's futex */
	_Atomic bool waiting;               /* the caller, on done */
	_Alignas(64) _Atomic uint32_t runs; /* counts them; the threads' futex */
	_Atomic uint32_t sleeping;          /* threads, on runs */
	_Atomic bool quit;

	struct thread others[];
};

static void pause_a_little(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	atomic_signal_fence(memory_order_seq_cst);
#endif
}

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
	(void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int n)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

/* Takes a chunk and computes it. False: there is none to take. */
static bool work_once(struct pool *p, unsigned worker)
{
	uint64_t run = atomic_load_explicit(&p->run, memory_order_acquire);
	size_t first, last;

	do {
		if (RUN_TAKEN(run) >= RUN_CHUNKS(run))
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&p->run, &run, run + 1, memory_order_acquire, memory_order_acquire));
	first = (size_t)RUN_TAKEN(run) * p->grain;
	last = p->n - first < p->grain ? p->n : first + p->grain;
	p->work(p->data, first, last, worker);
	if (atomic_fetch_add(&p->done, 1) + 1 == RUN_CHUNKS(run) && atomic_load(&p->waiting))
		futex_wake(&p->done, 1);
	return true;
}

static bool has_work(struct pool *p)
{
	uint64_t run = atomic_load_explicit(&p->run, memory_order_relaxed);

	return RUN_TAKEN(run) < RUN_CHUNKS(run) || atomic_load(&p->quit);
}

static void wait_for_work(struct pool *p)
{
	uint32_t seen = atomic_load(&p->runs);

	for (int i = 0; i < SPINS; i++) {
		if (has_work(p))
			return;
		pause_a_little();
	}
	atomic_fetch_add(&p->sleeping, 1);
	if (!has_work(p))
		futex_wait(&p->runs, seen);
	atomic_fetch_sub(&p->sleeping, 1);
}

static void *run_thread(void *data)
{
	struct thread *t = data;

	while (!atomic_load(&t->pool->quit))
		if (!work_once(t->pool, t->worker))
			wait_for_work(t->pool);
	return NULL;
}

/* Signals are the main loop's. */
static int start_thread(struct thread *t, const pthread_attr_t *attributes)
{
	sigset_t all, before;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&t->id, attributes, run_thread, t);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

static unsigned processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

struct pool *pool_new(unsigned threads)
{
	struct pool *p;
	pthread_attr_t attributes;
	size_t bytes;

	if (threads == 0)
		threads = processors();
	if (threads > POOL_THREADS_MAX)
		threads = POOL_THREADS_MAX;
	bytes = sizeof(*p) + threads * sizeof(p->others[0]);
	p = aligned_alloc(64, (bytes + 63) / 64 * 64);
	if (!p)
		return NULL;
	*p = (struct pool){.threads = 1};
	if (pthread_attr_init(&attributes) != 0)
		return p;
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	for (; p->threads < threads; p->threads++) {
		struct thread *t = &p->others[p->threads - 1];

		*t = (struct thread){.pool = p, .worker = p->threads};
		if (start_thread(t, &attributes) != 0)
			break;
	}
	(void)pthread_attr_destroy(&attributes);
	return p;
}

struct pool *pool_free(struct pool *p)
{
	if (!p)
		return NULL;
	atomic_store(&p->quit, true);
	atomic_fetch_add(&p->runs, 1);
	futex_wake(&p->runs, POOL_THREADS_MAX);
	for (unsigned i = 1; i < p->threads; i++)
		(void)pthread_join(p->others[i - 1].id, NULL);
	free(p);
	return NULL;
}

unsigned pool_threads(const struct pool *p)
{
	return p->threads;
}

/* The last chunks are in others' hands. One that the system has put aside gets this core. */
static void wait_for_done(struct pool *p, uint32_t chunks)
{
	uint32_t done;

	for (int i = 0; i < SPINS; i++) {
		if (atomic_load_explicit(&p->done, memory_order_acquire) == chunks)
			return;
		pause_a_little();
	}
	atomic_store(&p->waiting, true);
	while ((done = atomic_load(&p->done)) != chunks)
		futex_wait(&p->done, done);
	atomic_store(&p->waiting, false);
}

void pool_run(struct pool *p, size_t n, size_t grain, pool_work work, void *data)
{
	size_t chunks;

	if (grain == 0)
		grain = 1;
	chunks = n / grain + (n % grain != 0);
	if (chunks <= 1 || p->threads == 1) {
		if (n > 0)
			work(data, 0, n, 0);
		return;
	}
	assert(chunks <= CHUNKS_MAX);
	p->n = n;
	p->grain = grain;
	p->work = work;
	p->data = data;
	atomic_store(&p->done, 0);
	atomic_store(&p->run, RUN(chunks, 0));
	atomic_fetch_add(&p->runs, 1);
	if (atomic_load(&p->sleeping) > 0)
		futex_wake(&p->runs, (int)(chunks - 1 < p->threads ? chunks - 1 : p->threads - 1));
	while (work_once(p, 0))
		;
	wait_for_done(p, (uint32_t)chunks);
}
