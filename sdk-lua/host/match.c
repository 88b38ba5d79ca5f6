#include "sdk-lua/host/match.h"

#include <stdio.h>
#include <string.h>

#define FRAMES_MAX 199

enum frame_kind {
	FRAME_OPENED,  /* a capture: undone by forgetting it */
	FRAME_CLOSED,  /* undone by opening it again */
	FRAME_MAYBE,   /* "?" took its item: it can do without */
	FRAME_GROWING, /* "*" or "+" is still taking items */
	FRAME_MOST,    /* and can do with fewer */
	FRAME_LEAST,   /* "-" can take one more */
};

/* A choice that can still be made another way. */
struct frame {
	enum frame_kind kind;
	const char *s;    /* in the text: where its item begins */
	const char *item; /* in the pattern */
	const char *next; /* in the pattern: what comes after item and its "*+-?" */
	size_t n;         /* how often the item is taken; the capture that was closed */
};

/* Of the attempt that is under way. Nothing else runs meanwhile but a signal's handler. */
static struct frame frames[FRAMES_MAX];

enum step { STEP_ON, STEP_BACK, STEP_FOUND, STEP_PAUSE, STEP_WRONG };

#define DIGIT_LOW 0x03ff000000000000u
#define UPPER_HIGH 0x0000000007fffffeu
#define LOWER_HIGH 0x07fffffe00000000u
#define ALPHA_HIGH (UPPER_HIGH | LOWER_HIGH)
#define GRAPH_LOW 0xfffffffe00000000u
#define GRAPH_HIGH 0x7fffffffffffffffu

/* The classes as sets of bytes; from 128 on a byte is in none. */
static const uint64_t classes[26][2] = {
	['a' - 'a'] = {0, ALPHA_HIGH},
	['c' - 'a'] = {0x00000000ffffffffu, 0x8000000000000000u},
	['d' - 'a'] = {DIGIT_LOW, 0},
	['g' - 'a'] = {GRAPH_LOW, GRAPH_HIGH},
	['l' - 'a'] = {0, LOWER_HIGH},
	['p' - 'a'] = {GRAPH_LOW & ~DIGIT_LOW, GRAPH_HIGH & ~ALPHA_HIGH},
	['s' - 'a'] = {0x0000000100003e00u, 0},
	['u' - 'a'] = {0, UPPER_HIGH},
	['w' - 'a'] = {DIGIT_LOW, ALPHA_HIGH},
	['x' - 'a'] = {DIGIT_LOW, 0x0000007e0000007eu},
	['z' - 'a'] = {1, 0},
};

static inline bool has_bit(const uint64_t *bits, unsigned char c)
{
	return bits[c >> 6] >> (c & 63) & 1;
}

/* The bits of %letter; false: no class, the letter stands for itself. */
static bool class_bits(unsigned char letter, uint64_t ret[4])
{
	unsigned char small = letter | 0x20;
	bool other = small != letter;

	if (small < 'a' || small > 'z' || !(classes[small - 'a'][0] | classes[small - 'a'][1]))
		return false;
	for (int i = 0; i < 4; i++) {
		ret[i] = i < 2 ? classes[small - 'a'][i] : 0;
		if (other)
			ret[i] = ~ret[i];
	}
	return true;
}

static inline bool is_class(unsigned char c, unsigned char letter)
{
	unsigned char small = letter | 0x20;
	const uint64_t *bits;

	if (small < 'a' || small > 'z')
		return c == letter;
	bits = classes[small - 'a'];
	if (!(bits[0] | bits[1]))
		return c == letter;
	return (c < 128 && has_bit(bits, c)) != (small != letter);
}

static void add_byte(uint64_t bits[4], unsigned char c)
{
	bits[c >> 6] |= (uint64_t)1 << (c & 63);
}

/* item is "[", close its "]". */
static void read_set(const char *item, const char *close, uint64_t bits[4])
{
	const char *p = item + 1;
	bool other = *p == '^';
	uint64_t more[4];

	memset(bits, 0, 4 * sizeof(bits[0]));
	for (p += other; p < close; p++) {
		if (*p == '%') {
			p++;
			if (!class_bits((unsigned char)*p, more))
				add_byte(bits, (unsigned char)*p);
			else
				for (int i = 0; i < 4; i++)
					bits[i] |= more[i];
		} else if (p[1] == '-' && p + 2 < close) {
			for (int c = (unsigned char)p[0]; c <= (unsigned char)p[2]; c++)
				add_byte(bits, (unsigned char)c);
			p += 2;
		} else {
			add_byte(bits, (unsigned char)*p);
		}
	}
	for (int i = 0; i < 4 && other; i++)
		bits[i] = ~bits[i];
}

