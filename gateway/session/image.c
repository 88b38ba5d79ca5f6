#include "gateway/session/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/session/json_text.h"
#include "proto/constants.h"
#include "proto/messages.h"

struct blob {
	unsigned refs;
	size_t length;
	uint8_t bytes[];
};

static struct blob *blob_new(const void *a, size_t na, const void *b, size_t nb)
{
	struct blob *v = malloc(sizeof(*v) + na + nb);

	if (!v)
		return NULL;
	*v = (struct blob){.refs = 1, .length = na + nb};
	if (na)
		memcpy(v->bytes, a, na);
	if (nb)
		memcpy(v->bytes + na, b, nb);
	return v;
}

static struct blob *blob_ref(struct blob *v)
{
	v->refs++;
	return v;
}

static void blob_unref(struct blob *v)
{
	if (v && --v->refs == 0)
		free(v);
}

void image_init(struct image *i)
{
	*i = (struct image){0};
}

void image_done(struct image *i)
{
	for (size_t k = 0; k < i->n; k++) {
		blob_unref(i->keys[k].name);
		blob_unref(i->keys[k].value);
	}
	free(i->keys);
	image_init(i);
}

int image_copy(struct image *dest, const struct image *src)
{
	*dest = (struct image){.n = src->n, .cap = src->n, .bytes = src->bytes};
	if (src->n == 0)
		return 0;
	dest->keys = calloc(src->n, sizeof(*dest->keys));
	if (!dest->keys) {
		image_init(dest);
		return -ENOMEM;
	}
	for (size_t k = 0; k < src->n; k++)
		dest->keys[k] = (struct image_key){
			blob_ref(src->keys[k].name), blob_ref(src->keys[k].value)};
	return 0;
}

static struct image_key *find(struct image *i, const uint8_t *key, size_t n)
{
	for (size_t k = 0; k < i->n; k++)
		if (i->keys[k].name->length == n && !memcmp(i->keys[k].name->bytes, key, n))
			return &i->keys[k];
	return NULL;
}

static void drop(struct image *i, struct image_key *k)
{
	i->bytes -= k->name->length + k->value->length;
	blob_unref(k->name);
	blob_unref(k->value);
	/* Order is kept: the JSON of an image is the same before and after a restart. */
	memmove(k, k + 1, (size_t)(&i->keys[i->n] - (k + 1)) * sizeof(*k));
	i->n--;
}

static int reserve_key(struct image *i, struct err *e)
{
	size_t cap = i->cap ? i->cap * 2 : 4;
	struct image_key *grown;

	if (i->n >= SESSION_IMAGE_KEYS_MAX)
		return err_set(
			e, -EMSGSIZE, "session table: more than %d keys", SESSION_IMAGE_KEYS_MAX);
	if (i->n < i->cap)
		return 0;
	grown = reallocarray(i->keys, cap, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	i->keys = grown;
	i->cap = cap;
	return 0;
}

static int set(struct image *i, const uint8_t *key, size_t key_length, size_t keep,
	const uint8_t *bytes, size_t n, struct err *e)
{
	struct image_key *k = find(i, key, key_length);
	size_t old = k ? k->value->length : 0;
	size_t total = i->bytes - old + keep + n + (k ? 0 : key_length);
	struct blob *value;

	if (keep > old)
		return err_set(
			e, -EBADMSG, "IMAGE prefix: %zu bytes kept of a value of %zu", keep, old);
	if (total > SESSION_IMAGE_MAX)
		return err_set(e, -EMSGSIZE, "session table: over the limit of %d bytes",
			SESSION_IMAGE_MAX);
	if (!k) {
		int r = reserve_key(i, e);

		if (r < 0)
			return r;
	}
	value = blob_new(k ? k->value->bytes : NULL, keep, bytes, n);
	if (!value)
		return -ENOMEM;
	if (!k) {
		struct blob *name = blob_new(key, key_length, NULL, 0);

		if (!name) {
			blob_unref(value);
			return -ENOMEM;
		}
		i->keys[i->n++] = (struct image_key){name, value};
	} else {
		blob_unref(k->value);
		k->value = value;
	}
	i->bytes = total;
	return 0;
}

int image_apply(struct image *i, const struct frame *f, struct err *e)
{
	const uint8_t *nul = f->length ? memchr(f->value, 0, f->length) : NULL;
	size_t key_length = nul ? (size_t)(nul - f->value) : 0;
	struct image_key *k;

	if (!nul || key_length == 0 || key_length > IMAGE_KEY_MAX)
		return err_set(
			e, -EBADMSG, "IMAGE key: must be 1 to %d bytes and a NUL", IMAGE_KEY_MAX);
	if (f->op == IMAGE_SET)
		return set(
			i, f->value, key_length, f->node, nul + 1, f->length - key_length - 1, e);
	if (f->op != IMAGE_DELETE)
		return err_set(e, -EBADMSG, "IMAGE op: %u is not known", f->op);
	k = find(i, f->value, key_length);
	if (k)
		drop(i, k);
	return 0;
}

int image_write_frames(const struct image *i, struct buf *b)
{
	for (size_t k = 0; k < i->n; k++) {
		const struct blob *name = i->keys[k].name, *value = i->keys[k].value;
		struct frame f = {.type = APP_IMAGE, .op = IMAGE_SET};
		struct buf text;
		int r;

		buf_init(&text, name->length + 1 + value->length);
		r = buf_add(&text, name->bytes, name->length);
		if (r == 0)
			r = buf_add(&text, "", 1);
		if (r == 0)
			r = buf_add(&text, value->bytes, value->length);
		f.value = text.data;
		f.length = text.len;
		if (r == 0)
			r = frame_write(b, &f);
		buf_done(&text);
		if (r < 0)
			return r;
	}
	return 0;
}

int image_write_json(const struct image *i, struct buf *b)
{
	int r = buf_add(b, "{", 1);

	for (size_t k = 0; r == 0 && k < i->n; k++) {
		const struct blob *name = i->keys[k].name, *value = i->keys[k].value;

		if (k > 0)
			r = buf_add(b, ",", 1);
		if (r == 0)
			r = json_text_quote(b, name->bytes, name->length);
		if (r == 0)
			r = buf_add(b, ":", 1);
		if (r == 0)
			r = buf_add(b, value->bytes, value->length);
	}
	return r < 0 ? r : buf_add(b, "}", 1);
}
