#include "inference/tokenizers/tokenizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "inference/tokenizers/bpe.h"
#include "inference/tokenizers/normalize.h"
#include "inference/tokenizers/split.h"
#include "inference/tokenizers/unicode.h"
#include "inference/tokenizers/wordpiece.h"

#define FRAME_TOKENS_MAX 16

struct added {
	const char *content; /* borrowed from vocab */
	size_t n;
	uint32_t id;
	bool lstrip, rstrip, special;
};

struct tokenizer {
	struct vocab *vocab; /* owned; all tokens, added ones too */
	struct bpe *bpe;     /* owned; one of the two */
	struct wordpiece *wordpiece;
	struct normalizer *normalizer; /* owned */
	struct splitter *splitter;     /* owned */
	struct added *added;           /* owned; longest first */
	size_t n_added;
	bool begins_added[256]; /* some added token begins with this byte */
	uint32_t before[FRAME_TOKENS_MAX], after[FRAME_TOKENS_MAX];
	size_t n_before, n_after;
};

/* --- reading --- */

static int check_id(const json_t *v, uint32_t *ret, struct err *e)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= VOCAB_MAX)
		return err_set(e, -EBADMSG, "a token id is outside 0 to %u", VOCAB_MAX - 1);
	*ret = (uint32_t)json_integer_value(v);
	return 0;
}

