#include "inference/tokenizers/unicode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <utf8proc.h>

/* The longest decomposition of one code point: U+FDFA, by compatibility. */
#define DECOMPOSED_MAX 18

/* TBase of the Unicode Standard 3.12: counted from, never a part of a syllable. */
#define HANGUL_BEFORE_FINALS 0x11a7

int utf8_read(const char *s, size_t n, uint32_t *ret)
{
	const uint8_t *b = (const uint8_t *)s;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c;
	int length;

	if (n == 0)
		return 0;
	if (b[0] < 0x80) {
		*ret = b[0];
		return 1;
	}
	length = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
	if (b[0] < 0xc2 || b[0] > 0xf4)
		return -1;
	c = b[0] & (0xffu >> (length + 1));
	for (int i = 1; i < length; i++) {
		if ((size_t)i >= n)
			return 0;
		if ((b[i] & 0xc0) != 0x80)
			return -1;
		/* The second byte alone decides over-long forms, surrogates and the end. */
		if (i == 1 &&
			((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) ||
				(b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f)))
			return -1;
		c = c << 6 | (b[i] & 0x3f);
	}
	if (c < least[length])
		return -1;
	*ret = c;
	return length;
}

size_t utf8_write(uint32_t c, char ret[4])
{
	return (size_t)utf8proc_encode_char((utf8proc_int32_t)c, (utf8proc_uint8_t *)ret);
}

bool utf8_valid(const char *s, size_t n)
{
	while (n > 0) {
		uint32_t c;
		int used = utf8_read(s, n, &c);

		if (used <= 0)
			return false;
		s += used;
		n -= (size_t)used;
	}
	return true;
}

int utf8_add(struct buf *b, uint32_t c)
{
	char bytes[4];

	return buf_add(b, bytes, utf8_write(c, bytes));
}

static utf8proc_category_t category(uint32_t c)
{
	return utf8proc_category((utf8proc_int32_t)c);
}

bool unicode_is_space(uint32_t c)
{
	utf8proc_category_t k = category(c);

	return (c >= 9 && c <= 13) || c == 0x85 ||
	       (k >= UTF8PROC_CATEGORY_ZS && k <= UTF8PROC_CATEGORY_ZP);
}

bool unicode_is_punctuation(uint32_t c)
{
	utf8proc_category_t k = category(c);

	return k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO;
}

bool unicode_is_nonspacing(uint32_t c)
{
	return category(c) == UTF8PROC_CATEGORY_MN;
}

bool unicode_is_other(uint32_t c)
{
	utf8proc_category_t k = category(c);

	return k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CF || k == UTF8PROC_CATEGORY_CO;
}

bool unicode_is_number(uint32_t c)
{
	utf8proc_category_t k = category(c);

	return k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO;
}

