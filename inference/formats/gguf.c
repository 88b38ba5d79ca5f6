#include "inference/formats/gguf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inference/formats/held.h"
#include "inference/formats/weights.h"

#define HEADER_BYTES 24
#define ALIGNMENT_DEFAULT 32
#define ALIGNMENT_MAX 65536

enum value_type {
	VALUE_U8,
	VALUE_I8,
	VALUE_U16,
	VALUE_I16,
	VALUE_U32,
	VALUE_I32,
	VALUE_F32,
	VALUE_BOOL,
	VALUE_STRING,
	VALUE_ARRAY,
	VALUE_U64,
	VALUE_I64,
	VALUE_F64,
	VALUE_TYPES,
};

static const uint8_t value_bytes[VALUE_TYPES] = {
	[VALUE_U8] = 1,
	[VALUE_I8] = 1,
	[VALUE_U16] = 2,
	[VALUE_I16] = 2,
	[VALUE_U32] = 4,
	[VALUE_I32] = 4,
	[VALUE_F32] = 4,
	[VALUE_BOOL] = 1,
	[VALUE_U64] = 8,
	[VALUE_I64] = 8,
	[VALUE_F64] = 8,
};

/* ggml's numbers of types. Those without a row are not known by size and refused. */
static const struct type_row {
	uint32_t number;
	enum tensor_type type;
} type_rows[] = {
	{0, TENSOR_F32},
	{1, TENSOR_F16},
	{2, TENSOR_Q4_0},
	{8, TENSOR_Q8_0},
	{12, TENSOR_Q4_K},
	{13, TENSOR_Q5_K},
	{14, TENSOR_Q6_K},
	{30, TENSOR_BF16},
};

/* Others that files have, to be named where they are refused. */
static const char *const type_names[] = {
	[3] = "Q4_1",
	[6] = "Q5_0",
	[7] = "Q5_1",
	[9] = "Q8_1",
	[10] = "Q2_K",
	[11] = "Q3_K",
	[15] = "Q8_K",
	[16] = "IQ2_XXS",
	[17] = "IQ2_XS",
	[18] = "IQ3_XXS",
	[19] = "IQ1_S",
	[20] = "IQ4_NL",
	[21] = "IQ3_S",
	[22] = "IQ2_S",
	[23] = "IQ4_XS",
	[24] = "I8",
	[25] = "I16",
	[26] = "I32",
	[27] = "I64",
	[28] = "F64",
	[29] = "IQ1_M",
	[34] = "TQ1_0",
	[35] = "TQ2_0",
	[39] = "MXFP4",
};

struct value {
	struct gguf_string key;
	uint32_t type;
	const uint8_t *at; /* of an array: its first element */
	struct gguf_array array;
};

struct gguf {
	struct held held; /* owned; empty when the bytes are the caller's */
	uint64_t bytes;
	struct value *values; /* owned; n_values, by key */
	size_t n_values;
	struct tensor *tensors; /* owned; n_tensors, in order of their bytes */
	size_t n_tensors;
	char *names; /* owned; the tensors' */
};

/* The part of the file that has not been read yet. */
struct cursor {
	const uint8_t *at;
	uint64_t left;
};

static int take(struct cursor *c, uint64_t n, const uint8_t **ret)
{
	if (n > c->left)
		return -EBADMSG;
	*ret = c->at;
	c->at += n;
	c->left -= n;
	return 0;
}

static uint64_t read_le(const uint8_t *at, int n)
{
	uint64_t v = 0;

	for (int i = 0; i < n; i++)
		v |= (uint64_t)at[i] << (8 * i);
	return v;
}

static int take_number(struct cursor *c, int n, uint64_t *ret)
{
	const uint8_t *at;

	if (take(c, (uint64_t)n, &at) < 0)
		return -EBADMSG;
	*ret = read_le(at, n);
	return 0;
}

/* -EBADMSG: the file ends before it. -EMSGSIZE: over max. */
static int take_string(struct cursor *c, uint64_t max, struct gguf_string *ret)
{
	const uint8_t *at;
	uint64_t n;

	if (take_number(c, 8, &n) < 0)
		return -EBADMSG;
	if (n > max)
		return n > c->left ? -EBADMSG : -EMSGSIZE;
	if (take(c, n, &at) < 0)
		return -EBADMSG;
	*ret = (struct gguf_string){(const char *)at, n};
	return 0;
}