/* next: behind the set's "]". */
static const uint64_t *set_bits(struct matcher *m, const char *item, const char *next)
{
	struct match_set *set;

	for (unsigned int i = 0; i < MATCH_SETS && i < m->n_sets; i++)
		if (m->sets[i].item == item)
			return m->sets[i].bits;
	set = &m->sets[m->n_sets++ % MATCH_SETS];
	set->item = item;
	read_set(item, next - 1, set->bits);
	return set->bits;
}

static enum step wrong(struct matcher *m, const char *words)
{
	(void)snprintf(m->words, sizeof(m->words), "%s", words);
	return STEP_WRONG;
}

/* Behind the single-byte item at p; NULL: malformed. */
static inline const char *item_end(struct matcher *m, const char *p)
{
	char c = *p++;

	if (c == '%') {
		if (p == m->pattern_end) {
			(void)wrong(m, "malformed pattern (ends with '%')");
			return NULL;
		}
		return p + 1;
	}
	if (c != '[')
		return p;
	p += *p == '^';
	do { /* what comes first may be a "]" */
		if (p == m->pattern_end) {
			(void)wrong(m, "malformed pattern (missing ']')");
			return NULL;
		}
		if (*p++ == '%' && p < m->pattern_end)
			p++;
	} while (*p != ']');
	return p + 1;
}

static inline bool fits(struct matcher *m, unsigned char c, const char *item, const char *item_next)
{
	switch (*item) {
	case '.':
		return true;
	case '%':
		return is_class(c, (unsigned char)item[1]);
	case '[':
		return has_bit(set_bits(m, item, item_next), c);
	default:
		return (unsigned char)*item == c;
	}
}

/* How many of the most bytes at s fit one after the other; want: false: how many do not. */
static size_t run_length(struct matcher *m, const char *s, size_t most, const char *item,
	const char *item_next, bool want)
{
	uint64_t own[4];
	const uint64_t *bits = own;
	size_t i = 0;

	if (*item == '.')
		return want ? most : 0;
	if (*item == '[')
		bits = set_bits(m, item, item_next);
	else if (*item != '%' || !class_bits((unsigned char)item[1], own)) {
		char c = *item == '%' ? item[1] : *item;

		while (i < most && (s[i] == c) == want)
			i++;
		return i;
	}
	while (i < most && has_bit(bits, (unsigned char)s[i]) == want)
		i++;
	return i;
}

/* --- frames --- */

static inline struct frame *push(struct matcher *m, enum frame_kind kind, const char *s,
	const char *item, const char *next, size_t n)
{
	struct frame *f;

	if (m->n_frames == FRAMES_MAX) {
		(void)wrong(m, "pattern too complex");
		return NULL;
	}
	f = &frames[m->n_frames++];
	f->kind = kind;
	f->s = s;
	f->item = item;
	f->next = next;
	f->n = n;
	return f;
}

/* The newest choice that can be made another way; false: there is none. */
static inline bool back(struct matcher *m, const char **s, const char **p)
{
	while (m->n_frames > 0) {
		struct frame *f = &frames[m->n_frames - 1];

		switch (f->kind) {
		case FRAME_OPENED:
			m->n_captures--;
			break;
		case FRAME_CLOSED:
			m->captures[f->n].length = MATCH_OPEN;
			break;
		case FRAME_MAYBE:
			*s = f->s;
			*p = f->next;
			m->n_frames--;
			return true;
		case FRAME_GROWING:
		case FRAME_MOST:
			if (f->n == 0)
				break;
			*s = f->s + --f->n;
			*p = f->next;
			return true;
		case FRAME_LEAST:
			if (f->s == m->text_end ||
				!fits(m, (unsigned char)*f->s, f->item, f->next - 1))
				break;
			*s = ++f->s;
			*p = f->next;
			return true;
		}
		m->n_frames--;
	}
	return false;
}

/* --- steps forward --- */

static enum step open_capture(struct matcher *m, const char **s, const char **p)
{
	bool position = (*p)[1] == ')';

	if (m->n_captures == MATCH_CAPTURES_MAX)
		return wrong(m, "too many captures");
	m->captures[m->n_captures].at = *s;
	m->captures[m->n_captures++].length = position ? MATCH_POSITION : MATCH_OPEN;
	*p += position ? 2 : 1;
	return push(m, FRAME_OPENED, NULL, NULL, NULL, 0) ? STEP_ON : STEP_WRONG;
}

static enum step close_capture(struct matcher *m, const char **s, const char **p)
{
	int i = m->n_captures - 1;

