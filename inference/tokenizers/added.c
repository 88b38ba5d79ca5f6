#include "inference/tokenizers/added.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "inference/tokenizers/unicode.h"

struct token {
	const char *content; /* borrowed from the vocabulary */
	uint32_t id;
	bool single_word, lstrip, rstrip, special;
};

/* Tokens looked for together, by their spelling in the text that is searched. */
struct set {
	struct vocab *spellings; /* owned; ids are places in tokens */
	bool begins[256];        /* some spelling begins with this byte */
};

struct added {
	const struct normalizer *normalizer; /* borrowed */
	struct token *tokens;                /* owned */
	size_t n;
	uint16_t *places; /* owned; by id: one more than the place in tokens, 0: none */
	uint32_t size;    /* of places */
	struct set raw, normalized;
	bool normalized_special; /* some special token is spelled as the normalizer leaves it */
};

/* --- reading --- */

/* The content as the normalizer leaves it. */
static int normalize(const struct added *a, const char *content, struct traced *ret)
{
	int r;

	traced_init(ret, 4 * VOCAB_TOKEN_MAX);
	r = traced_add_original(ret, content, strlen(content), 0);
	return r < 0 ? r : normalizer_run(a->normalizer, ret);
}

static int add_spelling(struct set *set, uint32_t place, const char *s, size_t n)
{
	int r;

	if (n == 0)
		return 0;
	r = vocab_add(set->spellings, place, s, n, true);
	if (r == 0)
		set->begins[(uint8_t)s[0]] = true;
	return r == -EEXIST ? 0 : r; /* two that are spelled alike: the first is found */
}

static int add_token(struct added *a, const struct token *token, bool normalized)
{
	uint32_t place = (uint32_t)a->n;
	struct traced text;
	int r;

	a->tokens[a->n++] = *token;
	if (a->places[token->id] == 0)
		a->places[token->id] = (uint16_t)a->n;
	if (!normalized)
		return add_spelling(&a->raw, place, token->content, strlen(token->content));
	a->normalized_special = a->normalized_special || token->special;
	r = normalize(a, token->content, &text);
	if (r == 0)
		r = add_spelling(&a->normalized, place, buf_str(&text.bytes), text.bytes.len);
	traced_done(&text);
	return r;
}

static int read_one(struct added *a, const json_t *v, struct vocab *vocab, struct err *e)
{
	uint32_t id = (uint32_t)json_integer_value(json_object_get(v, "id"));
	bool special = json_opt_bool(v, "special", false);
	struct token token = {
		.id = id,
		.single_word = json_opt_bool(v, "single_word", false),
		.lstrip = json_opt_bool(v, "lstrip", false),
		.rstrip = json_opt_bool(v, "rstrip", false),
		.special = special,
	};
	const char *content;
	size_t n;
	int r = json_get_str(v, "content", VOCAB_TOKEN_MAX, &content, e);

	if (r < 0)
		return err_wrap(e, "added_tokens");
	if (content[0] == '\0')
		return err_set(e, -EBADMSG, "added_tokens: token %u is empty", id);
	r = vocab_add(vocab, id, content, strlen(content), false);
	if (r < 0 && r != -EEXIST) /* it may stand in the vocabulary as well */
		return err_set(e, r, "added_tokens: %s", strerror(-r));
	token.content = vocab_token(vocab, id, &n);
	if (n != strlen(content) || memcmp(token.content, content, n) != 0)
		return err_set(e, -EBADMSG,
			"added_tokens: id %u has another spelling in the vocabulary", id);
	r = add_token(a, &token, json_opt_bool(v, "normalized", !special));
	return r < 0 ? err_set(e, r, "added_tokens: token %u: %s", id, strerror(-r)) : 0;
}

int added_new(const json_t *list, struct vocab *vocab, const struct normalizer *normalizer,
	struct added **ret, struct err *e)
{
	CLEANUP(added_freep) struct added *a = calloc(1, sizeof(*a));
	uint32_t size = (uint32_t)json_array_size(list);
	const json_t *v;
	size_t i;

