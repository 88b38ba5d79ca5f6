#include "orchestrator/reader/jobs.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/repo/diff.h"
#include "orchestrator/repo/pointer.h"
#include "orchestrator/repo/repo.h"
#include "tests/support/git.h"
#include "tests/support/test.h"

#define MAIN "refs/heads/main"

/* What a job answers. */
struct answer {
	json_t *head, *body; /* owned; body NULL: none, or it is no JSON */
	char *text;          /* owned; the body as it is */
	size_t n;
};

static int confine(const char *repo, struct err *e)
{
	(void)repo;
	(void)e;
	return 0;
}

static void ask_taking(struct git_fixture *g, json_t *args, struct answer *ret)
{
	FILE *body;

	*ret = (struct answer){0};
	CHECK(args && json_object_set_new(args, "repo", json_string(g->path)) == 0);
	body = open_memstream(&ret->text, &ret->n);
	CHECK(body);
	job_do(args, body, -1, confine, &ret->head);
	(void)fclose(body);
	ret->body = json_loadb(ret->text, ret->n, 0, NULL);
	json_decref(args);
}

static void answer_done(struct answer *a)
{
	json_decref(a->head);
	json_decref(a->body);
	free(a->text);
}

#define ASK(g, a, ...) ask_taking(g, json_pack(__VA_ARGS__), a)

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static json_int_t num(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static bool failed(const struct answer *a, const char *code)
{
	return !strcmp(str(a->head, "error"), code) && json_object_get(a->head, "error") &&
	       *str(a->head, "words");
}

/* "a,b/c,…" of an array's field */
static const char *names(const json_t *list, const char *key)
{
	static char text[4096];
	const json_t *item;
	size_t i, n = 0;

	text[0] = '\0';
	json_array_foreach(list, i, item) n +=
		(size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? "," : "", str(item, key));
	return text;
}

/* README.md, a/b/deep.txt, a/x.txt, a.txt, big.bin (a pointer), z */
static void fill(struct git_fixture *g)
{
	const struct pointer big = {
		.oid = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		.size = 12345678};
	char pointer[POINTER_MAX];

	(void)pointer_format(&big, pointer);
	git_fixture_init(g);
	git_fixture_commit(g, MAIN, "readme", "README.md",
		"---\ntags: [one]\npipeline_tag: fill-mask\nlicense: mit\n---\n", NULL);
	git_fixture_commit(g, MAIN, "deep", "a/b/deep.txt", "deep", NULL);
	git_fixture_commit(g, MAIN, "x", "a/x.txt", "x", NULL);
	git_fixture_commit(g, MAIN, "a", "a.txt", "a\n", NULL);
	git_fixture_commit(g, MAIN, "big", "big.bin", pointer, NULL);
	git_fixture_commit(g, MAIN, "z\r\n\r\nmore\nwords\n", "z", "", NULL);
}

TEST(a_folder_is_listed_by_itself_or_with_all_below_it)
{
	struct git_fixture g;
	struct answer a;
	const json_t *big;

	fill(&g);
	ASK(&g, &a, "{s:s, s:s, s:i}", "op", "tree", "rest", "main", "limit", 100);
	CHECK(!strcmp(names(a.body, "path"), "README.md,a.txt,a,big.bin,z"));
	CHECK(!json_object_get(a.head, "next") && strlen(str(a.head, "commit")) == 40);
	big = json_array_get(a.body, 3);
	CHECK(!strcmp(str(big, "type"), "file") && num(big, "size") == 12345678);
	CHECK(num(json_object_get(big, "lfs"), "size") == 12345678 &&
		num(json_object_get(big, "lfs"), "pointerSize") > 100);
	CHECK(!strcmp(str(json_array_get(a.body, 2), "type"), "directory"));
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s, s:i, s:b}", "op", "tree", "rest", "main", "limit", 100, "recursive",
		1);
	CHECK(!strcmp(
		names(a.body, "path"), "README.md,a.txt,a,a/b,a/b/deep.txt,a/x.txt,big.bin,z"));
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s, s:i, s:b}", "op", "tree", "rest", "main/a/b", "limit", 100,
		"recursive", 1);
	CHECK(!strcmp(names(a.body, "path"), "a/b/deep.txt"));
	answer_done(&a);
	git_fixture_done(&g);
}

