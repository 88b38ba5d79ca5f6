#include "inference/tokenizers/unicode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "inference/tokenizers/traced.h"

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

bool unicode_is_mark(uint32_t c)
{
	utf8proc_category_t k = category(c);

	return k >= UTF8PROC_CATEGORY_MN && k <= UTF8PROC_CATEGORY_ME;
}

/* Alphabetic, marks, decimal digits, connectors and joiners. The library does not know the
 * symbols that are Alphabetic: the circled and squared letters. */
bool unicode_is_word(uint32_t c)
{
	utf8proc_category_t k = category(c);

	return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NL) ||
	       k == UTF8PROC_CATEGORY_PC || c == 0x200c || c == 0x200d ||
	       (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) ||
	       (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
}

bool unicode_is_ideograph(uint32_t c)
{
	return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
	       (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b73f) ||
	       (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
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

static uint8_t combining_class(uint32_t c)
{
	return (uint8_t)utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
}

static int add_decomposed(struct changes *out, uint32_t c, bool compatible)
{
	utf8proc_int32_t parts[DECOMPOSED_MAX];
	utf8proc_ssize_t n;
	int r = 0;

	if (c < 0x80)
		return changes_add(out, c, 0);
	n = utf8proc_decompose_char((utf8proc_int32_t)c, parts, DECOMPOSED_MAX,
		UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0), NULL);
	if (n < 0 || n > DECOMPOSED_MAX)
		return -EINVAL;
	for (utf8proc_ssize_t i = 0; i < n && r == 0; i++)
		r = changes_add(out, (uint32_t)parts[i], i > 0);
	return r;
}

struct mark {
	struct change change;
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

static void order_run(struct change *list, size_t n, struct mark *marks)
{
	for (size_t i = 0; i < n; i++)
		marks[i] = (struct mark){list[i], combining_class(list[i].c), i};
	qsort(marks, n, sizeof(*marks), by_class);
	for (size_t i = 0; i < n; i++)
		list[i] = marks[i].change;
}

/*
 * Canonical ordering: each run of marks is sorted by class. utf8proc_decompose does it too, by
 * swapping neighbours; over a run as long as a text may be, that takes minutes.
 */
static int order_marks(struct changes *p)
{
	CLEANUP(freep) struct mark *marks = NULL;
	size_t cap = 0;

	for (size_t i = 0, n; i < p->n; i += n ? n : 1) {
		for (n = 0; i + n < p->n && combining_class(p->list[i + n].c);)
			n++;
		if (n > cap) {
			struct mark *grown = reallocarray(marks, n, sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			marks = grown;
			cap = n;
		}
		if (n > 1)
			order_run(p->list + i, n, marks);
	}
	return 0;
}

/*
 * What two code points compose to; 0: nothing. Exclusions stay apart under UTF8PROC_STABLE only.
 * The library (2.8) takes the code point before the first final consonant for one.
 */
static uint32_t composed(uint32_t first, uint32_t second)
{
	utf8proc_int32_t pair[2] = {(utf8proc_int32_t)first, (utf8proc_int32_t)second};

	/* U+0300 is the first that composes with one before it. */
	if (second < 0x300 || second == HANGUL_BEFORE_FINALS)
		return 0;
	return utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE) == 1
		       ? (uint32_t)pair[0]
		       : 0;
}

/* Composes in place: each code point with the last starter, unless one between blocks it. */
static void compose(struct changes *p)
{
	size_t out = 0, starter = SIZE_MAX;
	int last = -1; /* class of the one before, where it is no starter */

	for (size_t i = 0; i < p->n; i++) {
		struct change now = p->list[i];
		uint8_t class = combining_class(now.c);
		uint32_t joined =
			starter != SIZE_MAX && last < (int)class ? composed(p->list[starter].c,
									   now.c)
								 : 0;

		if (joined) {
			p->list[starter].c = joined;
			p->list[starter].change += now.change - 1;
			continue;
		}
		if (class == 0) {
			starter = out;
			last = -1;
		} else {
			last = class;
		}
		p->list[out++] = now;
	}
	p->n = out;
}

int unicode_change_form(struct changes *changes, enum unicode_form form, const char *s, size_t n)
{
	bool compatible = form == UNICODE_NFKD || form == UNICODE_NFKC;
	int r = 0;

	while (n > 0 && r == 0) {
		uint32_t c;
		int used = utf8_read(s, n, &c);

		if (used <= 0)
			return -EINVAL;
		r = add_decomposed(changes, c, compatible);
		s += used;
		n -= (size_t)used;
	}
	if (r == 0)
		r = order_marks(changes);
	if (r == 0 && (form == UNICODE_NFC || form == UNICODE_NFKC))
		compose(changes);
	return r;
}

int unicode_add_form(struct buf *b, enum unicode_form form, const char *s, size_t n)
{
	struct changes changes = {0};
	int r = unicode_change_form(&changes, form, s, n);

	for (size_t i = 0; i < changes.n && r == 0; i++)
		r = utf8_add(b, changes.list[i].c);
	changes_done(&changes);
	return r;
}

size_t unicode_grapheme(const char *s, size_t n)
{
	utf8proc_int32_t state = 0;
	uint32_t c, next;
	int used = utf8_read(s, n, &c);
	size_t at = used > 0 ? (size_t)used : 1;

	while (at < n) {
		used = utf8_read(s + at, n - at, &next);
		if (used <= 0 || utf8proc_grapheme_break_stateful(
					 (utf8proc_int32_t)c, (utf8proc_int32_t)next, &state))
			break;
		at += (size_t)used;
		c = next;
	}
	return at;
}
