#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inference/formats/gguf_merges.h"
#include "inference/formats/gguf_model.h"
#include "inference/tokenizers/unicode.h"
#include "inference/tokenizers/vocab.h"

#define SPACE "\xe2\x96\x81" /* U+2581, which stands for a space */

struct tokens_of {
	struct gguf_token *list; /* owned; n of them */
	size_t n;
};

static void tokens_of_done(struct tokens_of *t)
{
	free(t->list);
}

static int out_of_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

static bool is_word(const struct gguf_string *s, const char *word)
{
	return s->n == strlen(word) && !memcmp(s->s, word, s->n);
}

/* A bool key; fallback where it is missing or no number. */
static bool flag(const struct gguf *g, const char *key, bool fallback)
{
	struct err ignored = {0};
	double n;

	return gguf_get_number(g, key, &n, &ignored) == 0 ? n != 0 : fallback;
}

/* --- the vocabulary --- */

static int read_token(struct gguf_array *from, struct gguf_token *t, size_t i, struct err *e)
{
	if (!gguf_next_string(from, &t->s))
		return err_set(e, -EBADMSG, "tokenizer.ggml.tokens: must hold strings");
	if (t->s.n == 0 || t->s.n > VOCAB_TOKEN_MAX)
		return err_set(e, -EBADMSG,
			"tokenizer.ggml.tokens: token %zu: %zu bytes, must be 1 to %d", i, t->s.n,
			VOCAB_TOKEN_MAX);
	if (!utf8_valid(t->s.s, t->s.n) || memchr(t->s.s, 0, t->s.n))
		return err_set(e, -EBADMSG, "tokenizer.ggml.tokens: token %zu is not UTF-8", i);
	t->kind = KIND_NORMAL;
	return 0;
}

/* An array of numbers beside the tokens; -ENOENT: there is none. */
static int open_beside(
	const struct gguf *g, const char *key, size_t n, struct gguf_array *ret, struct err *e)
{
	int r = gguf_get_array(g, key, ret, e);

	if (r == 0 && ret->left != n)
		return err_set(e, -EBADMSG, "%s: %llu elements for %zu tokens", key,
			(unsigned long long)ret->left, n);
	return r;
}

static int read_kinds(const struct gguf *g, struct tokens_of *t, struct err *e)
{
	struct gguf_array kinds, scores;
	struct err missing = {0};
	double n = 0;
	int r = open_beside(g, "tokenizer.ggml.token_type", t->n, &kinds, &missing);

	if (r < 0 && r != -ENOENT)
		return err_set(e, r, "%s", missing.text);
	for (size_t i = 0; i < t->n && r == 0; i++) {
		if (!gguf_next_number(&kinds, &n) || !(n >= 0 && n <= KIND_BYTE))
			return err_set(e, -EBADMSG,
				"tokenizer.ggml.token_type: must hold numbers from 0 to 6");
		t->list[i].kind = (uint8_t)n;
	}
	r = open_beside(g, "tokenizer.ggml.scores", t->n, &scores, &missing);
	if (r < 0 && r != -ENOENT)
		return err_set(e, r, "%s", missing.text);
	for (size_t i = 0; i < t->n && r == 0; i++) {
		if (!gguf_next_number(&scores, &n) || !isfinite(n))
			return err_set(
				e, -EBADMSG, "tokenizer.ggml.scores: must hold finite numbers");
		t->list[i].score = (float)n;
	}
	return 0;
}

static int read_tokens(const struct gguf *g, struct tokens_of *t, struct err *e)
{
	struct gguf_array from;
	int r = gguf_get_array(g, "tokenizer.ggml.tokens", &from, e);

	if (r < 0)
		return -EBADMSG;
	if (from.left == 0 || from.left > VOCAB_MAX)
		return err_set(e, -EMSGSIZE, "tokenizer.ggml.tokens: %llu, must be 1 to %u",
			(unsigned long long)from.left, VOCAB_MAX);
	t->n = from.left;
	t->list = calloc(t->n, sizeof(*t->list));
	if (!t->list)
		return out_of_memory(e);
	for (size_t i = 0; i < t->n; i++) {
		r = read_token(&from, &t->list[i], i, e);
		if (r < 0)
			return r;
	}
	return read_kinds(g, t, e);
}

