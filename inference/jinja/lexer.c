#include "inference/jinja/lexer.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 65536

struct lexer {
	const char *s;
	size_t n, at;
	int line;
	size_t counted; /* bytes whose lines are in line */
	struct words *out;
	struct err *e;
	bool strip;      /* the tag before ended in '-': white space goes */
	bool trim;       /* it was a block or comment: one newline goes */
	bool line_start; /* nothing of this line has come yet */
};

static int line_at(struct lexer *l, size_t at)
{
	for (; l->counted < at; l->counted++)
		l->line += l->s[l->counted] == '\n';
	return l->line;
}

static int refuse(struct lexer *l, const char *what)
{
	return err_set(
		l->e, -ENOTSUP, "template, line %d: %s is not supported", line_at(l, l->at), what);
}

static int add(struct lexer *l, enum word_kind kind, size_t from, size_t n)
{
	struct words *w = l->out;

	if (w->n == WORDS_MAX)
		return err_set(l->e, -EMSGSIZE, "template: over %d words", WORDS_MAX);
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 256;
		struct word *grown = reallocarray(w->list, cap, sizeof(*grown));

		if (!grown)
			return err_set(l->e, -ENOMEM, "out of memory");
		w->list = grown;
		w->cap = cap;
	}
	w->list[w->n++] = (struct word){kind, l->s + from, n, line_at(l, from)};
	return 0;
}

static bool is_tag(const struct lexer *l, size_t at)
{
	return at + 1 < l->n && l->s[at] == '{' &&
	       (l->s[at + 1] == '{' || l->s[at + 1] == '%' || l->s[at + 1] == '#');
}

static bool is_white(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* lstrip_blocks: what is white between the beginning of the line and a block goes. */
static size_t strip_line(const struct lexer *l, size_t from, size_t to)
{
	size_t at = to;

	while (at > from && l->s[at - 1] != '\n' && is_white(l->s[at - 1]))
		at--;
	return at > from ? (l->s[at - 1] == '\n' ? at : to) : (l->line_start ? at : to);
}

/* Text up to the next tag, without what the tags around it take away. */
static int read_text(struct lexer *l)
{
	size_t from = l->at, to = from;
	bool stripped = l->strip;

	while (to < l->n && !is_tag(l, to))
		to++;
	l->at = to;
	while (l->strip && from < to && is_white(l->s[from]))
		from++;
	if (!stripped && l->trim && from < to && l->s[from] == '\n') {
		from++;
		l->line_start = true;
	}
	if (stripped && from > 0)
		l->line_start = l->s[from - 1] == '\n';
	l->strip = l->trim = false;
	if (to < l->n) {
		char kind = l->s[to + 1], mark = to + 2 < l->n ? l->s[to + 2] : '\0';

		if (mark == '-')
			while (to > from && is_white(l->s[to - 1]))
				to--;
		else if (kind != '{' && mark != '+')
			to = strip_line(l, from, to);
	}
	return to > from ? add(l, WORD_TEXT, from, to - from) : 0;
}

static int read_comment(struct lexer *l)
{
	const char *end = memmem(l->s + l->at + 2, l->n - l->at - 2, "#}", 2);

	if (!end)
		return refuse(l, "a comment without its end");
	l->strip = end[-1] == '-' && end > l->s + l->at + 2;
	l->trim = end[-1] != '+';
	l->at = (size_t)(end - l->s) + 2;
	l->line_start = false;
	return 0;
}

static int read_string(struct lexer *l)
{
	size_t from = l->at;
	char quote = l->s[l->at++];

	while (l->at < l->n && l->s[l->at] != quote)
		l->at += l->s[l->at] == '\\' ? 2 : 1;
	if (l->at >= l->n) {
		l->at = from;
		return refuse(l, "a text without its end");
	}
	l->at++;
	return add(l, WORD_STRING, from, l->at - from);
}

static int read_number(struct lexer *l)
{
	size_t from = l->at;

	while (l->at < l->n && isdigit((unsigned char)l->s[l->at]))
		l->at++;
	if (l->at + 1 < l->n && l->s[l->at] == '.' && isdigit((unsigned char)l->s[l->at + 1]))
		for (l->at++; l->at < l->n && isdigit((unsigned char)l->s[l->at]);)
			l->at++;
	if (l->at + 1 < l->n && (l->s[l->at] == 'e' || l->s[l->at] == 'E')) {
		size_t digits = l->at + 1 + (l->s[l->at + 1] == '-' || l->s[l->at + 1] == '+');

		for (; digits < l->n && isdigit((unsigned char)l->s[digits]); digits++)
			l->at = digits + 1;
	}
	return add(l, WORD_NUMBER, from, l->at - from);
}

static int read_sign(struct lexer *l)
{
	static const char *const signs[] = {"==", "!=", "<=", ">=", "//", "**", "<", ">", "+", "-",
		"*", "/", "%", "~", "(", ")", "[", "]", "{", "}", ",", ":", ".", "|", "="};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		size_t n = strlen(signs[i]);

		if (l->n - l->at >= n && !memcmp(l->s + l->at, signs[i], n)) {
			l->at += n;
			return add(l, WORD_SIGN, l->at - n, n);
		}
	}
	return refuse(l, "a sign in an expression");
}

