#include "orchestrator/repo/names.h"

#include <errno.h>

#include "base/cleanup.h"
#include "tests/support/test.h"

TEST(plain_paths_pass)
{
	static const char *const good[] = {"a", "a/b/c.txt", ".gitattributes", ".github/x",
		"dir with space/na\xc3\xafve \xe2\x98\x83.txt", ".gitx", "git", "a..b", "...",
		"git~10", "CON"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(path_check(good[i], NULL) == 0);
}

TEST(a_path_that_leaves_the_repo_or_is_gits_own_is_refused)
{
	static const char *const bad[] = {"", "/a", "a/", "a//b", ".", "..", "a/../b",
		"../evil.txt", ".git", ".git/config", "a/.GIT/x", ".Git", ".git ", ".git.",
		".git . .", ".git::$INDEX_ALLOCATION", "git~1", "GIT~1/x", ".g\xe2\x80\x8cit",
		"\xef\xbb\xbf.git", "a\\b", "a\nb", "a\x7f", "\xff", "a\xc0\xaf"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (path_check(bad[i], NULL) != -EINVAL) {
			fprintf(stderr, "%zu '%s'\n", i, bad[i]);
			exit(1);
		}
}

TEST(length_and_depth_are_bounded)
{
	char path[2 * PATH_BYTES_MAX] = "";
	struct err e = {0};

	memset(path, 'a', NAME_BYTES_MAX);
	CHECK(path_check(path, NULL) == 0);
	path[NAME_BYTES_MAX] = 'a';
	CHECK(path_check(path, &e) == -EINVAL && strstr(e.text, "limit of 255 bytes"));
	memset(path, 0, sizeof(path));
	for (size_t i = 0; i < PATH_DEPTH_MAX; i++)
		memcpy(path + 2 * i, i + 1 < PATH_DEPTH_MAX ? "a/" : "a", 2);
	CHECK(path_check(path, NULL) == 0);
	memcpy(path + 2 * PATH_DEPTH_MAX - 1, "/a", 3);
	CHECK(path_check(path, &e) == -EINVAL);
}

static bool same(const char *a, const char *b)
{
	CLEANUP(freep) char *x = name_folded(a, strlen(a));
	CLEANUP(freep) char *y = name_folded(b, strlen(b));

	CHECK(x && y);
	return !strcmp(x, y);
}

TEST(names_that_one_machine_cannot_tell_apart_have_one_form)
{
	CHECK(same("README.md", "readme.MD"));
	CHECK(same("caf\xc3\xa9", "cafe\xcc\x81"));
	CHECK(same("CAF\xc3\x89", "cafe\xcc\x81"));
	CHECK(same("stra\xc3\x9f"
		   "e",
		"STRASSE"));
	CHECK(!same("a", "b") && !same("a", "a "));
	CHECK(same("\xff", "\xff") && !same("\xff", "\xfe"));
}

TEST_MAIN()