/* A key's token id. VOCAB_NONE: there is none, or it is none of the tokens. */
static uint32_t id_of(const struct gguf *g, const struct tokens_of *t, const char *key)
{
	struct err ignored = {0};
	double n;

	if (gguf_get_number(g, key, &n, &ignored) < 0 || !(n >= 0 && n < (double)t->n))
		return VOCAB_NONE;
	return (uint32_t)n;
}

static uint32_t id_of_spelling(const struct tokens_of *t, const char *word)
{
	for (size_t i = 0; i < t->n; i++)
		if (is_word(&t->list[i].s, word))
			return (uint32_t)i;
	return VOCAB_NONE;
}

/* --- parts of a tokenizer.json; each is NULL when out of memory --- */

static bool is_added(const struct gguf_token *t)
{
	return t->kind == KIND_CONTROL || t->kind == KIND_USER || t->kind == KIND_UNKNOWN;
}

static json_t *make_added(const struct tokens_of *t)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < t->n; i++) {
		const struct gguf_token *token = &t->list[i];

		if (is_added(token) &&
			json_array_append_new(list,
				json_pack("{s:i, s:s%, s:b, s:b, s:b, s:b, s:b}", "id", (int)i,
					"content", token->s.s, token->s.n, "single_word", 0,
					"lstrip", 0, "rstrip", 0, "normalized", 0, "special",
					token->kind != KIND_USER)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}} */
static json_t *make_special(const struct gguf_token *t, uint32_t id)
{
	return json_pack("{s:s%, s:[i], s:[s%]}", "id", t->s.s, t->s.n, "ids", (int)id, "tokens",
		t->s.s, t->s.n);
}

/* TemplateProcessing with the tokens before and after each text; VOCAB_NONE: none. */
static json_t *make_frame(const struct tokens_of *t, uint32_t before, uint32_t after, bool twice)
{
	json_t *single = json_array(), *pair = json_array(), *special = json_object();
	const struct part {
		uint32_t id;
		const char *text;
		int type;
	} parts[] = {
		{before, NULL, 0},
		{VOCAB_NONE, "A", 0},
		{after, NULL, 0},
		{twice ? before : VOCAB_NONE, NULL, 1},
		{VOCAB_NONE, "B", 1},
		{after, NULL, 1},
	};
	int r = single && pair && special ? 0 : -1;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && r == 0; i++) {
		const struct part *p = &parts[i];
		const struct gguf_token *token = p->id == VOCAB_NONE ? NULL : &t->list[p->id];
		json_t *v;

		if (!token && !p->text)
			continue;
		v = token ? json_pack("{s:{s:s%, s:i}}", "SpecialToken", "id", token->s.s,
				    token->s.n, "type_id", p->type)
			  : json_pack("{s:{s:s, s:i}}", "Sequence", "id", p->text, "type_id",
				    p->type);
		if (!v || (i < 3 && json_array_append(single, v) < 0) ||
			json_array_append(pair, v) < 0)
			r = -1;
		if (r == 0 && token)
			r = json_object_set_new(special,
				json_string_value(
					json_object_get(json_object_get(v, "SpecialToken"), "id")),
				make_special(token, p->id));
		json_decref(v);
	}
	if (r == 0)
		return json_pack("{s:s, s:o, s:o, s:o}", "type", "TemplateProcessing", "single",
			single, "pair", pair, "special_tokens", special);
	json_decref(single);
	json_decref(pair);
	json_decref(special);
	return NULL;
}

/* Frees what it is given, whether or not it makes the whole. */
static int make_root(json_t *added, json_t *normalizer, json_t *cutter, json_t *frame,
	json_t *decoder, json_t *model, json_t **ret, struct err *e)
{
	if (added && normalizer && cutter && frame && decoder && model) {
		*ret = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "version", "1.0",
			"added_tokens", added, "normalizer", normalizer, "pre_tokenizer", cutter,
			"post_processor", frame, "decoder", decoder, "model", model);
		return *ret ? 0 : out_of_memory(e);
	}
	json_decref(added);
	json_decref(normalizer);
	json_decref(cutter);
	json_decref(frame);
	json_decref(decoder);
	json_decref(model);
	return e->code ? e->code : out_of_memory(e);
}

