#include "inference/formats/gguf_merges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inference/tokenizers/vocab.h"

#define PAIRS_MAX (1u << 22)
#define PIECE_MAX 128         /* bytes; a longer token is never looked at for cuts */
#define WORK_MAX (1ull << 28) /* bytes looked up; what models have takes a hundredth */

struct pair {
	uint32_t whole, at; /* the token, and where it is cut, in bytes */
	float score;
	uint16_t left, right; /* code points */
};

struct pairs {
	struct pair *list; /* owned; n used of cap */
	size_t n, cap;
};

static size_t code_points(const char *s, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += ((uint8_t)s[i] & 0xc0) != 0x80;
	return count;
}

static int add_pair(struct pairs *p, const struct pair *pair)
{
	if (p->n == PAIRS_MAX)
		return -EMSGSIZE;
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 4096;
		struct pair *grown = reallocarray(p->list, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		p->list = grown;
		p->cap = cap;
	}
	p->list[p->n++] = *pair;
	return 0;
}

/* As transformers' generate_merges: best score first, then the longer left, the longer right. */
static int by_score(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->left != y->left)
		return x->left > y->left ? -1 : 1;
	if (x->right != y->right)
		return x->right > y->right ? -1 : 1;
	return x->whole < y->whole ? -1 : x->whole > y->whole;
}

static int find_pairs(
	const struct gguf_token *t, size_t n_tokens, struct vocab *vocab, struct pairs *ret)
{
	uint64_t work = 0;

	for (size_t i = 0; i < n_tokens; i++) {
		const struct gguf_string *s = &t[i].s;
		struct vocab_prefixes p = {.s = s->s, .n = s->n};

		if ((t[i].kind != KIND_NORMAL && t[i].kind != KIND_USER) || s->n > PIECE_MAX)
			continue;
		for (work += s->n; vocab_next_prefix(vocab, &p) != VOCAB_NONE && p.at < s->n;) {
			struct pair pair = {(uint32_t)i, (uint32_t)p.at, t[i].score,
				(uint16_t)code_points(s->s, p.at),
				(uint16_t)code_points(s->s + p.at, s->n - p.at)};
			int r;

			work += s->n;
			if (work > WORK_MAX)
				return -E2BIG;
			if (((uint8_t)s->s[p.at] & 0xc0) == 0x80 ||
				vocab_find(vocab, s->s + p.at, s->n - p.at) == VOCAB_NONE)
				continue;
			r = add_pair(ret, &pair);
			if (r < 0)
				return r;
		}
	}
	if (ret->n > 0)
		qsort(ret->list, ret->n, sizeof(*ret->list), by_score);
	return 0;
}

static json_t *write_pairs(const struct gguf_token *t, const struct pairs *p)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < p->n; i++) {
		const struct pair *pair = &p->list[i];
		const struct gguf_string *s = &t[pair->whole].s;

		if (json_array_append_new(list, json_pack("[s%, s%]", s->s, (size_t)pair->at,
							s->s + pair->at, s->n - pair->at)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

json_t *gguf_scored_merges(const struct gguf_token *t, size_t n_tokens, struct err *e)
{
	CLEANUP(vocab_freep) struct vocab *vocab = NULL;
	struct pairs pairs = {0};
	json_t *list = NULL;
	int r = vocab_new((uint32_t)n_tokens, &vocab);

	for (size_t i = 0; i < n_tokens && r == 0; i++)
		if (t[i].kind == KIND_NORMAL || t[i].kind == KIND_USER)
			r = vocab_add(vocab, (uint32_t)i, t[i].s.s, t[i].s.n, true);
	if (r == -EEXIST)
		(void)err_set(e, -EBADMSG, "tokenizer.ggml.tokens: a token is there twice");
	if (r == 0)
		r = find_pairs(t, n_tokens, vocab, &pairs);
	if (r == -EMSGSIZE)
		(void)err_set(e, r, "tokenizer.ggml.tokens: over %u merges", PAIRS_MAX);
	if (r == -E2BIG)
		(void)err_set(e, r = -EMSGSIZE,
			"tokenizer.ggml.tokens: so many begin with others that over %llu MiB would "
			"be looked up",
			WORK_MAX >> 20);
	if (r == 0)
		list = write_pairs(t, &pairs);
	free(pairs.list);
	return list;
}
