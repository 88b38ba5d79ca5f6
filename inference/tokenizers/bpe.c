#include "inference/tokenizers/bpe.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/random.h"
#include "inference/tokenizers/unicode.h"

#define MERGES_MAX (1u << 20)
#define NO_PLACE UINT32_MAX

struct merge {
	uint32_t left, right; /* VOCAB_NONE in left: free slot */
	uint32_t rank, to;
};

/* A token under way and its neighbours. */
struct symbol {
	uint32_t id; /* VOCAB_NONE: merged into the one before */
	uint32_t prev, next;
};

/* A pair that could be merged; stale when its symbols have changed since. */
struct candidate {
	uint32_t rank, at, left, right, to;
};

struct bpe {
	const struct vocab *vocab; /* borrowed */
	struct merge *merges;      /* owned; open addressing */
	uint32_t mask;
	uint64_t seed;
	bool whole_first; /* ignore_merges: a piece that is a token stays whole */
	uint32_t of_byte[256];
	struct symbol *symbols; /* owned; scratch of one piece */
	size_t symbols_cap;
	struct candidate *heap; /* owned; scratch of one piece */
	size_t heap_n, heap_cap;
};

/* GPT-2's alphabet: printable Latin-1 stands for itself, the rest for U+0100 upwards in order. */
static int byte_of(uint32_t c)
{
	static int16_t table[0x144];
	static bool ready;

	if (!ready) {
		uint32_t next = 0x100;

		memset(table, 0xff, sizeof(table));
		for (int b = 0; b < 256; b++) {
			bool same = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;

			table[same ? (uint32_t)b : next++] = (int16_t)b;
		}
		ready = true;
	}
	return c < 0x144 ? table[c] : -1;
}

int bpe_bytes(const char *token, size_t n, char *ret)
{
	int out = 0;

	while (n > 0) {
		uint32_t c;
		int used = utf8_read(token, n, &c), byte;

		if (used <= 0)
			return -EINVAL;
		byte = byte_of(c);
		if (byte < 0)
			return -EINVAL;
		ret[out++] = (char)byte;
		token += used;
		n -= (size_t)used;
	}
	return out;
}

/* --- merges --- */

static struct merge *find_merge(const struct bpe *b, uint32_t left, uint32_t right)
{
	uint64_t h = ((uint64_t)left << 32 | right) ^ b->seed;
	uint32_t at;

	h *= 0x9e3779b97f4a7c15ull;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ull;
	for (at = (uint32_t)(h >> 32) & b->mask;; at = (at + 1) & b->mask) {
		struct merge *m = &b->merges[at];

		if (m->left == VOCAB_NONE || (m->left == left && m->right == right))
			return m;
	}
}

/* The two sides of a merge: "a b", or ["a", "b"]. */
static int merge_sides(const json_t *entry, const char *side[2], size_t length[2])
{
	if (json_is_array(entry) && json_array_size(entry) == 2) {
		for (size_t i = 0; i < 2; i++) {
			const json_t *s = json_array_get(entry, i);

			if (!json_is_string(s))
				return -EBADMSG;
			side[i] = json_string_value(s);
			length[i] = json_string_length(s);
		}
		return 0;
	}
	if (json_is_string(entry)) {
		const char *space = strchr(json_string_value(entry), ' ');

		if (!space)
			return -EBADMSG;
		side[0] = json_string_value(entry);
		length[0] = (size_t)(space - side[0]);
		side[1] = space + 1;
		length[1] = strlen(side[1]);
		return 0;
	}
	return -EBADMSG;
}

static int add_merge(struct bpe *b, const json_t *entry, uint32_t rank, struct err *e)
{
	char joined[VOCAB_TOKEN_MAX * 2];
	const char *side[2];
	size_t length[2];
	int n[2];
	uint32_t left, right, to;
	struct merge *m;

	if (merge_sides(entry, side, length) < 0)
		return err_set(e, -EBADMSG, "merge %u: must be two tokens", rank);
	if (length[0] > VOCAB_TOKEN_MAX || length[1] > VOCAB_TOKEN_MAX)
		return err_set(
			e, -EMSGSIZE, "merge %u: a token over %d bytes", rank, VOCAB_TOKEN_MAX);
	n[0] = bpe_bytes(side[0], length[0], joined);
	n[1] = n[0] < 0 ? -1 : bpe_bytes(side[1], length[1], joined + n[0]);
	if (n[1] < 0)
		return err_set(e, -EBADMSG, "merge %u: not in the byte alphabet", rank);
	left = vocab_find(b->vocab, joined, (size_t)n[0]);
	right = vocab_find(b->vocab, joined + n[0], (size_t)n[1]);
	to = vocab_find(b->vocab, joined, (size_t)(n[0] + n[1]));
	if (left == VOCAB_NONE || right == VOCAB_NONE || to == VOCAB_NONE)
		return err_set(e, -EBADMSG, "merge %u: names a token outside the vocabulary", rank);
	m = find_merge(b, left, right);
	if (m->left == VOCAB_NONE)
		*m = (struct merge){left, right, rank, to};
	return 0;
}