TEST(pages_of_any_size_make_up_the_whole_list)
{
	struct git_fixture g;

	fill(&g);
	for (int recursive = 0; recursive < 2; recursive++)
		for (int limit = 1; limit < 10; limit++) {
			char after[256] = "", all[1024] = "";
			size_t n = 0;
			bool more = true;

			while (more) {
				struct answer a;

				ASK(&g, &a, "{s:s, s:s, s:i, s:b, s:s*}", "op", "tree", "rest",
					"main", "limit", limit, "recursive", recursive, "after",
					*after ? after : NULL);
				CHECK((int)json_array_size(a.body) <= limit);
				n += (size_t)snprintf(
					all + n, sizeof(all) - n, "%s,", names(a.body, "path"));
				more = json_object_get(a.head, "next");
				(void)snprintf(after, sizeof(after), "%s", str(a.head, "next"));
				answer_done(&a);
			}
			CHECK(!strcmp(all, recursive ? "README.md,a.txt,a,a/b,a/b/deep.txt,a/x.txt,"
						       "big.bin,z,"
						     : "README.md,a.txt,a,big.bin,z,"));
		}
	git_fixture_done(&g);
}

TEST(a_page_goes_on_where_the_last_entry_is_gone_meanwhile)
{
	struct git_fixture g;
	struct answer a;

	fill(&g);
	ASK(&g, &a, "{s:s, s:s, s:i, s:b, s:s}", "op", "tree", "rest", "main", "limit", 100,
		"recursive", 1, "after", "a/b/gone.txt");
	CHECK(!strcmp(names(a.body, "path"), "a/x.txt,big.bin,z"));
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s, s:i, s:s}", "op", "tree", "rest", "main", "limit", 100, "after",
		"b");
	CHECK(!strcmp(names(a.body, "path"), "big.bin,z"));
	answer_done(&a);
	git_fixture_done(&g);
}

TEST(a_missing_folder_and_a_missing_revision_are_told_apart)
{
	struct git_fixture g;
	struct answer a;

	fill(&g);
	ASK(&g, &a, "{s:s, s:s, s:i}", "op", "tree", "rest", "main/no", "limit", 9);
	CHECK(failed(&a, "EntryNotFound") && strlen(str(a.head, "commit")) == 40);
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s, s:i}", "op", "tree", "rest", "main/z", "limit", 9);
	CHECK(failed(&a, "EntryNotFound"));
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s, s:i}", "op", "tree", "rest", "gone/a", "limit", 9);
	CHECK(failed(&a, "RevisionNotFound") && !json_object_get(a.head, "commit"));
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s}", "op", "content", "rest", "main/../config");
	CHECK(failed(&a, "EntryNotFound"));
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s}", "op", "content", "rest", "main/a");
	CHECK(failed(&a, "EntryNotFound"));
	answer_done(&a);
	git_fixture_done(&g);
}

TEST(each_entry_tells_the_commit_that_changed_it_last)
{
	struct git_fixture g;
	struct answer a;
	const json_t *item;
	char text[512] = "";
	size_t i, n = 0;

	fill(&g);
	git_fixture_commit(&g, MAIN, "again", "a.txt", "a2\n", NULL);
	git_fixture_commit(&g, MAIN, "back", "a.txt", "a\n", NULL);
	git_fixture_commit(&g, MAIN, "nothing", NULL, NULL, NULL);
	ASK(&g, &a, "{s:s, s:s, s:i, s:b, s:b}", "op", "tree", "rest", "main", "limit", 100,
		"recursive", 1, "expand", 1);
	json_array_foreach(a.body, i, item) n += (size_t)snprintf(text + n, sizeof(text) - n,
		"%s=%s ", str(item, "path"), str(json_object_get(item, "lastCommit"), "title"));
	CHECK(!strcmp(text, "README.md=readme a.txt=back a=x a/b=deep a/b/deep.txt=deep a/x.txt=x "
			    "big.bin=big z=z "));
	item = json_object_get(json_array_get(a.body, 0), "lastCommit");
	CHECK(!strcmp(str(item, "date"), "2023-11-14T22:13:20.000Z"));
	answer_done(&a);
	git_fixture_done(&g);
}