/* --- metadata --- */

static int cut_short(struct err *e, const char *what)
{
	return err_set(e, -EBADMSG, "the file ends inside %s", what);
}

static int read_array(struct cursor *c, struct value *v, struct err *e)
{
	struct gguf_string ignored;
	const uint8_t *at;
	uint64_t type, n;

	if (take_number(c, 4, &type) < 0 || take_number(c, 8, &n) < 0)
		return cut_short(e, "an array");
	if (type >= VALUE_TYPES)
		return err_set(e, -EBADMSG, "array of type %llu, which is not known",
			(unsigned long long)type);
	if (type == VALUE_ARRAY)
		return err_set(e, -ENOTSUP, "arrays of arrays are not supported");
	if (n > GGUF_ARRAY_MAX)
		return err_set(e, -EMSGSIZE, "array of %llu elements, the limit is %u",
			(unsigned long long)n, GGUF_ARRAY_MAX);
	v->array = (struct gguf_array){c->at, n, (uint32_t)type};
	if (type != VALUE_STRING)
		return take(c, n * value_bytes[type], &at) < 0 ? cut_short(e, "an array") : 0;
	for (uint64_t i = 0; i < n; i++) {
		int r = take_string(c, GGUF_STRING_MAX, &ignored);

		if (r < 0)
			return r == -EMSGSIZE
				       ? err_set(e, r, "a string of the array is over %u bytes",
						 GGUF_STRING_MAX)
				       : cut_short(e, "a string of the array");
	}
	return 0;
}

static int read_content(struct cursor *c, struct value *v, struct err *e)
{
	struct gguf_string ignored;
	const uint8_t *at;
	int r;

	v->at = c->at;
	if (v->type >= VALUE_TYPES)
		return err_set(e, -EBADMSG, "type %u is not known", v->type);
	if (v->type == VALUE_ARRAY)
		return read_array(c, v, e);
	if (v->type != VALUE_STRING)
		return take(c, value_bytes[v->type], &at) < 0 ? cut_short(e, "its value") : 0;
	r = take_string(c, GGUF_STRING_MAX, &ignored);
	if (r < 0)
		return r == -EMSGSIZE ? err_set(e, r, "a string of over %u bytes", GGUF_STRING_MAX)
				      : cut_short(e, "its value");
	return 0;
}

static bool is_printable(const struct gguf_string *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->s[i] <= ' ' || s->s[i] > '~')
			return false;
	return s->n > 0;
}

static int read_value(struct cursor *c, struct value *v, struct err *e)
{
	uint64_t type;
	int r = take_string(c, GGUF_KEY_MAX, &v->key);

	if (r < 0)
		return r == -EMSGSIZE ? err_set(e, r, "a key of over %d bytes", GGUF_KEY_MAX)
				      : cut_short(e, "a key");
	if (!is_printable(&v->key))
		return err_set(e, -EBADMSG, "a key must be printable ASCII");
	if (take_number(c, 4, &type) < 0)
		return cut_short(e, "the metadata");
	v->type = (uint32_t)type;
	r = read_content(c, v, e);
	return r < 0 ? err_wrap(e, "key '%.*s'", (int)v->key.n, v->key.s) : 0;
}

static int compare(const struct gguf_string *a, const struct gguf_string *b)
{
	int order = memcmp(a->s, b->s, a->n < b->n ? a->n : b->n);

	return order ? order : (a->n > b->n) - (a->n < b->n);
}

static int by_key(const void *a, const void *b)
{
	const struct value *x = a, *y = b;

	return compare(&x->key, &y->key);
}

static int read_values(struct gguf *g, struct cursor *c, uint64_t n, struct err *e)
{
	int r;

	if (n > GGUF_VALUES_MAX)
		return err_set(e, -EMSGSIZE, "%llu keys, the limit is %d", (unsigned long long)n,
			GGUF_VALUES_MAX);
	g->values = calloc(n + 1, sizeof(*g->values));
	if (!g->values)
		return err_set(e, -ENOMEM, "out of memory");
	for (; g->n_values < n; g->n_values++) {
		r = read_value(c, &g->values[g->n_values], e);
		if (r < 0)
			return r;
	}
	qsort(g->values, n, sizeof(*g->values), by_key);
	for (size_t i = 1; i < n; i++)
		if (by_key(&g->values[i - 1], &g->values[i]) == 0)
			return err_set(e, -EBADMSG, "key '%.*s' is there twice",
				(int)g->values[i].key.n, g->values[i].key.s);
	return 0;
}

