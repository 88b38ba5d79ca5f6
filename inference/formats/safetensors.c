#include "inference/formats/safetensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "inference/formats/held.h"

#define LENGTH_BYTES 8
#define NAME_MAX_BYTES 512

struct safetensors {
	json_t *header;         /* owned; holds the names */
	struct tensor *tensors; /* owned; n of them, in order of their bytes */
	size_t n;
	uint64_t bytes;
	struct held held; /* owned; empty when the bytes are the caller's */
};

static const struct type_row {
	const char *name;
	enum tensor_type type;
	uint64_t size;
} type_rows[] = {
	{"F32", TENSOR_F32, 4},
	{"F16", TENSOR_F16, 2},
	{"BF16", TENSOR_BF16, 2},
	{"F64", TENSOR_OTHER, 8},
	{"I64", TENSOR_OTHER, 8},
	{"U64", TENSOR_OTHER, 8},
	{"I32", TENSOR_OTHER, 4},
	{"U32", TENSOR_OTHER, 4},
	{"I16", TENSOR_OTHER, 2},
	{"U16", TENSOR_OTHER, 2},
	{"I8", TENSOR_OTHER, 1},
	{"U8", TENSOR_OTHER, 1},
	{"BOOL", TENSOR_OTHER, 1},
};

static const struct type_row *find_type(const char *name)
{
	for (size_t i = 0; i < sizeof(type_rows) / sizeof(type_rows[0]); i++)
		if (!strcmp(type_rows[i].name, name))
			return &type_rows[i];
	return NULL;
}

/* A whole number of at least 0, however large the file claims it is. */
static int read_size(const json_t *v, uint64_t *ret)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return -EBADMSG;
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

static int read_shape(const json_t *shape, struct tensor *t, struct err *e)
{
	t->count = 1;
	if (!json_is_array(shape))
		return err_set(e, -EBADMSG, "shape: must be an array");
	t->n_dims = json_array_size(shape);
	if (t->n_dims > TENSOR_DIMS_MAX)
		return err_set(e, -EMSGSIZE, "shape: %zu dimensions, the limit is %d", t->n_dims,
			TENSOR_DIMS_MAX);
	for (size_t i = 0; i < t->n_dims; i++) {
		if (read_size(json_array_get(shape, i), &t->dims[i]) < 0)
			return err_set(e, -EBADMSG, "shape: must hold whole numbers");
		if (__builtin_mul_overflow(t->count, t->dims[i], &t->count))
			return err_set(e, -EBADMSG, "shape: the product overflows");
	}
	return 0;
}

/* base: offset of the data in the file, for the alignment. */
static int read_tensor(const char *name, const json_t *entry, const uint8_t *data, uint64_t base,
	uint64_t data_bytes, struct tensor *t, struct err *e)
{
	const json_t *offsets = json_object_get(entry, "data_offsets");
	const struct type_row *type;
	const char *type_name;
	uint64_t begin, end, size;
	int r;

	if (json_get_str(entry, "dtype", 16, &type_name, e) < 0)
		return -EBADMSG;
	type = find_type(type_name);
	if (!type)
		return err_set(e, -EBADMSG, "dtype: '%s' is not known", type_name);
	*t = (struct tensor){.name = name, .type = type->type};
	r = read_shape(json_object_get(entry, "shape"), t, e);
	if (r < 0)
		return r;
	if (json_array_size(offsets) != 2 || read_size(json_array_get(offsets, 0), &begin) < 0 ||
		read_size(json_array_get(offsets, 1), &end) < 0)
		return err_set(e, -EBADMSG, "data_offsets: must be two whole numbers");
	if (begin > end || end > data_bytes)
		return err_set(e, -EBADMSG, "data_offsets: outside the file");
	if (__builtin_mul_overflow(t->count, type->size, &size) || size != end - begin)
		return err_set(e, -EBADMSG, "data_offsets: do not fit shape and dtype");
	if ((base + begin) % type->size != 0)
		return err_set(
			e, -EBADMSG, "data_offsets: not aligned to %u bytes", (unsigned)type->size);
	t->bytes = data + begin;
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct tensor *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? -1 : 1;
	return x->count < y->count ? -1 : x->count > y->count; /* empty ones first */
}

static uint64_t stored_bytes(const struct safetensors *s, const struct tensor *t)
{
	const json_t *entry = json_object_get(s->header, t->name);

	return t->count * find_type(json_string_value(json_object_get(entry, "dtype")))->size;
}