/* A merge took "side.txt" from one side and "main.txt" from the other. */
TEST(the_last_change_is_found_on_the_side_of_a_merge_it_came_from)
{
	struct git_fixture g;
	struct answer a;
	char base[41], side[41], tip[41], merged[41];

	git_fixture_init(&g);
	git_fixture_commit(&g, MAIN, "base", "base.txt", "b", base);
	git_fixture_ref(&g, "refs/heads/side", base);
	git_fixture_commit(&g, "refs/heads/side", "on side", "side.txt", "s", side);
	git_fixture_commit(&g, MAIN, "on main", "main.txt", "m", tip);
	git_fixture_merge(&g, MAIN, "merge", side, "side.txt", "s", merged);
	ASK(&g, &a, "{s:s, s:s, s:b, s:[s, s, s, s]}", "op", "paths", "rest", "main", "expand", 1,
		"paths", "base.txt", "main.txt", "side.txt", "gone");
	CHECK(json_array_size(a.body) == 3);
	CHECK(!strcmp(str(json_object_get(json_array_get(a.body, 0), "lastCommit"), "id"), base));
	CHECK(!strcmp(str(json_object_get(json_array_get(a.body, 1), "lastCommit"), "id"), tip));
	CHECK(!strcmp(str(json_object_get(json_array_get(a.body, 2), "lastCommit"), "id"), side));
	answer_done(&a);
	git_fixture_done(&g);
}

TEST(named_paths_are_found_and_the_others_left_out)
{
	struct git_fixture g;
	struct answer a;

	fill(&g);
	ASK(&g, &a, "{s:s, s:s, s:[s, s, s, s, s, s, s, s, i]}", "op", "paths", "rest", "main",
		"paths", "a/", "a/b/deep.txt", "nope", "../a", "", "/", "a//b", "big.bin", 7);
	CHECK(!strcmp(names(a.body, "path"), "a,a/b/deep.txt,big.bin"));
	answer_done(&a);
	git_fixture_done(&g);
}

TEST(commits_come_newest_first_in_pages_with_their_number)
{
	struct git_fixture g;
	struct answer a;
	const json_t *first;

	fill(&g);
	ASK(&g, &a, "{s:s, s:s, s:i, s:i}", "op", "commits", "rest", "main", "skip", 0, "limit", 2);
	CHECK(num(a.head, "total") == 6 && json_is_true(json_object_get(a.head, "whole")));
	CHECK(!strcmp(names(a.body, "title"), "z,big"));
	first = json_array_get(a.body, 0);
	CHECK(!strcmp(str(first, "message"), "more\nwords"));
	CHECK(!strcmp(str(json_array_get(json_object_get(first, "authors"), 0), "user"), "Ada"));
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s, s:i, s:i}", "op", "commits", "rest", "main", "skip", 4, "limit", 5);
	CHECK(!strcmp(names(a.body, "title"), "deep,readme"));
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s, s:i, s:i}", "op", "commits", "rest", "main/a", "skip", 0, "limit",
		5);
	CHECK(failed(&a, "RevisionNotFound"));
	answer_done(&a);
	git_fixture_done(&g);
}

TEST(commits_of_one_second_stay_in_their_order)
{
	struct git_fixture g;
	struct answer a;
	char name[8], want[64] = "";
	size_t n = 0;

	git_fixture_init(&g);
	for (int i = 0; i < 12; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		g.clock = 1700000000;
		git_fixture_commit(&g, MAIN, name, name, name, NULL);
	}
	for (int i = 11; i >= 0; i--)
		n += (size_t)snprintf(want + n, sizeof(want) - n, "%d%s", i, i ? "," : "");
	ASK(&g, &a, "{s:s, s:s, s:i, s:i}", "op", "commits", "rest", "main", "skip", 0, "limit",
		50);
	CHECK(!strcmp(names(a.body, "title"), want));
	answer_done(&a);
	git_fixture_done(&g);
}

