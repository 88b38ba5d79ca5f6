/*
 * A grammar or a JSON schema from a stranger, and a text that tries to pass it. Input: the grammar
 * (a schema, where it begins with "{"), NUL, the text.
 */
#include <string.h>

#include "inference/grammars/matcher.h"
#include "tests/support/fuzz.h"

static void follow(const struct grammar *g, const char *text, size_t n)
{
	struct matcher *m = matcher_new(g);

	MUST(m && matcher_least(m) == grammar_least(g));
	for (size_t i = 0; i < n && i < 200; i++) {
		uint32_t least = matcher_least(m);
		bool may = matcher_tries(m, text + i, 1, UINT32_MAX);

		MUST(matcher_takes(m, text + i, 1) == may);
		/* One byte brings the end nearer by one at most. */
		MUST(!may || matcher_least(m) + 1 >= least);
		MUST(matcher_ends(m) == (matcher_least(m) == 0));
		if (!may)
			break;
	}
	(void)matcher_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = memchr(text, 0, size);
	size_t n = end ? (size_t)(end - text) : size;
	json_t *schema = n > 0 && text[0] == '{' ? json_loadb(text, n, 0, NULL) : NULL;
	struct grammar *g = NULL;
	struct err e = {0};
	int r = schema ? grammar_from_schema(schema, &g, &e) : grammar_from_text(text, n, &g, &e);

	if (r < 0)
		MUST(e.code == r && e.text[0] && !g);
	else
		follow(g, end ? end + 1 : "", end ? size - n - 1 : 0);
	(void)grammar_free(g);
	json_decref(schema);
	return 0;
}