	while (i >= 0 && m->captures[i].length != MATCH_OPEN)
		i--;
	if (i < 0)
		return wrong(m, "invalid pattern capture");
	m->captures[i].length = *s - m->captures[i].at;
	*p += 1;
	return push(m, FRAME_CLOSED, NULL, NULL, NULL, (size_t)i) ? STEP_ON : STEP_WRONG;
}

/* %bxy */
static enum step balance(struct matcher *m, const char **s, const char **p)
{
	const char *open = *p + 2, *at = *s;
	size_t depth = 1;

	if (m->pattern_end - open < 2)
		return wrong(m, "malformed pattern (missing arguments to '%b')");
	if (at == m->text_end || *at != open[0])
		return STEP_BACK;
	for (at++; at < m->text_end; at++) {
		if (*at == open[1]) {
			if (--depth == 0)
				break;
		} else if (*at == open[0]) {
			depth++;
		}
	}
	m->steps -= at - *s;
	if (at == m->text_end)
		return STEP_BACK;
	*s = at + 1;
	*p = open + 2;
	return STEP_ON;
}

/* %f[set] */
static enum step frontier(struct matcher *m, const char **s, const char **p)
{
	const char *item = *p + 2, *next;
	const uint64_t *bits;
	char before = *s == m->text ? '\0' : (*s)[-1];

	if (*item != '[')
		return wrong(m, "missing '[' after '%f' in pattern");
	next = item_end(m, item);
	if (!next)
		return STEP_WRONG;
	bits = set_bits(m, item, next);
	/* The end of the text counts as a NUL, and one is there. */
	if (has_bit(bits, (unsigned char)before) || !has_bit(bits, (unsigned char)**s))
		return STEP_BACK;
	*p = next;
	return STEP_ON;
}

/* %1 */
static enum step repeat_capture(struct matcher *m, const char **s, const char **p)
{
	int i = (*p)[1] - '1';
	ptrdiff_t length;

	if (i < 0 || i >= m->n_captures || m->captures[i].length == MATCH_OPEN) {
		(void)snprintf(m->words, sizeof(m->words), "invalid capture index %%%d", i + 1);
		return STEP_WRONG;
	}
	length = m->captures[i].length;
	if (length == MATCH_POSITION || m->text_end - *s < length ||
		memcmp(m->captures[i].at, *s, (size_t)length) != 0)
		return STEP_BACK;
	m->steps -= length / 16;
	*s += length;
	*p += 2;
	return STEP_ON;
}

/* The newest frame takes what it can get. */
static enum step grow(struct matcher *m, const char **s, const char **p)
{
	struct frame *f = &frames[m->n_frames - 1];
	size_t left = (size_t)(m->text_end - f->s) - f->n;
	size_t most = left, got;

	if (m->steps < 0)
		return STEP_PAUSE;
	if (most > (size_t)m->steps * 8 + 8)
		most = (size_t)m->steps * 8 + 8;
	got = run_length(m, f->s + f->n, most, f->item, f->next - 1, true);
	f->n += got;
	m->steps -= (int64_t)(got / 8);
	if (got == most && most < left) {
		m->steps = -1;
		return STEP_PAUSE;
	}
	f->kind = FRAME_MOST;
	*s = f->s + f->n;
	*p = f->next;
	return STEP_ON;
}

/* One byte, and how often. */
static inline enum step item(struct matcher *m, const char **s, const char **p)
{
	const char *next = item_end(m, *p);
	char often;

	if (!next)
		return STEP_WRONG;
	often = *next; /* at the pattern's end a NUL */
	if (*s == m->text_end || !fits(m, (unsigned char)**s, *p, next)) {
		*p = next + 1;
		return often == '*' || often == '?' || often == '-' ? STEP_ON : STEP_BACK;
	}
	switch (often) {
	case '?':
		if (!push(m, FRAME_MAYBE, *s, *p, next + 1, 0))
			return STEP_WRONG;
		*s += 1;
		*p = next + 1;
		return STEP_ON;
	case '+':
		*s += 1;
		/* fall through */
	case '*':
		if (!push(m, FRAME_GROWING, *s, *p, next + 1, 0))
			return STEP_WRONG;
		return grow(m, s, p);
	case '-':
		if (!push(m, FRAME_LEAST, *s, *p, next + 1, 0))
			return STEP_WRONG;
		*p = next + 1;
		return STEP_ON;
	default:
		*s += 1;
		*p = next;
		return STEP_ON;
	}
}

