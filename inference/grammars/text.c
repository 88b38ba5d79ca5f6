/* A grammar in words: what GBNF has in common use. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inference/grammars/build.h"
#include "inference/tokenizers/unicode.h"
#include "inference/tokenizers/vocab.h"

#define CLASS_RANGES_MAX 256
#define NAME_MAX_ 31

struct reader {
	const char *at, *end, *start;
	struct grammar *g;
	struct vocab *names; /* owned; the text's own, by rule */
	unsigned depth;
};

static unsigned line_of(const struct reader *r)
{
	unsigned line = 1;

	for (const char *c = r->start; c < r->at; c++)
		line += *c == '\n';
	return line;
}

static void fail(struct reader *r, const char *what)
{
	build_fail(r->g, -EINVAL, "line %u: %s", line_of(r), what);
}

static bool ok(const struct reader *r)
{
	return r->g->r == 0;
}

static char peek(const struct reader *r)
{
	return r->at < r->end ? *r->at : '\0';
}

static bool eat(struct reader *r, const char *what)
{
	size_t n = strlen(what);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, what, n) != 0)
		return false;
	r->at += n;
	return true;
}

/* Blanks and comments; lines too, where a rule goes on. */
static void skip(struct reader *r, bool lines)
{
	for (; r->at < r->end; r->at++) {
		if (*r->at == '#')
			while (r->at + 1 < r->end && r->at[1] != '\n')
				r->at++;
		else if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r' &&
			 (*r->at != '\n' || !lines))
			return;
	}
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* The rule of a name, made where it is new. */
static uint32_t name_rule(struct reader *r, const char *name, size_t n)
{
	uint32_t rule = vocab_find(r->names, name, n);

	if (rule != VOCAB_NONE)
		return rule;
	rule = build_rule(r->g, name);
	if (ok(r) && vocab_add(r->names, rule, name, n, true) < 0)
		build_fail(r->g, -ENOMEM, "out of memory");
	return rule;
}

static uint32_t read_name(struct reader *r)
{
	char name[NAME_MAX_ + 1];
	size_t n = 0;

	while (r->at < r->end && is_name(*r->at)) {
		if (n == NAME_MAX_) {
			fail(r, "a name has more than 31 letters");
			return 0;
		}
		name[n++] = *r->at++;
	}
	name[n] = '\0';
	if (n == 0) {
		fail(r, "a name was to come");
		return 0;
	}
	return name_rule(r, name, n);
}

static uint32_t read_hex(struct reader *r, int digits)
{
	uint32_t c = 0;

	for (int i = 0; i < digits; i++, r->at++) {
		char x = peek(r);
		int v = x >= '0' && x <= '9'   ? x - '0'
			: x >= 'a' && x <= 'f' ? x - 'a' + 10
			: x >= 'A' && x <= 'F' ? x - 'A' + 10
					       : -1;

		if (v < 0) {
			fail(r, "hexadecimal digits were to come");
			return 0;
		}
		c = c << 4 | (uint32_t)v;
	}
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
		fail(r, "no such character");
		return 0;
	}
	return c;
}

/* One character of a text or a class. */
static uint32_t read_character(struct reader *r)
{
	static const char names[] = "n\nt\tr\r\\\\\"\"[[]]--^^";
	uint32_t c;
	int n;

	if (eat(r, "\\")) {
		char x = peek(r);

		for (const char *at = names; x && *at; at += 2)
			if (*at == x) {
				r->at++;
				return (uint32_t)(unsigned char)at[1];
			}
		r->at += r->at < r->end;
		if (x == 'x' || x == 'u' || x == 'U')
			return read_hex(r, x == 'x' ? 2 : x == 'u' ? 4 : 8);
		fail(r, "no such escape");
		return 0;
	}
	n = r->at < r->end ? utf8_read(r->at, (size_t)(r->end - r->at), &c) : 0;
	if (n <= 0 || c == '\n') {
		fail(r, "a text or class ends in the middle");
		return 0;
	}
	r->at += n;
	return c;
}

static void read_text(struct reader *r, struct body *b)
{
	while (ok(r) && !eat(r, "\"")) {
		char bytes[4];
		uint32_t c = read_character(r);
		struct buf utf8;

		if (!ok(r))
			return;
		buf_init(&utf8, sizeof(bytes) + 1);
		if (utf8_add(&utf8, c) < 0)
			build_fail(r->g, -ENOMEM, "out of memory");
		body_bytes(r->g, b, buf_str(&utf8), utf8.len);
		buf_done(&utf8);
	}
}

