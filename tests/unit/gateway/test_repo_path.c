#include "gateway/repo_path.h"

#include <errno.h>

#include "tests/support/test.h"

TEST(finds_kind_name_and_rest)
{
	static const struct {
		const char *target, *kind, *name, *rest;
	} cases[] = {
		{"/ada/net", "models", "ada/net", ""},
		{"/ada/net?x=1", "models", "ada/net", ""},
		{"/datasets/ada/words/tree/main/a%20b?q", "datasets", "ada/words",
			"tree/main/a%20b"},
		{"/spaces/ada/app/-/settings", "spaces", "ada/app", "-/settings"},
		{"/spaces/ada/app/", "spaces", "ada/app", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct repo_path p;

		CHECK(repo_path_parse(cases[i].target, &p));
		CHECK(!strcmp(p.kind, cases[i].kind));
		CHECK(p.name_n == strlen(cases[i].name));
		CHECK(!memcmp(p.name, cases[i].name, p.name_n));
		CHECK(p.rest_n == strlen(cases[i].rest));
		CHECK(!memcmp(p.rest, cases[i].rest, p.rest_n));
	}
}

TEST(what_is_no_repo_is_none)
{
	static const char *const targets[] = {"/", "/ada", "/ada/", "/ada/?x", "/datasets/ada",
		"/spaces//app", "//x/y", "/-/x/y", "", "/..%2f/x/y"};

	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		CHECK(!repo_path_parse(targets[i], &(struct repo_path){0}));
}

TEST(asks_the_api_and_follows_it_to_the_same_page)
{
	static const struct {
		const char *target, *question, *location, *to;
	} cases[] = {
		{"/ada/net", "/api/models/ada/net/auth-check", "/api/models/bob/nets/auth-check",
			"/bob/nets"},
		{"/datasets/ada/words/tree/main/x?a=b&c", "/api/datasets/ada/words/auth-check",
			"/api/datasets/ada/letters/auth-check",
			"/datasets/ada/letters/tree/main/x?a=b&c"},
		{"/spaces/ada/app?x", "/api/spaces/ada/app/auth-check",
			"/api/spaces/ada/demo/auth-check", "/spaces/ada/demo?x"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct repo_path p;
		char s[200];

		CHECK(repo_path_parse(cases[i].target, &p));
		CHECK(repo_path_question(&p, s, sizeof(s)) == 0);
		CHECK(!strcmp(s, cases[i].question));
		CHECK(repo_path_moved(&p, cases[i].location, s, sizeof(s)) == 0);
		CHECK(!strcmp(s, cases[i].to));
	}
}

TEST(follows_nowhere_else)
{
	static const char *const locations[] = {
		"https://elsewhere.example/api/models/a/b/auth-check",
		"//elsewhere.example/x/auth-check", "/api/datasets/a/b/auth-check",
		"/api/models/a/b", "/api/models/a", "/api/models/a/b/auth-check/c", ""};
	struct repo_path p;
	char s[200];

	CHECK(repo_path_parse("/ada/net", &p));
	for (size_t i = 0; i < sizeof(locations) / sizeof(*locations); i++)
		CHECK(repo_path_moved(&p, locations[i], s, sizeof(s)) == -EINVAL);
	CHECK(repo_path_moved(&p, "/api/models/bob/nets/auth-check", s, 5) == -ENOSPC);
}

TEST_MAIN()
