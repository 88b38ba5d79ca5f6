#include "orchestrator/repo/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "orchestrator/repo/commit_body.h"
#include "orchestrator/repo/repo.h"
#include "tests/support/test.h"

#define MAIN "refs/heads/main"

static const char oid_known[] = "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc";

struct fixture {
	char dir[64], path[REPO_PATH_MAX];
	struct repos repos;
};

static void setup(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/vitrine-draft-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	CHECK(repos_open(fx->dir, &fx->repos, NULL) == 0);
	(void)snprintf(fx->path, sizeof(fx->path), "%s/a.git", fx->dir);
	CHECK(repo_create(fx->path, NULL) == 0);
}

static void teardown(struct fixture *fx)
{
	CHECK(fs_remove_tree(fx->dir) == 0);
}

/* What git says, so that what we write is judged by git itself. The caller's until the next. */
static const char *git(const struct fixture *fx, const char *args)
{
	static char out[65536];
	char command[REPO_PATH_MAX + 300];
	size_t n;
	FILE *f;
	int status;

	(void)snprintf(command, sizeof(command), "git --git-dir=%s %s 2>&1", fx->path, args);
	f = popen(command, "r"); /* NOLINT(cert-env33-c): words of this file */
	CHECK(f);
	n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = '\0';
	status = pclose(f);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "%s: %s\n", command, out);
		exit(1);
	}
	return out;
}

