#include "orchestrator/repo/safetensors.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"

#define LENGTH 8
#define NAME_MAX_ 1024
#define RANK_MAX 16

static const struct {
	const char *name;
	unsigned int bits;
} dtypes[] = {
	{"BOOL", 8},
	{"U8", 8},
	{"I8", 8},
	{"F8_E5M2", 8},
	{"F8_E4M3", 8},
	{"F8_E8M0", 8},
	{"I16", 16},
	{"U16", 16},
	{"F16", 16},
	{"BF16", 16},
	{"I32", 32},
	{"U32", 32},
	{"F32", 32},
	{"F64", 64},
	{"I64", 64},
	{"U64", 64},
	{"C64", 64},
	{"F4", 4},
	{"F6_E2M3", 6},
	{"F6_E3M2", 6},
};

static unsigned int bits_of(const char *name)
{
	for (size_t i = 0; i < sizeof(dtypes) / sizeof(dtypes[0]); i++)
		if (!strcmp(dtypes[i].name, name))
			return dtypes[i].bits;
	return 0;
}

static int refuse(struct err *e, const char *name, const char *why)
{
	return err_set(e, -EINVAL, "tensor '%.100s': %s", name, why);
}

static int count_elements(const char *name, const json_t *shape, uint64_t *ret, struct err *e)
{
	const json_t *dim;
	size_t i;

	*ret = 1;
	if (!json_is_array(shape) || json_array_size(shape) > RANK_MAX)
		return refuse(e, name, "its shape is no list of at most 16 numbers");
	json_array_foreach(shape, i, dim)
	{
		json_int_t n = json_is_integer(dim) ? json_integer_value(dim) : -1;

		if (n < 0 || __builtin_mul_overflow(*ret, (uint64_t)n, ret))
			return refuse(e, name, "its shape cannot be");
	}
	return 0;
}

struct sums {
	uint64_t data; /* bytes behind the header */
	json_t *parameters, *tensors;
	uint64_t total;
	size_t count, max;
};

static int check_place(const char *name, const json_t *t, uint64_t n, unsigned int bits,
	const struct sums *s, uint64_t *ret_bytes, struct err *e)
{
	const json_t *place = json_object_get(t, "data_offsets");
	json_int_t from = json_integer_value(json_array_get(place, 0));
	json_int_t to = json_integer_value(json_array_get(place, 1));
	uint64_t need;

	if (json_array_size(place) != 2 || from < 0 || to < from || (uint64_t)to > s->data)
		return refuse(e, name, "it lies outside of the file");
	*ret_bytes = (uint64_t)(to - from);
	if (__builtin_mul_overflow(n, (uint64_t)bits, &need) || need % 8 || need / 8 != *ret_bytes)
		return refuse(e, name, "its shape is not that of its bytes");
	return 0;
}

static int add_tensor(struct sums *s, const char *name, const json_t *t, struct err *e)
{
	const char *dtype = json_string_value(json_object_get(t, "dtype"));
	unsigned int bits = dtype ? bits_of(dtype) : 0;
	uint64_t n, bytes = 0, sum;
	int r;

	if (strlen(name) > NAME_MAX_)
		return refuse(e, name, "its name is over the limit of 1024 bytes");
	if (!bits)
		return refuse(e, name, "its type is not known");
	r = count_elements(name, json_object_get(t, "shape"), &n, e);
	if (r == 0)
		r = check_place(name, t, n, bits, s, &bytes, e);
	if (r < 0)
		return r;
	sum = (uint64_t)json_integer_value(json_object_get(s->parameters, dtype));
	(void)json_object_set_new(s->parameters, dtype, json_integer((json_int_t)(sum + n)));
	s->total += n;
	if (s->count++ < s->max)
		(void)json_array_append_new(s->tensors,
			json_pack("{s:s, s:s, s:O, s:I}", "name", name, "dtype", dtype, "shape",
				json_object_get(t, "shape"), "bytes", (json_int_t)bytes));
	return 0;
}

