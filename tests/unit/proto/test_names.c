#include <errno.h>

#include "proto/names.h"
#include "tests/support/test.h"

TEST(lower_case_letters_digits_and_single_dashes_are_names)
{
	static const char *const good[] = {
		"a", "ada", "ada-lovelace", "9", "a-1-b", "vitrine", "admin"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK(owner_check(good[i], NULL) == 0);
		CHECK(space_name_check(good[i], NULL) == 0);
	}
}

TEST(everything_else_is_refused_with_words_that_name_the_field)
{
	static const char *const bad[] = {"", "-", "-a", "a-", "a--b", "A", "a_b", "a.b", "a/b",
		"..", "ä", "a b", "a\n",
		"1234567890123456789012345678901234567890123456789012345678901234567890"
		"12345678901234567890123456789"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = {0}, f = {0};

		CHECK(owner_check(bad[i], &e) == -EINVAL && !strncmp(e.text, "owner: ", 7));
		CHECK(space_name_check(bad[i], &f) == -EINVAL && !strncmp(f.text, "name: ", 6));
	}
}

TEST(lengths_end_where_the_protocol_ends)
{
	char name[128] = "";

	memset(name, 'a', OWNER_MAX);
	CHECK(owner_check(name, NULL) == 0);
	name[OWNER_MAX] = 'a';
	CHECK(owner_check(name, NULL) == -EINVAL);
	memset(name, 'a', SPACE_NAME_MAX);
	CHECK(space_name_check(name, NULL) == 0);
	name[SPACE_NAME_MAX] = 'a';
	CHECK(space_name_check(name, NULL) == -EINVAL);
}

TEST(parts_of_the_platforms_urls_are_no_owners_but_may_be_names)
{
	static const char *const reserved[] = {"api", "assets", "spaces", "models", "datasets",
		"healthz", "settings", "v1", "lfs-storage"};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		struct err e = {0};

		CHECK(owner_check(reserved[i], &e) == -EINVAL && strstr(e.text, "reserved"));
		CHECK(space_name_check(reserved[i], NULL) == 0);
	}
}

TEST_MAIN()
