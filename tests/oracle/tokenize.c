/*
 * tokenize TOKENIZER.JSON: one JSON value a line in, one out, for what compares us with another
 * library. "text" or ["text", "pair"] gives {"ids", "offsets", "types", "special", "text"}, the
 * last being the tokens' text again, with U+FFFD for what is not UTF-8.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "inference/tokenizers/tokenizer.h"
#include "inference/tokenizers/unicode.h"

#define TOKENS_MAX 4000000

static json_t *decode(struct tokenizer *t, const struct tokens *tokens)
{
	struct decoding text = {0};
	struct buf bytes, valid;
	json_t *ret;

	buf_init(&bytes, 64u << 20);
	buf_init(&valid, 64u << 20);
	for (size_t i = 0; i < tokens->n; i++)
		if (tokenizer_decode(t, &text, tokens->ids[i], &bytes) < 0)
			return NULL;
	for (size_t at = 0; at < bytes.len;) {
		uint32_t c;
		int used = utf8_read(buf_str(&bytes) + at, bytes.len - at, &c);

		if (utf8_add(&valid, used > 0 ? c : UNICODE_REPLACEMENT) < 0)
			return NULL;
		at += used > 0 ? (size_t)used : 1;
	}
	ret = json_stringn(buf_str(&valid), valid.len);
	buf_done(&bytes);
	buf_done(&valid);
	return ret;
}

static json_t *encode(struct tokenizer *t, const json_t *in)
{
	const json_t *one[2] = {in, json_array_get(in, 1)};
	struct encode_text texts[2];
	struct tokens tokens = {.max = TOKENS_MAX, .want_at = true};
	struct err e = {0};
	size_t n = json_is_array(in) ? 2 : 1;
	json_t *ids = json_array(), *offsets = json_array(), *types = json_array(),
	       *special = json_array();

	if (n == 2)
		one[0] = json_array_get(in, 0);
	for (size_t i = 0; i < n; i++)
		texts[i] =
			(struct encode_text){json_string_value(one[i]), json_string_length(one[i])};
	if (tokenizer_encode_texts(
		    t, texts, n, &(struct encode_options){.framed = true}, &tokens, NULL, &e) < 0)
		return json_pack("{s:s}", "error", e.text);
	for (size_t i = 0; i < tokens.n; i++) {
		const struct token_at *at = &tokens.at[i];

		json_array_append_new(ids, json_integer(tokens.ids[i]));
		json_array_append_new(offsets, json_pack("[i, i]", (int)at->from, (int)at->to));
		json_array_append_new(types, json_integer(at->type));
		json_array_append_new(special, json_integer(at->special));
	}

	json_t *ret = json_pack("{s:o, s:o, s:o, s:o, s:o}", "ids", ids, "offsets", offsets,
		"types", types, "special", special, "text", decode(t, &tokens));

	tokens_done(&tokens);
	return ret;
}

int main(int argc, char **argv)
{
	CLEANUP(tokenizer_freep) struct tokenizer *t = NULL;
	CLEANUP(buf_done) struct buf file;
	CLEANUP(freep) char *line = NULL;
	struct err e = {0};
	size_t cap = 0;
	int r;

	buf_init(&file, TOKENIZER_FILE_MAX);
	r = argc == 2 ? fs_read(AT_FDCWD, argv[1], &file, &e) : -1;
	if (r == 0)
		r = tokenizer_read(file.data, file.len, &t, &e);
	if (r < 0) {
		fprintf(stderr, "tokenize: %s\n", e.text);
		return 1;
	}
	while (getline(&line, &cap, stdin) > 0) {
		json_t *in = json_loads(line, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		json_t *out = in ? encode(t, in) : NULL;

		if (!out || json_dumpf(out, stdout, JSON_COMPACT) < 0)
			return 1;
		putchar('\n');
		json_decref(in);
		json_decref(out);
	}
	return 0;
}
