#include "agent/redact.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define NEEDLES_MAX 4096 /* lines of all values */
#define TEXT_MAX (1u << 20)

struct needle {
	char *value; /* owned */
	size_t length;
	char *name;   /* owned */
	size_t order; /* as it came: of two that are alike the first one's name stands */
	const struct needle *shorter; /* the longest other one that begins it; NULL: none does */
};

/* A line is searched at each of its bytes: with thousands of needles only a binary search is quick
 * enough, whatever their owner has chosen them to be. */
struct redaction {
	struct needle *needles; /* owned; sorted by their bytes, each once */
	size_t n;
	bool begins[256]; /* a needle begins with this byte */
};

static int add(struct redaction *r, const char *name, const char *value, size_t length)
{
	struct needle *grown;

	if (length > 0 && value[length - 1] == '\r')
		length--;
	if (length < REDACT_LEAST || r->n == NEEDLES_MAX)
		return 0;
	grown = reallocarray(r->needles, r->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	r->needles = grown;
	grown[r->n] = (struct needle){.value = strndup(value, length),
		.length = length,
		.name = strdup(name),
		.order = r->n};
	if (!grown[r->n].value || !grown[r->n].name) {
		free(grown[r->n].value);
		free(grown[r->n].name);
		return -ENOMEM;
	}
	/* As the lines of logs are. */
	utf8_scrub(grown[r->n].value, length);
	r->begins[(unsigned char)grown[r->n].value[0]] = true;
	r->n++;
	return 0;
}

static int add_lines(struct redaction *r, const char *name, const char *value)
{
	int code = 0;

	while (code == 0 && *value) {
		size_t n = strcspn(value, "\n");

		code = add(r, name, value, n);
		value += n + (value[n] == '\n');
	}
	return code;
}

/* As memcmp; one that begins the other comes first. */
static int compare(const char *a, size_t n, const char *b, size_t m)
{
	int order = memcmp(a, b, n < m ? n : m);

	return order ? order : n < m ? -1 : n > m;
}

static int by_bytes(const void *a, const void *b)
{
	const struct needle *x = a, *y = b;
	int order = compare(x->value, x->length, y->value, y->length);

	return order ? order : x->order < y->order ? -1 : 1;
}

static bool is_begun_by(const struct needle *n, const struct needle *other)
{
	return other->length <= n->length && memcmp(n->value, other->value, other->length) == 0;
}

static void drop(struct needle *n)
{
	explicit_bzero(n->value, n->length);
	free(n->value);
	free(n->name);
}

/* Whatever begins a needle stands before it, and what stands between the two is begun by it too:
 * it is the one before, or begins that one. */
static void sort(struct redaction *r)
{
	size_t n = 0;

	if (r->n)
		qsort(r->needles, r->n, sizeof(*r->needles), by_bytes);
	for (size_t i = 0; i < r->n; i++) {
		struct needle *at = &r->needles[n];
		const struct needle *before = n ? at - 1 : NULL;

		if (before && before->length == r->needles[i].length &&
			is_begun_by(&r->needles[i], before)) {
			drop(&r->needles[i]);
			continue;
		}
		*at = r->needles[i];
		while (before && !is_begun_by(at, before))
			before = before->shorter;
		at->shorter = before;
		n++;
	}
	r->n = n;
}

int redaction_new(const json_t *secrets, struct redaction **ret)
{
	CLEANUP(redaction_freep) struct redaction *r = calloc(1, sizeof(*r));
	const char *name;
	json_t *v;

	if (!r)
		return -ENOMEM;
	json_object_foreach((json_t *)secrets, name,
		v) if (json_is_string(v) &&
		       add_lines(r, name, json_string_value(v)) < 0) return -ENOMEM;
	sort(r);
	*ret = TAKE_PTR(r);
	return 0;
}

struct redaction *redaction_free(struct redaction *r)
{
	if (!r)
		return NULL;
	for (size_t i = 0; i < r->n; i++)
		drop(&r->needles[i]);
	free(r->needles);
	free(r);
	return NULL;
}

/*
 * What begins at text (n bytes are left); NULL: nothing secret. The last needle that does not come
 * after the text is the longest one that begins it, or is begun by that one.
 */
static const struct needle *match(const struct redaction *r, const char *text, size_t n)
{
	size_t low = 0, high = r->n;
	const struct needle *found;
	size_t alike = 0;

	if (!r->begins[(unsigned char)*text])
		return NULL;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct needle *at = &r->needles[mid];

		if (compare(at->value, at->length, text, n) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	found = low ? &r->needles[low - 1] : NULL;
	while (found && alike < found->length && alike < n && found->value[alike] == text[alike])
		alike++;
	while (found && found->length > alike)
		found = found->shorter;
	return found;
}

static bool has_any(const struct redaction *r, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (match(r, text + i, n - i))
			return true;
	return false;
}

const char *redact(const struct redaction *r, const char *text, struct buf *b)
{
	size_t n = text ? strlen(text) : 0;

	if (!r || r->n == 0 || !text || !has_any(r, text, n))
		return text;
	buf_clear(b);
	for (size_t i = 0; i < n;) {
		const struct needle *found = match(r, text + i, n - i);
		int code;

		if (found)
			code = buf_addf(b, "[secret %s]", found->name);
		else
			code = buf_add(b, text + i, 1);
		if (code < 0)
			break;
		i += found ? found->length : 1;
	}
	if (b->len)
		b->len = utf8_cut(buf_str(b), b->len, b->len);
	if (b->data)
		b->data[b->len] = '\0';
	return buf_str(b);
}

static json_t *redact_string(const struct redaction *r, const json_t *v)
{
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, TEXT_MAX);
	return json_string(redact(r, json_string_value(v), &b));
}

/* Depth: as parsed, JSON_DEPTH_MAX at most. */
json_t *redact_json(const struct redaction *r, const json_t *v)
{
	json_t *copy, *part;
	const char *key;
	size_t i;

	if (json_is_string(v))
		return redact_string(r, v);
	if (!json_is_array(v) && !json_is_object(v))
		return json_copy((json_t *)v);
	copy = json_is_array(v) ? json_array() : json_object();
	if (json_is_array(v)) {
		json_array_foreach(v, i, part)(void)
			json_array_append_new(copy, redact_json(r, part));
	} else {
		json_object_foreach((json_t *)v, key, part)(void)
			json_object_set_new(copy, key, redact_json(r, part));
	}
	return copy;
}