/* --- tensors --- */

static int find_type(uint64_t number, enum tensor_type *ret, struct err *e)
{
	const size_t n_names = sizeof(type_names) / sizeof(type_names[0]);

	for (size_t i = 0; i < sizeof(type_rows) / sizeof(type_rows[0]); i++)
		if (type_rows[i].number == number) {
			*ret = type_rows[i].type;
			return 0;
		}
	if (number < n_names && type_names[number])
		return err_set(e, -ENOTSUP,
			"type %s is not supported; F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q5_K and Q6_K "
			"are",
			type_names[number]);
	return err_set(e, -ENOTSUP, "type %llu is not known", (unsigned long long)number);
}

/* The file's first dimension is our last. */
static int read_dims(struct cursor *c, struct tensor *t, struct err *e)
{
	uint64_t n;

	if (take_number(c, 4, &n) < 0)
		return cut_short(e, "its description");
	if (n > GGUF_DIMS_MAX)
		return err_set(e, -EMSGSIZE, "%llu dimensions, the limit is %d",
			(unsigned long long)n, GGUF_DIMS_MAX);
	t->n_dims = n;
	t->count = 1;
	for (size_t i = n; i-- > 0;) {
		if (take_number(c, 8, &t->dims[i]) < 0)
			return cut_short(e, "its description");
		if (__builtin_mul_overflow(t->count, t->dims[i], &t->count) ||
			t->count > INT64_MAX / 8)
			return err_set(e, -EBADMSG, "the product of its dimensions overflows");
	}
	return 0;
}

static int read_tensor(struct cursor *c, struct tensor *t, uint64_t *ret_offset, struct err *e)
{
	uint64_t type;
	int r = read_dims(c, t, e);

	if (r < 0)
		return r;
	if (take_number(c, 4, &type) < 0 || take_number(c, 8, ret_offset) < 0)
		return cut_short(e, "its description");
	r = find_type(type, &t->type, e);
	if (r < 0)
		return r;
	if ((t->n_dims ? t->dims[t->n_dims - 1] : 1) % tensor_block(t->type) != 0)
		return err_set(e, -EBADMSG, "%s needs rows of a multiple of %u elements",
			tensor_type_name(t->type), tensor_block(t->type));
	return 0;
}

/* Names are copied, since the file's have no end of their own. */
static int read_name(struct gguf *g, struct cursor *c, size_t i, struct err *e)
{
	char *to = g->names + i * (GGUF_NAME_MAX + 1);
	struct gguf_string name;
	int r = take_string(c, GGUF_NAME_MAX, &name);

	if (r < 0)
		return r == -EMSGSIZE
			       ? err_set(e, r, "a tensor's name is over %d bytes", GGUF_NAME_MAX)
			       : cut_short(e, "a tensor's name");
	if (!is_printable(&name))
		return err_set(e, -EBADMSG, "a tensor's name must be printable ASCII");
	memcpy(to, name.s, name.n);
	g->tensors[i].name = to;
	return 0;
}

/* Descriptions of all; bytes hold the offsets until the data's place is known. */
static int read_tensors(
	struct gguf *g, struct cursor *c, uint64_t n, uint64_t *offsets, struct err *e)
{
	for (; g->n_tensors < n; g->n_tensors++) {
		struct tensor *t = &g->tensors[g->n_tensors];
		int r = read_name(g, c, g->n_tensors, e);

		if (r < 0)
			return r;
		r = read_tensor(c, t, &offsets[g->n_tensors], e);
		if (r < 0)
			return err_wrap(e, "tensor '%s'", t->name);
	}
	return 0;
}

static int read_alignment(const struct gguf *g, uint64_t *ret, struct err *e)
{
	double n;

	*ret = ALIGNMENT_DEFAULT;
	if (!gguf_has(g, "general.alignment"))
		return 0;
	if (gguf_get_number(g, "general.alignment", &n, e) < 0)
		return -EBADMSG;
	if (!(n >= 8 && n <= ALIGNMENT_MAX) || ((uint64_t)n & ((uint64_t)n - 1)) != 0 ||
		n != (double)(uint64_t)n)
		return err_set(e, -EBADMSG,
			"key 'general.alignment': must be a power of two from 8 to %d",
			ALIGNMENT_MAX);
	*ret = (uint64_t)n;
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct tensor *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? -1 : 1;
	return x->count < y->count ? -1 : x->count > y->count; /* empty ones first */
}