/* Sorted, each tensor must begin where the one before ended, and the last end with the file. */
static int check_cover(
	struct safetensors *s, const uint8_t *data, uint64_t data_bytes, struct err *e)
{
	const uint8_t *at = data;

	if (s->n > 0)
		qsort(s->tensors, s->n, sizeof(*s->tensors), by_place);
	for (size_t i = 0; i < s->n; i++) {
		const struct tensor *t = &s->tensors[i];

		if (t->bytes < at)
			return err_set(e, -EBADMSG, "tensor '%.80s' overlaps another", t->name);
		if (t->bytes > at)
			return err_set(
				e, -EBADMSG, "bytes before tensor '%.80s' belong to none", t->name);
		at += stored_bytes(s, t);
	}
	if (at != data + data_bytes)
		return err_set(e, -EBADMSG, "bytes after the last tensor belong to none");
	return 0;
}

static int read_entries(struct safetensors *s, const uint8_t *data, uint64_t base,
	uint64_t data_bytes, struct err *e)
{
	const char *name;
	json_t *entry;
	int r;

	if (!json_is_object(s->header))
		return err_set(e, -EBADMSG, "the header must be an object");
	if (json_object_size(s->header) > SAFETENSORS_TENSORS_MAX)
		return err_set(e, -EMSGSIZE, "%zu tensors, the limit is %d",
			json_object_size(s->header), SAFETENSORS_TENSORS_MAX);
	s->tensors = calloc(json_object_size(s->header) + 1, sizeof(*s->tensors));
	if (!s->tensors)
		return err_set(e, -ENOMEM, "out of memory");
	json_object_foreach(s->header, name, entry)
	{
		if (!strcmp(name, "__metadata__"))
			continue;
		if (strlen(name) > NAME_MAX_BYTES)
			return err_set(e, -EMSGSIZE, "a name is over %d bytes", NAME_MAX_BYTES);
		if (!json_is_object(entry))
			return err_set(e, -EBADMSG, "tensor '%.80s': must be an object", name);
		r = read_tensor(name, entry, data, base, data_bytes, &s->tensors[s->n], e);
		if (r < 0)
			return err_wrap(e, "tensor '%.80s'", name);
		s->n++;
	}
	return check_cover(s, data, data_bytes, e);
}

int safetensors_read(const void *bytes, size_t n, struct safetensors **ret, struct err *e)
{
	CLEANUP(safetensors_freep) struct safetensors *s = NULL;
	const uint8_t *file = bytes;
	uint64_t header = 0;
	int r;

	if (n < LENGTH_BYTES)
		return err_set(e, -EBADMSG, "shorter than the header's length field");
	for (int i = 0; i < LENGTH_BYTES; i++)
		header |= (uint64_t)file[i] << (8 * i);
	if (header > SAFETENSORS_HEADER_MAX)
		return err_set(e, -EMSGSIZE, "header of %llu bytes, the limit is %u",
			(unsigned long long)header, SAFETENSORS_HEADER_MAX);
	if (header > n - LENGTH_BYTES)
		return err_set(e, -EBADMSG, "the header is longer than the file");
	if (header == 0 || file[LENGTH_BYTES] != '{')
		return err_set(e, -EBADMSG, "the header must begin with '{'");
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	s->bytes = n;
	r = json_parse(file + LENGTH_BYTES, header, SAFETENSORS_HEADER_MAX, &s->header, e);
	if (r < 0)
		return r;
	r = read_entries(s, file + LENGTH_BYTES + header, LENGTH_BYTES + header,
		n - LENGTH_BYTES - header, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

int safetensors_open(int dirfd, const char *name, struct safetensors **ret, struct err *e)
{
	struct held held = {0};
	int r = held_open(dirfd, name, LENGTH_BYTES, &held, e);

	if (r < 0)
		return r;
	r = safetensors_read(held.bytes, held.n, ret, e);
	if (r < 0) {
		held_done(&held);
		return err_wrap(e, "%s", name);
	}
	(*ret)->held = held;
	return 0;
}

struct safetensors *safetensors_free(struct safetensors *s)
{
	if (!s)
		return NULL;
	json_decref(s->header);
	free(s->tensors);
	held_done(&s->held);
	free(s);
	return NULL;
}

const struct tensor *safetensors_find(const struct safetensors *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->tensors[i].name, name))
			return &s->tensors[i];
	return NULL;
}

size_t safetensors_count(const struct safetensors *s)
{
	return s->n;
}

const struct tensor *safetensors_tensors(const struct safetensors *s)
{
	return s->tensors;
}

uint64_t safetensors_bytes(const struct safetensors *s)
{
	return s->bytes;
}