/* {token: id}; left_out: kinds that are added tokens only. respell: how it is written there. */
static json_t *make_vocab(const struct tokens_of *t, bool without_added,
	size_t (*respell)(const struct gguf_token *t, char *to), struct err *e)
{
	json_t *vocab = json_object();
	char name[VOCAB_TOKEN_MAX + 8];

	for (size_t i = 0; vocab && i < t->n; i++) {
		const struct gguf_token *token = &t->list[i];
		size_t n = token->s.n;

		if (without_added && is_added(token))
			continue;
		if (respell)
			n = respell(token, name);
		else
			memcpy(name, token->s.s, n);
		name[n] = '\0';
		if (json_object_get(vocab, name)) {
			(void)err_set(
				e, -EBADMSG, "tokenizer.ggml.tokens: token %zu is there twice", i);
			json_decref(vocab);
			return NULL;
		}
		if (json_object_set_new(vocab, name, json_integer((json_int_t)i)) < 0) {
			json_decref(vocab);
			return NULL;
		}
	}
	return vocab;
}

/* --- byte-level BPE --- */

#define SPLIT_LLAMA3                                                                               \
	"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"                  \
	" ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define SPLIT_QWEN2                                                                                \
	"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"                       \
	" ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* tokenizer.ggml.pre, which llama.cpp's converter finds by trying a text. */
static const struct cutting {
	const char *name;
	const char *regex; /* NULL: GPT-2's own */
	bool digits;       /* each digit alone, before all else */
	bool whole_first;  /* a piece that is a token is not merged */
	bool nfc;
	bool begins; /* with the beginning's token where the file does not say */
} cuttings[] = {
	{"llama-bpe", SPLIT_LLAMA3, .whole_first = true, .begins = true},
	{"llama3", SPLIT_LLAMA3, .whole_first = true, .begins = true},
	{"llama-v3", SPLIT_LLAMA3, .whole_first = true, .begins = true},
	{"qwen2", SPLIT_QWEN2, .nfc = true},
	{"deepseek-r1-qwen", SPLIT_QWEN2, .nfc = true},
	{"gpt-2", NULL},
	{"gpt2", NULL},
	{"phi-2", NULL},
	{"smollm", NULL, .digits = true},
	{"starcoder", NULL, .digits = true},
	{"refact", NULL, .digits = true},
};

static int find_cutting(const struct gguf *g, const struct cutting **ret, struct err *e)
{
	struct gguf_string name;

	if (gguf_get_string(g, "tokenizer.ggml.pre", &name, e) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(cuttings) / sizeof(cuttings[0]); i++)
		if (is_word(&name, cuttings[i].name)) {
			*ret = &cuttings[i];
			return 0;
		}
	return err_set(e, -ENOTSUP, "tokenizer.ggml.pre '%.*s' is not supported",
		(int)(name.n > 40 ? 0 : name.n), name.s);
}

static json_t *make_cutter(const struct cutting *c)
{
	json_t *list = json_array();
	int r = list ? 0 : -1;

	if (r == 0 && c->digits)
		r = json_array_append_new(
			list, json_pack("{s:s, s:b}", "type", "Digits", "individual_digits", 1));
	if (r == 0 && c->regex)
		r = json_array_append_new(
			list, json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern",
				      "Regex", c->regex, "behavior", "Isolated", "invert", 0));
	if (r == 0)
		r = json_array_append_new(list,
			json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space",
				0, "trim_offsets", 1, "use_regex", c->regex == NULL));
	if (r < 0) {
		json_decref(list);
		return NULL;
	}
	return json_pack("{s:s, s:o}", "type", "Sequence", "pretokenizers", list);
}

