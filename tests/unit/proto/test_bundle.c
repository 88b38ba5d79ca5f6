#include "proto/bundle.h"

#include <errno.h>

#include "proto/constants.h"
#include "tests/support/test.h"

static void build(struct buf *b)
{
	buf_init(b, BUNDLE_MAX);
	CHECK(bundle_begin(b, 3, NULL) == 0);
	CHECK(bundle_add(b, "README.md", "# hi", 4, NULL) == 0);
	CHECK(bundle_add(b, "app.lua", "return 1", 8, NULL) == 0);
	CHECK(bundle_add(b, "lib/empty.lua", "", 0, NULL) == 0);
}

TEST(files_are_walked_in_order_and_found_by_path)
{
	static const char *const want[] = {"README.md", "app.lua", "lib/empty.lua"};
	struct bundle_entry entry;
	size_t at = 0, i = 0;
	struct buf b;

	build(&b);
	CHECK(bundle_check(b.data, b.len, NULL) == 0);
	while (bundle_next(b.data, b.len, &at, &entry)) {
		CHECK(i < 3 && entry.path_len == strlen(want[i]));
		CHECK(memcmp(entry.path, want[i], entry.path_len) == 0);
		i++;
	}
	CHECK(i == 3);
	CHECK(bundle_find(b.data, b.len, "app.lua", &entry) == 1);
	CHECK(entry.size == 8 && memcmp(entry.bytes, "return 1", 8) == 0);
	CHECK(bundle_find(b.data, b.len, "lib/empty.lua", &entry) == 1 && entry.size == 0);
	CHECK(bundle_find(b.data, b.len, "app", &entry) == 0);
	CHECK(bundle_find(b.data, b.len, "app.lua2", &entry) == 0);
	buf_done(&b);
}

TEST(paths_that_are_not_clean_are_refused)
{
	static const char *const bad[] = {
		"", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/..", "a/../b", "a/."};
	static const char *const good[] = {"a", ".a", "..a", "a..", "a/b/c", "...", "ü/ö"};
	char longest[BUNDLE_PATH_MAX + 2];
	struct buf b;

	buf_init(&b, BUNDLE_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err e = {0};

		buf_clear(&b);
		CHECK(bundle_begin(&b, 1, NULL) == 0);
		CHECK(bundle_add(&b, bad[i], "x", 1, &e) == -EINVAL);
		CHECK(strstr(e.text, "not a clean relative path"));
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		buf_clear(&b);
		CHECK(bundle_begin(&b, 1, NULL) == 0);
		CHECK(bundle_add(&b, good[i], "x", 1, NULL) == 0);
		CHECK(bundle_check(b.data, b.len, NULL) == 0);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	buf_clear(&b);
	CHECK(bundle_begin(&b, 1, NULL) == 0);
	CHECK(bundle_add(&b, longest, "x", 1, NULL) == -EINVAL);
	longest[BUNDLE_PATH_MAX] = '\0';
	CHECK(bundle_add(&b, longest, "x", 1, NULL) == 0);
	buf_done(&b);
}

TEST(paths_out_of_order_or_twice_are_refused_when_added)
{
	struct buf b;

	buf_init(&b, BUNDLE_MAX);
	CHECK(bundle_begin(&b, 2, NULL) == 0);
	CHECK(bundle_add(&b, "b", "x", 1, NULL) == 0);
	CHECK(bundle_add(&b, "a", "x", 1, NULL) == -EINVAL);
	CHECK(bundle_add(&b, "b", "x", 1, NULL) == -EINVAL);
	CHECK(bundle_add(&b, "b/c", "x", 1, NULL) == 0);
	CHECK(bundle_check(b.data, b.len, NULL) == 0);
	buf_done(&b);
}

TEST(every_truncation_and_a_byte_too_many_are_refused)
{
	struct buf b;

	build(&b);
	for (size_t n = 0; n < b.len; n++)
		CHECK(bundle_check(b.data, n, NULL) == -EBADMSG);
	CHECK(buf_add(&b, "x", 1) == 0);
	CHECK(bundle_check(b.data, b.len, NULL) == -EBADMSG);
	buf_done(&b);
}

TEST(every_single_changed_byte_is_refused_or_changes_only_what_it_says)
{
	struct buf b;

	build(&b);
	for (size_t i = 0; i < b.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			struct bundle_entry entry;
			size_t at = 0, walked = 0;

			b.data[i] ^= (uint8_t)(1 << bit);
			if (bundle_check(b.data, b.len, NULL) == 0)
				while (bundle_next(b.data, b.len, &at, &entry)) {
					CHECK(entry.bytes + entry.size <= b.data + b.len);
					walked++;
				}
			CHECK(walked <= 3);
			b.data[i] ^= (uint8_t)(1 << bit);
		}
	CHECK(bundle_check(b.data, b.len, NULL) == 0);
	buf_done(&b);
}

TEST(limits_on_files_and_bytes_are_exact)
{
	static uint8_t big[BUNDLE_MAX];
	struct err e = {0};
	struct buf b;

	buf_init(&b, BUNDLE_MAX);
	CHECK(bundle_begin(&b, BUNDLE_FILES_MAX, NULL) == 0);
	buf_clear(&b);
	CHECK(bundle_begin(&b, BUNDLE_FILES_MAX + 1, &e) == -E2BIG);
	CHECK(strstr(e.text, "limit is 1000"));
	CHECK(bundle_begin(&b, 1, NULL) == 0);
	CHECK(bundle_add(&b, "a", big, BUNDLE_MAX - 12 - 6, &e) == -EFBIG);
	CHECK(bundle_add(&b, "a", big, BUNDLE_MAX - 12 - 6 - 1, &e) == 0);
	CHECK(b.len == BUNDLE_MAX && bundle_check(b.data, b.len, NULL) == 0);
	buf_done(&b);
}

TEST(a_count_that_lies_is_refused)
{
	struct buf b;

	build(&b);
	b.data[8] = 2;
	CHECK(bundle_check(b.data, b.len, NULL) == -EBADMSG);
	b.data[8] = 4;
	CHECK(bundle_check(b.data, b.len, NULL) == -EBADMSG);
	b.data[11] = 0x80;
	CHECK(bundle_check(b.data, b.len, NULL) == -EBADMSG);
	buf_done(&b);
}

TEST_MAIN()
