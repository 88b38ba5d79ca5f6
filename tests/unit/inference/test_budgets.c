/* What models and texts may take of each device: as said, or all but a reserve. */
#include "inference/budgets.h"

#include <errno.h>

#include "inference/engine/engine.h"
#include "tests/unit/inference/faulty.h"

#define MIB (1ull << 20)

static uint64_t gpu_memory(struct device *d)
{
	(void)d;
	return 24576 * MIB;
}

static void refused(const char *text, const char *words)
{
	struct budgets b = {0};
	struct err e = {0};

	CHECK(budgets_read(&b, text, &e) == -EINVAL && strstr(e.text, words));
}

TEST(a_budget_is_a_name_and_a_number_and_is_said_once)
{
	struct budgets b = {0};
	struct err e = {0};

	refused("cpu", "must be NAME=MIB");
	refused("=3", "must be NAME=MIB");
	refused("cpu=", "must be a number from 1");
	refused("cpu=0", "must be a number from 1");
	refused("cpu=-1", "must be a number from 1");
	refused("cpu=12GB", "must be a number from 1");
	refused("cpu=99999999999999999999", "must be a number from 1");
	refused("a-name-that-is-longer-than-one-may-be=1", "must be NAME=MIB");
	CHECK(budgets_read(&b, "cpu=100", &e) == 0 && budgets_read(&b, "cuda=200", &e) == 0);
	CHECK(b.n == 2 && b.said[1].bytes == 200 * MIB);
	CHECK(budgets_read(&b, "cpu=100", &e) == -EINVAL && strstr(e.text, "said twice"));
}

TEST(what_is_said_of_a_device_is_shared_by_models_and_texts_and_no_more_than_it_has)
{
	struct budgets b = {.host = 1000 * MIB};
	struct budget got;
	struct err e = {0};
	struct device *d;

	CHECK(device_open("cpu", NULL, &d, &e) == 0);
	CHECK(budgets_read(&b, "cpu=400", &e) == 0);
	CHECK(budget_of(&b, d, 7 * MIB, &got, &e) == 0);
	CHECK(got.texts == 100 * MIB && got.weights == 300 * MIB);
	b.said[0].bytes = 1001 * MIB;
	CHECK(budget_of(&b, d, 0, &got, &e) == -ENOSPC);
	CHECK(strstr(e.text, "--device cpu=1001: it has 1000 MiB"));
	device_close(d);
}

TEST(of_the_machines_memory_half_is_taken_and_of_a_gpus_all_but_a_tenth)
{
	struct budgets b = {.host = 8192 * MIB};
	struct budget got;
	struct err e = {0};
	struct device *d, *gpu = faulty_open();
	struct device_ops ops = *gpu->ops;

	CHECK(device_open("cpu", NULL, &d, &e) == 0);
	CHECK(budget_of(&b, d, 0, &got, &e) == 0);
	CHECK(got.texts == ENGINE_KV_MAX && got.texts + got.weights == 4096 * MIB);
	CHECK(budget_of(&b, d, 7 * MIB, &got, &e) == 0 && got.weights == 7 * MIB);
	ops.memory = gpu_memory;
	gpu->ops = &ops;
	CHECK(budget_of(&b, gpu, 0, &got, &e) == 0);
	CHECK(got.texts + got.weights == 24576 * MIB - 24576 * MIB / 10);
	device_close(d);
	device_close(gpu);
}

TEST(the_machine_has_some_memory_for_this_process)
{
	struct budgets b = {0};

	budgets_look(&b);
	CHECK(b.host > 64 * MIB);
}

TEST_MAIN()
