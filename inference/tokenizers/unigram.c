#include "inference/tokenizers/unigram.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "inference/tokenizers/unicode.h"

#define UNKNOWN_PENALTY 10 /* below the worst score; SentencePiece's kUnkPenalty */
#define NOWHERE UINT32_MAX

/* The best way to reach a byte of the piece. */
struct node {
	double score;
	uint32_t from; /* where its last token begins; NOWHERE: not reached */
	uint32_t id;
};

struct unigram {
	const struct vocab *vocab; /* borrowed */
	double *scores;            /* owned; by id */
	double unknown_score;
	uint32_t unknown; /* VOCAB_NONE: there is none */
	bool byte_fallback;
	uint32_t fallback[256]; /* "<0x0A>"; VOCAB_NONE: no such token */
	struct node *nodes;     /* owned; scratch of one piece */
	size_t nodes_cap;
};

static int read_scores(struct unigram *u, const json_t *list, struct err *e)
{
	double worst = INFINITY;
	const json_t *entry;
	size_t i;

	u->scores = calloc(vocab_size(u->vocab) + 1, sizeof(*u->scores));
	if (!u->scores)
		return err_set(e, -ENOMEM, "out of memory");
	json_array_foreach(list, i, entry)
	{
		const json_t *score = json_array_get(entry, 1);

		if (!json_is_number(score) || !isfinite(json_number_value(score)))
			return err_set(e, -EBADMSG, "Unigram: token %zu has no score", i);
		u->scores[i] = json_number_value(score);
		worst = u->scores[i] < worst ? u->scores[i] : worst;
	}
	u->unknown_score = worst - UNKNOWN_PENALTY;
	return 0;
}

int unigram_new(const json_t *model, const struct vocab *vocab, struct unigram **ret, struct err *e)
{
	CLEANUP(unigram_freep) struct unigram *u = calloc(1, sizeof(*u));
	const json_t *list = json_object_get(model, "vocab");
	int64_t unknown;
	int r;

	if (!u)
		return err_set(e, -ENOMEM, "out of memory");
	u->vocab = vocab;
	r = json_opt_int(model, "unk_id", 0, (int64_t)json_array_size(list) - 1, -1, &unknown, e);
	if (r < 0)
		return err_wrap(e, "Unigram");
	u->unknown = unknown < 0 ? VOCAB_NONE : (uint32_t)unknown;
	u->byte_fallback = json_opt_bool(model, "byte_fallback", false);
	for (unsigned i = 0; i < 256; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "<0x%02X>", i);
		u->fallback[i] = vocab_find(vocab, name, 6);
	}
	r = read_scores(u, list, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(u);
	return 0;
}

struct unigram *unigram_free(struct unigram *u)
{
	if (!u)
		return NULL;
	free(u->scores);
	free(u->nodes);
	free(u);
	return NULL;
}

static int reserve(struct unigram *u, size_t n)
{
	struct node *grown;

	if (n <= u->nodes_cap)
		return 0;
	grown = reallocarray(u->nodes, n, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	u->nodes = grown;
	u->nodes_cap = n;
	return 0;
}

static void reach(struct node *to, double score, size_t from, uint32_t id)
{
	if (to->from == NOWHERE || score > to->score)
		*to = (struct node){score, (uint32_t)from, id};
}

/* Viterbi's search: the best way to each byte where a character begins. */
static int search(struct unigram *u, const char *s, size_t n)
{
	for (size_t i = 0; i <= n; i++)
		u->nodes[i] = (struct node){0, NOWHERE, 0};
	for (size_t at = 0, length; at < n; at += length) {
		struct vocab_prefixes p = {.s = s + at, .n = n - at};
		double so_far = u->nodes[at].score;
		uint32_t c, id;
		bool single = false;
		int used = utf8_read(s + at, n - at, &c);

		if (used <= 0)
			return -EINVAL;
		length = (size_t)used;
		while ((id = vocab_next_prefix(u->vocab, &p)) != VOCAB_NONE) {
			reach(&u->nodes[at + p.at], u->scores[id] + so_far, at, id);
			single = single || p.at == length;
		}
		if (single)
			continue;
		if (u->unknown == VOCAB_NONE)
			return -EINVAL;
		reach(&u->nodes[at + length], u->unknown_score + so_far, at, u->unknown);
	}
	return 0;
}

/* Turns the way back to the beginning into a way forwards: from becomes where a token ends. */
static void turn(struct node *nodes, size_t n)
{
	struct node at = nodes[n];
	uint32_t end = (uint32_t)n;

	while (end > 0) {
		uint32_t from = at.from;
		struct node before = nodes[from];

		nodes[from] = (struct node){0, end, at.id};
		at = before;
		end = from;
	}
}

static bool has_bytes(const struct unigram *u, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (u->fallback[(uint8_t)s[i]] == VOCAB_NONE)
			return false;
	return true;
}

/* What the search took for unknown, neighbours together. */
static int add_unknown(
	const struct unigram *u, const char *s, struct token_at at, struct tokens *out)
{
	uint32_t n = at.to - at.from, id = vocab_find(u->vocab, s + at.from, n);
	int r = 0;

	if (id != VOCAB_NONE || !u->byte_fallback || !has_bytes(u, s + at.from, n))
		return tokens_add_at(out, id != VOCAB_NONE ? id : u->unknown, at);
	for (uint32_t i = at.from; i < at.to && r == 0; i++)
		r = tokens_add_at(out, u->fallback[(uint8_t)s[i]], at);
	return r;
}

int unigram_encode(struct unigram *u, const char *piece, size_t n, struct tokens *out)
{
	int r = reserve(u, n + 1);

	if (r == 0)
		r = search(u, piece, n);
	if (r < 0)
		return r;
	turn(u->nodes, n);
	for (uint32_t from = 0, to; from < n && r == 0; from = to) {
		uint32_t id = u->nodes[from].id;

		to = u->nodes[from].from;
		while (id == u->unknown && to < n && u->nodes[to].id == u->unknown)
			to = u->nodes[to].from;
		r = id == u->unknown
			    ? add_unknown(u, piece, (struct token_at){.from = from, .to = to}, out)
			    : tokens_add_at(out, id, (struct token_at){.from = from, .to = to});
	}
	return r;
}
