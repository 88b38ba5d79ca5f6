#include "inference/tokenizers/encode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inference/tokenizers/tokenizer.h"
#include "inference/tokenizers/unicode.h"

struct run {
	struct tokenizer *t;
	const char *s; /* the original */
	size_t n;
	struct tokens *out;
	uint32_t words;
	struct pattern_budget budget;
};

static int add_found(struct run *r, uint32_t id, struct span span)
{
	return tokens_add_at(r->out, id,
		(struct token_at){.from = span.from, .to = span.to, .word = r->words++});
}

/* Places inside a piece become bytes of the original. */
static void place_tokens(struct run *r, const struct traced *text, struct piece p, size_t first)
{
	for (size_t i = first; i < r->out->n; i++) {
		struct token_at *at = &r->out->at[i];
		size_t from = p.from + at->from, to = p.from + at->to;

		to = to < p.to ? to : p.to;
		if (from < to) {
			struct span span = traced_span(text, from, to);

			at->from = span.from;
			at->to = span.to;
		} else {
			at->from = at->to = text->map[p.from].from;
		}
		at->word = r->words;
	}
}

static int encode_piece(struct run *r, const struct traced *text, struct piece p)
{
	const char *s = buf_str(&text->bytes) + p.from;
	size_t n = p.to - p.from, first = r->out->n;
	int e = r->t->bpe         ? bpe_encode(r->t->bpe, s, n, r->out)
		: r->t->wordpiece ? wordpiece_encode(r->t->wordpiece, s, n, r->out)
				  : unigram_encode(r->t->unigram, s, n, r->out);

	if (e == 0 && r->out->want_at)
		place_tokens(r, text, p, first);
	r->words++;
	return e;
}

/* Normalized text [from, to) without added tokens in it. */
static int encode_ordinary(struct run *r, const struct traced *all, size_t from, size_t to)
{
	const char *s = buf_str(&all->bytes);
	const size_t length = strlen(TOKENIZER_BREAK);
	struct pieces pieces = {0};
	struct traced text;
	int e = 0;

	traced_init(&text, TOKENIZER_TEXT_MAX);
	text.budget = &r->budget;
	while (from < to && e == 0) {
		const char *hole = memmem(s + from, to - from, TOKENIZER_BREAK, length);
		size_t end = hole ? (size_t)(hole - s) : to;

		e = traced_add_part(&text, all, from, end);
		from = hole ? end + length : to;
	}
	if (e == 0)
		e = splitter_run(r->t->splitter, &text, &pieces);
	for (size_t i = 0; i < pieces.n && e == 0; i++)
		e = encode_piece(r, &text, pieces.list[i]);
	pieces_done(&pieces);
	traced_done(&text);
	return e;
}

/* The original's [from, to), in which only tokens spelled as the normalizer leaves them are left.
 */
static int encode_raw(struct run *r, size_t from, size_t to)
{
	struct added_match m;
	struct traced text;
	size_t at = 0;
	int e;

	if (from == to)
		return 0;
	traced_init(&text, TOKENIZER_TEXT_MAX);
	text.budget = &r->budget;
	e = traced_add_original(&text, r->s + from, to - from, from);
	if (e == 0)
		e = normalizer_run(r->t->normalizer, &text);
	while (e == 0 &&
		added_next(r->t->added, true, buf_str(&text.bytes), text.bytes.len, at, &m)) {
		e = encode_ordinary(r, &text, at, m.from);
		if (e == 0)
			e = add_found(r, m.id, traced_span(&text, m.from, m.to));
		at = m.to;
	}
	if (e == 0)
		e = encode_ordinary(r, &text, at, text.bytes.len);
	traced_done(&text);
	return e;
}

/* --- places --- */

/* How many characters at the begin and end of a token count as spaces around it. */
struct margins {
	uint32_t before, after;
};

/* A space, or the character of the byte alphabet that stands for one. */
static bool is_margin(const struct tokenizer *t, bool added, uint32_t c)
{
	if (t->bytes && !added)
		return c == ' ';
	return unicode_is_space(c) || c == bpe_spelling(' ');
}

static struct margins find_margins(const struct run *r, size_t i)
{
	const struct token_at *at = &r->out->at[i];
	size_t n = 0;
	bool special, added = added_content(r->t->added, r->out->ids[i], &special);
	const char *s = vocab_token(r->t->vocab, r->out->ids[i], &n);
	struct margins m = {0};
	bool inside = false;

	if (added) { /* it may have taken spaces from the text */
		s = r->s + at->from;
		n = at->to - at->from;
	}
	for (size_t at_byte = 0, used; at_byte < n; at_byte += used) {
		uint32_t c = (uint8_t)s[at_byte];
		int length = r->t->bytes && !added ? 1 : utf8_read(s + at_byte, n - at_byte, &c);

		used = length > 0 ? (size_t)length : 1;
		if (!is_margin(r->t, added, c)) {
			inside = true;
			m.after = 0;
		} else {
			m.before += !inside;
			m.after++;
		}
	}
	return m;
}

static void trim(const struct framing *f, struct token_at *at, bool first, struct margins m)
{
	/* One space may have been put before the text; it is nobody's. */
	if ((first || at->from == 0) && f->prefix_space && m.before == 1)
		m.before = 0;
	at->from = at->from + m.before < at->to ? at->from + m.before : at->to;
	if (m.after > 0 && at->to >= m.after)
		at->to = at->to - m.after > at->from ? at->to - m.after : at->from;
}

/* Bytes become code points, and the spaces around tokens are left out where the model asks. */
static int finish_places(struct run *r, size_t first)
{
	CLEANUP(freep) uint32_t *points = malloc((r->n + 1) * sizeof(*points));
	uint32_t count = 0;

	if (!points)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++) {
		count += i > 0 && ((uint8_t)r->s[i] & 0xc0) != 0x80;
		points[i] = count;
	}
	points[r->n] = r->n > 0 ? count + 1 : 0;
	for (size_t i = first; i < r->out->n; i++) {
		struct token_at *at = &r->out->at[i];
		struct margins m = {0};

		if (r->t->framing.trims)
			m = find_margins(r, i);
		at->from = points[at->from];
		at->to = points[at->to];
		if (r->t->framing.trims)
			trim(&r->t->framing, at, i == first, m);
	}
	return 0;
}

int encode_run(struct tokenizer *t, const char *s, size_t n, struct tokens *out)
{
	struct run r = {.t = t, .s = s, .n = n, .out = out};
	size_t at = 0, first = out->n;
	struct added_match m;
	int e = 0;

	pattern_budget_init(&r.budget, n);
	while (e == 0 && added_next(t->added, false, s, n, at, &m)) {
		e = encode_raw(&r, at, m.from);
		if (e == 0)
			e = add_found(&r, m.id, (struct span){(uint32_t)m.from, (uint32_t)m.to});
		at = m.to;
	}
	if (e == 0)
		e = encode_raw(&r, at, n);
	return e == 0 && out->want_at ? finish_places(&r, first) : e;
}
