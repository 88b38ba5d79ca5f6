#include "inference/peers/grants.h"

#include <errno.h>

#include "base/digest.h"
#include "tests/support/test.h"

static const struct grant_place here = {.replica = "w1", .session = 4, .n = 9};

static int add_key(struct grant_keys *k, const struct grant_key *key)
{
	char digits[2 * GRANT_KEY_LEN + 1];
	struct models_key m = {
		.id = key->id, .key = digits, .until_usec = (int64_t)key->until_usec};

	hex_write(key->bytes, GRANT_KEY_LEN, digits);
	return grant_keys_add(k, &m, NULL);
}

TEST(a_grant_is_read_until_its_deadline_on_its_own_link_only)
{
	struct grant_key key = {.id = 3, .bytes = {9}, .until_usec = 5000};
	const struct grant_terms terms = {
		.budget_msec = 10, .deadline_usec = 1000, .payer = "user:ada"};
	struct grant_place there = here;
	struct grant_keys keys = {0};
	char text[GRANT_MAX + 1];
	struct grant_terms got;
	struct err e = {0};

	CHECK(grant_seal(&key, &here, &terms, text));
	CHECK(grant_read(&keys, &here, text, 500, &got, &e) == -EAGAIN);
	CHECK(add_key(&keys, &key) == 0);
	CHECK(grant_read(&keys, &here, text, 1000, &got, &e) == 0);
	CHECK(!strcmp(got.payer, "user:ada"));
	CHECK(grant_read(&keys, &here, text, 1001, &got, &e) == -ETIME);
	there.replica = "w2";
	CHECK(grant_read(&keys, &there, text, 500, &got, &e) == -EACCES);
	CHECK(grant_read(&keys, &here, "", 500, &got, &e) == -EACCES);
	text[30] ^= 1;
	CHECK(grant_read(&keys, &here, text, 500, &got, &e) == -EACCES);
}

TEST(no_deadline_outlives_its_key)
{
	struct grant_key key = {.id = 3, .bytes = {9}, .until_usec = 800};
	const struct grant_terms terms = {.deadline_usec = 1000, .payer = "user:ada"};
	struct grant_keys keys = {0};
	char text[GRANT_MAX + 1];
	struct grant_terms got;
	struct err e = {0};

	CHECK(grant_seal(&key, &here, &terms, text) && add_key(&keys, &key) == 0);
	CHECK(grant_read(&keys, &here, text, 900, &got, &e) == -ETIME);
}

TEST(keys_beyond_the_limit_push_out_the_one_that_ends_first)
{
	struct grant_keys keys = {0};
	struct grant_key key = {0};

	for (uint32_t i = 1; i <= GRANT_KEYS_MAX + 1; i++) {
		key = (struct grant_key){.id = i, .until_usec = i == 5 ? 1 : 1000 + i};
		CHECK(add_key(&keys, &key) == 0);
	}
	CHECK(keys.n == GRANT_KEYS_MAX);
	for (size_t i = 0; i < keys.n; i++)
		CHECK(keys.of[i].id != 5);
	CHECK(add_key(&keys, &key) == 0 && keys.n == GRANT_KEYS_MAX); /* known already */
	CHECK(grant_keys_add(&keys, &(struct models_key){.id = 1, .key = "00"}, NULL) == -EINVAL);
}

TEST(an_event_that_comes_again_has_spent_what_it_had_spent)
{
	struct events t;
	struct event *a, *b;

	events_init(&t);
	a = events_get(&t, 1, 2, 0);
	CHECK(a && a->spent_nsec == 0);
	a->spent_nsec = 77;
	b = events_get(&t, 2, 1, 0);
	CHECK(b && b != a && b->spent_nsec == 0);
	CHECK(events_get(&t, 1, 2, 0) == a && a->spent_nsec == 77 && t.n == 2);
	events_done(&t);
	CHECK(t.n == 0);
}

TEST(no_event_is_forgotten_while_its_grant_may_come_again)
{
	const uint64_t later = 1000, over = later + EVENT_KEPT_USEC - 1;
	struct events t;

	events_init(&t);
	for (uint32_t n = 1; n <= EVENTS_MAX; n++)
		CHECK(events_get(&t, 7, n, 0));
	events_get(&t, 7, 1, 0)->calls = 1;
	events_get(&t, 7, 2, later)->revoked = true;
	events_get(&t, 7, 3, later)->spent_nsec = 5;
	CHECK(!events_get(&t, 8, 1, EVENT_KEPT_USEC - 1) && t.n == EVENTS_MAX);
	/* All but the first three, which are in use or were used since, may go now. */
	for (uint32_t n = 1; n <= EVENTS_MAX - 3; n++)
		CHECK(events_get(&t, 8, n, over) && t.n == EVENTS_MAX);
	CHECK(!events_get(&t, 9, 1, over));
	CHECK(events_get(&t, 7, 1, over)->calls == 1);
	CHECK(events_get(&t, 7, 2, over)->revoked && events_get(&t, 7, 3, over)->spent_nsec == 5);
	events_done(&t);
}

TEST_MAIN()
