#include "orchestrator/repo/revision.h"

#include <errno.h>
#include <stdio.h>

#include "base/fs.h"
#include "orchestrator/repo/repo.h"
#include "tests/support/git.h"
#include "tests/support/test.h"

struct fixture {
	struct git_fixture git;
	char first[41], second[41];
};

/* main and feature/x at the second commit; v1 (a tag object) and "both" (tag) at the first, "both"
 * (branch) at the second; refs/pr/1, and one that is hidden. */
static void setup(struct fixture *fx)
{
	git_fixture_init(&fx->git);
	git_fixture_commit(&fx->git, REPO_MAIN, "first", "a.txt", "one", fx->first);
	git_fixture_commit(&fx->git, REPO_MAIN, "second", "a.txt", "two", fx->second);
	git_fixture_ref(&fx->git, "refs/heads/feature/x", fx->second);
	git_fixture_ref(&fx->git, "refs/heads/both", fx->second);
	git_fixture_ref(&fx->git, "refs/tags/both", fx->first);
	git_fixture_ref(&fx->git, "refs/pr/1", fx->first);
	git_fixture_ref(&fx->git, "refs/vitrine/own", fx->first);
	git_fixture_tag(&fx->git, "v1", fx->first);
}

static void teardown(struct fixture *fx)
{
	git_fixture_done(&fx->git);
}

static bool leads(struct fixture *fx, const char *name, const char *commit, const char *ref)
{
	struct revision rev;

	return revision_find(fx->git.repo, name, &rev, NULL) == 0 && !strcmp(rev.commit, commit) &&
	       !strcmp(rev.ref, ref) && !strcmp(rev.name, name);
}

static bool unknown(struct fixture *fx, const char *name)
{
	struct revision rev;
	struct err e = {0};

	return revision_find(fx->git.repo, name, &rev, &e) == -ENOENT && e.text[0];
}

TEST(heads_come_before_tags_and_those_before_full_names_and_ids)
{
	struct fixture fx;
	char seven[8], six[7];

	setup(&fx);
	CHECK(leads(&fx, "HEAD", fx.second, REPO_MAIN));
	CHECK(leads(&fx, "main", fx.second, REPO_MAIN));
	CHECK(leads(&fx, "feature/x", fx.second, "refs/heads/feature/x"));
	CHECK(leads(&fx, "both", fx.second, "refs/heads/both"));
	CHECK(leads(&fx, "v1", fx.first, "refs/tags/v1"));
	CHECK(leads(&fx, "refs/tags/both", fx.first, "refs/tags/both"));
	CHECK(leads(&fx, "refs/pr/1", fx.first, "refs/pr/1"));
	CHECK(leads(&fx, fx.first, fx.first, ""));
	(void)snprintf(seven, sizeof(seven), "%.7s", fx.first);
	(void)snprintf(six, sizeof(six), "%.6s", fx.first);
	CHECK(leads(&fx, seven, fx.first, "") && unknown(&fx, six));
	git_fixture_ref(&fx.git, "refs/heads/abcdef0", fx.second);
	CHECK(leads(&fx, "abcdef0", fx.second, "refs/heads/abcdef0"));
	teardown(&fx);
}

TEST(no_syntax_of_git_is_a_revision)
{
	static const char *const names[] = {"", "-", "-h", "--all", "main~1", "main^",
		"main^{tree}", "main:a.txt", ":/first", "@", "@{-1}", "main@{0}", "HEAD~1", "..",
		"main..feature/x", "refs/heads/../heads/main", "heads/main", "refs/vitrine/own",
		"refs/heads/", "refs", "FETCH_HEAD", "config", "../config", "main.lock", "ma\nin",
		"main ", "0000000000000000000000000000000000000000"};
	struct fixture fx;
	char name[600];

	setup(&fx);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK(unknown(&fx, names[i]));
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	CHECK(unknown(&fx, name));
	teardown(&fx);
}