bool unicode_is_ideograph(uint32_t c)
{
	return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
	       (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b73f) ||
	       (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b820 && c <= 0x2ceaf) ||
	       (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

int unicode_add_lower(struct buf *b, uint32_t c)
{
	/* SpecialCasing.txt: the one that is two whatever the language; the library gives one. */
	if (c == 0x130)
		return buf_add(b, "i\xcc\x87", 3);
	return utf8_add(b, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
}

/* --- normal forms --- */

struct points {
	utf8proc_int32_t *c; /* owned */
	size_t n, cap;
};

static int points_grow(struct points *p)
{
	size_t cap = p->cap ? p->cap * 2 : 64;
	utf8proc_int32_t *grown = reallocarray(p->c, cap, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	p->c = grown;
	p->cap = cap;
	return 0;
}

static int add_decomposed(struct points *p, uint32_t c, utf8proc_option_t how)
{
	utf8proc_ssize_t n;

	if (p->cap - p->n < DECOMPOSED_MAX && points_grow(p) < 0)
		return -ENOMEM;
	n = utf8proc_decompose_char((utf8proc_int32_t)c, p->c + p->n, DECOMPOSED_MAX, how, NULL);
	if (n < 0 || n > DECOMPOSED_MAX)
		return -EINVAL;
	p->n += (size_t)n;
	return 0;
}

struct mark {
	utf8proc_int32_t c;
	utf8proc_propval_t combining;
	size_t at; /* keeps the sort stable */
};

static int by_class(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	if (x->combining != y->combining)
		return x->combining < y->combining ? -1 : 1;
	return x->at < y->at ? -1 : 1;
}

static utf8proc_propval_t combining_class(utf8proc_int32_t c)
{
	return utf8proc_get_property(c)->combining_class;
}

static void order_run(utf8proc_int32_t *c, size_t n, struct mark *marks)
{
	for (size_t i = 0; i < n; i++)
		marks[i] = (struct mark){c[i], combining_class(c[i]), i};
	qsort(marks, n, sizeof(*marks), by_class);
	for (size_t i = 0; i < n; i++)
		c[i] = marks[i].c;
}

/*
 * Canonical ordering: each run of marks is sorted by class. utf8proc_decompose does it too, by
 * swapping neighbours; over a run as long as a text may be, that takes minutes.
 */
static int order_marks(struct points *p)
{
	CLEANUP(freep) struct mark *marks = NULL;
	size_t cap = 0;

	for (size_t i = 0, n; i < p->n; i += n ? n : 1) {
		for (n = 0; i + n < p->n && combining_class(p->c[i + n]);)
			n++;
		if (n > cap) {
			struct mark *grown = reallocarray(marks, n, sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			marks = grown;
			cap = n;
		}
		if (n > 1)
			order_run(p->c + i, n, marks);
	}
	return 0;
}

static int decompose(const char *s, size_t n, utf8proc_option_t how, struct points *p)
{
	while (n > 0) {
		uint32_t c;
		int used = utf8_read(s, n, &c), r;

		if (used <= 0)
			return -EINVAL;
		r = add_decomposed(p, c, how);
		if (r < 0)
			return r;
		s += used;
		n -= (size_t)used;
	}
	return order_marks(p);
}

/*
 * Joins what c[from..to) allows and puts it at c[at]. Returns the end, or -EINVAL. Composition
 * exclusions stay apart under UTF8PROC_STABLE only.
 */
static ssize_t compose_part(struct points *p, size_t from, size_t to, size_t at)
{
	utf8proc_ssize_t n = utf8proc_normalize_utf32(
		p->c + from, (utf8proc_ssize_t)(to - from), UTF8PROC_COMPOSE | UTF8PROC_STABLE);

	if (n < 0)
		return -EINVAL;
	memmove(p->c + at, p->c + from, (size_t)n * sizeof(*p->c));
	return (ssize_t)at + n;
}

/*
 * In parts, between code points that join with nothing but that the library (2.8) loses after a
 * syllable: it takes the one before the first final consonant for a final consonant.
 */
static int compose(struct points *p)
{
	size_t out = 0;

	for (size_t from = 0, to; from < p->n; from = to + 1) {
		ssize_t end;

		for (to = from; to < p->n && p->c[to] != HANGUL_BEFORE_FINALS;)
			to++;
		end = compose_part(p, from, to, out);
		if (end < 0)
			return (int)end;
		out = (size_t)end;
		if (to < p->n)
			p->c[out++] = HANGUL_BEFORE_FINALS;
	}
	p->n = out;
	return 0;
}

static int add_points(struct buf *b, const struct points *p)
{
	int r = 0;

	for (size_t i = 0; i < p->n && r == 0; i++)
		r = utf8_add(b, (uint32_t)p->c[i]);
	return r;
}

int unicode_add_form(struct buf *b, enum unicode_form form, const char *s, size_t n)
{
	bool compatible = form == UNICODE_NFKD || form == UNICODE_NFKC;
	struct points p = {0};
	int r = decompose(s, n, UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0), &p);

	if (r == 0 && (form == UNICODE_NFC || form == UNICODE_NFKC))
		r = compose(&p);
	if (r == 0)
		r = add_points(b, &p);
	free(p.c);
	return r;
}