TEST(refs_are_told_with_the_commits_they_lead_to)
{
	struct git_fixture g;
	struct answer a;
	char id[41];

	fill(&g);
	git_fixture_commit(&g, "refs/heads/feature/x", "f", "f", "f", id);
	git_fixture_tag(&g, "v1", id);
	git_fixture_ref(&g, "refs/pr/1", id);
	git_fixture_ref(&g, "refs/vitrine/own", id);
	ASK(&g, &a, "{s:s, s:b}", "op", "refs", "prs", 1);
	CHECK(!strcmp(names(json_object_get(a.body, "branches"), "name"), "feature/x,main"));
	CHECK(!strcmp(names(json_object_get(a.body, "tags"), "targetCommit"), id));
	CHECK(!strcmp(names(json_object_get(a.body, "pullRequests"), "ref"), "refs/pr/1"));
	CHECK(json_is_array(json_object_get(a.body, "converts")) && !strstr(a.text, "own"));
	answer_done(&a);
	git_fixture_done(&g);
}

TEST(content_is_given_as_it_is_and_a_large_file_by_its_name)
{
	struct git_fixture g;
	struct answer a;
	char oid[41];

	fill(&g);
	ASK(&g, &a, "{s:s, s:s}", "op", "content", "rest", "main/a.txt");
	CHECK(a.n == 2 && !memcmp(a.text, "a\n", 2) && num(a.head, "size") == 2);
	(void)snprintf(oid, sizeof(oid), "%s", str(a.head, "oid"));
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s, s:s}", "op", "content", "rest", "main/a.txt", "known", oid);
	CHECK(a.n == 0 && num(a.head, "size") == 2);
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s, s:b}", "op", "content", "rest", "HEAD/a/x.txt", "bodiless", 1);
	CHECK(a.n == 0 && num(a.head, "size") == 1 && !json_object_get(a.head, "lfs"));
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s}", "op", "content", "rest", "main/z");
	CHECK(a.n == 0 && num(a.head, "size") == 0 && !json_object_get(a.head, "error"));
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s}", "op", "content", "rest", "main/big.bin");
	CHECK(a.n == 0 && num(a.head, "size") == 12345678 &&
		str(json_object_get(a.head, "lfs"), "oid")[0] == 'a');
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s, s:b}", "op", "content", "rest", "main/big.bin", "raw", 1);
	CHECK(a.n == (size_t)num(a.head, "size") && !memcmp(a.text, "version https://git-lfs", 23));
	answer_done(&a);
	git_fixture_done(&g);
}

TEST(the_overview_has_the_files_the_card_and_what_it_was_given)
{
	struct git_fixture g;
	struct answer a;
	const json_t *card;

	fill(&g);
	git_fixture_commit(&g, MAIN, "w", "model.safetensors", "no weights", NULL);
	ASK(&g, &a, "{s:s, s:{s:s, s:n, s:n}, s:b, s:b, s:b, s:b}", "op", "overview", "object",
		"id", "ada/demo", "pipeline_tag", "library_name", "siblings", 1, "card", 1,
		"storage", 1, "weights", 1);
	CHECK(!strcmp(str(a.body, "id"), "ada/demo") && strlen(str(a.body, "sha")) == 40);
	CHECK(!strcmp(names(json_object_get(a.body, "siblings"), "rfilename"),
		"README.md,a.txt,a/b/deep.txt,a/x.txt,big.bin,model.safetensors,z"));
	CHECK(!strcmp(str(a.body, "pipeline_tag"), "fill-mask"));
	CHECK(json_is_null(json_object_get(a.body, "library_name")));
	card = json_object_get(a.body, "cardData");
	CHECK(!strcmp(str(card, "license"), "mit") && !json_object_get(a.body, "title"));
	CHECK(json_array_size(json_object_get(a.body, "tags")) == 3);
	CHECK(num(a.body, "usedStorage") > 12345678);
	CHECK(!strcmp(names(json_object_get(a.head, "weights"), "path"), "model.safetensors"));
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s, s:{}, s:b, s:b}", "op", "overview", "rest", "main", "object",
		"siblings", 1, "blobs", 1);
	card = json_array_get(json_object_get(a.body, "siblings"), 4);
	CHECK(num(card, "size") == 12345678 &&
		str(json_object_get(card, "lfs"), "sha256")[0] == 'a');
	answer_done(&a);
	git_fixture_done(&g);
}

