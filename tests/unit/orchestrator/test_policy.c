#include "orchestrator/repo/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "orchestrator/repo/repo.h"
#include "tests/support/test.h"

#define OID "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc"
#define POINTER "version https://git-lfs.github.com/spec/v1\noid sha256:" OID "\nsize 4"
#define TOKEN                                                                                      \
	"hf_"                                                                                      \
	"aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"

struct fixture {
	char dir[64], path[REPO_PATH_MAX], quarantine[REPO_PATH_MAX + 40];
	struct repos repos;
	struct loop *loop;
	bool done, ok, has_lfs;
	const char *lfs; /* content */
	char words[8192];
};

static void setup(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/vitrine-policy-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	CHECK(repos_open(fx->dir, &fx->repos, NULL) == 0);
	(void)snprintf(fx->path, sizeof(fx->path), "%s/a.git", fx->dir);
	CHECK(repo_create(fx->path, NULL) == 0 && loop_new(&fx->loop) == 0);
	(void)snprintf(
		fx->quarantine, sizeof(fx->quarantine), "%s/objects/tmp_objdir-test", fx->path);
}

static void teardown(struct fixture *fx)
{
	(void)loop_free(fx->loop);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static const char beyond_reach[] = "there, and cannot be opened";

static int open_lfs(const char *oid, uint64_t *ret, void *data)
{
	const struct fixture *fx = data;
	int fd;

	if (fx->lfs == beyond_reach)
		return -EMFILE;
	if (!fx->lfs || strcmp(oid, OID) != 0)
		return -ENOENT;
	fd = fs_memfd_sealed("lfs", fx->lfs, strlen(fx->lfs), NULL);
	*ret = strlen(fx->lfs);
	return fd;
}

/* Lets git import what the stream says, into the quarantine or the repo; the id of its last. */
static void import(const struct fixture *fx, const char *stream, size_t n, bool fresh, char ret[41])
{
	char command[3 * REPO_PATH_MAX + 300], file[128];
	FILE *f;
	int status;

	(void)snprintf(file, sizeof(file), "%s/stream", fx->dir);
	f = fopen(file, "we");
	CHECK(f && fwrite(stream, 1, n, f) == n && fclose(f) == 0);
	CHECK(!fresh || mkdir(fx->quarantine, 0700) == 0 || errno == EEXIST);
	(void)snprintf(command, sizeof(command),
		"cd %s && %s git -c core.protectNTFS=false -c core.protectHFS=false -c "
		"fastimport.unpackLimit=1 "
		"fast-import --quiet --force --export-marks=%s/marks <%s && grep ^:1 %s/marks | "
		"cut -d' ' -f2",
		fx->path,
		fresh ? "GIT_ALTERNATE_OBJECT_DIRECTORIES=objects "
			"GIT_OBJECT_DIRECTORY=objects/tmp_objdir-test"
		      : "",
		fx->dir, file, fx->dir);
	f = popen(command, "r"); /* NOLINT(cert-env33-c): words of this file */
	CHECK(f && fread(ret, 1, 40, f) == 40);
	ret[40] = '\0';
	(void)fgetc(f);
	status = pclose(f);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void on_done(bool ok, const char *words, void *data)
{
	struct fixture *fx = data;

	fx->done = true;
	fx->ok = ok;
	(void)snprintf(fx->words, sizeof(fx->words), "%s", words);
}

static void judge(struct fixture *fx, const char head[41], bool space)
{
	char heads[1][41];
	const struct policy_request q = {.repo_path = fx->path,
		.quarantine = fx->quarantine,
		.heads = (const char(*)[41])heads,
		.n_heads = 1,
		.space = space,
		.open_lfs = open_lfs};
	struct policy *p;

	memcpy(heads[0], head, 41);
	fx->done = false;
	CHECK(policy_start(fx->loop, &q, on_done, fx, &p, NULL) == 0);
	while (!fx->done)
		CHECK(loop_dispatch(fx->loop, 1000) == 0);
}

#define COMMIT(message)                                                                            \
	"commit refs/heads/x\nmark :1\ncommitter C <c@x> 1700000000 +0000\ndata <<EOM\n" message   \
	"\nEOM\n"
#define FILE_AT(mode, path, text) "M " mode " inline \"" path "\"\ndata <<EOT\n" text "\nEOT\n"

static void expect(const char *stream, bool space, const char *lfs, const char *words)
{
	struct fixture fx;
	char head[41];

	setup(&fx);
	fx.lfs = lfs;
	import(&fx, stream, strlen(stream), true, head);
	judge(&fx, head, space);
	if (strcmp(fx.words, words) != 0) {
		fprintf(stderr, "'%s' is not\n'%s'\n", fx.words, words);
		exit(1);
	}
	CHECK(fx.ok == !*words);
	teardown(&fx);
}

TEST(a_plain_push_passes)
{
	expect(COMMIT("m") FILE_AT("100644", "README.md", "hello") FILE_AT(
		       "100755", "d/run.sh", "#!") FILE_AT("120000", "d/l", "../README.md"),
		false, NULL, "");
}

TEST(names_that_differ_by_machine_are_refused)
{
	expect(COMMIT("m") FILE_AT("100644", "README.md", "1") FILE_AT("100644", "d/a", "1")
			FILE_AT("100644", "readme.md", "2"),
		false, NULL,
		"readme.md: is the same file as README.md on machines that do not tell case or "
		"accents "
		"apart; rename one\n");
	expect(COMMIT("m") FILE_AT("100644", "x/caf\\303\\251", "1")
			FILE_AT("100644", "x/cafe\\314\\201", "2"),
		false, NULL,
		"x/caf\xc3\xa9: is the same file as cafe\xcc\x81 on machines that do not tell case "
		"or "
		"accents apart; rename one\n");
	expect(COMMIT("m") FILE_AT("100644", "a/git~1", "1") FILE_AT("100644", "a\\\\b", "1"),
		false, NULL,
		"a/git~1: git keeps this name for itself, on some machine\n"
		"a\\b: holds a slash or backslash, which Windows takes for a folder\n");
}

TEST(links_and_submodules_that_lead_out_are_refused)
{
	expect(COMMIT("m") FILE_AT("120000", "d/l", "../../etc/passwd")
			FILE_AT("120000", "m", "/etc") FILE_AT("120000", "n", ".git/config"),
		false, NULL,
		"d/l: is a symbolic link that leads out of the repo\n"
		"m: is a symbolic link that leads out of the repo\n"
		"n: is a symbolic link that leads out of the repo\n");
	expect(COMMIT("m") FILE_AT("120000", "l", "app.lua"), true, NULL,
		"l: is a symbolic link; a Space takes plain files\n");
	expect(COMMIT("m") "M 160000 1111111111111111111111111111111111111111 sub\n", false, NULL,
		"sub: is a submodule; put its files into this repo\n");
}

TEST(pickles_are_refused_in_git_and_in_lfs)
{
	static const char words[] =
		"w/m.pt: is a Python pickle, which runs code when it is loaded; convert it: "
		"safetensors.torch.save_file(torch.load('m.pt', weights_only=True), "
		"'m.safetensors')\n";

	expect(COMMIT("m") FILE_AT("100644", "w/m.pt",
		       "\x80\x02]q\x01(K\x01K\x02"
		       "e."),
		false, NULL, words);
	expect(COMMIT("m") FILE_AT("100644", "w/m.pt", POINTER), false, "\x80\x02N.", words);
	expect(COMMIT("m") FILE_AT("100644", "w/m.pt", POINTER), false, "GGUF", "");
}

/* Larger than what is held: its head is read from the pack. */
TEST(a_pickle_is_found_whatever_its_size)
{
	static char stream[sizeof(COMMIT("m")) + (13 << 20)];
	size_t size = 12 << 20;
	struct fixture fx;
	char head[41];
	int n = snprintf(
		stream, sizeof(stream), COMMIT("m") "M 100644 inline w.bin\ndata %zu\n", size);

	memset(stream + n, 'N', size);
	memcpy(stream + n, "\x80\x02]q", 4);
	for (int pickled = 1; pickled >= 0; pickled--) {
		setup(&fx);
		stream[n] = pickled ? '\x80' : 'G';
		import(&fx, stream, (size_t)n + size, true, head);
		judge(&fx, head, false);
		CHECK(fx.ok == !pickled);
		CHECK(!pickled || !strncmp(fx.words, "w.bin: is a Python pickle", 25));
		teardown(&fx);
	}
}

#define PICKLE_AT(path) "M 100644 inline " path "\ndata 6\n(lp0\n.\n"
#define NEXT "commit refs/heads/x\nmark :1\ncommitter C <c@x> 2 +0000\ndata 1\nm\nfrom %s\n"

/* One push that is there, and what is said of the next. */
static void expect_next(const char *old, const char *changes, const char *words)
{
	char next[600], head[41];
	struct fixture fx;
	int n;

	setup(&fx);
	import(&fx, old, strlen(old), false, head);
	n = snprintf(next, sizeof(next), NEXT "%s", head, changes);
	import(&fx, next, (size_t)n, true, head);
	judge(&fx, head, false);
	if (strncmp(fx.words, words, *words ? strlen(words) : sizeof(fx.words)) != 0) {
		fprintf(stderr, "'%s' is not\n'%s'\n", fx.words, words);
		exit(1);
	}
	teardown(&fx);
}

TEST(a_pickle_by_its_name_is_found_though_the_file_was_judged_by_another)
{
	static const char old[] = COMMIT("m") PICKLE_AT("a.txt");

	expect_next(COMMIT("m") FILE_AT("100644", "b", "1"), PICKLE_AT("a.txt") PICKLE_AT("m.pkl"),
		"m.pkl: is a Python pickle");
	expect_next(old, "R a.txt m.pkl\n", "m.pkl: is a Python pickle");
	expect_next(old, "R a.txt b.txt\n", "");
	/* What was there stays. */
	expect_next(COMMIT("m") PICKLE_AT("d/m.pkl"), FILE_AT("100644", "d/x", "1"), "");
}

TEST(a_folder_whose_link_leads_out_from_a_second_place_is_found)
{
	static const char old[] =
		COMMIT("m") FILE_AT("120000", "a/t/l", "../../b") FILE_AT("100644", "b", "1");

	expect_next(old, FILE_AT("100644", "c", "1"), "");
	expect_next(old, "C a/t a/u\n", "");
	expect_next(old, "C a/t t\n", "t/: holds a symbolic link that leads out of the repo");
	expect_next(old, "C a/t t/u/v\n", "");
	expect_next(old, "R a/t \"\"\n", "/: holds a symbolic link that leads out of the repo");
	expect_next(COMMIT("m") FILE_AT("100644", "b", "1"),
		FILE_AT("120000", "a/t/l", "../../b") FILE_AT("120000", "t/l", "../../b"),
		"t/: holds a symbolic link that leads out of the repo");
	/* What was there stays. */
	expect_next(
		COMMIT("m") FILE_AT("120000", "t/l", "../../b"), FILE_AT("100644", "c", "1"), "");
}

#define HUGE (50u << 20)

/* A push that begins with a huge file, and what is said of it. */
static void expect_huge(const char *head_words, const char *tail, const char *words)
{
	static char stream[HUGE + 2000];
	struct fixture fx;
	char head[41];
	int n = snprintf(stream, 1000, "%sdata %u\n", head_words, HUGE);

	memset(stream + n, 'z', HUGE);
	setup(&fx);
	memcpy(stream + n + HUGE, tail, strlen(tail));
	import(&fx, stream, (size_t)n + HUGE + strlen(tail), true, head);
	judge(&fx, head, false);
	if (strncmp(fx.words, words, strlen(words)) != 0) {
		fprintf(stderr, "'%s' is not\n'%s'\n", fx.words, words);
		exit(1);
	}
	teardown(&fx);
}

/* git packs the second as a copy of a part of the first. */
TEST(a_file_packed_as_the_difference_to_a_huge_one_is_refused_in_words)
{
	char tail[1000] = "\nM 100644 inline b\ndata 900\n";
	size_t n = strlen(tail);

	memset(tail + n, 'z', 900);
	tail[n + 900] = '\n';
	tail[n + 901] = '\0';
	expect_huge(COMMIT("m") "M 100644 inline a\n", tail,
		"b: cannot be read: it stands on an object that is too large to be unpacked here");
}

TEST(a_tag_of_a_huge_file_is_not_read_to_tell_that_it_is_no_commit)
{
	expect_huge("blob\nmark :2\n",
		"\ntag t\nmark :1\nfrom :2\ntagger T <t@x> 1 +0000\ndata 1\nm\n",
		"a ref must point to a commit, and ");
}

TEST(a_pointer_to_what_is_not_there_is_refused)
{
	expect(COMMIT("m") FILE_AT("100644", "g", POINTER), false, NULL,
		"g: points into git-lfs, and its content is not here; run 'git lfs push --all'\n");
	expect(COMMIT("m") FILE_AT("100644", "g", POINTER), false, "12345",
		"g: says 4 bytes, and its content in git-lfs has 5\n");
	expect(COMMIT("m") FILE_AT("100644", "g", POINTER), false, beyond_reach,
		"g: its content in git-lfs cannot be read now; push again\n");
}

TEST(a_secret_blocks_the_push_unless_a_message_says_why_it_may_be_public)
{
	expect(COMMIT("m") FILE_AT("100644", "d/config.py", "x = 1\nTOKEN = '" TOKEN "'"), false,
		NULL,
		"d/config.py:2: holds an access token of this platform's or Hugging Face's form "
		"(hf_…); "
		"take it out and revoke it, or say why it may be public in the commit's message: "
		"Secrets-Allowed: WHY\n");
	expect(COMMIT("m\n\nSecrets-Allowed: revoked, and a test needs it")
			FILE_AT("100644", "d/config.py", TOKEN),
		false, NULL, "");
	expect(COMMIT("m\n\nSecrets-Allowed:  ") FILE_AT("100644", "c", TOKEN), false, NULL,
		"c:1: holds an access token of this platform's or Hugging Face's form (hf_…); take "
		"it out "
		"and revoke it, or say why it may be public in the commit's message: "
		"Secrets-Allowed: "
		"WHY\n");
}

TEST(a_secret_of_an_earlier_commit_of_the_push_is_found_though_it_was_deleted)
{
	static const char stream[] =
		"commit refs/heads/x\nmark :2\ncommitter C <c@x> 1 +0000\ndata 1\nm\n" FILE_AT(
			"100644", "key",
			TOKEN) "commit refs/heads/x\nmark :1\ncommitter C <c@x> 2 +0000\ndata "
			       "1\nm\nfrom :2\nD key\n" FILE_AT("100644", "b", "1");
	struct fixture fx;
	char head[41];

	setup(&fx);
	import(&fx, stream, sizeof(stream) - 1, true, head);
	judge(&fx, head, false);
	CHECK(!fx.ok && !strncmp(fx.words, "key:1: holds an access token", 28));
	teardown(&fx);
}

TEST(what_was_there_before_is_not_asked_about)
{
	static const char old[] = COMMIT("m") FILE_AT("100644", "key", TOKEN)
		FILE_AT("100644", "d/KEY", "1") FILE_AT("100644", "d/key", "2");
	char next[400], head[41];
	struct fixture fx;

	setup(&fx);
	import(&fx, old, sizeof(old) - 1, false, head);
	(void)snprintf(next, sizeof(next),
		"commit refs/heads/x\nmark :1\ncommitter C <c@x> 2 +0000\ndata 1\nm\nfrom "
		"%s\n" FILE_AT("100644", "b", "1"),
		head);
	import(&fx, next, strlen(next), true, head);
	judge(&fx, head, false);
	CHECK(fx.ok);
	/* Touched, the folder is new. */
	(void)snprintf(next, sizeof(next),
		"commit refs/heads/y\nmark :1\ncommitter C <c@x> 2 +0000\ndata 1\nm\nfrom "
		"%s\n" FILE_AT("100644", "d/x", "1"),
		head);
	import(&fx, next, strlen(next), true, head);
	judge(&fx, head, false);
	CHECK(!fx.ok && strstr(fx.words, "d/key: is the same file as KEY"));
	teardown(&fx);
}

/* Ten folders of ten folders, each time the same object: 10^9 files of some dozen objects. */
TEST(a_tree_that_unfolds_without_end_is_counted_and_not_walked)
{
	struct fixture fx;
	char command[4 * REPO_PATH_MAX], head[41];
	FILE *f;

	setup(&fx);
	CHECK(mkdir(fx.quarantine, 0700) == 0);
	(void)snprintf(command, sizeof(command),
		"cd %s && export GIT_ALTERNATE_OBJECT_DIRECTORIES=$PWD/objects "
		"GIT_OBJECT_DIRECTORY=$PWD/objects/tmp_objdir-test "
		"GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a; "
		"id=$(echo x | git hash-object -w --stdin); kind='100644 blob'; "
		"for i in 1 2 3 4 5 6 7 8 9; do for j in 0 1 2 3 4 5 6 7 8 9; do printf '%%s "
		"%%s\\tf%%s\\n' \"$kind\" $id $j; done >t; "
		"id=$(git mktree <t); kind='040000 tree'; done; git commit-tree -m m $id",
		fx.path);
	f = popen(command, "r"); /* NOLINT(cert-env33-c): words of this file */
	CHECK(f && fread(head, 1, 40, f) == 40);
	head[40] = '\0';
	(void)pclose(f);
	judge(&fx, head, false);
	CHECK(!fx.ok && !strcmp(fx.words, "more than 100000 files, the limit of a repo\n"));
	teardown(&fx);
}

TEST(folders_deeper_than_the_limit_are_refused)
{
	char stream[1000] = COMMIT("m") "M 100644 inline ";

	for (int i = 0; i < 70; i++)
		memcpy(stream + strlen(stream), "d/", 3);
	memcpy(stream + strlen(stream), "f\ndata 1\nx\n", 12);
	expect(stream, false, NULL,
		"d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/"
		"…: "
		"folders lie deeper than 64, the limit of a repo\n");
}

TEST_MAIN()
