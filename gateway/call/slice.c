#include "gateway/call/slice.h"

#include <string.h>

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct slice slice_of(const void *text, size_t n)
{
	struct slice s = {text, n};

	while (s.n > 0 && is_space(*s.at)) {
		s.at++;
		s.n--;
	}
	while (s.n > 0 && is_space(s.at[s.n - 1]))
		s.n--;
	return s;
}

/* Behind the string that begins here. */
static const uint8_t *skip_string(const uint8_t *at, const uint8_t *end)
{
	for (at++; at < end; at++) {
		if (*at == '\\')
			at++;
		else if (*at == '"')
			return at + 1;
	}
	return end;
}

/* Behind the value that begins here: at a comma, a colon or a bracket that is not its own. */
static const uint8_t *skip_value(const uint8_t *at, const uint8_t *end)
{
	size_t depth = 0;

	while (at < end) {
		switch (*at) {
		case '"':
			at = skip_string(at, end);
			continue;
		case '[':
		case '{':
			depth++;
			break;
		case ']':
		case '}':
			if (depth == 0)
				return at;
			depth--;
			break;
		case ',':
		case ':':
			if (depth == 0)
				return at;
			break;
		default:
			break;
		}
		at++;
	}
	return end;
}

bool slice_walk_begin(struct slice value, struct slice_walk *ret)
{
	if (value.n < 2 || (*value.at != '[' && *value.at != '{'))
		return false;
	*ret = (struct slice_walk){
		.at = value.at + 1, .end = value.at + value.n - 1, .object = *value.at == '{'};
	return true;
}

bool slice_walk_next(struct slice_walk *w, struct slice *ret_key, struct slice *ret_value)
{
	const uint8_t *stop;

	while (w->at < w->end && (is_space(*w->at) || *w->at == ','))
		w->at++;
	if (w->at >= w->end)
		return false;
	stop = skip_value(w->at, w->end);
	if (w->object) {
		if (ret_key)
			*ret_key = slice_of(w->at, (size_t)(stop - w->at));
		w->at = stop < w->end ? stop + 1 : w->end;
		stop = skip_value(w->at, w->end);
	}
	*ret_value = slice_of(w->at, (size_t)(stop - w->at));
	/* A bracket too many ends the walk rather than standing still. */
	w->at = stop < w->end && *stop == ',' ? stop + 1 : w->end;
	return true;
}

size_t slice_count(struct slice value)
{
	struct slice_walk w;
	struct slice v;
	size_t n = 0;

	if (!slice_walk_begin(value, &w))
		return 0;
	while (slice_walk_next(&w, NULL, &v))
		n++;
	return n;
}

struct slice slice_member(struct slice object, const char *key)
{
	struct slice found = {NULL, 0}, name, value;
	struct slice_walk w;

	if (!slice_walk_begin(object, &w) || !w.object)
		return found;
	while (slice_walk_next(&w, &name, &value))
		if (slice_is_string(name, key))
			found = value;
	return found;
}

bool slice_is_null(struct slice s)
{
	return s.n == 0 || (s.n == 4 && !memcmp(s.at, "null", 4));
}

bool slice_is_string(struct slice s, const char *text)
{
	size_t n = strlen(text);

	return s.n == n + 2 && *s.at == '"' && !memcmp(s.at + 1, text, n);
}

bool slice_text(struct slice s, char *ret, size_t size)
{
	if (s.n < 2 || *s.at != '"' || s.n - 2 >= size || memchr(s.at, '\\', s.n))
		return false;
	memcpy(ret, s.at + 1, s.n - 2);
	ret[s.n - 2] = '\0';
	return true;
}

bool slice_number(struct slice s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 19)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return false;
		v = v * 10 + (s.at[i] - '0');
	}
	*ret = v;
	return v <= max;
}