TEST(a_repo_without_commits_has_an_overview_and_nothing_else)
{
	struct git_fixture g;
	struct answer a;

	git_fixture_init(&g);
	ASK(&g, &a, "{s:s, s:{s:s}, s:b, s:b}", "op", "overview", "object", "id", "x", "siblings",
		1, "card", 1);
	CHECK(json_is_null(json_object_get(a.body, "sha")) && !json_object_get(a.head, "error"));
	CHECK(json_array_size(json_object_get(a.body, "siblings")) == 0);
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s, s:{}}", "op", "overview", "rest", "main", "object");
	CHECK(failed(&a, "RevisionNotFound"));
	answer_done(&a);
	ASK(&g, &a, "{s:s}", "op", "refs");
	CHECK(json_array_size(json_object_get(a.body, "branches")) == 0);
	answer_done(&a);
	git_fixture_done(&g);
}

static const json_t *file_of(const struct answer *a, size_t i)
{
	return json_array_get(json_object_get(a->body, "files"), i);
}

TEST(a_diff_shows_lines_large_files_and_what_was_moved)
{
	struct git_fixture g;
	struct answer a;
	char first[41], moved[41];

	git_fixture_init(&g);
	git_fixture_commit(&g, MAIN, "one", "a.txt", "one\ntwo\nthree\n", first);
	git_fixture_commit(&g, MAIN, "two", "a.txt", "one\n2\nthree", NULL);
	ASK(&g, &a, "{s:s, s:s}", "op", "diff", "rest", "main");
	CHECK(!strcmp(str(a.body, "parent"), first) && num(a.body, "total") == 1);
	CHECK(!strcmp(str(file_of(&a, 0), "status"), "modified"));
	CHECK(!strcmp(str(file_of(&a, 0), "patch"),
		"@@ -1,3 +1,3 @@\n one\n-two\n-three\n+2\n+three\n\\ No newline at end of file\n"));
	CHECK(num(a.body, "additions") == 2 && num(file_of(&a, 0), "deletions") == 2);
	CHECK(!strcmp(str(json_object_get(a.body, "commit"), "title"), "two"));
	answer_done(&a);
	ASK(&g, &a, "{s:s, s:s}", "op", "diff", "rest", first);
	CHECK(json_is_null(json_object_get(a.body, "parent")));
	CHECK(!strcmp(str(file_of(&a, 0), "status"), "added"));
	answer_done(&a);
	git_fixture_commit(&g, MAIN, "there", "b/c.txt", "one\n2\nthree", NULL);
	git_fixture_commit(&g, MAIN, "gone", "a.txt", NULL, moved);
	ASK(&g, &a, "{s:s, s:s, s:s}", "op", "diff", "rest", moved, "from", "main~1");
	CHECK(failed(&a, "RevisionNotFound"));
	answer_done(&a);
	git_fixture_ref(&g, "refs/heads/old", first);
	ASK(&g, &a, "{s:s, s:s, s:s}", "op", "diff", "rest", moved, "from", "old");
	CHECK(json_array_size(json_object_get(a.body, "files")) == 2);
	answer_done(&a);
	git_fixture_done(&g);
}

TEST(a_diff_stays_within_its_limits)
{
	struct git_fixture g;
	struct answer a;
	size_t n = DIFF_FILE_MAX + 100;
	char *text = malloc(n + 1);

	CHECK(text);
	git_fixture_init(&g);
	git_fixture_commit(&g, MAIN, "none", "z.txt", "z", NULL);
	memset(text, 'x', n);
	text[n] = '\0';
	git_fixture_commit(&g, MAIN, "large", "large.txt", text, NULL);
	ASK(&g, &a, "{s:s, s:s}", "op", "diff", "rest", "main");
	CHECK(json_is_true(json_object_get(file_of(&a, 0), "binary")));
	answer_done(&a);
	for (size_t i = 0; i < n; i += 2)
		text[i] = '\n';
	text[DIFF_FILE_MAX - 2] = '\0';
	git_fixture_commit(&g, MAIN, "many lines", "lines.txt", text, NULL);
	ASK(&g, &a, "{s:s, s:s}", "op", "diff", "rest", "main");
	CHECK(json_is_true(json_object_get(file_of(&a, 0), "cut")) &&
		json_is_true(json_object_get(a.body, "cut")) &&
		strlen(str(file_of(&a, 0), "patch")) <= DIFF_PATCH_MAX);
	answer_done(&a);
	free(text);
	git_fixture_done(&g);
}

TEST_MAIN()
