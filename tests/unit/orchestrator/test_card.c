#include "orchestrator/repo/card.h"

#include <errno.h>
#include <stdbool.h>

#include "base/json.h"
#include "tests/support/test.h"

static bool reads(const char *readme, const char *json)
{
	CLEANUP(json_unrefp) json_t *got = NULL, *want = json_loads(json, 0, NULL);

	return want && card_read(readme, strlen(readme), &got, NULL) == 0 && json_equal(got, want);
}

static bool refuses(const char *readme, const char *words)
{
	json_t *got = NULL;
	struct err e = {0};

	return card_read(readme, strlen(readme), &got, &e) == -EINVAL && !got &&
	       !strncmp(e.text, words, strlen(words));
}

TEST(a_card_becomes_json_of_the_same_shape)
{
	CHECK(reads("---\ntitle: A \"b\"\nsdk: static\ntags:\n- one\n- two three\n"
		    "nested: {a: [1, -2, 2.5, 1e3], b: null, c: ~}\nd:\npinned: true\n---\n# Hi\n",
		"{\"title\": \"A \\\"b\\\"\", \"sdk\": \"static\", \"tags\": [\"one\", \"two "
		"three\"],"
		"\"nested\": {\"a\": [1, -2, 2.5, 1000.0], \"b\": null, \"c\": null}, \"d\": null,"
		"\"pinned\": true}"));
	CHECK(reads("---\r\ntitle: x\r\n---\r\n", "{\"title\": \"x\"}"));
	CHECK(reads("---\nquoted: \"1\"\nversion: 4.44.1\ndate: 2024-01-02\nyes: yes\nhex: 0x10\n"
		    "inf: .inf\nlong: 123456789012345678901234567890\n---",
		"{\"quoted\": \"1\", \"version\": \"4.44.1\", \"date\": \"2024-01-02\", \"yes\": "
		"\"yes\","
		"\"hex\": \"0x10\", \"inf\": \".inf\","
		"\"long\": \"123456789012345678901234567890\"}"));
}

TEST(without_yaml_a_card_is_empty)
{
	CHECK(reads("", "{}") && reads("# Title\n---\na: b\n---\n", "{}"));
	CHECK(reads("---\n", "{}") && reads("---", "{}") && reads("---\nnever closed: 1\n", "{}"));
	CHECK(reads("---\n---\n", "{}") && reads("---\n# only words\n---\n", "{}"));
}

TEST(what_is_no_card_is_refused_with_its_line)
{
	CHECK(refuses("---\na: b\nc: [1\n---\n", "README.md:"));
	CHECK(refuses("---\na: b\n\tc: d\n---\n", "README.md:3: "));
	CHECK(refuses("---\n- a list\n---\n", "README.md:2: must be keys"));
	CHECK(refuses("---\na: 1\n? [x]\n: 2\n---\n", "README.md:3: a key"));
	CHECK(refuses("---\na: &x [1]\nb: *x\n---\n", "README.md:3: aliases"));
	CHECK(refuses("---\na: b\xff\n---\n", "README.md:"));
}

TEST(a_card_cannot_grow_without_end)
{
	static char text[CARD_MAX + 4096];
	size_t n;

	n = (size_t)snprintf(text, sizeof(text), "---\na: %.17s\n---\n", "[[[[[[[[[[[[[[[[[");
	CHECK(refuses(text, "README.md:2: nested deeper"));
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "---\na: ", 7);
	memcpy(text + sizeof(text) - 6, "\n---\n", 6);
	CHECK(refuses(text, "README.md:1: over the limit"));
	n = (size_t)snprintf(text, sizeof(text), "---\na:\n");
	for (int i = 0; i < 8200; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "- 1\n");
	(void)snprintf(text + n, sizeof(text) - n, "---\n");
	CHECK(refuses(text, "README.md:") && strlen(text) > n);
}

TEST_MAIN()