static inline enum step advance(struct matcher *m, const char **s, const char **p)
{
	if (*p == m->pattern_end)
		return STEP_FOUND;
	switch (**p) {
	case '(':
		return open_capture(m, s, p);
	case ')':
		return close_capture(m, s, p);
	case '$':
		if (*p + 1 != m->pattern_end)
			break;
		return *s == m->text_end ? STEP_FOUND : STEP_BACK;
	case '%':
		if ((*p)[1] == 'b')
			return balance(m, s, p);
		if ((*p)[1] == 'f')
			return frontier(m, s, p);
		if ((*p)[1] >= '0' && (*p)[1] <= '9')
			return repeat_capture(m, s, p);
		break;
	default:
		break;
	}
	return item(m, s, p);
}

/* One attempt, from where it stands to its end. */
static enum match_result attempt(struct matcher *m)
{
	const char *s = m->s, *p = m->p;
	bool growing = m->n_frames && frames[m->n_frames - 1].kind == FRAME_GROWING;
	enum step step = growing ? grow(m, &s, &p) : STEP_ON;

	while (step == STEP_ON || step == STEP_BACK) {
		if (step == STEP_BACK && !back(m, &s, &p))
			return MATCH_NONE;
		step = --m->steps < 0 ? STEP_PAUSE : advance(m, &s, &p);
	}
	m->s = s;
	m->p = p;
	return step == STEP_FOUND ? MATCH_FOUND : step == STEP_PAUSE ? MATCH_PAUSED : MATCH_WRONG;
}

/* --- where to begin --- */

/*
 * Moves start on to where the pattern's first item fits, where that is needed for a match; whether
 * something there is malformed is seen by the first attempt. False: steps ran out.
 */
static bool skip(struct matcher *m)
{
	const char *p = m->pattern, *next, *at;
	size_t left = (size_t)(m->text_end - m->start), most = left, n;

	if (*p == '(' && p[1] != ')')
		p++;
	if (p == m->pattern_end || *p == '(' || *p == ')' || *p == '$' || *p == '.' ||
		(*p == '%' && strchr("bf0123456789", p[1])))
		return true;
	next = item_end(m, p);
	if (!next || *next == '*' || *next == '?' || *next == '-')
		return true;
	if (*p != '%' && *p != '[') {
		at = memchr(m->start, *p, left);
		n = at ? (size_t)(at - m->start) : left;
		m->steps -= (int64_t)(n / 32);
		m->start += n;
		return true;
	}
	if (most > (size_t)m->steps * 8)
		most = (size_t)m->steps * 8;
	n = run_length(m, m->start, most, p, next, false);
	m->steps -= (int64_t)(n / 8);
	m->start += n;
	return n < most || most == left;
}

static void begin(struct matcher *m)
{
	m->s = m->start;
	m->p = m->pattern;
	m->n_captures = 0;
	m->n_frames = 0;
	m->begun = true;
}

size_t matcher_frames_size(const struct matcher *m)
{
	return m->n_frames * sizeof(frames[0]);
}

void matcher_frames_keep(const struct matcher *m, void *to)
{
	memcpy(to, frames, matcher_frames_size(m));
}

void matcher_frames_fetch(const struct matcher *m, const void *from)
{
	memcpy(frames, from, matcher_frames_size(m));
}

void matcher_init(
	struct matcher *m, const char *text, size_t n_text, const char *pattern, size_t n_pattern)
{
	m->text = m->start = text;
	m->text_end = text + n_text;
	m->pattern = pattern;
	m->pattern_end = pattern + n_pattern;
	m->not_end = NULL;
	m->anchored = m->begun = false;
	m->n_sets = 0;
	m->n_frames = 0;
	m->n_captures = 0;
}

enum match_result matcher_next(struct matcher *m)
{
	for (;;) {
		enum match_result r;

		if (m->steps < 0)
			return MATCH_PAUSED;
		if (!m->begun && !m->anchored && !skip(m))
			return MATCH_PAUSED;
		if (!m->begun)
			begin(m);
		r = attempt(m);
		if (r == MATCH_FOUND && m->s == m->not_end)
			r = MATCH_NONE;
		if (r != MATCH_NONE)
			return r;
		m->begun = false;
		if (m->anchored || m->start == m->text_end)
			return MATCH_NONE;
		m->start++;
	}
}

int matcher_capture(struct matcher *m, int i, const char *s, const char *e, const char **ret_at,
	ptrdiff_t *ret_length)
{
	if (i >= m->n_captures) {
		if (i != 0) {
			(void)snprintf(
				m->words, sizeof(m->words), "invalid capture index %%%d", i + 1);
			return -1;
		}
		*ret_at = s;
		*ret_length = e - s;
		return 0;
	}
	if (m->captures[i].length == MATCH_OPEN) {
		(void)wrong(m, "unfinished capture");
		return -1;
	}
	*ret_at = m->captures[i].at;
	*ret_length = m->captures[i].length;
	return 0;
}
