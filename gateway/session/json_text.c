#include "gateway/session/json_text.h"

#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

struct cursor {
	const uint8_t *at, *end;
	bool nul; /* strings may hold it, and halves of surrogate pairs */
};

static void skip_space(struct cursor *c)
{
	while (c->at < c->end &&
		(*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
		c->at++;
}

static bool take(struct cursor *c, char wanted)
{
	if (c->at >= c->end || *c->at != (uint8_t)wanted)
		return false;
	c->at++;
	return true;
}

static bool take_digits(struct cursor *c)
{
	const uint8_t *start = c->at;

	while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
		c->at++;
	return c->at > start;
}

static bool take_number(struct cursor *c)
{
	(void)take(c, '-');
	if (!take(c, '0') && !take_digits(c))
		return false;
	if (take(c, '.') && !take_digits(c))
		return false;
	if (take(c, 'e') || take(c, 'E')) {
		if (!take(c, '+'))
			(void)take(c, '-');
		return take_digits(c);
	}
	return true;
}

static int hex4(struct cursor *c)
{
	int v = 0;

	if (c->end - c->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		uint8_t ch = *c->at++;
		int digit = ch >= '0' && ch <= '9'   ? ch - '0'
			    : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10
			    : ch >= 'A' && ch <= 'F' ? ch - 'A' + 10
						     : -1;

		if (digit < 0)
			return -1;
		v = v * 16 + digit;
	}
	return v;
}

/* A lone half of a surrogate pair and NUL are refused, as base/json.h's parser refuses them, unless
 * strings may hold whatever a program's do. */
static bool take_unicode_escape(struct cursor *c)
{
	int first = hex4(c);
	int second;

	if (c->nul)
		return first >= 0;
	if (first <= 0 || (first >= 0xdc00 && first <= 0xdfff))
		return false;
	if (first < 0xd800 || first > 0xdbff)
		return true;
	if (!take(c, '\\') || !take(c, 'u'))
		return false;
	second = hex4(c);
	return second >= 0xdc00 && second <= 0xdfff;
}

static bool take_string(struct cursor *c)
{
	if (!take(c, '"'))
		return false;
	while (c->at < c->end) {
		uint8_t ch = *c->at;
		size_t n;

		if (ch == '"') {
			c->at++;
			return true;
		}
		if (ch < 0x20)
			return false;
		if (ch == '\\') {
			c->at++;
			if (take(c, 'u')) {
				if (!take_unicode_escape(c))
					return false;
				continue;
			}
			if (c->at >= c->end || !*c->at || !strchr("\"\\/bfnrt", *c->at))
				return false;
			c->at++;
			continue;
		}
		n = utf8_length(c->at, (size_t)(c->end - c->at));
		if (n == 0)
			return false;
		c->at += n;
	}
	return false;
}

static bool take_word(struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n))
		return false;
	c->at += n;
	return true;
}

static bool take_value(struct cursor *c, int depth);

static bool take_array(struct cursor *c, int depth)
{
	c->at++;
	skip_space(c);
	if (take(c, ']'))
		return true;
	do {
		if (!take_value(c, depth))
			return false;
		skip_space(c);
	} while (take(c, ','));
	return take(c, ']');
}

static bool take_object(struct cursor *c, int depth)
{
	c->at++;
	skip_space(c);
	if (take(c, '}'))
		return true;
	do {
		skip_space(c);
		if (!take_string(c))
			return false;
		skip_space(c);
		if (!take(c, ':') || !take_value(c, depth))
			return false;
		skip_space(c);
	} while (take(c, ','));
	return take(c, '}');
}

static bool take_value(struct cursor *c, int depth)
{
	skip_space(c);
	if (c->at >= c->end)
		return false;
	if (depth == JSON_DEPTH_MAX && (*c->at == '{' || *c->at == '['))
		return false;
	switch (*c->at) {
	case '{':
		return take_object(c, depth + 1);
	case '[':
		return take_array(c, depth + 1);
	case '"':
		return take_string(c);
	case 't':
		return take_word(c, "true");
	case 'f':
		return take_word(c, "false");
	case 'n':
		return take_word(c, "null");
	default:
		return take_number(c);
	}
}

static bool is_valid(struct cursor c)
{
	if (!take_value(&c, 0))
		return false;
	skip_space(&c);
	return c.at == c.end;
}

bool json_text_valid(const uint8_t *text, size_t n)
{
	return is_valid((struct cursor){.at = text, .end = text + n});
}

bool json_text_valid_nul(const uint8_t *text, size_t n)
{
	return is_valid((struct cursor){.at = text, .end = text + n, .nul = true});
}

static int quote_ascii(struct buf *b, uint8_t ch)
{
	static const char named[] = "\b\t\n\f\r\"\\";
	static const char letter[] = "btnfr\"\\";
	const char *found = ch ? strchr(named, ch) : NULL;

	if (found) {
		char pair[2] = {'\\', letter[found - named]};

		return buf_add(b, pair, 2);
	}
	if (ch < 0x20)
		return buf_addf(b, "\\u%04x", ch);
	return buf_add(b, &ch, 1);
}

int json_text_quote(struct buf *b, const void *bytes, size_t n)
{
	const uint8_t *at = bytes, *end = at + n;
	int r = buf_add(b, "\"", 1);

	while (r == 0 && at < end) {
		size_t len = utf8_length(at, (size_t)(end - at));

		if (len == 0) {
			r = buf_add_str(b, "\xef\xbf\xbd");
			at++;
			continue;
		}
		/* NUL has no place in the receivers' strings. */
		if (len == 1)
			r = *at ? quote_ascii(b, *at) : buf_add_str(b, "\xef\xbf\xbd");
		else
			r = buf_add(b, at, len);
		at += len;
	}
	return r < 0 ? r : buf_add(b, "\"", 1);
}
