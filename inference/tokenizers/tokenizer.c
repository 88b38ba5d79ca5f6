#include "inference/tokenizers/tokenizer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "inference/tokenizers/bpe.h"
#include "inference/tokenizers/encode.h"
#include "inference/tokenizers/unicode.h"

/* --- reading --- */

static int check_id(const json_t *v, uint32_t *ret, struct err *e)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= VOCAB_MAX)
		return err_set(e, -EBADMSG, "a token id is outside 0 to %u", VOCAB_MAX - 1);
	*ret = (uint32_t)json_integer_value(v);
	return 0;
}

/* One more than the largest id of vocabulary (an object, or Unigram's list) and added tokens. */
static int find_size(json_t *vocab, json_t *added, uint32_t *ret, struct err *e)
{
	const char *name;
	json_t *v;
	size_t i;
	uint32_t size = (uint32_t)json_array_size(vocab), id = 0;

	if (json_array_size(vocab) > VOCAB_MAX)
		return err_set(e, -EMSGSIZE, "model.vocab: %zu tokens, the limit is %u",
			json_array_size(vocab), VOCAB_MAX);
	json_object_foreach(vocab, name, v)
	{
		if (check_id(v, &id, e) < 0)
			return -EBADMSG;
		size = id >= size ? id + 1 : size;
	}
	json_array_foreach(added, i, v)
	{
		if (check_id(json_object_get(v, "id"), &id, e) < 0)
			return -EBADMSG;
		size = id >= size ? id + 1 : size;
	}
	*ret = size;
	return 0;
}

static int add_token(struct tokenizer *t, const char *name, uint32_t id, struct err *e)
{
	char bytes[VOCAB_TOKEN_MAX];
	size_t n = strlen(name);
	int r;

	if (n > VOCAB_TOKEN_MAX)
		return err_set(e, -EMSGSIZE, "token %u: over %d bytes", id, VOCAB_TOKEN_MAX);
	if (t->bytes) {
		int length = bpe_bytes(name, n, bytes);

		/* Not in the byte alphabet: no text becomes it; it may be an added token. */
		if (length < 0)
			return 0;
		r = vocab_add(t->vocab, id, bytes, (size_t)length, true);
	} else {
		r = vocab_add(t->vocab, id, name, n, true);
	}
	if (r < 0)
		return err_set(e, r == -ENOMEM ? r : -EBADMSG, "token %u: %s", id,
			r == -EEXIST ? "the id is taken twice" : strerror(-r));
	return 0;
}