/* The end of a tag, "%}" with its '-' or '+'. 1: it is here and taken. depth: open brackets. */
static int read_end(struct lexer *l, const char *close, int depth, enum word_kind kind)
{
	size_t mark = l->s[l->at] == '-' || l->s[l->at] == '+' ? 1 : 0;
	char c = l->s[l->at];
	int r;

	if (l->n - l->at < mark + 2 || memcmp(l->s + l->at + mark, close, 2) != 0 ||
		(depth > 0 && close[0] == '}'))
		return 0;
	if (mark && c == '+' && kind == WORD_OUTPUT_END)
		return 0;
	r = add(l, kind, l->at, mark + 2);
	l->at += mark + 2;
	l->strip = c == '-';
	l->trim = kind == WORD_BLOCK_END && c != '+';
	l->line_start = false;
	return r < 0 ? r : 1;
}

static int read_tag(struct lexer *l)
{
	bool output = l->s[l->at + 1] == '{';
	int depth = 0;
	int r = add(l, output ? WORD_OUTPUT : WORD_BLOCK, l->at, 2);

	l->at += 2;
	if (l->at < l->n && (l->s[l->at] == '-' || l->s[l->at] == '+'))
		l->at++;
	while (r == 0) {
		char c;

		while (l->at < l->n && is_white(l->s[l->at]))
			l->at++;
		if (l->at == l->n)
			return refuse(l, "a tag without its end");
		r = read_end(
			l, output ? "}}" : "%}", depth, output ? WORD_OUTPUT_END : WORD_BLOCK_END);
		if (r != 0)
			return r < 0 ? r : 0;
		c = l->s[l->at];
		depth += c == '{' || c == '(' || c == '[';
		depth -= c == '}' || c == ')' || c == ']';
		if (c == '"' || c == '\'') {
			r = read_string(l);
		} else if (isdigit((unsigned char)c)) {
			r = read_number(l);
		} else if (isalpha((unsigned char)c) || c == '_') {
			size_t from = l->at;

			while (l->at < l->n &&
				(isalnum((unsigned char)l->s[l->at]) || l->s[l->at] == '_'))
				l->at++;
			r = add(l, WORD_NAME, from, l->at - from);
		} else {
			r = read_sign(l);
		}
	}
	return r;
}

/* Where the tag at `at` is "{% name %}", its end; else 0. */
static size_t is_bare(const struct lexer *l, size_t at, const char *name)
{
	size_t n = strlen(name);

	if (l->n - at < 4 || l->s[at] != '{' || l->s[at + 1] != '%')
		return 0;
	at += 2;
	at += l->s[at] == '-' || l->s[at] == '+';
	while (at < l->n && is_white(l->s[at]))
		at++;
	if (l->n - at < n || memcmp(l->s + at, name, n) != 0)
		return 0;
	at += n;
	while (at < l->n && is_white(l->s[at]))
		at++;
	at += at < l->n && (l->s[at] == '-' || l->s[at] == '+');
	return l->n - at >= 2 && !memcmp(l->s + at, "%}", 2) ? at + 2 : 0;
}

/* {% raw %}: text, whatever stands in it. */
static int read_raw(struct lexer *l, size_t from)
{
	for (size_t at = from; at < l->n; at++) {
		size_t end = is_bare(l, at, "endraw"), to = at;

		if (!end)
			continue;
		from += l->s[from] == '\n' && l->s[from - 3] != '+';
		if (l->s[from - 3] == '-')
			while (from < to && is_white(l->s[from]))
				from++;
		l->at = end;
		l->strip = l->s[end - 3] == '-';
		l->trim = true;
		l->line_start = false;
		if (l->s[at + 2] == '-')
			while (to > from && is_white(l->s[to - 1]))
				to--;
		return to > from ? add(l, WORD_TEXT, from, to - from) : 0;
	}
	return refuse(l, "raw without its end");
}

int words_read(const char *text, size_t n, struct words *ret, struct err *e)
{
	struct lexer l = {.s = text, .n = n, .line = 1, .out = ret, .e = e, .line_start = true};
	int r = 0;

	if (n > 0 && text[n - 1] == '\n') /* Jinja drops the last newline */
		l.n--;
	while (r == 0 && l.at < l.n) {
		size_t raw;

		r = read_text(&l);
		if (r < 0 || l.at == l.n)
			break;
		raw = is_bare(&l, l.at, "raw");
		r = l.s[l.at + 1] == '#' ? read_comment(&l)
		    : raw                ? read_raw(&l, raw)
					 : read_tag(&l);
	}
	return r < 0 ? r : add(&l, WORD_END, l.n, 0);
}

void words_done(struct words *w)
{
	free(w->list);
	*w = (struct words){0};
}
