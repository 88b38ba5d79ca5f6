#include "inference/tokenizers/unicode.h"

#include <errno.h>
#include <stdlib.h>

#include "inference/tokenizers/unicode_data.h"

/* Hangul syllables are composed by arithmetic (Unicode Standard 3.12). */
#define HANGUL_S 0xac00u
#define HANGUL_L 0x1100u
#define HANGUL_V 0x1161u
#define HANGUL_T 0x11a7u
#define HANGUL_LN 19u
#define HANGUL_VN 21u
#define HANGUL_TN 28u
#define HANGUL_SN (HANGUL_LN * HANGUL_VN * HANGUL_TN)

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
		if (i == 1 && ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) ||
				      (b[0] == 0xf0 && b[1] < 0x90) ||
				      (b[0] == 0xf4 && b[1] > 0x8f)))
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
	if (c < 0x80) {
		ret[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		ret[0] = (char)(0xc0 | c >> 6);
		ret[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		ret[0] = (char)(0xe0 | c >> 12);
		ret[1] = (char)(0x80 | (c >> 6 & 0x3f));
		ret[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	ret[0] = (char)(0xf0 | c >> 18);
	ret[1] = (char)(0x80 | (c >> 12 & 0x3f));
	ret[2] = (char)(0x80 | (c >> 6 & 0x3f));
	ret[3] = (char)(0x80 | (c & 0x3f));
	return 4;
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

static bool in_ranges(const struct unicode_range *r, size_t n, uint32_t c)
{
	size_t low = 0;

	while (n > 0) {
		size_t half = n / 2;

		if (r[low + half].last < c) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return r[low].first <= c && c <= r[low].last;
}

/* The tables' last range is above every code point that can be asked, so low never runs off. */
#define IN(table, c) ((c) <= table[table##_n - 1].last && in_ranges(table, table##_n, c))

bool unicode_is_space(uint32_t c)
{
	return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	       c == 0x205f || c == 0x3000;
}

bool unicode_is_punctuation(uint32_t c)
{
	return IN(unicode_punctuation, c);
}

bool unicode_is_nonspacing(uint32_t c)
{
	return c >= 0x300 && IN(unicode_nonspacing, c);
}

bool unicode_is_other(uint32_t c)
{
	return IN(unicode_other, c);
}

bool unicode_is_number(uint32_t c)
{
	return IN(unicode_digit, c);
}

bool unicode_is_ideograph(uint32_t c)
{
	return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
	       (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b73f) ||
	       (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b820 && c <= 0x2ceaf) ||
	       (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

static int by_from(const void *key, const void *row)
{
	uint32_t c = *(const uint32_t *)key, from = *(const uint32_t *)row;

	return c < from ? -1 : c > from;
}

int unicode_add_lower(struct buf *b, uint32_t c)
{
	const struct unicode_lower_row *row =
		bsearch(&c, unicode_lower, unicode_lower_n, sizeof(*row), by_from);
	int r;

	if (!row)
		return utf8_add(b, c);
	r = utf8_add(b, row->to[0]);
	return r < 0 || !row->to[1] ? r : utf8_add(b, row->to[1]);
}

/* --- normal forms --- */

static uint8_t combining_class(uint32_t c)
{
	const struct unicode_class_range *r = unicode_class;
	size_t low = 0, n = unicode_class_n;

	if (c < 0x300)
		return 0;
	while (n > 0) {
		size_t half = n / 2;

		if (r[low + half].last < c) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return low < unicode_class_n && r[low].first <= c ? r[low].combining : 0;
}

struct points {
	uint32_t *c; /* owned */
	size_t n, cap;
};

static int points_add(struct points *p, uint32_t c)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		uint32_t *grown = reallocarray(p->c, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		p->c = grown;
		p->cap = cap;
	}
	p->c[p->n++] = c;
	return 0;
}

static int add_decomposed(struct points *p, uint32_t c)
{
	const struct unicode_decomposition_row *row;
	int r = 0;

	if (c >= HANGUL_S && c < HANGUL_S + HANGUL_SN) {
		uint32_t s = c - HANGUL_S;

		r = points_add(p, HANGUL_L + s / (HANGUL_VN * HANGUL_TN));
		if (r == 0)
			r = points_add(p, HANGUL_V + s % (HANGUL_VN * HANGUL_TN) / HANGUL_TN);
		if (r == 0 && s % HANGUL_TN)
			r = points_add(p, HANGUL_T + s % HANGUL_TN);
		return r;
	}
	row = c < 0xc0 ? NULL
		       : bsearch(&c, unicode_decomposition, unicode_decomposition_n, sizeof(*row),
				 by_from);
	if (!row)
		return points_add(p, c);
	for (int i = 0; i < 4 && row->to[i] && r == 0; i++)
		r = points_add(p, row->to[i]);
	return r;
}

struct mark {
	uint32_t c;
	uint8_t combining;
	size_t at; /* keeps the sort stable */
};

static int by_class(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	if (x->combining != y->combining)
		return x->combining < y->combining ? -1 : 1;
	return x->at < y->at ? -1 : 1;
}

/* Canonical ordering: each run of marks is sorted by class. Runs may be long, hence no insertion. */
static int order_marks(struct points *p)
{
	struct mark *marks = NULL;
	size_t cap = 0;

	for (size_t i = 0; i < p->n;) {
		size_t n = 0;

		while (i + n < p->n && combining_class(p->c[i + n]))
			n++;
		if (n > 1) {
			if (n > cap) {
				struct mark *grown = reallocarray(marks, n, sizeof(*grown));

				if (!grown) {
					free(marks);
					return -ENOMEM;
				}
				marks = grown;
				cap = n;
			}
			for (size_t j = 0; j < n; j++)
				marks[j] = (struct mark){p->c[i + j], combining_class(p->c[i + j]), j};
			qsort(marks, n, sizeof(*marks), by_class);
			for (size_t j = 0; j < n; j++)
				p->c[i + j] = marks[j].c;
		}
		i += n ? n : 1;
	}
	free(marks);
	return 0;
}

static int decompose(const char *s, size_t n, struct points *p)
{
	while (n > 0) {
		uint32_t c;
		int used = utf8_read(s, n, &c), r;

		if (used <= 0)
			return -EINVAL;
		r = add_decomposed(p, c);
		if (r < 0)
			return r;
		s += used;
		n -= (size_t)used;
	}
	return order_marks(p);
}

static int by_pair(const void *key, const void *row)
{
	const uint32_t *pair = key;
	const struct unicode_composition_row *r = row;

	if (pair[0] != r->first)
		return pair[0] < r->first ? -1 : 1;
	return pair[1] < r->second ? -1 : pair[1] > r->second;
}

/* 0: the two do not join. */
static uint32_t join(uint32_t a, uint32_t b)
{
	const struct unicode_composition_row *row;
	uint32_t pair[] = {a, b};

	if (a - HANGUL_L < HANGUL_LN && b - HANGUL_V < HANGUL_VN)
		return HANGUL_S + ((a - HANGUL_L) * HANGUL_VN + (b - HANGUL_V)) * HANGUL_TN;
	if (a - HANGUL_S < HANGUL_SN && (a - HANGUL_S) % HANGUL_TN == 0 && b > HANGUL_T &&
		b < HANGUL_T + HANGUL_TN)
		return a + (b - HANGUL_T);
	row = bsearch(pair, unicode_composition, unicode_composition_n, sizeof(*row), by_pair);
	return row ? row->to : 0;
}

/* Joins each mark with the last starter unless one of its class or higher lies between. */
static void compose(struct points *p)
{
	size_t out = 0, starter = SIZE_MAX;
	uint8_t last = 0;

	for (size_t i = 0; i < p->n; i++) {
		uint32_t c = p->c[i], joined;
		uint8_t class = combining_class(c);
		bool open = starter != SIZE_MAX && (starter + 1 == out || (last != 0 && last < class));

		joined = open ? join(p->c[starter], c) : 0;
		if (joined) {
			p->c[starter] = joined;
			continue;
		}
		if (class == 0)
			starter = out;
		last = class;
		p->c[out++] = c;
	}
	p->n = out;
}

static int add_points(struct buf *b, const struct points *p)
{
	int r = 0;

	for (size_t i = 0; i < p->n && r == 0; i++)
		r = utf8_add(b, p->c[i]);
	return r;
}

int unicode_add_nfd(struct buf *b, const char *s, size_t n)
{
	struct points p = {0};
	int r = decompose(s, n, &p);

	if (r == 0)
		r = add_points(b, &p);
	free(p.c);
	return r;
}

int unicode_add_nfc(struct buf *b, const char *s, size_t n)
{
	struct points p = {0};
	int r = decompose(s, n, &p);

	if (r == 0) {
		compose(&p);
		r = add_points(b, &p);
	}
	free(p.c);
	return r;
}
