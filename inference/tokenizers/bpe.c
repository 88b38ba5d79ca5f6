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
#define AFFIX_MAX 16

struct merge {
	uint32_t left, right; /* VOCAB_NONE in left: free slot */
	uint32_t rank, to;
};

/* A token under way and its neighbours. */
struct symbol {
	uint32_t id;
	uint32_t bytes; /* of the piece; 0: merged into the one before */
	uint32_t prev, next;
};

/* A pair that could be merged; stale when its symbols have changed since. */
struct candidate {
	uint32_t rank, at, to;
};

struct bpe {
	const struct vocab *vocab; /* borrowed */
	struct merge *merges;      /* owned; open addressing */
	uint32_t mask;
	uint64_t seed;
	bool whole_first;      /* ignore_merges: a piece that is a token stays whole */
	bool bytes;            /* the vocabulary holds bytes */
	bool fuse_unknown;     /* unknown characters side by side are one token */
	uint32_t unknown;      /* VOCAB_NONE: what has no token is left out */
	uint32_t of_byte[256]; /* the token of one byte */
	bool byte_fallback;    /* unknown characters become bytes, "<0x0A>" */
	uint32_t fallback[256];
	char prefix[AFFIX_MAX + 1], suffix[AFFIX_MAX + 1]; /* inside a word; at its end */
	size_t prefix_n, suffix_n;
	struct symbol *symbols; /* owned; scratch of one piece */
	size_t symbols_cap;
	uint32_t count;         /* of symbols in use, merged ones too */
	struct candidate *heap; /* owned; scratch of one piece */
	size_t heap_n, heap_cap;
};

/* Printable Latin-1 stands for itself, the rest for U+0100 upwards in order. */
static bool spelled_as_itself(uint32_t b)
{
	return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
}

uint32_t bpe_spelling(uint8_t byte)
{
	uint32_t before = 0;

	if (spelled_as_itself(byte))
		return byte;
	for (uint32_t b = 0; b < byte; b++)
		before += !spelled_as_itself(b);
	return 0x100 + before;
}