static json_t *make_merges(const struct gguf *g, struct err *e)
{
	struct gguf_array from;
	struct gguf_string s;
	json_t *list;

	if (gguf_get_array(g, "tokenizer.ggml.merges", &from, e) < 0)
		return NULL;
	list = json_array();
	while (list && from.left > 0) {
		json_t *v = NULL;

		if (gguf_next_string(&from, &s) && s.n <= 2 * VOCAB_TOKEN_MAX + 1 &&
			!memchr(s.s, 0, s.n))
			v = json_stringn(s.s, s.n);
		if (!v) {
			(void)err_set(e, -EBADMSG,
				"tokenizer.ggml.merges: must hold pairs of tokens in UTF-8");
			json_decref(list);
			return NULL;
		}
		if (json_array_append_new(list, v) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int make_bpe(const struct gguf *g, const struct tokens_of *t, json_t **ret, struct err *e)
{
	const struct cutting *c = NULL;
	uint32_t before = id_of(g, t, "tokenizer.ggml.bos_token_id");
	uint32_t after = id_of(g, t, "tokenizer.ggml.eos_token_id");
	json_t *vocab, *merges, *model = NULL;
	int r = find_cutting(g, &c, e);

	if (r < 0)
		return r;
	if (!flag(g, "tokenizer.ggml.add_bos_token", c->begins))
		before = VOCAB_NONE;
	if (!flag(g, "tokenizer.ggml.add_eos_token", false))
		after = VOCAB_NONE;
	vocab = make_vocab(t, true, NULL, e);
	merges = vocab ? make_merges(g, e) : NULL;
	if (merges)
		model = json_pack("{s:s, s:b, s:o, s:o}", "type", "BPE", "ignore_merges",
			c->whole_first, "vocab", vocab, "merges", merges);
	else
		json_decref(vocab);
	return make_root(make_added(t), c->nfc ? json_pack("{s:s}", "type", "NFC") : json_null(),
		make_cutter(c), make_frame(t, before, after, true),
		json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 1,
			"trim_offsets", 1, "use_regex", 1),
		model, ret, e);
}

/* --- SentencePiece's BPE --- */

static int make_spm(const struct gguf *g, const struct tokens_of *t, json_t **ret, struct err *e)
{
	uint32_t before = id_of(g, t, "tokenizer.ggml.bos_token_id");
	uint32_t after = id_of(g, t, "tokenizer.ggml.eos_token_id");
	uint32_t unknown = id_of(g, t, "tokenizer.ggml.unknown_token_id");
	json_t *vocab = make_vocab(t, false, NULL, e), *merges, *model = NULL, *normalizer;

	if (unknown == VOCAB_NONE)
		unknown = id_of_spelling(t, "<unk>");
	if (!flag(g, "tokenizer.ggml.add_bos_token", true))
		before = VOCAB_NONE;
	if (!flag(g, "tokenizer.ggml.add_eos_token", false))
		after = VOCAB_NONE;
	merges = vocab ? gguf_scored_merges(t->list, t->n, e) : NULL;
	if (merges)
		model = json_pack("{s:s, s:b, s:b, s:o, s:o}", "type", "BPE", "byte_fallback", 1,
			"fuse_unk", 1, "vocab", vocab, "merges", merges);
	else
		json_decref(vocab);
	if (model && unknown != VOCAB_NONE)
		(void)json_object_set_new(model, "unk_token",
			json_stringn(t->list[unknown].s.s, t->list[unknown].s.n));
	normalizer = json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern", "String", " ",
		"content", SPACE);
	if (normalizer && flag(g, "tokenizer.ggml.add_space_prefix", true))
		normalizer = json_pack("{s:s, s:[{s:s, s:s}, o]}", "type", "Sequence",
			"normalizers", "type", "Prepend", "prepend", SPACE, normalizer);
	return make_root(make_added(t), normalizer, json_null(), make_frame(t, before, after, true),
		json_pack("{s:s, s:[{s:s, s:{s:s}, s:s}, {s:s}, {s:s}, {s:s, s:s, s:i, s:i}]}",
			"type", "Sequence", "decoders", "type", "Replace", "pattern", "String",
			SPACE, "content", " ", "type", "ByteFallback", "type", "Fuse", "type",
			"Strip", "content", " ", "start", 1, "stop", 0),
		model, ret, e);
}

/* --- WordPiece --- */

/* The file marks a word's beginning, tokenizer.json what continues one. */
static size_t respell_piece(const struct gguf_token *t, char *to)
{
	const size_t mark = strlen(SPACE);

	if (t->kind == KIND_CONTROL || t->kind == KIND_UNKNOWN || t->s.s[0] == '[') {
		memcpy(to, t->s.s, t->s.n);
		return t->s.n;
	}
	if (t->s.n > mark && !memcmp(t->s.s, SPACE, mark)) {
		memcpy(to, t->s.s + mark, t->s.n - mark);
		return t->s.n - mark;
	}
	memcpy(to, "##", 2);
	memcpy(to + 2, t->s.s, t->s.n);
	return t->s.n + 2;
}

static uint32_t first_of(
	const struct gguf *g, const struct tokens_of *t, const char *key, const char *spelling)
{
	uint32_t id = id_of(g, t, key);

	return id == VOCAB_NONE ? id_of_spelling(t, spelling) : id;
}

static int make_wordpiece(
	const struct gguf *g, const struct tokens_of *t, json_t **ret, struct err *e)
{
	uint32_t before = first_of(g, t, "tokenizer.ggml.cls_token_id", "[CLS]");
	uint32_t after = first_of(g, t, "tokenizer.ggml.seperator_token_id", "[SEP]");
	json_t *vocab = make_vocab(t, false, respell_piece, e), *model = NULL;
	/* The file does not say whether it is cased; a vocabulary without capitals is not. */
	bool lower = true;

	for (size_t i = 0; i < t->n && lower; i++)
		for (size_t j = 0; j < t->list[i].s.n && lower; j++)
			lower = t->list[i].kind != KIND_NORMAL || t->list[i].s.s[0] == '[' ||
				t->list[i].s.s[j] < 'A' || t->list[i].s.s[j] > 'Z';
	if (vocab)
		model = json_pack("{s:s, s:s, s:s, s:i, s:o}", "type", "WordPiece", "unk_token",
			"[UNK]", "continuing_subword_prefix", "##", "max_input_chars_per_word", 100,
			"vocab", vocab);
	return make_root(make_added(t),
		json_pack("{s:s, s:b, s:b, s:n, s:b}", "type", "BertNormalizer", "clean_text", 1,
			"handle_chinese_chars", 1, "strip_accents", "lowercase", lower),
		json_pack("{s:s}", "type", "BertPreTokenizer"), make_frame(t, before, after, false),
		json_pack("{s:s, s:s, s:b}", "type", "WordPiece", "prefix", "##", "cleanup", 1),
		model, ret, e);
}

int gguf_tokenizer(const struct gguf *g, json_t **ret, struct err *e)
{
	CLEANUP(tokens_of_done) struct tokens_of t = {0};
	struct gguf_string name;
	struct err local = {0}, *why = e ? e : &local;
	int r = gguf_get_string(g, "tokenizer.ggml.model", &name, why);

	if (r < 0)
		return -EBADMSG;
	r = read_tokens(g, &t, why);
	if (r < 0)
		return r;
	if (is_word(&name, "gpt2"))
		return make_bpe(g, &t, ret, why);
	if (is_word(&name, "llama"))
		return make_spm(g, &t, ret, why);
	if (is_word(&name, "bert"))
		return make_wordpiece(g, &t, ret, why);
	return err_set(why, -ENOTSUP,
		"tokenizer.ggml.model '%.*s' is not supported; gpt2, llama and bert are",
		(int)(name.n > 40 ? 0 : name.n), name.s);
}

/* --- tokenizer_config.json --- */

int gguf_tokenizer_config(const struct gguf *g, json_t **ret, struct err *e)
{
	CLEANUP(tokens_of_done) struct tokens_of t = {0};
	const struct special {
		const char *key, *name;
	} specials[] = {
		{"tokenizer.ggml.bos_token_id", "bos_token"},
		{"tokenizer.ggml.eos_token_id", "eos_token"},
	};
	struct gguf_string text;
	struct err ignored = {0};
	json_t *config = json_object();
	int r = config ? read_tokens(g, &t, e) : out_of_memory(e);

	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]) && r == 0; i++) {
		uint32_t id = id_of(g, &t, specials[i].key);

		if (id != VOCAB_NONE && json_object_set_new(config, specials[i].name,
						json_stringn(t.list[id].s.s, t.list[id].s.n)) < 0)
			r = out_of_memory(e);
	}
	if (r == 0 && gguf_get_string(g, "tokenizer.chat_template", &text, &ignored) == 0 &&
		json_object_set_new(config, "chat_template", json_stringn(text.s, text.n)) < 0)
		r = err_set(e, -EBADMSG, "tokenizer.chat_template: must be UTF-8");
	if (r < 0) {
		json_decref(config);
		return r;
	}
	*ret = config;
	return 0;
}
