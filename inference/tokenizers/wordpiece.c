#include "inference/tokenizers/wordpiece.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define PREFIX_MAX 16
#define WORD_CHARS_MAX 200 /* most a model may ask for */
#define WORD_MAX (WORD_CHARS_MAX * 4)

struct wordpiece {
	const struct vocab *vocab; /* borrowed */
	uint32_t unknown;
	char prefix[PREFIX_MAX + 1]; /* of a token that continues a word */
	size_t prefix_n;
	size_t word_chars;
};

int wordpiece_new(
	const json_t *model, const struct vocab *vocab, struct wordpiece **ret, struct err *e)
{
	CLEANUP(wordpiece_freep) struct wordpiece *w = calloc(1, sizeof(*w));
	const char *unknown, *prefix;
	int64_t chars;
	int r;

	if (!w)
		return err_set(e, -ENOMEM, "out of memory");
	r = json_opt_str(model, "unk_token", VOCAB_TOKEN_MAX, "[UNK]", &unknown, e);
	if (r == 0)
		r = json_opt_str(model, "continuing_subword_prefix", PREFIX_MAX, "##", &prefix, e);
	if (r == 0)
		r = json_opt_int(
			model, "max_input_chars_per_word", 1, WORD_CHARS_MAX, 100, &chars, e);
	if (r < 0)
		return err_wrap(e, "WordPiece");
	w->vocab = vocab;
	w->unknown = vocab_find(vocab, unknown, strlen(unknown));
	if (w->unknown == VOCAB_NONE)
		return err_set(e, -EBADMSG, "WordPiece: unk_token is not in the vocabulary");
	w->prefix_n = strlen(prefix);
	memcpy(w->prefix, prefix, w->prefix_n);
	w->word_chars = (size_t)chars;
	*ret = TAKE_PTR(w);
	return 0;
}

struct wordpiece *wordpiece_free(struct wordpiece *w)
{
	free(w);
	return NULL;
}

static bool begins_char(char c)
{
	return ((uint8_t)c & 0xc0) != 0x80;
}

static size_t count_chars(const char *s, size_t n)
{
	size_t chars = 0;

	for (size_t i = 0; i < n; i++)
		chars += begins_char(s[i]);
	return chars;
}

/* The longest token that begins name, n bytes of which the first prefix are the model's prefix; its
 * end in *ret_to. It goes over the name once, and no farther than the longest token. VOCAB_NONE:
 * there is none. */
static uint32_t longest(
	const struct wordpiece *w, const char *name, size_t prefix, size_t n, size_t *ret_to)
{
	struct vocab_prefixes p = {.s = name, .n = n};
	uint32_t best = VOCAB_NONE, id;

	while ((id = vocab_next_prefix(w->vocab, &p)) != VOCAB_NONE) {
		if (p.at <= prefix || (p.at < n && !begins_char(name[p.at])))
			continue;
		best = id;
		*ret_to = p.at;
	}
	return best;
}

int wordpiece_encode(const struct wordpiece *w, const char *word, size_t n, struct tokens *out)
{
	char room[PREFIX_MAX + WORD_MAX];
	char *copy = room + PREFIX_MAX;
	size_t before = out->n;

	if (count_chars(word, n) > w->word_chars)
		return tokens_add_at(out, w->unknown, (struct token_at){.to = (uint32_t)n});
	memcpy(copy, word, n);
	for (size_t from = 0; from < n;) {
		size_t prefix = from > 0 ? w->prefix_n : 0, to = 0;
		char *name = copy + from - prefix;
		uint32_t id;
		int r;

		memcpy(name, w->prefix, prefix); /* over what has been read */
		id = longest(w, name, prefix, prefix + n - from, &to);
		to = from + to - prefix;
		if (id == VOCAB_NONE) { /* one unknown part makes the whole word unknown */
			out->n = before;
			return tokens_add_at(out, w->unknown, (struct token_at){.to = (uint32_t)n});
		}
		r = tokens_add_at(
			out, id, (struct token_at){.from = (uint32_t)from, .to = (uint32_t)to});
		if (r < 0)
			return r;
		from = to;
	}
	return 0;
}