static void put(struct draft *d, const char *path, const char *text)
{
	struct spool s;
	struct err e = {0};

	spool_init(&s, draft_quarantine(d));
	CHECK(spool_add(&s, text, strlen(text), NULL) == 0);
	if (draft_put(d, path, &s, false, &e) != 0) {
		fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	spool_done(&s);
}

static int find_lfs(const char *oid, uint64_t *ret, void *data)
{
	(void)data;
	if (strcmp(oid, oid_known) != 0)
		return -ENOENT;
	*ret = 7;
	return 0;
}

static const struct commit_body_ops body_ops = {.find_lfs = find_lfs};

/* A whole commit by the API. 0, or what refused it. */
static int commit(const struct fixture *fx, const char *ref, const char *body, struct err *e)
{
	CLEANUP(draft_freep) struct draft *d = NULL;
	CLEANUP(commit_body_freep) struct commit_body *b = NULL;
	int r = draft_open(fx->path, ref, &d, e);

	if (r == 0)
		r = commit_body_new(d, &body_ops, NULL, &b, e);
	if (r == 0)
		r = commit_body_feed(b, body, strlen(body), e);
	if (r == 0)
		r = commit_body_end(b, e);
	if (r == 0)
		r = draft_seal(d, "ada", commit_body_message(b), e);
	return r < 0 ? r : draft_keep(d, e);
}

#define HEAD "{\"key\":\"header\",\"value\":{\"summary\":\"s\"}}\n"
#define FILE_LINE(path, text)                                                                      \
	"{\"key\":\"file\",\"value\":{\"content\":\"" text "\",\"path\":\"" path                   \
	"\",\"encoding\":\"utf-8\"}}\n"

static void must(const struct fixture *fx, const char *body)
{
	struct err e = {0};

	if (commit(fx, MAIN, body, &e) != 0) {
		fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
}

static void is_sound(const struct fixture *fx)
{
	(void)git(fx, "fsck --strict --full");
	CHECK(strstr(git(fx, "count-objects -v"), "\ngarbage: 0\n"));
	CHECK(repo_is_quiet(fx->path));
}

TEST(the_first_commit_of_a_repo_and_the_next_are_gits_own)
{
	struct fixture fx;

	setup(&fx);
	must(&fx, "{\"key\":\"header\",\"value\":{\"summary\":\"Add\",\"description\":"
		  "\"one\\n\\ntwo\"}}\n"
		  "{\"key\":\"file\",\"value\":{\"content\":\"bmV3\",\"path\":\"b/"
		  "new.txt\",\"encoding\":\"base64\"}}\n" FILE_LINE("b.txt", "plain")
			  FILE_LINE("b-x", "") FILE_LINE("a", "1"));
	CHECK(!strcmp(git(&fx, "log --format=%an,%s,%b main"), "ada,Add,one\n\ntwo\n\n"));
	CHECK(!strcmp(git(&fx, "ls-tree -r --name-only main"), "a\nb-x\nb.txt\nb/new.txt\n"));
	CHECK(!strcmp(git(&fx, "cat-file blob main:b/new.txt"), "new"));
	must(&fx, HEAD "{\"key\":\"deletedFile\",\"value\":{\"path\":\"a\"}}\n" FILE_LINE(
			  "b.txt", "changed") FILE_LINE("c/d/e", "deep"));
	CHECK(!strcmp(git(&fx, "ls-tree -r --name-only main"), "b-x\nb.txt\nb/new.txt\nc/d/e\n"));
	CHECK(!strcmp(git(&fx, "cat-file blob main:b.txt"), "changed"));
	must(&fx, HEAD "{\"key\":\"deletedFolder\",\"value\":{\"path\":\"c/\"}}\n"
		       "{\"key\":\"deletedFile\",\"value\":{\"path\":\"b/new.txt\"}}\n");
	CHECK(!strcmp(git(&fx, "ls-tree -r -t --name-only main"), "b-x\nb.txt\n"));
	CHECK(!strcmp(git(&fx, "rev-list --count main"), "3\n"));
	is_sound(&fx);
	teardown(&fx);
}

TEST(what_cannot_be_done_leaves_the_branch_where_it_was)
{
	static const struct {
		const char *ref, *body;
		int code;
		const char *words;
	} bad[] = {
		{MAIN, HEAD "{\"key\":\"deletedFile\",\"value\":{\"path\":\"nope\"}}", -ENOENT,
			"A file with this name doesn't exist"},
		{MAIN, HEAD "{\"key\":\"deletedFolder\",\"value\":{\"path\":\"a\"}}", -ENOENT,
			"A file with this name doesn't exist"},
		{MAIN, HEAD FILE_LINE("../evil", "x"), -EINVAL,
			"../evil: no path may leave its place"},
		{MAIN, HEAD FILE_LINE(".git/config", "x"), -EINVAL,
			".git/config: git keeps this name for itself, on some machine"},
		{MAIN, HEAD FILE_LINE("a/b", "x"), -EINVAL, "a: is a file, not a folder"},
		{MAIN, HEAD FILE_LINE("d", "x"), -EINVAL, "d: is a folder"},
		{MAIN, FILE_LINE("x", "x"), -EBADMSG, "header: must be the first line"},
		{MAIN, "", -EBADMSG, "header: is missing"},
		{MAIN, HEAD HEAD, -EBADMSG, "header: stands there twice"},
		{MAIN, "{\"key\":\"header\",\"value\":{\"summary\":\"\"}}", -EBADMSG,
			"summary: is missing"},
		{MAIN,
			HEAD "{\"key\":\"file\",\"value\":{\"content\":\"bm=3bmV3\",\"path\":\"x\","
			     "\"encoding\":\"base64\"}}",
			-EBADMSG, "x: content: is not base64"},
		{MAIN,
			HEAD "{\"key\":\"file\",\"value\":{\"content\":\"bmV\",\"path\":\"x\","
			     "\"encoding\":\"base64\"}}",
			-EBADMSG, "x: content: is not base64"},
		{MAIN, HEAD "{\"key\":\"lfsFile\",\"value\":{\"path\":\"x\",\"oid\":\"00\"}}",
			-EBADMSG, "oid: must be the SHA-256 in lower-case hexadecimal"},
		{"refs/heads/none", HEAD, -ENOENT, "there is no branch 'none'"},
	};
	struct fixture fx;
	char before[64];

	setup(&fx);
	must(&fx, HEAD FILE_LINE("a", "1") FILE_LINE("d/e", "1"));
	(void)snprintf(before, sizeof(before), "%s", git(&fx, "rev-parse main"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = {0};

		if (commit(&fx, bad[i].ref, bad[i].body, &e) != bad[i].code ||
			strcmp(e.text, bad[i].words) != 0) {
			fprintf(stderr, "%zu: %s\n", i, e.text);
			exit(1);
		}
	}
	CHECK(!strcmp(git(&fx, "rev-parse main"), before));
	CHECK(!strncmp(git(&fx, "count-objects -v"), "count: 4\n", 9));
	is_sound(&fx);
	teardown(&fx);
}

TEST(a_commit_for_another_parent_is_refused_and_so_is_one_that_lost_the_race)
{
	CLEANUP(draft_freep) struct draft *slow = NULL;
	struct fixture fx;
	struct err e = {0};
	char body[300];

	setup(&fx);
	must(&fx, HEAD FILE_LINE("a", "1"));
	(void)snprintf(body, sizeof(body),
		"{\"key\":\"header\",\"value\":{\"summary\":\"s\",\"parentCommit\":\"%040d\"}}", 0);
	CHECK(commit(&fx, MAIN, body, &e) == -ESTALE);
	(void)snprintf(body, sizeof(body),
		"{\"key\":\"header\",\"value\":{\"summary\":\"s\",\"parentCommit\":\"%.40s\"}}"
		"\n" FILE_LINE("a", "2"),
		git(&fx, "rev-parse main"));
	CHECK(draft_open(fx.path, MAIN, &slow, NULL) == 0);
	put(slow, "slow", "x");
	CHECK(draft_seal(slow, "bob", "slow", NULL) == 0);
	CHECK(commit(&fx, MAIN, body, &e) == 0);
	CHECK(draft_keep(slow, &e) == -ESTALE);
	CHECK(!strcmp(git(&fx, "ls-tree -r --name-only main"), "a\n"));
	slow = draft_free(slow);
	is_sound(&fx);
	teardown(&fx);
}

TEST(an_lfs_file_is_a_pointer_that_gitattributes_tracks)
{
	struct fixture fx;
	char body[900];

	setup(&fx);
	must(&fx, HEAD FILE_LINE(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\\n")
			  FILE_LINE("sub/.gitattributes", "*.raw -filter\\n"));
	(void)snprintf(body, sizeof(body),
		HEAD "{\"key\":\"lfsFile\",\"value\":{\"path\":\"w/"
		     "m.bin\",\"algo\":\"sha256\",\"size\":7,\"oid\":\"%s\"}}\n"
		     "{\"key\":\"lfsFile\",\"value\":{\"path\":\"dump.weird\",\"oid\":\"%s\"}}\n"
		     "{\"key\":\"lfsFile\",\"value\":{\"path\":\"sub/x.raw\",\"oid\":\"%s\"}}\n",
		oid_known, oid_known, oid_known);
	must(&fx, body);
	CHECK(!strcmp(git(&fx, "cat-file blob main:.gitattributes"),
		"*.bin filter=lfs diff=lfs merge=lfs -text\n/dump.weird filter=lfs diff=lfs "
		"merge=lfs -text\n"));
	CHECK(!strcmp(git(&fx, "cat-file blob main:sub/.gitattributes"),
		"*.raw -filter\n/x.raw filter=lfs diff=lfs merge=lfs -text\n"));
	CHECK(!strcmp(git(&fx, "cat-file blob main:w/m.bin"),
		"version https://git-lfs.github.com/spec/v1\n"
		"oid sha256:af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc\nsize "
		"7\n"));
	is_sound(&fx);
	teardown(&fx);
}

TEST(lfs_files_that_are_too_many_for_the_patterns_are_refused_in_words)
{
	CLEANUP(draft_freep) struct draft *d = NULL;
	const struct pointer pointer = {
		.oid = "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc",
		.size = 7};
	static char rules[900000];
	char path[250];
	struct fixture fx;
	struct err e = {0};
	size_t n = 0;

	setup(&fx);
	while (n + 40 < sizeof(rules))
		n += (size_t)snprintf(rules + n, sizeof(rules) - n, "*a*a*b filter=lfs\n");
	CHECK(draft_open(fx.path, MAIN, &d, NULL) == 0);
	put(d, ".gitattributes", rules);
	for (int i = 0; i < 10; i++) {
		memset(path, 'a', sizeof(path));
		(void)snprintf(path + 200, sizeof(path) - 200, "%d", i);
		CHECK(draft_put_pointer(d, path, &pointer, NULL) == 0);
	}
	CHECK(draft_seal(d, "ada", "m", &e) == -E2BIG);
	CHECK(!strcmp(e.text, "there are too many patterns in .gitattributes for so many LFS files "
			      "in one commit; commit in parts"));
	d = draft_free(d);
	teardown(&fx);
}

TEST(a_large_file_passes_by_disk_and_a_larger_one_is_sent_to_lfs)
{
	struct fixture fx;
	CLEANUP(draft_freep) struct draft *d = NULL;
	static char piece[1 << 20];
	struct spool s;
	struct err e = {0};

	setup(&fx);
	memset(piece, 'x', sizeof(piece));
	CHECK(draft_open(fx.path, MAIN, &d, NULL) == 0);
	spool_init(&s, draft_quarantine(d));
	for (size_t i = 0; i < 10; i++)
		CHECK(spool_add(&s, piece, sizeof(piece), NULL) == 0);
	CHECK(draft_put(d, "ten", &s, false, NULL) == 0);
	CHECK(s.head.cap < 4 * SPOOL_MEMORY);
	CHECK(spool_add(&s, "x", 1, NULL) == 0);
	CHECK(draft_put(d, "more", &s, false, &e) == -EFBIG);
	CHECK(!strcmp(e.text, "more: is over 10 MiB; a file of that size is kept in git-lfs"));
	spool_done(&s);
	CHECK(draft_seal(d, "ada", "m", NULL) == 0 && draft_keep(d, NULL) == 0);
	CHECK(!strcmp(git(&fx, "cat-file -s main:ten"), "10485760\n"));
	d = draft_free(d);
	is_sound(&fx);
	teardown(&fx);
}

/* Of its last four characters of base64 two are in the file and two still in memory. */
TEST(base64_may_end_across_what_is_on_disk_and_what_is_held)
{
	struct fixture fx;
	CLEANUP(draft_freep) struct draft *d = NULL;
	static char piece[SPOOL_MEMORY + 2];
	struct spool s;
	struct err e = {0};

	setup(&fx);
	memset(piece, 'A', sizeof(piece));
	CHECK(draft_open(fx.path, MAIN, &d, NULL) == 0);
	spool_init(&s, draft_quarantine(d));
	CHECK(spool_add(&s, piece, sizeof(piece), NULL) == 0 && s.head.len == 0);
	CHECK(spool_add(&s, "==", 2, NULL) == 0 && s.head.len == 2);
	if (draft_put(d, "x", &s, true, &e) != 0) {
		fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	spool_done(&s);
	CHECK(draft_seal(d, "ada", "m", NULL) == 0 && draft_keep(d, NULL) == 0);
	CHECK(!strcmp(git(&fx, "cat-file -s main:x"), "49153\n"));
	d = draft_free(d);
	teardown(&fx);
}

TEST(a_draft_that_is_dropped_leaves_nothing)
{
	struct fixture fx;
	struct draft *d = NULL;

	setup(&fx);
	CHECK(draft_open(fx.path, MAIN, &d, NULL) == 0);
	put(d, "a", "1");
	CHECK(!repo_is_quiet(fx.path));
	(void)draft_free(d);
	CHECK(!strncmp(git(&fx, "count-objects"), "0 objects", 9));
	is_sound(&fx);
	teardown(&fx);
}

TEST_MAIN()
