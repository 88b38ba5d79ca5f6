#include "inference/devices/pool.h"

#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/test.h"

#define ITEMS 1000

struct tally {
	struct pool *pool;
	atomic_int times[ITEMS];
	atomic_int busy[POOL_THREADS_MAX]; /* by worker */
	size_t grain;
};

static void count(void *data, size_t first, size_t last, unsigned worker)
{
	struct tally *t = data;

	CHECK(worker < pool_threads(t->pool) && first < last && last - first <= t->grain);
	CHECK(atomic_fetch_add(&t->busy[worker], 1) == 0);
	for (size_t i = first; i < last; i++)
		atomic_fetch_add(&t->times[i], 1);
	atomic_fetch_sub(&t->busy[worker], 1);
}

static struct tally all;

static void run_all(unsigned threads, int runs)
{
	all.pool = pool_new(threads);
	CHECK(all.pool && pool_threads(all.pool) >= 1);
	for (int run = 0; run < runs; run++) {
		size_t n = (size_t)run * 7 % ITEMS;

		memset(all.times, 0, sizeof(all.times));
		all.grain = pool_threads(all.pool) == 1 ? ITEMS : (size_t)run % 13 + 1;
		pool_run(all.pool, n, all.grain, count, &all);
		for (size_t i = 0; i < ITEMS; i++)
			CHECK(all.times[i] == (i < n));
		if (run % 50 == 49)
			(void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
	all.pool = pool_free(all.pool);
}

TEST(each_item_is_done_once_before_the_run_returns)
{
	run_all(1, 20);
	run_all(2, 1000);
	run_all(5, 1000);
}

TEST(threads_that_sleep_wake_for_the_next_run_or_for_the_end)
{
	for (int i = 0; i < 5; i++) {
		run_all(4, 51);
		(void)pool_free(pool_new(8));
	}
}

TEST(none_asked_for_means_one_a_processor)
{
	struct pool *p = pool_new(0);

	CHECK(p && (long)pool_threads(p) <= sysconf(_SC_NPROCESSORS_ONLN));
	(void)pool_free(p);
}

TEST_MAIN()