/* c: the rest of the file, which the data begins at its first multiple of the alignment. */
static int place_tensors(struct gguf *g, struct cursor *c, const uint64_t *offsets, struct err *e)
{
	const uint8_t *data, *end = NULL;
	uint64_t alignment, padding;

	if (read_alignment(g, &alignment, e) < 0)
		return -EBADMSG;
	padding = (alignment - (g->bytes - c->left) % alignment) % alignment;
	if (g->n_tensors == 0)
		return 0;
	if (take(c, padding, &data) < 0)
		return cut_short(e, "the padding before the tensors");
	for (size_t i = 0; i < g->n_tensors; i++) {
		struct tensor *t = &g->tensors[i];

		if (offsets[i] % alignment != 0)
			return err_set(e, -EBADMSG,
				"tensor '%s': its offset is not aligned to %llu", t->name,
				(unsigned long long)alignment);
		if (offsets[i] > c->left || tensor_bytes(t) > c->left - offsets[i])
			return err_set(e, -EBADMSG, "tensor '%s': lies outside the file", t->name);
		t->bytes = c->at + offsets[i];
	}
	qsort(g->tensors, g->n_tensors, sizeof(*g->tensors), by_place);
	for (size_t i = 0; i < g->n_tensors; i++) {
		const struct tensor *t = &g->tensors[i];

		if (end && t->bytes < end)
			return err_set(e, -EBADMSG, "tensor '%s' overlaps another", t->name);
		end = t->bytes + tensor_bytes(t);
	}
	return 0;
}

/* --- the file --- */

static int read_header(struct cursor *c, uint64_t *ret_tensors, uint64_t *ret_values, struct err *e)
{
	const uint8_t *magic;
	uint64_t version;

	if (c->left < HEADER_BYTES)
		return err_set(e, -EBADMSG, "shorter than a GGUF file's header");
	(void)take(c, 4, &magic);
	if (memcmp(magic, "GGUF", 4) != 0)
		return err_set(e, -EBADMSG, "does not begin with 'GGUF'");
	(void)take_number(c, 4, &version);
	(void)take_number(c, 8, ret_tensors);
	(void)take_number(c, 8, ret_values);
	if (version > 0xffff)
		return err_set(e, -ENOTSUP, "big-endian files are not supported");
	if (version != 2 && version != 3)
		return err_set(e, -ENOTSUP, "GGUF version %llu is not supported; 2 and 3 are",
			(unsigned long long)version);
	if (*ret_tensors > WEIGHTS_TENSORS_MAX)
		return err_set(e, -EMSGSIZE, "%llu tensors, the limit is %d",
			(unsigned long long)*ret_tensors, WEIGHTS_TENSORS_MAX);
	return 0;
}

static int read_file(struct gguf *g, const uint8_t *bytes, uint64_t n, struct err *e)
{
	CLEANUP(freep) uint64_t *offsets = NULL;
	struct cursor c = {bytes, n};
	uint64_t n_tensors = 0, n_values = 0, metadata, beyond;
	int r = read_header(&c, &n_tensors, &n_values, e);

	if (r < 0)
		return r;
	/* Only so much is ever looked at before the data. */
	metadata = c.left < GGUF_METADATA_MAX ? c.left : GGUF_METADATA_MAX;
	beyond = c.left - metadata;
	c.left = metadata;
	r = read_values(g, &c, n_values, e);
	if (r < 0)
		return r;
	if (n_tensors > c.left / 24) /* the least that a description takes */
		return err_set(e, -EBADMSG, "%llu tensors in so short a file",
			(unsigned long long)n_tensors);
	g->tensors = calloc(n_tensors + 1, sizeof(*g->tensors));
	g->names = calloc(n_tensors + 1, GGUF_NAME_MAX + 1);
	offsets = calloc(n_tensors + 1, sizeof(*offsets));
	if (!g->tensors || !g->names || !offsets)
		return err_set(e, -ENOMEM, "out of memory");
	r = read_tensors(g, &c, n_tensors, offsets, e);
	c.left += beyond;
	return r < 0 ? r : place_tensors(g, &c, offsets, e);
}