static int sum_up(const json_t *header, struct sums *s, struct err *e)
{
	const char *name;
	json_t *t;
	int r = 0;

	if (!json_is_object(header))
		return err_set(e, -EINVAL, "the header is no JSON object");
	if (json_object_size(header) > SAFETENSORS_TENSORS_MAX)
		return err_set(e, -EINVAL, "over the limit of %d tensors", SAFETENSORS_TENSORS_MAX);
	json_object_foreach((json_t *)header, name, t)
	{
		if (strcmp(name, "__metadata__") != 0)
			r = add_tensor(s, name, t, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_length(const uint8_t *bytes, size_t n, uint64_t size, uint64_t *ret, struct err *e)
{
	uint64_t length = 0;

	if (n < LENGTH)
		return err_set(e, -EINVAL, "too short to be a safetensors file");
	for (int i = LENGTH - 1; i >= 0; i--)
		length = length << 8 | bytes[i];
	if (length < 2 || length > SAFETENSORS_HEADER_MAX || length > size - LENGTH)
		return err_set(e, -EINVAL, "no safetensors file: its header would have %llu bytes",
			(unsigned long long)length);
	*ret = length;
	return 0;
}

int safetensors_parse(
	const void *bytes, size_t n, uint64_t size, size_t tensors_max, json_t **ret, struct err *e)
{
	CLEANUP(json_unrefp) json_t *parameters = json_object();
	CLEANUP(json_unrefp) json_t *tensors = json_array();
	CLEANUP(json_unrefp) json_t *header = NULL;
	struct sums s = {.parameters = parameters, .tensors = tensors, .max = tensors_max};
	const json_t *metadata;
	uint64_t length = 0;
	int r = read_length(bytes, n, size, &length, e);

	if (r == 0 && length > n - LENGTH)
		r = err_set(e, -EINVAL, "the file ends within its header");
	if (r == 0 && ((const char *)bytes)[LENGTH] != '{')
		r = err_set(e, -EINVAL, "no safetensors file: its header is no JSON object");
	if (r == 0)
		r = json_parse(
			(const char *)bytes + LENGTH, length, SAFETENSORS_HEADER_MAX, &header, e);
	if (r < 0)
		return r == -ENOMEM ? r : -EINVAL;
	s.data = size - LENGTH - length;
	r = sum_up(header, &s, e);
	if (r < 0)
		return r;
	metadata = json_object_get(header, "__metadata__");
	*ret = json_pack("{s:O, s:I, s:I, s:O, s:O*}", "parameters", parameters, "total",
		(json_int_t)s.total, "count", (json_int_t)s.count, "tensors", tensors, "metadata",
		json_is_object(metadata) ? metadata : NULL);
	return *ret ? 0 : err_set(e, -ENOMEM, "out of memory");
}

int safetensors_read(int fd, uint64_t size, size_t tensors_max, json_t **ret, struct err *e)
{
	uint8_t head[LENGTH];
	ssize_t got = pread(fd, head, sizeof(head), 0);
	CLEANUP(freep) uint8_t *bytes = NULL;
	uint64_t length = 0;
	size_t at = 0;
	int r;

	if (got < 0)
		return err_set(e, -errno, "cannot read the file: %s", strerror(errno));
	r = read_length(head, (size_t)got, size, &length, e);
	if (r < 0)
		return r;
	bytes = malloc(LENGTH + length);
	if (!bytes)
		return err_set(e, -ENOMEM, "out of memory");
	while (at < LENGTH + length &&
		(got = pread(fd, bytes + at, LENGTH + length - at, (off_t)at)) > 0)
		at += (size_t)got;
	if (got < 0)
		return err_set(e, -errno, "cannot read the file: %s", strerror(errno));
	return safetensors_parse(bytes, at, size, tensors_max, ret, e);
}