static int byte_of(uint32_t c)
{
	static int16_t table[0x144];
	static bool ready;

	if (!ready) {
		memset(table, 0xff, sizeof(table));
		for (int b = 0; b < 256; b++)
			table[bpe_spelling((uint8_t)b)] = (int16_t)b;
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

/* A side of a merge as the vocabulary has it. Returns its bytes, at most n. */
static int side_bytes(const struct bpe *b, const char *side, size_t n, char *ret)
{
	if (b->bytes)
		return bpe_bytes(side, n, ret);
	memcpy(ret, side, n);
	return (int)n;
}

static int add_merge(struct bpe *b, const json_t *entry, uint32_t rank, struct err *e)
{
	char joined[VOCAB_TOKEN_MAX * 2];
	const char *side[2];
	size_t length[2], skip;
	int n[2];
	uint32_t left, right, to;
	struct merge *m;

	if (merge_sides(entry, side, length) < 0)
		return err_set(e, -EBADMSG, "merge %u: must be two tokens", rank);
	if (length[0] > VOCAB_TOKEN_MAX || length[1] > VOCAB_TOKEN_MAX)
		return err_set(
			e, -EMSGSIZE, "merge %u: a token over %d bytes", rank, VOCAB_TOKEN_MAX);
	n[0] = side_bytes(b, side[0], length[0], joined);
	n[1] = n[0] < 0 ? -1 : side_bytes(b, side[1], length[1], joined + n[0]);
	if (n[1] < 0)
		return err_set(e, -EBADMSG, "merge %u: not in the byte alphabet", rank);
	left = vocab_find(b->vocab, joined, (size_t)n[0]);
	right = vocab_find(b->vocab, joined + n[0], (size_t)n[1]);
	skip = b->prefix_n < (size_t)n[1] ? b->prefix_n : (size_t)n[1];
	memmove(joined + n[0], joined + n[0] + skip, (size_t)n[1] - skip);
	to = vocab_find(b->vocab, joined, (size_t)(n[0] + n[1]) - skip);
	if (left == VOCAB_NONE || right == VOCAB_NONE || to == VOCAB_NONE)
		return err_set(e, -EBADMSG, "merge %u: names a token outside the vocabulary", rank);
	m = find_merge(b, left, right);
	*m = (struct merge){left, right, rank, to}; /* of two that are the same the last counts */
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

static int read_affix(const json_t *model, const char *key, char *ret, size_t *ret_n, struct err *e)
{
	const char *affix;
	int r = json_opt_str(model, key, AFFIX_MAX, "", &affix, e);

	if (r < 0)
		return err_wrap(e, "BPE");
	*ret_n = strlen(affix);
	memcpy(ret, affix, *ret_n);
	return 0;
}

/* Tokens of single bytes: where bytes are what pieces start from, and those to fall back on. */
static void find_bytes(struct bpe *b)
{
	for (int i = 0; i < 256; i++) {
		char byte = (char)i, name[8];

		(void)snprintf(name, sizeof(name), "<0x%02X>", (unsigned)i);
		b->of_byte[i] = vocab_find(b->vocab, &byte, 1);
		b->fallback[i] = vocab_find(b->vocab, name, 6);
	}
}

static int read_options(struct bpe *b, const json_t *model, struct err *e)
{
	const char *unknown;
	int r = json_opt_str(model, "unk_token", VOCAB_TOKEN_MAX, "", &unknown, e);

	if (r == 0)
		r = read_affix(model, "continuing_subword_prefix", b->prefix, &b->prefix_n, e);
	if (r == 0)
		r = read_affix(model, "end_of_word_suffix", b->suffix, &b->suffix_n, e);
	if (r < 0)
		return r;
	if (is_set(model, "dropout"))
		return err_set(e, -ENOTSUP, "BPE with dropout is not supported");
	b->whole_first = json_opt_bool(model, "ignore_merges", false);
	b->byte_fallback = json_opt_bool(model, "byte_fallback", false);
	b->fuse_unknown = json_opt_bool(model, "fuse_unk", false);
	b->unknown = VOCAB_NONE;
	if (unknown[0]) {
		char bytes[VOCAB_TOKEN_MAX];
		int n = side_bytes(b, unknown, strlen(unknown), bytes);

		b->unknown = n < 0 ? VOCAB_NONE : vocab_find(b->vocab, bytes, (size_t)n);
	}
	return 0;
}

int bpe_new(
	const json_t *model, const struct vocab *vocab, bool bytes, struct bpe **ret, struct err *e)
{
	CLEANUP(bpe_freep) struct bpe *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return err_set(e, -ENOMEM, "out of memory");
	b->vocab = vocab;
	b->bytes = bytes;
	random_bytes(&b->seed, sizeof(b->seed));
	find_bytes(b);
	r = read_options(b, model, e);
	if (r == 0)
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
		push(b, (struct candidate){m->rank, i, m->to});
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

static void add_symbol(struct bpe *b, uint32_t id, uint32_t bytes)
{
	uint32_t at = b->count++;

	b->symbols[at] = (struct symbol){id, bytes, at ? at - 1 : NO_PLACE, NO_PLACE};
	if (at)
		b->symbols[at - 1].next = at;
}

/* The token of a character, with what stands before and after it as part of a word. */
static uint32_t find_first(const struct bpe *b, const char *c, size_t n, bool begins, bool ends)
{
	char name[2 * AFFIX_MAX + 4];
	size_t before = begins ? 0 : b->prefix_n, after = ends ? b->suffix_n : 0;

	if (b->bytes && before + after == 0)
		return b->of_byte[(uint8_t)c[0]];
	memcpy(name, b->prefix, before);
	memcpy(name + before, c, n);
	memcpy(name + before + n, b->suffix, after);
	return vocab_find(b->vocab, name, before + n + after);
}

/* The bytes of what has no token. False: some byte has none either. */
static bool fall_back(struct bpe *b, const char *c, size_t n, bool begins, bool ends)
{
	const struct {
		const char *s;
		size_t n;
	} parts[] = {
		{b->prefix, begins ? 0 : b->prefix_n}, {c, n}, {b->suffix, ends ? b->suffix_n : 0}};

	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < parts[i].n; j++)
			if (b->fallback[(uint8_t)parts[i].s[j]] == VOCAB_NONE)
				return false;
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < parts[i].n; j++)
			add_symbol(b, b->fallback[(uint8_t)parts[i].s[j]], 1);
	return true;
}

/* One symbol per character or byte that the vocabulary knows. */
static void start_symbols(struct bpe *b, const char *piece, size_t n)
{
	uint32_t unknown = 0; /* bytes of the unknown token under way */

	b->count = 0;
	for (size_t at = 0, length; at < n; at += length) {
		bool ends;
		uint32_t id;

		for (length = 1; !b->bytes && at + length < n &&
				 ((uint8_t)piece[at + length] & 0xc0) == 0x80;)
			length++;
		ends = at + length == n;
		id = find_first(b, piece + at, length, at == 0, ends);
		/* tokenizers falls back before it writes an unknown token that is under way. */
		if (id == VOCAB_NONE && b->byte_fallback &&
			fall_back(b, piece + at, length, at == 0, ends))
			continue;
		if (unknown && (id != VOCAB_NONE || !b->fuse_unknown)) {
			add_symbol(b, b->unknown, unknown);
			unknown = 0;
		}
		if (id != VOCAB_NONE)
			add_symbol(b, id, (uint32_t)length);
		else if (b->unknown != VOCAB_NONE)
			unknown += (uint32_t)length;
	}
	if (unknown)
		add_symbol(b, b->unknown, unknown);
}

static void merge_all(struct bpe *b)
{
	b->heap_n = 0;
	for (uint32_t i = 0; i < b->count; i++)
		offer(b, i);
	while (b->heap_n > 0) {
		struct candidate c = pop(b);
		struct symbol *left = &b->symbols[c.at], *right;
		const struct merge *m;

		if (left->bytes == 0 || left->next == NO_PLACE)
			continue;
		right = &b->symbols[left->next];
		m = find_merge(b, left->id, right->id);
		if (m->left == VOCAB_NONE || m->to != c.to)
			continue;
		left->id = c.to;
		left->bytes += right->bytes;
		right->bytes = 0;
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
	uint32_t from = 0;
	int r;

	if (n == 0)
		return 0;
	if (b->whole_first) {
		uint32_t id = vocab_find(b->vocab, piece, n);

		if (id != VOCAB_NONE)
			return tokens_add_at(out, id, (struct token_at){.to = (uint32_t)n});
	}
	/* Bytes to fall back on come with those of prefix and suffix. */
	r = reserve(b, n * (1 + b->prefix_n) + b->suffix_n);
	if (r < 0)
		return r;
	start_symbols(b, piece, n);
	merge_all(b);
	for (uint32_t i = b->count ? 0 : NO_PLACE; i != NO_PLACE && r == 0;
		i = b->symbols[i].next) {
		uint32_t to = from + b->symbols[i].bytes;

		r = tokens_add_at(out, b->symbols[i].id, (struct token_at){.from = from, .to = to});
		from = to;
	}
	return r;
}