int gguf_read(const void *bytes, size_t n, struct gguf **ret, struct err *e)
{
	CLEANUP(gguf_freep) struct gguf *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return err_set(e, -ENOMEM, "out of memory");
	g->bytes = n;
	r = read_file(g, bytes, n, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(g);
	return 0;
}

int gguf_open(int dirfd, const char *name, struct gguf **ret, struct err *e)
{
	struct held held = {0};
	int r = held_open(dirfd, name, HEADER_BYTES, &held, e);

	if (r < 0)
		return r;
	r = gguf_read(held.bytes, held.n, ret, e);
	if (r < 0) {
		held_done(&held);
		return err_wrap(e, "%s", name);
	}
	(*ret)->held = held;
	return 0;
}

struct gguf *gguf_free(struct gguf *g)
{
	if (!g)
		return NULL;
	free(g->values);
	free(g->tensors);
	free(g->names);
	held_done(&g->held);
	free(g);
	return NULL;
}

/* --- asking --- */

static const struct value *find_value(const struct gguf *g, const char *key)
{
	const struct value wanted = {.key = {key, strlen(key)}};

	return g->n_values ? bsearch(&wanted, g->values, g->n_values, sizeof(wanted), by_key)
			   : NULL;
}

bool gguf_has(const struct gguf *g, const char *key)
{
	return find_value(g, key) != NULL;
}

static bool read_number(uint32_t type, const uint8_t *at, double *ret)
{
	uint64_t bits = read_le(at, type < VALUE_TYPES ? value_bytes[type] : 0);
	uint32_t low = (uint32_t)bits;
	float f;

	switch (type) {
	case VALUE_U8:
	case VALUE_U16:
	case VALUE_U32:
	case VALUE_U64:
		*ret = (double)bits;
		return true;
	case VALUE_BOOL:
		*ret = bits != 0;
		return true;
	case VALUE_I8:
		*ret = (int8_t)bits;
		return true;
	case VALUE_I16:
		*ret = (int16_t)bits;
		return true;
	case VALUE_I32:
		*ret = (int32_t)low;
		return true;
	case VALUE_I64:
		*ret = (double)(int64_t)bits;
		return true;
	case VALUE_F32:
		memcpy(&f, &low, sizeof(f));
		*ret = (double)f;
		return true;
	case VALUE_F64:
		memcpy(ret, &bits, sizeof(*ret));
		return true;
	default:
		return false;
	}
}

int gguf_get_number(const struct gguf *g, const char *key, double *ret, struct err *e)
{
	const struct value *v = find_value(g, key);

	if (!v)
		return err_set(e, -ENOENT, "key '%s' is missing", key);
	return read_number(v->type, v->at, ret)
		       ? 0
		       : err_set(e, -EBADMSG, "key '%s': must be a number", key);
}

int gguf_get_string(const struct gguf *g, const char *key, struct gguf_string *ret, struct err *e)
{
	const struct value *v = find_value(g, key);

	if (!v)
		return err_set(e, -ENOENT, "key '%s' is missing", key);
	if (v->type != VALUE_STRING)
		return err_set(e, -EBADMSG, "key '%s': must be a string", key);
	*ret = (struct gguf_string){(const char *)v->at + 8, read_le(v->at, 8)};
	return 0;
}

int gguf_get_array(const struct gguf *g, const char *key, struct gguf_array *ret, struct err *e)
{
	const struct value *v = find_value(g, key);

	if (!v)
		return err_set(e, -ENOENT, "key '%s' is missing", key);
	if (v->type != VALUE_ARRAY)
		return err_set(e, -EBADMSG, "key '%s': must be an array", key);
	*ret = v->array;
	return 0;
}

bool gguf_next_string(struct gguf_array *a, struct gguf_string *ret)
{
	if (a->type != VALUE_STRING || a->left == 0)
		return false;
	*ret = (struct gguf_string){(const char *)a->at + 8, read_le(a->at, 8)};
	a->at += 8 + ret->n;
	a->left--;
	return true;
}

bool gguf_next_number(struct gguf_array *a, double *ret)
{
	if (a->left == 0 || !read_number(a->type, a->at, ret))
		return false;
	a->at += value_bytes[a->type];
	a->left--;
	return true;
}

size_t gguf_count(const struct gguf *g)
{
	return g->n_tensors;
}

const struct tensor *gguf_tensors(const struct gguf *g)
{
	return g->tensors;
}

uint64_t gguf_bytes(const struct gguf *g)
{
	return g->bytes;
}