	if (json_array_size(list) > ADDED_MAX)
		return err_set(e, -EMSGSIZE, "added_tokens: %zu, the limit is %d",
			json_array_size(list), ADDED_MAX);
	if (a) {
		a->size = vocab_size(vocab);
		a->places = calloc(a->size + 1, sizeof(*a->places));
		a->tokens = calloc(size + 1, sizeof(*a->tokens));
	}
	if (!a || !a->tokens || !a->places || vocab_new(size, &a->raw.spellings) < 0 ||
		vocab_new(size, &a->normalized.spellings) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	a->normalizer = normalizer;
	json_array_foreach(list, i, v)
	{
		int r = read_one(a, v, vocab, e);

		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(a);
	return 0;
}

struct added *added_free(struct added *a)
{
	if (!a)
		return NULL;
	(void)vocab_free(a->raw.spellings);
	(void)vocab_free(a->normalized.spellings);
	free(a->tokens);
	free(a->places);
	free(a);
	return NULL;
}

/* --- finding --- */

/* The character that ends at s[n]; 0 where there is none. */
static uint32_t point_before(const char *s, size_t n)
{
	size_t at = n;
	uint32_t c = 0;

	while (at > 0) {
		at--;
		if (((uint8_t)s[at] & 0xc0) != 0x80)
			break;
	}
	return utf8_read(s + at, n - at, &c) > 0 ? c : 0;
}

static uint32_t point_after(const char *s, size_t n)
{
	uint32_t c = 0;

	return utf8_read(s, n, &c) > 0 ? c : 0;
}

/* The longest spelling at s. VOCAB_NONE: there is none. */
static uint32_t longest(const struct set *set, const char *s, size_t n, size_t *ret_n)
{
	struct vocab_prefixes p = {.s = s, .n = n};
	uint32_t place, best = VOCAB_NONE;

	if (!set->begins[(uint8_t)s[0]])
		return VOCAB_NONE;
	while ((place = vocab_next_prefix(set->spellings, &p)) != VOCAB_NONE) {
		best = place;
		*ret_n = p.at;
	}
	return best;
}

static bool is_single_word(const char *s, size_t n, size_t from, size_t to)
{
	return !unicode_is_word(point_before(s, from)) &&
	       !unicode_is_word(point_after(s + to, n - to));
}

bool added_next(const struct added *a, bool normalized, const char *s, size_t n, size_t from,
	struct added_match *ret)
{
	const struct set *set = normalized ? &a->normalized : &a->raw;
	size_t length = 0;

	for (size_t at = from; at < n; at += length ? length : 1) {
		uint32_t place = longest(set, s + at, n - at, &length);
		const struct token *t = place != VOCAB_NONE ? &a->tokens[place] : NULL;
		uint32_t c;

		if (!t) {
			length = 0;
			continue;
		}
		if (t->single_word && !is_single_word(s, n, at, at + length))
			continue;
		*ret = (struct added_match){t->id, at, at + length};
		while (t->lstrip && ret->from > from &&
			unicode_is_space(c = point_before(s, ret->from)))
			ret->from -= utf8_write(c, (char[4]){0});
		while (t->rstrip && ret->to < n &&
			unicode_is_space(c = point_after(s + ret->to, n - ret->to)))
			ret->to += utf8_write(c, (char[4]){0});
		return true;
	}
	return false;
}

/* --- asking --- */

uint32_t added_find(const struct added *a, const char *token)
{
	for (size_t i = 0; i < a->n; i++)
		if (!strcmp(a->tokens[i].content, token))
			return a->tokens[i].id;
	return VOCAB_NONE;
}

const char *added_content(const struct added *a, uint32_t id, bool *ret_special)
{
	uint16_t place = id < a->size ? a->places[id] : 0;

	if (!place)
		return NULL;
	*ret_special = a->tokens[place - 1].special;
	return a->tokens[place - 1].content;
}

/* --- breaking --- */

int added_unbreak(const char *s, size_t n, struct buf *out)
{
	const size_t length = strlen(TEXT_BREAK);
	int r = 0;

	while (n > 0 && r == 0) {
		const char *at = memmem(s, n, TEXT_BREAK, length);
		size_t part = at ? (size_t)(at - s) : n;

		r = buf_add(out, s, part);
		s += part + (at ? length : 0);
		n -= part + (at ? length : 0);
	}
	return r;
}

/* Breaks every spelling of a special token in s, wherever one begins. */
static int break_raw(const struct added *a, const char *s, size_t n, struct buf *out)
{
	int r = 0;

	for (size_t at = 0; at < n && r == 0;) {
		struct vocab_prefixes p = {.s = s + at, .n = n - at};
		uint32_t c, place;
		int used = utf8_read(s + at, n - at, &c);
		bool special = false;

		if (used <= 0)
			return -EINVAL;
		while (a->raw.begins[(uint8_t)s[at]] && !special &&
			(place = vocab_next_prefix(a->raw.spellings, &p)) != VOCAB_NONE)
			special = a->tokens[place].special && p.at > (size_t)used;
		r = buf_add(out, s + at, (size_t)used);
		at += (size_t)used;
		if (r == 0 && special)
			r = buf_add_str(out, TEXT_BREAK);
	}
	return r;
}

/*
 * The same for those that the normalizer makes: the break goes behind the first character that
 * one was made of. Where that is the only one, or breaks do not help, the character goes.
 */
static int break_normalized(const struct added *a, struct buf *text, bool *ret_again)
{
	struct added_match m = {0};
	struct pattern_budget budget;
	struct traced normal;
	struct buf out;
	size_t done = 0;
	int r;

	buf_init(&out, text->max);
	traced_init(&normal, text->max);
	pattern_budget_init(&budget, text->len);
	normal.budget = &budget;
	r = traced_add_original(&normal, buf_str(text), text->len, 0);
	if (r == 0)
		r = normalizer_run(a->normalizer, &normal);
	*ret_again = false;
	while (r == 0 && added_next(a, true, buf_str(&normal.bytes), normal.bytes.len, m.to, &m)) {
		struct span s = traced_span(&normal, m.from, m.to);
		uint32_t c;
		bool special = false;
		int first = utf8_read(buf_str(text) + s.from, text->len - s.from, &c);

		(void)added_content(a, m.id, &special);
		if (!special || s.from < done || first <= 0)
			continue;
		*ret_again = true;
		r = buf_add(&out, buf_str(text) + done, s.from - done);
		done = s.from + (size_t)first;
		if (r == 0 && done < s.to)
			r = buf_add(&out, buf_str(text) + s.from, (size_t)first);
		if (r == 0 && done < s.to)
			r = buf_add_str(&out, TEXT_BREAK);
	}
	if (r == 0)
		r = buf_add(&out, buf_str(text) + done, text->len - done);
	traced_done(&normal);
	buf_done(text);
	*text = out;
	return r;
}

int added_defuse(const struct added *a, const char *text, size_t n, struct buf *out)
{
	CLEANUP(buf_done) struct buf plain;
	CLEANUP(buf_done) struct buf broken;
	bool again = a->normalized_special;
	int r;

	buf_init(&plain, out->max);
	buf_init(&broken, out->max);
	r = added_unbreak(text, n, &plain);
	if (r == 0)
		r = break_raw(a, buf_str(&plain), plain.len, &broken);
	/* A break can move what the normalizer joins, so what is left is looked at once more. */
	for (int i = 0; i < 4 && again && r == 0; i++)
		r = break_normalized(a, &broken, &again);
	return r < 0 ? r : buf_add(out, broken.data, broken.len);
}
