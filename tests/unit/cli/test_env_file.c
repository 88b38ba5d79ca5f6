#include "cli/dev/env_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/test.h"

struct seen {
	char text[1024];
	size_t n;
};

static int see(const char *key, const char *value, int line, void *data, struct err *e)
{
	struct seen *s = data;

	(void)e;
	s->n += (size_t)snprintf(
		s->text + s->n, sizeof(s->text) - s->n, "%d:%s=[%s];", line, key, value);
	return 0;
}

static const char *parse(const char *text, struct seen *s, struct err *e)
{
	*s = (struct seen){0};
	return env_file_parse(text, strlen(text), see, s, e) == 0 ? s->text : NULL;
}

TEST(values_are_plain_or_quoted_and_comments_are_passed_over)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"# only words\n\n   # more\n", ""},
		{"A=1", "1:A=[1];"},
		{"A=1\nB=2\n", "1:A=[1];2:B=[2];"},
		{"A=1\r\nB = two words \r\n", "1:A=[1];2:B=[two words];"},
		{"export A=1\n", "1:A=[1];"},
		{"exported=1\n", "1:exported=[1];"},
		{"A=\nB=  \n", "1:A=[];2:B=[];"},
		{"A=x # words\nB=x#y\nC=# words\n", "1:A=[x];2:B=[x#y];3:C=[];"},
		{"A='# $x \\n \"y\"' # words\n", "1:A=[# $x \\n \"y\"];"},
		{"A=\"a\\tb\\\"c\\\\d$e # f\"\n", "1:A=[a\tb\"c\\d$e # f];"},
		{"A=''\nB=\"\"\n", "1:A=[];2:B=[];"},
		{"url=https://x.example/?a=b&c=d\n", "1:url=[https://x.example/?a=b&c=d];"},
		{"_k9=ü\n", "1:_k9=[ü];"},
	};
	struct seen s;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err e = {0};
		const char *got = parse(cases[i][0], &s, &e);

		CHECK(got && !strcmp(got, cases[i][1]));
	}
}

TEST(what_is_wrong_is_said_with_its_line)
{
	static const char *const cases[][2] = {
		{"A=1\nwords\n", ".env:2: KEY=value: there is no ="},
		{"=1\n", ".env:1: KEY=value: a key has letters"},
		{"9A=1\n", ".env:1: KEY=value: a key has letters"},
		{"A-B=1\n", ".env:1: KEY=value: there is no ="},
		{"A=\"open\nB=1\n", ".env:1: a quote is not closed"},
		{"A='open\n", ".env:1: a quote is not closed"},
		{"\nA='x' y\n", ".env:2: words follow"},
	};
	struct seen s;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err e = {0};

		CHECK(!parse(cases[i][0], &s, &e) && e.code == -EINVAL);
		CHECK(!strncmp(e.text, cases[i][1], strlen(cases[i][1])));
	}
	CHECK(env_file_parse("A=\0b", 4, see, &s, NULL) == -EINVAL);
}

TEST(a_value_has_an_end)
{
	struct seen s;
	struct err e = {0};
	char *text = malloc(ENV_VALUE_MAX + 64);

	(void)snprintf(text, 64, "A=");
	memset(text + 2, 'x', ENV_VALUE_MAX + 1);
	text[ENV_VALUE_MAX + 3] = '\0';
	CHECK(!parse(text, &s, &e) && strstr(e.text, "over 16 KiB"));
	text[1 + ENV_VALUE_MAX] = '\0';
	CHECK(parse(text, &s, &e));
	free(text);
}

TEST_MAIN()
