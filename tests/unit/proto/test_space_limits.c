#include "proto/space_limits.h"

#include <errno.h>

#include "tests/support/test.h"

TEST(what_is_written_is_read_again)
{
	struct space_limits l, other;
	struct err e = {0};
	char text[64];

	space_limits_default(&l);
	CHECK(l.of[LIMIT_REPLICAS] == 4 && l.of[LIMIT_CALM] == 30);
	for (int i = 0; i < SPACE_LIMITS; i++)
		l.of[i] = 7 + (uint64_t)i;
	space_limits_default(&other);
	for (int i = 0; i < SPACE_LIMITS; i++) {
		space_limit_write(&l, (enum space_limit)i, text);
		CHECK(space_limits_set(&other, text, &e) == 0 && other.of[i] == l.of[i]);
	}
}

TEST(what_is_no_limit_is_refused_in_words_that_name_it)
{
	static const char *const bad[] = {"replicas=0", "replicas=65", "replicas=", "replicas",
		"replicas=-1", "replicas=4 ", "replicas=4x", "calm=99999999999999999999",
		"sessions=1.5"};
	struct space_limits l, was;

	space_limits_default(&l);
	was = l;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err e = {0};

		CHECK(space_limits_set(&l, bad[i], &e) == -EINVAL && strstr(e.text, "from 1 to"));
		CHECK(strstr(e.text, bad[i]));
	}
	for (size_t i = 0; i < 3; i++) {
		static const char *const unknown[] = {"", "=4", "nonsense=4"};
		struct err e = {0};

		CHECK(space_limits_set(&l, unknown[i], &e) == -ENOENT && e.text[0]);
	}
	CHECK(memcmp(&l, &was, sizeof(l)) == 0);
}

TEST_MAIN()
