#include "agent/redact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tests/support/test.h"

/* What becomes of text, with a buffer of so many bytes. */
static void expect(const char *secrets, const char *text, size_t max, const char *want)
{
	CLEANUP(redaction_freep) struct redaction *r = NULL;
	CLEANUP(json_unrefp) json_t *o = json_loads(secrets, 0, NULL);
	CLEANUP(buf_done) struct buf b;
	const char *got;

	buf_init(&b, max);
	CHECK(o && redaction_new(o, &r) == 0);
	got = redact(r, text, &b);
	if (strcmp(got, want) != 0)
		fprintf(stderr, "got:  %s\nwant: %s\n", got, want);
	CHECK(!strcmp(got, want));
}

TEST(every_value_is_replaced_by_its_name)
{
	expect("{\"KEY\":\"s3cret-1\",\"TOKEN\":\"hf_abcdef\"}",
		"s3cret-1 hf_abcdef, again s3cret-1", 8192,
		"[secret KEY] [secret TOKEN], again [secret KEY]");
}

TEST(a_text_without_any_is_the_same_text)
{
	CLEANUP(redaction_freep) struct redaction *r = NULL;
	CLEANUP(json_unrefp) json_t *o = json_loads("{\"KEY\":\"s3cret-1\"}", 0, NULL);
	CLEANUP(buf_done) struct buf b;
	const char *text = "s3cret- s3cret";

	buf_init(&b, 64);
	CHECK(redaction_new(o, &r) == 0);
	CHECK(redact(r, text, &b) == text && redact(NULL, text, &b) == text);
	CHECK(redact(r, NULL, &b) == NULL);
}

TEST(a_value_within_a_longer_one_waits_for_it)
{
	expect("{\"SHORT\":\"abcdef\",\"LONG\":\"xxabcdefxx\"}", "xxabcdefxx abcdef", 8192,
		"[secret LONG] [secret SHORT]");
}

TEST(a_short_value_is_left_because_ordinary_words_hold_it)
{
	expect("{\"PIN\":\"12345\",\"EMPTY\":\"\"}", "12345 123456", 8192, "12345 123456");
}

TEST(each_line_of_a_value_is_found_as_log_lines_are)
{
	expect("{\"PEM\":\"-----BEGIN\\r\\nMIIEpAIBAAKCAQEA\\n\\nshort\\n\"}",
		"MIIEpAIBAAKCAQEA and -----BEGIN", 8192, "[secret PEM] and [secret PEM]");
	expect("{\"TABS\":\"one\\u0001two\"}", "one two", 8192, "[secret TABS]");
}

TEST(what_grows_over_the_ceiling_is_cut_between_two_characters)
{
	expect("{\"KEY\":\"s3cret-1\"}", "s3cret-1ééé", 15, "[secret KEY]é");
	expect("{\"KEY\":\"s3cret-1\"}", "ab s3cret-1", 10, "ab ");
}

TEST(texts_within_json_lose_them_and_everything_else_stays)
{
	CLEANUP(redaction_freep) struct redaction *r = NULL;
	CLEANUP(json_unrefp) json_t *o = json_loads("{\"KEY\":\"s3cret-1\"}", 0, NULL);
	CLEANUP(json_unrefp)
	json_t *v = json_loads("[{\"name\":\"has s3cret-1\",\"ms\":3,\"ok\":true,\"in\":"
			       "[null,\"s3cret-1\"]}]",
		0, NULL);
	CLEANUP(json_unrefp)
	json_t *want = json_loads("[{\"name\":\"has [secret KEY]\",\"ms\":3,\"ok\":true,\"in\":"
				  "[null,\"[secret KEY]\"]}]",
		0, NULL);
	CLEANUP(json_unrefp) json_t *got = NULL;

	CHECK(redaction_new(o, &r) == 0);
	got = redact_json(r, v);
	CHECK(json_equal(got, want));
}

/* Words of two letters, so that many begin others, or are alike. */
static void random_word(char *word, size_t least, size_t spread)
{
	size_t n = least + (size_t)rand() % spread;

	for (size_t i = 0; i < n; i++)
		word[i] = rand() % 2 ? 'a' : 'b';
	word[n] = '\0';
}

/* The longest value at each place, found by trying all of them. */
static void plain_search(json_t *secrets, const char *text, struct buf *b)
{
	while (*text) {
		const char *name, *found = NULL;
		size_t longest = 0;
		json_t *v;

		json_object_foreach(secrets, name, v)
		{
			size_t n = json_string_length(v);

			if (n > longest && strncmp(text, json_string_value(v), n) == 0) {
				longest = n;
				found = name;
			}
		}
		if (found)
			CHECK(buf_addf(b, "[secret %s]", found) == 0);
		else
			CHECK(buf_add(b, text, 1) == 0);
		text += found ? longest : 1;
	}
}

TEST(what_is_found_is_what_a_search_for_every_value_would_find)
{
	srand(7);
	for (int round = 0; round < 300; round++) {
		CLEANUP(json_unrefp) json_t *o = json_object();
		CLEANUP(redaction_freep) struct redaction *r = NULL;
		CLEANUP(buf_done) struct buf got, want;
		char name[16], word[512];

		buf_init(&got, 64 << 10);
		buf_init(&want, 64 << 10);
		for (int i = 0; i < 1 + round % 60; i++) {
			(void)snprintf(name, sizeof(name), "S%d", i);
			random_word(word, REDACT_LEAST, 1 + (size_t)round % 8);
			CHECK(json_object_set_new(o, name, json_string(word)) == 0);
		}
		CHECK(redaction_new(o, &r) == 0);
		random_word(word, 1, sizeof(word) - 1);
		plain_search(o, word, &want);
		CHECK(!strcmp(redact(r, word, &got), buf_str(&want)));
	}
}

TEST_MAIN()