/* One more than the largest id of vocabulary and added tokens. */
static int find_size(json_t *vocab, json_t *added, uint32_t *ret, struct err *e)
{
	const char *name;
	json_t *v;
	size_t i;
	uint32_t size = 0, id = 0;

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

static int add_token(
	struct tokenizer *t, const char *name, uint32_t id, bool byte_level, struct err *e)
{
	char bytes[VOCAB_TOKEN_MAX];
	size_t n = strlen(name);
	int r;

	if (n > VOCAB_TOKEN_MAX)
		return err_set(e, -EMSGSIZE, "token %u: over %d bytes", id, VOCAB_TOKEN_MAX);
	if (byte_level) {
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

static int read_vocab(struct tokenizer *t, const json_t *root, bool byte_level, struct err *e)
{
	json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab"), *v;
	json_t *added = json_object_get(root, "added_tokens");
	const char *name;
	uint32_t size;
	int r;

	if (!json_is_object(vocab))
		return err_set(e, -EBADMSG, "model.vocab: must be an object");
	if (json_array_size(added) > TOKENIZER_ADDED_MAX)
		return err_set(e, -EMSGSIZE, "added_tokens: %zu, the limit is %d",
			json_array_size(added), TOKENIZER_ADDED_MAX);
	if (find_size(vocab, added, &size, e) < 0)
		return -EBADMSG;
	r = vocab_new(size, &t->vocab);
	if (r < 0)
		return err_set(e, r, "out of memory");
	json_object_foreach(vocab, name, v)
	{
		r = add_token(t, name, (uint32_t)json_integer_value(v), byte_level, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int longest_first(const void *a, const void *b)
{
	const struct added *x = a, *y = b;

	return x->n > y->n ? -1 : x->n < y->n;
}

static int read_one_added(struct tokenizer *t, const json_t *v, struct err *e)
{
	uint32_t id = (uint32_t)json_integer_value(json_object_get(v, "id"));
	const char *content;
	size_t n;
	int r = json_get_str(v, "content", VOCAB_TOKEN_MAX, &content, e);

	if (r < 0)
		return err_wrap(e, "added_tokens");
	if (content[0] == '\0')
		return err_set(e, -EBADMSG, "added_tokens: token %u is empty", id);
	if (json_opt_bool(v, "single_word", false))
		return err_set(e, -ENOTSUP, "added_tokens: single_word is not supported");
	r = vocab_add(t->vocab, id, content, strlen(content), false);
	if (r < 0 && r != -EEXIST) /* it may stand in the vocabulary as well */
		return err_set(e, r, "added_tokens: %s", strerror(-r));
	t->added[t->n_added++] = (struct added){
		.content = vocab_token(t->vocab, id, &n),
		.n = strlen(content),
		.id = id,
		.lstrip = json_opt_bool(v, "lstrip", false),
		.rstrip = json_opt_bool(v, "rstrip", false),
		.special = json_opt_bool(v, "special", false),
	};
	if (n != strlen(content) || memcmp(t->added[t->n_added - 1].content, content, n) != 0)
		return err_set(e, -EBADMSG,
			"added_tokens: id %u has another spelling in the vocabulary", id);
	t->begins_added[(uint8_t)content[0]] = true;
	return 0;
}

static int read_added(struct tokenizer *t, const json_t *list, struct err *e)
{
	const json_t *v;
	size_t i;

	t->added = calloc(json_array_size(list) + 1, sizeof(*t->added));
	if (!t->added)
		return err_set(e, -ENOMEM, "out of memory");
	json_array_foreach(list, i, v)
	{
		int r = read_one_added(t, v, e);

		if (r < 0)
			return r;
	}
	qsort(t->added, t->n_added, sizeof(*t->added), longest_first);
	return 0;
}

static int frame_add(struct tokenizer *t, bool after, const json_t *id, struct err *e)
{
	uint32_t *list = after ? t->after : t->before;
	size_t *n = after ? &t->n_after : &t->n_before;

	if (*n == FRAME_TOKENS_MAX)
		return err_set(
			e, -EMSGSIZE, "post_processor: over %d special tokens", FRAME_TOKENS_MAX);
	if (check_id(id, &list[*n], e) < 0 || list[*n] >= vocab_size(t->vocab))
		return err_set(e, -EBADMSG, "post_processor: names an unknown token");
	(*n)++;
	return 0;
}

/* TemplateProcessing: the tokens around sequence A of "single". */
static int read_template(struct tokenizer *t, const json_t *config, struct err *e)
{
	const json_t *special = json_object_get(config, "special_tokens"), *item, *id;
	bool after = false;
	size_t i, j;

	json_array_foreach(json_object_get(config, "single"), i, item)
	{
		const json_t *token = json_object_get(item, "SpecialToken");
		const char *name;

		if (!token) {
			after = true;
			continue;
		}
		if (json_get_str(token, "id", VOCAB_TOKEN_MAX, &name, e) < 0)
			return err_wrap(e, "post_processor");
		json_array_foreach(json_object_get(json_object_get(special, name), "ids"), j, id)
		{
			int r = frame_add(t, after, id, e);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int read_frame(struct tokenizer *t, const json_t *config, struct err *e)
{
	const json_t *part;
	const char *type;
	size_t i;
	int r;

	if (!config || json_is_null(config))
		return 0;
	r = json_get_str(config, "type", 64, &type, e);
	if (r < 0)
		return err_wrap(e, "post_processor");
	if (!strcmp(type, "ByteLevel"))
		return 0; /* concerns offsets only */
	if (!strcmp(type, "TemplateProcessing"))
		return read_template(t, config, e);
	if (!strcmp(type, "BertProcessing") || !strcmp(type, "RobertaProcessing")) {
		/* ["[CLS]", 101] */
		r = frame_add(t, false, json_array_get(json_object_get(config, "cls"), 1), e);
		return r < 0 ? r
			     : frame_add(t, true, json_array_get(json_object_get(config, "sep"), 1),
				       e);
	}
	if (strcmp(type, "Sequence") != 0)
		return err_set(e, -ENOTSUP, "post_processor '%s' is not supported", type);
	json_array_foreach(json_object_get(config, "processors"), i, part)
	{
		r = read_frame(t, part, e);
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
		if (!splitter_is_byte_level(t->splitter))
			return err_set(e, -ENOTSUP,
				"BPE without the ByteLevel pre_tokenizer is not supported");
		r = read_vocab(t, root, true, e);
		return r < 0 ? r : bpe_new(model, t->vocab, &t->bpe, e);
	}
	if (!strcmp(type, "WordPiece")) {
		r = read_vocab(t, root, false, e);
		return r < 0 ? r : wordpiece_new(model, t->vocab, &t->wordpiece, e);
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
		r = read_added(t, json_object_get(root, "added_tokens"), e);
	if (r == 0)
		r = read_frame(t, json_object_get(root, "post_processor"), e);
	return r;
}

int tokenizer_new(const json_t *root, struct tokenizer **ret, struct err *e)
{
	CLEANUP(tokenizer_freep) struct tokenizer *t = calloc(1, sizeof(*t));
	int r = t ? read_root(t, root, e) : err_set(e, -ENOMEM, "out of memory");

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
	(void)normalizer_free(t->normalizer);
	(void)splitter_free(t->splitter);
	(void)vocab_free(t->vocab);
	free(t->added);
	free(t);
	return NULL;
}

/* --- encoding --- */

static const struct added *added_at(const struct tokenizer *t, const char *s, size_t n)
{
	if (n == 0 || !t->begins_added[(uint8_t)s[0]])
		return NULL;
	for (size_t i = 0; i < t->n_added; i++)
		if (t->added[i].n <= n && !memcmp(t->added[i].content, s, t->added[i].n))
			return &t->added[i];
	return NULL;
}

/* Copies without the breaks. */
static int add_unbroken(struct buf *b, const char *s, size_t n)
{
	const size_t length = strlen(TOKENIZER_BREAK);
	int r = 0;

	while (n > 0 && r == 0) {
		const char *at = memmem(s, n, TOKENIZER_BREAK, length);
		size_t part = at ? (size_t)(at - s) : n;

		r = buf_add(b, s, part);
		s += part + (at ? length : 0);
		n -= part + (at ? length : 0);
	}
	return r;
}

/* Text with no added token in it. */
static int encode_ordinary(struct tokenizer *t, const char *s, size_t n, struct tokens *out)
{
	struct pieces pieces = {0};
	struct buf text;
	int r;

	buf_init(&text, TOKENIZER_TEXT_MAX);
	r = add_unbroken(&text, s, n);
	if (r == 0)
		r = normalizer_run(t->normalizer, &text);
	if (r == 0 && text.len > 0 && splitter_wants_space(t->splitter) && text.data[0] != ' ') {
		struct buf spaced;

		buf_init(&spaced, TOKENIZER_TEXT_MAX);
		r = buf_add(&spaced, " ", 1);
		if (r == 0)
			r = buf_add(&spaced, text.data, text.len);
		buf_done(&text);
		text = spaced;
	}
	if (r == 0)
		r = splitter_run(t->splitter, buf_str(&text), text.len, &pieces);
	for (size_t i = 0; i < pieces.n && r == 0; i++) {
		const char *piece = buf_str(&text) + pieces.list[i].from;
		size_t length = pieces.list[i].to - pieces.list[i].from;

		r = t->bpe ? bpe_encode(t->bpe, piece, length, out)
			   : wordpiece_encode(t->wordpiece, piece, length, out);
	}
	free(pieces.list);
	buf_done(&text);
	return r == -ENOSPC ? -EMSGSIZE : r;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int encode_text(struct tokenizer *t, const char *s, size_t n, struct tokens *out)
{
	size_t from = 0, at = 0;
	int r = 0;

	while (at < n && r == 0) {
		const struct added *a = added_at(t, s + at, n - at);
		size_t end = at;

		if (!a) {
			at++;
			continue;
		}
		while (a->lstrip && end > from && is_blank(s[end - 1]))
			end--;
		r = encode_ordinary(t, s + from, end - from, out);
		if (r == 0)
			r = tokens_add(out, a->id);
		at += a->n;
		while (a->rstrip && at < n && is_blank(s[at]))
			at++;
		from = at;
	}
	return r < 0 ? r : encode_ordinary(t, s + from, n - from, out);
}

static int add_all(struct tokens *out, const uint32_t *ids, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = tokens_add(out, ids[i]);
	return r;
}

int tokenizer_encode(struct tokenizer *t, const char *text, size_t n, bool framed,
	struct tokens *out, struct err *e)
{
	int r = 0;

	if (n > TOKENIZER_TEXT_MAX)
		return err_set(
			e, -EMSGSIZE, "%zu bytes of text, the limit is %u", n, TOKENIZER_TEXT_MAX);
	if (!utf8_valid(text, n))
		return err_set(e, -EINVAL, "the text is not UTF-8");
	if (framed)
		r = add_all(out, t->before, t->n_before);
	if (r == 0)
		r = encode_text(t, text, n, out);
	if (r == 0 && framed)
		r = add_all(out, t->after, t->n_after);
	if (r == -EMSGSIZE)
		return err_set(e, r, "more than %zu tokens", out->max);
	if (r == -ETIME)
		return err_set(e, r, "the model's pre_tokenizer takes too long on this text");
	return r < 0 ? err_set(e, r, "%s", strerror(-r)) : 0;
}

int tokenizer_defuse(const struct tokenizer *t, const char *text, size_t n, struct buf *out)
{
	CLEANUP(buf_done) struct buf plain;
	int r;

	buf_init(&plain, TOKENIZER_TEXT_MAX);
	r = add_unbroken(&plain, text, n);
	for (size_t i = 0; i < plain.len && r == 0; i++) {
		const struct added *a = added_at(t, buf_str(&plain) + i, plain.len - i);
		uint32_t c;
		int first = a ? utf8_read(a->content, a->n, &c) : 0;

		if (a && a->special && (size_t)first < a->n) {
			r = buf_add(out, buf_str(&plain) + i, (size_t)first);
			if (r == 0)
				r = buf_add_str(out, TOKENIZER_BREAK);
			i += (size_t)first - 1;
		} else {
			r = buf_add(out, buf_str(&plain) + i, 1);
		}
	}
	return r;
}

/* --- asking --- */

static const struct added *added_by_id(const struct tokenizer *t, uint32_t id)
{
	for (size_t i = 0; i < t->n_added; i++)
		if (t->added[i].id == id)
			return &t->added[i];
	return NULL;
}

const char *tokenizer_text(const struct tokenizer *t, uint32_t id, size_t *ret_n)
{
	const struct added *a = added_by_id(t, id);

	return a && a->special ? NULL : vocab_token(t->vocab, id, ret_n);
}

uint32_t tokenizer_find(const struct tokenizer *t, const char *token)
{
	for (size_t i = 0; i < t->n_added; i++)
		if (!strcmp(t->added[i].content, token))
			return t->added[i].id;
	return vocab_find(t->vocab, token, strlen(token));
}

uint32_t tokenizer_size(const struct tokenizer *t)
{
	return vocab_size(t->vocab);
}
