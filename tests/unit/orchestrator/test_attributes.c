#include "orchestrator/repo/attributes.h"

#include "base/cleanup.h"
#include "tests/support/test.h"

/* Answers are those of git 2.39: git check-attr, git check-ignore. */
static const struct {
	const char *pattern, *path;
	bool yes;
} patterns[] = {
	{"*.bin", "a.bin", true},
	{"*.bin", "x/y/a.bin", true},
	{"*.bin", "a.binx", false},
	{"w/*.bin", "w/a.bin", true},
	{"w/*.bin", "w/x/a.bin", false},
	{"w/*.bin", "x/w/a.bin", false},
	{"/a", "a", true},
	{"/a", "x/a", false},
	{"**/a", "a", true},
	{"**/a", "x/y/a", true},
	{"w/**", "w/x/y", true},
	{"w/**", "w", false},
	{"w/**/z", "w/z", true},
	{"w/**/z", "w/x/y/z", true},
	{"w/**/z", "w/xz", false},
	{"a**b/c", "a/b/c", false},
	{"?.txt", "a.txt", true},
	{"a?b/c", "a/b/c", false},
	{"[ab].txt", "b.txt", true},
	{"[!ab].txt", "b.txt", false},
	{"[a-c]x", "bx", true},
	{"[]]x", "]x", true},
	{"[a", "[a", false},
	{"\\*.bin", "*.bin", true},
	{"\\*.bin", "a.bin", false},
	{"", "a", false},
};

TEST(patterns_match_as_gits)
{
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (pattern_matches(patterns[i].pattern, patterns[i].path) != patterns[i].yes) {
			fprintf(stderr, "'%s' '%s'\n", patterns[i].pattern, patterns[i].path);
			exit(1);
		}
}

TEST(a_pattern_of_many_stars_ends_soon)
{
	char pattern[600] = "", path[1000];

	for (size_t i = 0; i < 290; i++)
		memcpy(pattern + 2 * i, "*a", 3);
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	path[sizeof(path) - 2] = 'b';
	CHECK(!pattern_matches(pattern, path));
}

static enum lfs_rule rule(const char *text, const char *path)
{
	uint64_t left = PATTERN_STEPS_MAX;
	struct attributes *a;
	enum lfs_rule says;

	CHECK(attributes_parse(text, strlen(text), &a) == 0);
	says = attributes_lfs(a, path, &left);
	(void)attributes_free(a);
	return says;
}

TEST(the_last_rule_about_the_filter_counts)
{
	CHECK(rule("*.bin filter=lfs diff=lfs merge=lfs -text\n", "a.bin") == LFS_YES);
	CHECK(rule("*.bin filter=lfs\r\n*.txt text", "w/a.bin") == LFS_YES);
	CHECK(rule("*.bin filter=lfs\na.bin -filter\n", "a.bin") == LFS_NO);
	CHECK(rule("*.bin filter=lfs\na.bin text\n", "a.bin") == LFS_YES);
	CHECK(rule("*.bin filter=other\n", "a.bin") == LFS_NO);
	CHECK(rule("# *.bin filter=lfs\n!*.bin filter=lfs\n", "a.bin") == LFS_UNSAID);
	CHECK(rule("\"a b.bin\" filter=lfs\n", "a b.bin") == LFS_YES);
	CHECK(rule("*.bin", "a.bin") == LFS_UNSAID);
	CHECK(rule("", "a.bin") == LFS_UNSAID);
}

TEST(a_rule_that_is_added_tracks_its_path_and_no_other)
{
	static const char *const paths[] = {"a", "w/a.bin", "with blank", "q\"uote", "st*r",
		"d/[x]", "#hash", "!bang", "!d/x", "back\xc3\xa9"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct buf b;

		buf_init(&b, 1000);
		CHECK(buf_add_str(&b, "*.x filter=lfs") == 0 &&
			attributes_add_lfs(&b, paths[i]) == 0);
		CHECK(rule(buf_str(&b), "k.x") == LFS_YES);
		CHECK(rule(buf_str(&b), paths[i]) == LFS_YES);
		CHECK(rule(buf_str(&b), "other") == LFS_UNSAID);
		CHECK(rule(buf_str(&b), "deep/a") == LFS_UNSAID);
		CHECK(rule(buf_str(&b), "starr") == LFS_UNSAID);
		buf_done(&b);
	}
}

static bool ignored(const char *text, const char *path)
{
	return ignore_says(text, strlen(text), path, &(uint64_t){PATTERN_STEPS_MAX});
}

TEST(what_is_ignored_takes_its_folder_with_it)
{
	CHECK(ignored("*.log\n", "x.log") && ignored("*.log\n", "d/x.log"));
	CHECK(!ignored("*.log\n", "x.txt"));
	CHECK(ignored("node_modules/\n", "node_modules/a/b.js"));
	CHECK(!ignored("build/\n", "build"));
	CHECK(ignored("*.log\n!keep.log\n", "x.log") && !ignored("*.log\n!keep.log\n", "keep.log"));
	CHECK(ignored("d/\n!d/keep\n", "d/keep"));
	CHECK(ignored("trailing  \n", "trailing") && !ignored("# x\n", "# x") &&
		ignored("\\#x\n", "#x"));
}

/* How many of a thousand paths are answered, with so many lines, before the steps are spent. */
static size_t answered(const char *line, size_t lines, bool ignoring)
{
	uint64_t left = PATTERN_STEPS_MAX;
	struct attributes *a;
	char path[600] = "d/";
	struct buf text;
	size_t n = 0;

	buf_init(&text, ATTRIBUTES_MAX);
	for (size_t i = 0; i < lines; i++)
		CHECK(buf_addf(&text, "%s", line) == 0);
	memset(path + 2, 'a', sizeof(path) - 3);
	CHECK(attributes_parse(buf_str(&text), text.len, &a) == 0);
	for (; n < 1000 && left; n++) {
		if (ignoring)
			(void)ignore_says(buf_str(&text), text.len, path, &left);
		else
			(void)attributes_lfs(a, path, &left);
	}
	(void)attributes_free(a);
	buf_done(&text);
	return n;
}

TEST(a_request_takes_no_more_steps_than_its_share)
{
	CHECK(answered("*a*a*b filter=lfs\n", 10000, false) < 10);
	CHECK(answered("[bbbbbbbbbbbbbbbb]x filter=lfs\n", 30000, false) < 1000);
	CHECK(answered("*a*b\n", 10000, true) < 100);
	CHECK(answered("b\n", 400000, true) < 100);
	/* Those that we write ourselves are no burden. */
	CHECK(answered("/d/an-exact-name filter=lfs\n", 10000, false) == 1000);
	CHECK(answered("*.safetensors filter=lfs\n", 30, false) == 1000);
}

TEST_MAIN()