static int read_vocab(struct tokenizer *t, const json_t *root, bool list, struct err *e)
{
	json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab"), *v;
	const char *name;
	uint32_t size = 0;
	size_t i;
	int r;

	if (list ? !json_is_array(vocab) : !json_is_object(vocab))
		return err_set(
			e, -EBADMSG, "model.vocab: must be %s", list ? "an array" : "an object");
	r = find_size(vocab, json_object_get(root, "added_tokens"), &size, e);
	if (r < 0)
		return r;
	r = vocab_new(size, &t->vocab);
	if (r < 0)
		return err_set(e, r, "out of memory");
	json_object_foreach(vocab, name, v)
	{
		r = add_token(t, name, (uint32_t)json_integer_value(v), e);
		if (r < 0)
			return r;
	}
	json_array_foreach(vocab, i, v)
	{
		name = json_string_value(json_array_get(v, 0));
		r = name ? add_token(t, name, (uint32_t)i, e)
			 : err_set(e, -EBADMSG, "model.vocab: token %zu has no text", i);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_model(struct tokenizer *t, const json_t *root, struct err *e)
{
	const json_t *model = json_object_get(root, "model");
	const char *type;
	int r = json_opt_str(model, "type", 32, "BPE", &type, e);

	if (r < 0 || !json_is_object(model))
		return err_set(e, -EBADMSG, "model: must be an object with a type");
	if (!strcmp(type, "BPE")) {
		t->bytes = splitter_spelling(t->splitter) == SPELLING_BYTES &&
			   !normalizer_is_byte_level(t->normalizer);
		r = read_vocab(t, root, false, e);
		return r < 0 ? r : bpe_new(model, t->vocab, t->bytes, &t->bpe, e);
	}
	if (splitter_spelling(t->splitter) == SPELLING_BYTES)
		return err_set(e, -ENOTSUP, "ByteLevel with model '%s' is not supported", type);
	if (!strcmp(type, "WordPiece")) {
		r = read_vocab(t, root, false, e);
		return r < 0 ? r : wordpiece_new(model, t->vocab, &t->wordpiece, e);
	}
	if (!strcmp(type, "Unigram")) {
		r = read_vocab(t, root, true, e);
		return r < 0 ? r : unigram_new(model, t->vocab, &t->unigram, e);
	}
	return err_set(e, -ENOTSUP, "model '%s' is not supported", type);
}

static int read_root(struct tokenizer *t, const json_t *root, struct err *e)
{
	int r = normalizer_new(json_object_get(root, "normalizer"), &t->normalizer, e);

	if (r == 0)
		r = splitter_new(json_object_get(root, "pre_tokenizer"), &t->splitter, e);
	if (r == 0)
		r = read_model(t, root, e);
	if (r == 0)
		r = added_new(json_object_get(root, "added_tokens"), t->vocab, t->normalizer,
			&t->added, e);
	if (r == 0)
		r = framing_read(json_object_get(root, "post_processor"), vocab_size(t->vocab),
			&t->framing, e);
	if (r == 0)
		r = decoder_new(json_object_get(root, "decoder"), &t->decoder, e);
	return r;
}

/* What each token stands for inside a text, where that is not its spelling. */
static int read_texts(struct tokenizer *t, struct err *e)
{
	uint32_t size = vocab_size(t->vocab);
	int r = 0;

	if (t->bytes || t->wordpiece)
		return 0;
	if (vocab_new(size, &t->texts) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	for (uint32_t id = 0; id < size && r == 0; id++) {
		struct decoding inside = {.tokens = 1};
		CLEANUP(buf_done) struct buf text;

		buf_init(&text, VOCAB_TOKEN_MAX);
		r = tokenizer_decode(t, &inside, id, &text);
		if (r == 0 && inside.tokens > 1)
			r = vocab_add(t->texts, id, buf_str(&text), text.len, false);
		if (r < 0)
			return err_set(e, r, "token %u: %s", id, strerror(-r));
	}
	return r;
}

int tokenizer_new(const json_t *root, struct tokenizer **ret, struct err *e)
{
	CLEANUP(tokenizer_freep) struct tokenizer *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_set(e, -ENOMEM, "out of memory");
	r = read_root(t, root, e);
	if (r == 0)
		r = read_texts(t, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(t);
	return 0;
}

int tokenizer_read(const void *json, size_t n, struct tokenizer **ret, struct err *e)
{
	CLEANUP(json_unrefp) json_t *root = NULL;
	int r = json_parse(json, n, TOKENIZER_FILE_MAX, &root, e);

	return r < 0 ? r : tokenizer_new(root, ret, e);
}

struct tokenizer *tokenizer_free(struct tokenizer *t)
{
	if (!t)
		return NULL;
	(void)bpe_free(t->bpe);
	(void)wordpiece_free(t->wordpiece);
	(void)unigram_free(t->unigram);
	(void)added_free(t->added);
	(void)decoder_free(t->decoder);
	(void)normalizer_free(t->normalizer);
	(void)splitter_free(t->splitter);
	(void)vocab_free(t->vocab);
	(void)vocab_free(t->texts);
	free(t);
	return NULL;
}

/* --- encoding --- */

/* What stays of texts that have together too many tokens, as tokenizers does it. */
static void fit_longest(size_t n[2], size_t max)
{
	size_t low = n[0] < n[1] ? 0 : 1, high = 1 - low;

	if (n[0] + n[1] <= max)
		return;
	n[high] = n[low] > max || max - n[low] < n[low] ? n[low] : max - n[low];
	if (n[0] + n[1] > max) {
		n[low] = max / 2;
		n[high] = max - n[low];
	}
}

static int fit_texts(enum fit fit, size_t n[2], size_t max)
{
	size_t which = fit == FIT_FIRST ? 0 : 1;

	if (n[0] + n[1] <= max)
		return 0;
	if (fit == FIT_NOT || (fit != FIT_LONGEST && n[1 - which] > max))
		return -EMSGSIZE;
	if (fit == FIT_LONGEST)
		fit_longest(n, max);
	else
		n[which] = max - n[1 - which];
	return 0;
}

/* The texts' tokens and the special ones, in their order. */
static int assemble(const struct tokenizer *t, const struct tokens *texts, size_t n_texts,
	const size_t keep[2], const struct encode_options *o, struct tokens *out)
{
	const struct framing_part *parts = n_texts > 1 ? t->framing.pair : t->framing.single;
	size_t n = n_texts > 1 ? t->framing.n_pair : t->framing.n_single;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		const struct tokens *text = &texts[parts[i].id & 1];
		size_t skip = parts[i].text && parts[i].id + 1 == n_texts ? o->skip : 0;

		if (!parts[i].text && o->framed)
			r = tokens_add_at(out, parts[i].id,
				(struct token_at){.word = UINT32_MAX,
					.type = parts[i].type,
					.special = true});
		for (size_t j = 0; parts[i].text && j < keep[parts[i].id] && r == 0; j++) {
			struct token_at at = text->at ? text->at[skip + j] : (struct token_at){0};

			at.type = parts[i].type;
			at.text = (uint8_t)parts[i].id;
			r = tokens_add_at(out, text->ids[skip + j], at);
		}
	}
	return r;
}

static size_t count_special(const struct framing *f, bool pair)
{
	const struct framing_part *parts = pair ? f->pair : f->single;
	size_t n = pair ? f->n_pair : f->n_single, special = 0;

	for (size_t i = 0; i < n; i++)
		special += !parts[i].text;
	return special;
}

/* One text's tokens without special ones, at most max; *ret are kept's, where that is not NULL. */
static int encode_text(struct tokenizer *t, const struct encode_text *text, size_t max,
	bool want_at, struct tokens *ret)
{
	struct tokens list = {.max = max, .want_at = want_at};
	int r;

	if (text->kept && text->kept->n > 0) {
		assert(text->kept->want_at == want_at);
		*ret = *text->kept;
		return 0;
	}
	r = encode_run(t, text->s, text->n, &list);
	if (r < 0)
		tokens_done(&list);
	*ret = list;
	if (text->kept)
		*text->kept = list;
	return r;
}

static int encode_texts(struct tokenizer *t, const struct encode_text *texts, size_t n_texts,
	const struct encode_options *o, struct tokens *out, bool *ret_more)
{
	struct tokens lists[2] = {0};
	size_t keep[2] = {0}, had, special = 0;
	int r = 0;

	for (size_t i = 0; i < n_texts && r == 0; i++) {
		r = encode_text(t, &texts[i], o->fit == FIT_NOT ? out->max - out->n : SIZE_MAX,
			out->want_at, &lists[i]);
		keep[i] = lists[i].n;
	}
	keep[n_texts - 1] -= o->skip < keep[n_texts - 1] ? o->skip : keep[n_texts - 1];
	had = keep[0] + keep[1];
	if (o->framed)
		special = count_special(&t->framing, n_texts > 1);
	if (r == 0 && special > out->max - out->n)
		r = -EMSGSIZE;
	if (r == 0)
		r = fit_texts(o->fit, keep, out->max - out->n - special);
	if (r == 0 && ret_more)
		*ret_more = keep[0] + keep[1] < had;
	if (r == 0)
		r = assemble(t, lists, n_texts, keep, o, out);
	for (size_t i = 0; i < n_texts; i++)
		if (!texts[i].kept)
			tokens_done(&lists[i]);
	return r;
}

int tokenizer_encode_texts(struct tokenizer *t, const struct encode_text *texts, size_t n_texts,
	const struct encode_options *options, struct tokens *out, bool *ret_more, struct err *e)
{
	int r;

	assert(n_texts == 1 || n_texts == 2);
	for (size_t i = 0; i < n_texts; i++) {
		if (texts[i].n > TOKENIZER_TEXT_MAX)
			return err_set(e, -EMSGSIZE, "%zu bytes of text, the limit is %u",
				texts[i].n, TOKENIZER_TEXT_MAX);
		if (!utf8_valid(texts[i].s, texts[i].n))
			return err_set(e, -EINVAL, "the text is not UTF-8");
	}
	r = encode_texts(t, texts, n_texts, options, out, ret_more);
	if (r == -EMSGSIZE)
		return err_set(e, r, "more than %zu tokens", out->max);
	if (r == -ENOSPC)
		return err_set(e, -EMSGSIZE,
			"the text grows over %u bytes when it is made ready for the model",
			TOKENIZER_TEXT_MAX);
	if (r == -ETIME)
		return err_set(
			e, r, "an expression of the model's tokenizer takes too long on this text");
	if (r == -EINVAL)
		return err_set(e, r, "the model has no token for some character of the text");
	return r < 0 ? err_set(e, r, "%s", strerror(-r)) : 0;
}

int tokenizer_encode(struct tokenizer *t, const char *text, size_t n, bool framed,
	struct tokens *out, struct err *e)
{
	const struct encode_options options = {.framed = framed};

	return tokenizer_encode_texts(t, &(struct encode_text){text, n}, 1, &options, out, NULL, e);
}

int tokenizer_defuse(const struct tokenizer *t, const char *text, size_t n, struct buf *out)
{
	return added_defuse(t->added, text, n, out);
}

/* --- asking --- */

int tokenizer_decode(const struct tokenizer *t, struct decoding *text, uint32_t id, struct buf *out)
{
	CLEANUP(buf_done) struct buf spelled;
	size_t n;
	bool special = false, added = added_content(t->added, id, &special);
	const char *token = special ? NULL : vocab_token(t->vocab, id, &n);
	int r = 0;

	buf_init(&spelled, 2 * VOCAB_TOKEN_MAX);
	if (!token)
		return 0;
	if (!t->bytes)
		return decoder_add(t->decoder, text, token, n, out);
	if (decoder_is_byte_level(t->decoder)) {
		text->tokens++;
		return buf_add(out, token, n);
	}
	for (size_t i = 0; i < n && r == 0; i++)
		r = added ? buf_add(&spelled, token + i, 1)
			  : utf8_add(&spelled, bpe_spelling((uint8_t)token[i]));
	return r < 0 ? r : decoder_add(t->decoder, text, buf_str(&spelled), spelled.len, out);
}

const char *tokenizer_text(const struct tokenizer *t, uint32_t id, size_t *ret_n)
{
	bool special = false;

	(void)added_content(t->added, id, &special);
	return special ? NULL : vocab_token(t->texts ? t->texts : t->vocab, id, ret_n);
}

const char *tokenizer_spelling(const struct tokenizer *t, uint32_t id, size_t *ret_n)
{
	bool special;
	const char *content = added_content(t->added, id, &special);

	if (!content)
		return vocab_token(t->vocab, id, ret_n);
	*ret_n = strlen(content);
	return content;
}

uint32_t tokenizer_find(const struct tokenizer *t, const char *token)
{
	uint32_t id = added_find(t->added, token);

	return id != VOCAB_NONE ? id : vocab_find(t->vocab, token, strlen(token));
}

uint32_t tokenizer_size(const struct tokenizer *t)
{
	return vocab_size(t->vocab);
}
