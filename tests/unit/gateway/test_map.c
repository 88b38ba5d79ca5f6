#include "gateway/map.h"

#include "tests/support/test.h"

TEST(what_was_put_is_there_until_it_is_taken)
{
	struct map m;
	int a, b;

	map_init(&m);
	CHECK(map_get_str(&m, "a") == NULL && map_take_str(&m, "a") == NULL);
	CHECK(map_put_str(&m, "a", &a) == 0);
	CHECK(map_put_str(&m, "b", &b) == 0);
	CHECK(map_put_str(&m, "a", &b) == 0);
	CHECK(m.n == 2 && map_get_str(&m, "a") == &b);
	CHECK(map_take_str(&m, "a") == &b && map_get_str(&m, "a") == NULL && m.n == 1);
	map_done(&m);
}

static void take_even(void *value, void *data)
{
	uint32_t n = *(uint32_t *)value;

	if (n % 2 == 0)
		CHECK(map_take_u32(data, n) == value);
}

TEST(it_grows_and_may_shrink_while_it_is_walked)
{
	static uint32_t numbers[1000];
	struct map m;

	map_init(&m);
	for (uint32_t i = 0; i < 1000; i++) {
		numbers[i] = i;
		CHECK(map_put_u32(&m, i, &numbers[i]) == 0);
	}
	map_each(&m, take_even, &m);
	CHECK(m.n == 500);
	for (uint32_t i = 0; i < 1000; i++)
		CHECK(map_get_u32(&m, i) == (i % 2 ? &numbers[i] : NULL));
	map_done(&m);
}

TEST_MAIN()