static int read_merges(struct bpe *b, const json_t *merges, struct err *e)
{
	const json_t *entry;
	uint32_t slots = 64;
	size_t n = json_array_size(merges), i;

	if (!json_is_array(merges))
		return err_set(e, -EBADMSG, "merges: must be an array");
	if (n > MERGES_MAX)
		return err_set(e, -EMSGSIZE, "merges: %zu, the limit is %u", n, MERGES_MAX);
	while (slots < n * 2)
		slots *= 2;
	b->merges = malloc(slots * sizeof(*b->merges));
	if (!b->merges)
		return err_set(e, -ENOMEM, "out of memory");
	memset(b->merges, 0xff, slots * sizeof(*b->merges));
	b->mask = slots - 1;
	json_array_foreach(merges, i, entry)
	{
		int r = add_merge(b, entry, (uint32_t)i, e);

		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_set(const json_t *model, const char *key)
{
	const json_t *v = json_object_get(model, key);

	return v && !json_is_null(v) && !json_is_false(v) &&
	       !(json_is_string(v) && json_string_length(v) == 0) &&
	       !(json_is_number(v) && json_number_value(v) == 0);
}

int bpe_new(const json_t *model, const struct vocab *vocab, struct bpe **ret, struct err *e)
{
	static const char *const unsupported[] = {
		"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"};
	CLEANUP(bpe_freep) struct bpe *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return err_set(e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
		if (is_set(model, unsupported[i]))
			return err_set(e, -ENOTSUP, "BPE with %s is not supported", unsupported[i]);
	b->vocab = vocab;
	b->whole_first = json_opt_bool(model, "ignore_merges", false);
	random_bytes(&b->seed, sizeof(b->seed));
	for (int i = 0; i < 256; i++) {
		char byte = (char)i;

		b->of_byte[i] = vocab_find(vocab, &byte, 1);
	}
	r = read_merges(b, json_object_get(model, "merges"), e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(b);
	return 0;
}

struct bpe *bpe_free(struct bpe *b)
{
	if (!b)
		return NULL;
	free(b->merges);
	free(b->symbols);
	free(b->heap);
	free(b);
	return NULL;
}

/* --- encoding --- */

static bool before(const struct candidate *a, const struct candidate *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void push(struct bpe *b, struct candidate c)
{
	size_t i = b->heap_n++;

	while (i > 0 && before(&c, &b->heap[(i - 1) / 2])) {
		b->heap[i] = b->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	b->heap[i] = c;
}

static struct candidate pop(struct bpe *b)
{
	struct candidate top = b->heap[0], last = b->heap[--b->heap_n];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= b->heap_n)
			break;
		if (child + 1 < b->heap_n && before(&b->heap[child + 1], &b->heap[child]))
			child++;
		if (!before(&b->heap[child], &last))
			break;
		b->heap[i] = b->heap[child];
		i = child;
	}
	b->heap[i] = last;
	return top;
}

/* Offers the pair that begins at symbol i. */
static void offer(struct bpe *b, uint32_t i)
{
	const struct symbol *s = &b->symbols[i];
	const struct merge *m;

	if (i == NO_PLACE || s->next == NO_PLACE)
		return;
	m = find_merge(b, s->id, b->symbols[s->next].id);
	if (m->left != VOCAB_NONE)
		push(b, (struct candidate){m->rank, i, m->left, m->right, m->to});
}

/* Each merge offers at most two new pairs, so 3 n candidates are the most there can be. */
static int reserve(struct bpe *b, size_t n)
{
	if (n > b->symbols_cap) {
		struct symbol *s = reallocarray(b->symbols, n, sizeof(*s));

		if (!s)
			return -ENOMEM;
		b->symbols = s;
		b->symbols_cap = n;
	}
	if (3 * n > b->heap_cap) {
		struct candidate *h = reallocarray(b->heap, 3 * n, sizeof(*h));

		if (!h)
			return -ENOMEM;
		b->heap = h;
		b->heap_cap = 3 * n;
	}
	return 0;
}

/* One symbol per byte that the vocabulary knows; others have no token and are left out. */
static uint32_t start_symbols(struct bpe *b, const char *piece, size_t n)
{
	uint32_t count = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t id = b->of_byte[(uint8_t)piece[i]];

		if (id == VOCAB_NONE)
			continue;
		b->symbols[count] = (struct symbol){id, count ? count - 1 : NO_PLACE, count + 1};
		count++;
	}
	if (count)
		b->symbols[count - 1].next = NO_PLACE;
	return count;
}

static void merge_all(struct bpe *b, uint32_t count)
{
	b->heap_n = 0;
	for (uint32_t i = 0; i < count; i++)
		offer(b, i);
	while (b->heap_n > 0) {
		struct candidate c = pop(b);
		struct symbol *left = &b->symbols[c.at], *right;

		if (left->id != c.left || left->next == NO_PLACE ||
			b->symbols[left->next].id != c.right)
			continue;
		right = &b->symbols[left->next];
		left->id = c.to;
		right->id = VOCAB_NONE;
		left->next = right->next;
		if (left->next != NO_PLACE)
			b->symbols[left->next].prev = c.at;
		if (left->prev != NO_PLACE)
			offer(b, left->prev);
		offer(b, c.at);
	}
}

int bpe_encode(struct bpe *b, const char *piece, size_t n, struct tokens *out)
{
	uint32_t count;
	int r;

	if (b->whole_first) {
		uint32_t id = vocab_find(b->vocab, piece, n);

		if (id != VOCAB_NONE)
			return tokens_add(out, id);
	}
	r = reserve(b, n);
	if (r < 0)
		return r;
	count = start_symbols(b, piece, n);
	merge_all(b, count);
	for (uint32_t i = count ? 0 : NO_PLACE; i != NO_PLACE && r == 0; i = b->symbols[i].next)
		r = tokens_add(out, b->symbols[i].id);
	return r;
}
