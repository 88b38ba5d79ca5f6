/* What texts and the tokenizers of models may cost. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "inference/tokenizers/pattern.h"
#include "inference/tokenizers/tokenizer.h"
#include "tests/support/test.h"

/* Its Split by regex, then bytes. */
static struct tokenizer *read_split(const char *regex)
{
	CLEANUP(json_unrefp)
	json_t *root = json_pack(
		"{s:{s:s, s:[{s:s, s:s, s:{s:s}}, {s:s, s:b, s:b}]}, s:{s:s, s:{s:i, s:i}, s:[]}}",
		"pre_tokenizer", "type", "Sequence", "pretokenizers", "type", "Split", "behavior",
		"Isolated", "pattern", "Regex", regex, "type", "ByteLevel", "add_prefix_space", 0,
		"use_regex", 0, "model", "type", "BPE", "vocab", "a", 0, "b", 1, "merges");
	struct tokenizer *t = NULL;
	struct err e = {0};

	CHECK(root);
	if (tokenizer_new(root, &t, &e) < 0)
		fprintf(stderr, "%s\n", e.text);
	CHECK(t);
	return t;
}

/* None of these backtracks much from any one place; it is all of them together. */
TEST(expressions_cannot_cost_a_text_more_than_its_budget)
{
	static const char *const regexes[] = {
		"a+[0-9]",            /* runs to the end of the text from each place */
		"a{60000}b|(?!)",     /* the same inside one part of it */
		"(?:a|aa){1,14}[bc]", /* some thousand steps for each place */
		"(a+)+[bc]",
	};
	static char text[64 << 10];

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(regexes) / sizeof(regexes[0]); i++) {
		CLEANUP(tokenizer_freep) struct tokenizer *t = read_split(regexes[i]);
		struct tokens out = {.max = SIZE_MAX};
		struct err e = {0};
		int r = tokenizer_encode(t, text, sizeof(text), false, &out, &e);

		if (r != -ETIME)
			fprintf(stderr, "%s: %d\n", regexes[i], r);
		CHECK(r == -ETIME && strstr(e.text, "takes too long"));
		tokens_done(&out);
		CHECK(tokenizer_encode(t, "aab", 3, false, &out, &e) == 0 && out.n == 3);
		tokens_done(&out);
	}
}

TEST(expressions_of_known_models_read_long_texts)
{
	static const char *const regexes[] = {
		"'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
		"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
		"?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
		"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}"
		"\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}"
		"\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve"
		"|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|"
		"\\s+(?!\\S)|\\s+",
	};
	static const char *const parts[] = {" ", "a", "A", "!", "\n", " \n", "a b", "7 ", "'s",
		"  aB", "\xe4\xbd\xa0", "\xf0\x9f\x98\x80"};
	static char text[TOKENIZER_TEXT_MAX / 4];

	for (size_t i = 0; i < sizeof(regexes) / sizeof(regexes[0]); i++) {
		CLEANUP(pattern_freep) struct pattern *p = NULL;

		CHECK(pattern_new(regexes[i], strlen(regexes[i]), &p, NULL) == 0);
		for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++) {
			size_t width = strlen(parts[j]), n = 0, from, to = 0;
			struct pattern_budget budget;
			int r;

			for (; n + width <= sizeof(text); n += width)
				memcpy(text + n, parts[j], width);
			pattern_budget_init(&budget, n);
			while ((r = pattern_next(p, text, n, to, &budget, &from, &to)) > 0)
				;
			if (r < 0)
				fprintf(stderr, "expression %zu on '%s'\n", i, parts[j]);
			CHECK(r == 0 && to == n);
		}
	}
}

/* Words of so many letters, each of them a token; thread CPU time of the best of three. */
static uint64_t time_words(struct tokenizer *t, size_t letters)
{
	static char text[64 << 10];
	uint64_t best = UINT64_MAX;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % (letters + 1) == letters ? ' ' : 'a';
	for (int i = 0; i < 3; i++) {
		struct tokens out = {.max = SIZE_MAX};
		uint64_t from = clock_thread_usec();

		CHECK(tokenizer_encode(t, text, sizeof(text), false, &out, NULL) == 0);
		from = clock_thread_usec() - from;
		CHECK(out.n == sizeof(text) - sizeof(text) / (letters + 1));
		best = from < best ? from : best;
		tokens_done(&out);
	}
	return best;
}

/* It was 60 times as long while each end of a word was tried from each place in it. */
TEST(long_words_of_wordpiece_take_about_as_long_as_short_ones)
{
	static const char words[] =
		"{\"pre_tokenizer\":{\"type\":\"Whitespace\"},\"model\":{\"type\":\"WordPiece\","
		"\"max_input_chars_per_word\":200,\"vocab\":{\"[UNK]\":0,\"a\":1,\"##a\":2}}}";
	CLEANUP(tokenizer_freep) struct tokenizer *t = NULL;

	CHECK(tokenizer_read(words, strlen(words), &t, NULL) == 0);
	CHECK(time_words(t, 199) < 10 * time_words(t, 24));
}

TEST_MAIN()