static uint32_t read_class(struct reader *r)
{
	struct range ranges[CLASS_RANGES_MAX];
	bool negated = eat(r, "^");
	size_t n = 0;

	while (ok(r) && !eat(r, "]")) {
		uint32_t first = read_character(r), last = first;

		if (peek(r) == '-' && r->at + 1 < r->end && r->at[1] != ']') {
			r->at++;
			last = read_character(r);
		}
		if (ok(r) && (n == CLASS_RANGES_MAX || last < first))
			fail(r, "a class has more than 256 ranges, or one that runs backwards");
		if (ok(r))
			ranges[n++] = (struct range){first, last};
	}
	return ok(r) ? build_class(r->g, ranges, n, negated) : 0;
}

static uint32_t read_number(struct reader *r)
{
	uint32_t n = 0;

	if (peek(r) < '0' || peek(r) > '9')
		fail(r, "a number was to come");
	for (; peek(r) >= '0' && peek(r) <= '9'; r->at++)
		n = n > 100000 ? n : n * 10 + (uint32_t)(*r->at - '0');
	return n;
}

static void read_choice(struct reader *r, uint32_t rule, bool in_group);

/* What may be repeated, as a rule or, where a text is not repeated, its bytes. */
static void read_item(struct reader *r, struct body *b)
{
	struct body own = {0};
	uint32_t rule = 0, least, most;
	bool wrapped = false;

	if (eat(r, "\"")) {
		read_text(r, &own);
		wrapped = true;
	} else if (eat(r, "[")) {
		rule = read_class(r);
	} else if (eat(r, ".")) {
		rule = build_class(r->g, NULL, 0, true);
	} else if (eat(r, "(")) {
		rule = build_rule(r->g, "group");
		if (r->depth++ == GRAMMAR_DEPTH_MAX)
			fail(r, "more than 64 groups stand in each other");
		if (ok(r))
			read_choice(r, rule, true);
		r->depth--;
	} else {
		rule = read_name(r);
	}
	if (!ok(r)) {
		free(own.of);
		return;
	}
	least = most = 1;
	if (eat(r, "*"))
		least = 0, most = UINT32_MAX;
	else if (eat(r, "+"))
		most = UINT32_MAX;
	else if (eat(r, "?"))
		least = 0;
	else if (eat(r, "{")) {
		least = most = read_number(r);
		if (eat(r, ","))
			most = peek(r) == '}' ? UINT32_MAX : read_number(r);
		if (ok(r) && !eat(r, "}"))
			fail(r, "'}' was to come");
	}
	if (wrapped) {
		if (least == 1 && most == 1) {
			for (uint32_t i = 0; i < own.n; i++)
				body_set(r->g, b, &r->g->sets[ELEMENT_AT(own.of[i])]);
			free(own.of);
			return;
		}
		rule = build_rule(r->g, "text");
		build_body(r->g, rule, &own);
	}
	if (ok(r))
		body_rule(r->g, b,
			least == 1 && most == 1 ? rule : build_repeat(r->g, rule, least, most));
}

/* Whether another line goes on with the rule at hand. */
static bool goes_on(struct reader *r)
{
	struct reader ahead = *r;

	skip(&ahead, true);
	if (peek(&ahead) != '|')
		return false;
	r->at = ahead.at;
	return true;
}

static void read_choice(struct reader *r, uint32_t rule, bool in_group)
{
	struct body b = {0};

	for (;;) {
		skip(r, in_group);
		if (!ok(r))
			break;
		if (in_group && eat(r, ")"))
			break;
		if (eat(r, "|")) {
			body_or(r->g, &b);
			skip(r, true);
			continue;
		}
		if (!in_group && (r->at == r->end || *r->at == '\n')) {
			if (goes_on(r))
				continue;
			break;
		}
		read_item(r, &b);
	}
	build_body(r->g, rule, &b);
}

static void read_rules(struct reader *r)
{
	for (skip(r, true); ok(r) && r->at < r->end; skip(r, true)) {
		uint32_t rule = read_name(r);

		skip(r, false);
		if (ok(r) && !eat(r, "::="))
			fail(r, "'::=' was to come");
		if (ok(r) && r->g->rules[rule].start != UINT32_MAX)
			fail(r, "the rule is there already");
		skip(r, true);
		if (ok(r))
			read_choice(r, rule, false);
	}
}

int grammar_from_text(const char *text, size_t n, struct grammar **ret, struct err *e)
{
	struct reader r = {.at = text, .start = text, .end = text + n, .g = build_new()};

	if (!r.g || vocab_new(GRAMMAR_RULES_MAX, &r.names) < 0) {
		(void)grammar_free(r.g);
		return err_set(e, -ENOMEM, "out of memory");
	}
	if (n > GRAMMAR_TEXT_MAX)
		build_fail(r.g, -EMSGSIZE, "%zu bytes, the limit is %u", n, GRAMMAR_TEXT_MAX);
	else {
		/* The whole is the first rule, wherever it stands. */
		(void)name_rule(&r, "root", 4);
		read_rules(&r);
	}
	(void)vocab_free(r.names);
	return build_end(r.g, ret, e);
}