TEST(a_tag_of_something_else_and_an_unborn_head_are_no_revision)
{
	struct fixture fx;
	struct git_fixture empty;
	struct revision rev;
	char blob[41];

	setup(&fx);
	git_fixture_blob(&fx.git, "just bytes", blob);
	git_fixture_ref(&fx.git, "refs/tags/bytes", blob);
	CHECK(unknown(&fx, "bytes") && unknown(&fx, blob));
	teardown(&fx);
	git_fixture_init(&empty);
	CHECK(revision_find(empty.repo, "HEAD", &rev, NULL) == -ENOENT);
	CHECK(revision_find(empty.repo, "main", &rev, NULL) == -ENOENT);
	git_fixture_done(&empty);
}

static bool splits(struct fixture *fx, const char *rest, const char *name, const char *path)
{
	char got[REVISION_PATH_MAX];
	struct revision rev;

	return revision_split(fx->git.repo, rest, &rev, got, NULL) == 0 &&
	       !strcmp(rev.name, name) && !strcmp(got, path);
}

TEST(the_fewest_segments_that_name_a_revision_are_taken)
{
	struct fixture fx;

	setup(&fx);
	CHECK(splits(&fx, "main", "main", "") && splits(&fx, "main/", "main", ""));
	CHECK(splits(&fx, "main/a/b.txt", "main", "a/b.txt"));
	CHECK(splits(&fx, "main/a/b/", "main", "a/b"));
	CHECK(splits(&fx, "main/a%2Fb", "main", "a/b"));
	CHECK(splits(&fx, "feature/x/a.txt", "feature/x", "a.txt"));
	CHECK(splits(&fx, "feature%2Fx/a.txt", "feature/x", "a.txt"));
	CHECK(splits(&fx, "refs/pr/1/dir", "refs/pr/1", "dir"));
	CHECK(splits(&fx, "refs%2Fpr%2F1", "refs/pr/1", ""));
	CHECK(splits(&fx, "main/na%C3%AFve%20%23%3F%25.txt", "main", "na\xc3\xafve #?%.txt"));
	/* "feature" of its own cannot be beside feature/x; "main/x" cannot beside main. */
	CHECK(splits(&fx, "main/main", "main", "main"));
	teardown(&fx);
}

TEST(a_rest_that_names_nothing_or_a_path_that_cannot_be_is_refused)
{
	static const char *const unknowns[] = {"", "/", "/main", "no/such", "feature/y/a",
		"feature", "%", "%zz", "%6", "%00", "m%00ain/a", "-main", "//main"};
	static const char *const paths[] = {"main/..", "main/../config", "main/a/../b", "main/./a",
		"main//a", "main/a//b", "main/%2e%2e/x", "main/..%2Fconfig", "main/a%00b",
		"main/a%5Cb", "main/%", "main/a%2", "main/%2Fetc/passwd"};
	char path[REVISION_PATH_MAX], rest[3 * REVISION_PATH_MAX];
	struct revision rev;
	struct fixture fx;

	setup(&fx);
	for (size_t i = 0; i < sizeof(unknowns) / sizeof(unknowns[0]); i++)
		CHECK(revision_split(fx.git.repo, unknowns[i], &rev, path, NULL) == -ENOENT);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		CHECK(revision_split(fx.git.repo, paths[i], &rev, path, NULL) == -EINVAL);
		CHECK(!strcmp(rev.commit, fx.second));
	}
	memset(rest, 'a', sizeof(rest));
	memcpy(rest, "main/", 5);
	rest[5 + REVISION_PATH_MAX] = '\0';
	CHECK(revision_split(fx.git.repo, rest, &rev, path, NULL) == -EINVAL);
	rest[5 + REVISION_PATH_MAX - 1] = '\0';
	CHECK(revision_split(fx.git.repo, rest, &rev, path, NULL) == 0);
	teardown(&fx);
}

TEST_MAIN()
