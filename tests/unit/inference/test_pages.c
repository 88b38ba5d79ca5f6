#include "inference/engine/pages.h"

#include "tests/support/test.h"

static uint32_t dropped[16], n_dropped;

static void on_drop(uint32_t page, void *data)
{
	(void)data;
	dropped[n_dropped++] = page;
}

static struct chain chain_of(uint32_t group, uint32_t id)
{
	const uint8_t salt[SHA256_LEN] = {1};
	struct chain c = chain_root(salt, "a/model", group);

	return chain_next(&c, &id, 1);
}

TEST(a_chain_depends_on_tokens_order_model_group_and_salt)
{
	const uint8_t salt[SHA256_LEN] = {1}, other[SHA256_LEN] = {2};
	const uint32_t ids[] = {1, 2}, swapped[] = {2, 1};
	struct chain roots[] = {chain_root(salt, "a", 1), chain_root(salt, "a", 2),
		chain_root(salt, "b", 1), chain_root(other, "a", 1)};
	struct chain a, b;

	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < i; j++)
			CHECK(memcmp(&roots[i], &roots[j], sizeof(a)) != 0);
	a = chain_next(&roots[0], ids, 2);
	b = chain_next(&roots[0], swapped, 2);
	CHECK(memcmp(&a, &b, sizeof(a)) != 0);
	b = chain_next(&roots[0], ids, 2);
	CHECK(!memcmp(&a, &b, sizeof(a)));
}

TEST(a_page_is_dropped_when_nobody_holds_it_and_kept_when_it_may_be_found)
{
	struct pages *p = pages_new(3, on_drop, NULL);
	struct chain c = chain_of(1, 7);
	uint32_t a, b;

	n_dropped = 0;
	CHECK(p);
	a = pages_take(p, 1);
	b = pages_take(p, 1);
	CHECK(a != PAGE_NONE && b != PAGE_NONE && a != b && pages_held(p) == 2);
	pages_keep(p, a, &c);
	pages_release(p, b);
	CHECK(n_dropped == 1 && dropped[0] == b);
	pages_release(p, a);
	CHECK(n_dropped == 1 && pages_held(p) == 1 && pages_of(p, 1) == 1);
	CHECK(pages_find(p, &c) == a && pages_find(p, &c) == a);
	pages_release(p, a);
	CHECK(!pages_evict(p, NULL)); /* one still holds it */
	pages_release(p, a);
	CHECK(pages_evict(p, NULL) && n_dropped == 2 && pages_find(p, &c) == PAGE_NONE);
	CHECK(pages_held(p) == 0 && pages_of(p, 1) == 0);
	pages_free(p);
}

TEST(the_longest_unused_goes_first_of_all_or_of_one_group)
{
	struct pages *p = pages_new(4, on_drop, NULL);
	struct chain c[4];
	uint32_t page[4], two = 2;

	n_dropped = 0;
	for (uint32_t i = 0; i < 4; i++) {
		c[i] = chain_of(i % 2 + 1, i);
		page[i] = pages_take(p, i % 2 + 1);
		pages_keep(p, page[i], &c[i]);
	}
	CHECK(pages_take(p, 1) == PAGE_NONE);
	CHECK(pages_oldest(p, NULL) == UINT64_MAX);
	for (uint32_t i = 0; i < 4; i++) {
		pages_tick(p, 10 + i);
		pages_release(p, page[i]);
	}
	CHECK(pages_find(p, &c[0]) == page[0]);
	pages_tick(p, 20);
	pages_release(p, page[0]);
	CHECK(pages_oldest(p, NULL) == 11 && pages_oldest(p, &two) == 11);
	CHECK(pages_evict(p, &two) && dropped[0] == page[1]);
	CHECK(pages_evict(p, NULL) && dropped[1] == page[2]);
	CHECK(pages_evict(p, NULL) && dropped[2] == page[3]);
	CHECK(!pages_evict(p, &two) && pages_oldest(p, NULL) == 20);
	pages_free(p);
}

TEST(of_two_pages_with_the_same_tokens_the_first_is_found)
{
	struct pages *p = pages_new(2, on_drop, NULL);
	struct chain c = chain_of(1, 7);
	uint32_t a = pages_take(p, 1), b = pages_take(p, 1);

	n_dropped = 0;
	pages_keep(p, a, &c);
	pages_keep(p, b, &c);
	CHECK(pages_find(p, &c) == a);
	pages_release(p, b);
	CHECK(n_dropped == 1 && dropped[0] == b);
	pages_free(p);
}

TEST_MAIN()
