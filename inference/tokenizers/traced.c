#include "inference/tokenizers/traced.h"

#include <errno.h>
#include <stdlib.h>

#include "inference/tokenizers/unicode.h"

void traced_init(struct traced *t, size_t max)
{
	*t = (struct traced){0};
	buf_init(&t->bytes, max);
}

void traced_done(struct traced *t)
{
	buf_done(&t->bytes);
	free(t->map);
	t->map = NULL;
	t->map_cap = 0;
}

/* Makes room for n more bytes and their places. */
static int reserve(struct traced *t, size_t n)
{
	size_t need = t->bytes.len + n, cap = t->map_cap ? t->map_cap : 64;
	struct span *grown;

	if (buf_reserve(&t->bytes, n) < 0)
		return need > t->bytes.max ? -ENOSPC : -ENOMEM;
	if (need <= t->map_cap)
		return 0;
	while (cap < need)
		cap *= 2;
	grown = reallocarray(t->map, cap, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	t->map = grown;
	t->map_cap = cap;
	return 0;
}

int traced_add(struct traced *t, const char *s, size_t n, struct span from)
{
	int r = reserve(t, n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		t->map[t->bytes.len + i] = from;
	return buf_add(&t->bytes, s, n);
}

int traced_add_point(struct traced *t, uint32_t c, struct span from)
{
	char bytes[4];

	return traced_add(t, bytes, utf8_write(c, bytes), from);
}

int traced_add_original(struct traced *t, const char *s, size_t n, size_t base)
{
	int r = reserve(t, n);

	for (size_t at = 0; at < n && r == 0;) {
		uint32_t c;
		int used = utf8_read(s + at, n - at, &c);

		if (used <= 0)
			return -EINVAL;
		r = traced_add(t, s + at, (size_t)used,
			(struct span){
				(uint32_t)(base + at), (uint32_t)(base + at) + (uint32_t)used});
		at += (size_t)used;
	}
	return r;
}

int traced_add_part(struct traced *t, const struct traced *other, size_t from, size_t to)
{
	int r = reserve(t, to - from);

	if (r < 0)
		return r;
	for (size_t i = from; i < to; i++)
		t->map[t->bytes.len + i - from] = other->map[i];
	return buf_add(&t->bytes, buf_str(&other->bytes) + from, to - from);
}

struct span traced_span(const struct traced *t, size_t from, size_t to)
{
	return (struct span){t->map[from].from, t->map[to - 1].to};
}

#define CHANGES_MAX (4u << 20) /* a text of 1 MiB decomposes into fewer */

int changes_add(struct changes *c, uint32_t point, int32_t change)
{
	if (c->n == CHANGES_MAX)
		return -ENOSPC;
	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		struct change *grown = reallocarray(c->list, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		c->list = grown;
		c->cap = cap;
	}
	c->list[c->n++] = (struct change){point, change};
	return 0;
}

void changes_done(struct changes *c)
{
	free(c->list);
	*c = (struct changes){0};
}

/* Steps over n characters. */
static size_t skip(const struct traced *t, size_t at, int64_t n)
{
	for (; n > 0 && at < t->bytes.len; n--) {
		uint32_t c;
		int used = utf8_read(buf_str(&t->bytes) + at, t->bytes.len - at, &c);

		at += used > 0 ? (size_t)used : 1;
	}
	return at;
}

int traced_apply(struct traced *out, const struct traced *in, const struct changes *changes)
{
	size_t at = 0;
	int r = reserve(out, in->bytes.len);

	for (size_t i = 0; i < changes->n && r == 0; i++) {
		const struct change *c = &changes->list[i];
		size_t of = c->change > 0 ? at - (at > 0) : at;

		if (of >= in->bytes.len && of > 0)
			of = in->bytes.len - 1;
		r = traced_add_point(
			out, c->c, in->bytes.len > 0 ? in->map[of] : (struct span){0, 0});
		if (c->change <= 0)
			at = skip(in, at, 1 - (int64_t)c->change);
	}
	return r;
}
