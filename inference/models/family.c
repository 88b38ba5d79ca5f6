#include "inference/models/family.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "inference/models/adapter.h"

#define WEIGHTS_MAX 16384

static const struct family *const families[] = {
	&family_llama,
	&family_gpt2,
	&family_bert,
	&family_vit,
	&family_clip,
};

const struct family *family_find(const char *architecture, const char **ret_name)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		for (size_t j = 0; j < FAMILY_NAMES_MAX && families[i]->architectures[j]; j++)
			if (!strcmp(families[i]->architectures[j], architecture)) {
				*ret_name = families[i]->architectures[j];
				return families[i];
			}
	return NULL;
}

int net_configure(const json_t *config, struct device *d, struct net **ret, struct err *e)
{
	CLEANUP(net_freep) struct net *net = NULL;
	const json_t *architecture = json_array_get(json_object_get(config, "architectures"), 0);
	const struct family *family;
	const char *name;
	int r;

	if (!json_is_string(architecture))
		return err_set(e, -EBADMSG, "architectures: must be an array with a name");
	family = family_find(json_string_value(architecture), &name);
	if (!family)
		return err_set(e, -ENOTSUP, "architecture '%.80s' is not supported",
			json_string_value(architecture));
	net = calloc(1, sizeof(*net));
	if (!net)
		return err_set(e, -ENOMEM, "out of memory");
	net->family = family;
	net->architecture = name;
	net->device = d;
	r = family->configure(net, config, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(net);
	return 0;
}

int net_load(const json_t *config, const struct weights *weights, struct device *d,
	struct net **ret, struct err *e)
{
	CLEANUP(net_freep) struct net *net = NULL;
	int r = net_configure(config, d, &net, e);

	if (r < 0)
		return err_wrap(e, "config.json");
	r = net->family->load(net, weights, e);
	if (r < 0)
		return err_wrap(e, "weights");
	*ret = TAKE_PTR(net);
	return 0;
}

struct net *net_free(struct net *net)
{
	if (!net)
		return NULL;
	adapters_free(net);
	net->family->unload(net);
	for (size_t i = 0; i < net->n_weights; i++)
		net->device->ops->weight_free(net->device, net->weights[i]);
	if (net->scratch)
		net->device->ops->free(net->device, net->scratch);
	free(net->weights);
	free(net->labels);
	free(net);
	return NULL;
}

int config_number(const json_t *config, const char *key, double min, double max, double fallback,
	double *ret, struct err *e)
{
	const json_t *v = json_object_get(config, key);
	double n;

	if ((!v || json_is_null(v)) && !isnan(fallback)) {
		*ret = fallback;
		return 0;
	}
	if (!json_is_number(v))
		return err_set(e, -EBADMSG, "%s: must be a number", key);
	n = json_number_value(v);
	if (!(n >= min && n <= max))
		return err_set(e, -EBADMSG, "%s: %g is outside %g to %g", key, n, min, max);
	*ret = n;
	return 0;
}

int config_u32(const json_t *config, const char *key, uint32_t min, uint32_t max, uint32_t *ret,
	struct err *e)
{
	int64_t n;

	if (json_get_int(config, key, min, max, &n, e) < 0)
		return -EBADMSG;
	*ret = (uint32_t)n;
	return 0;
}

int config_opt_u32(const json_t *config, const char *key, uint32_t min, uint32_t max,
	uint32_t fallback, uint32_t *ret, struct err *e)
{
	int64_t n;

	if (json_opt_int(config, key, min, max, fallback, &n, e) < 0)
		return -EBADMSG;
	*ret = (uint32_t)n;
	return 0;
}

static struct weight *loader_fail(struct loader *l, int code)
{
	l->r = code;
	return NULL;
}

static bool has_shape(const struct tensor *t, uint32_t rows, uint32_t columns, bool flat)
{
	if (flat)
		return t->count == (uint64_t)rows * columns && tensor_block(t->type) == 1;
	return rows ? t->n_dims == 2 && t->dims[0] == rows && t->dims[1] == columns
		    : t->n_dims == 1 && t->dims[0] == columns;
}

/* The tensor of that name, if it can be a weight and has the shape; flat: as many numbers. */
static const struct tensor *find_shape(
	struct loader *l, uint32_t rows, uint32_t columns, bool flat, const char *name)
{
	const struct tensor *t = weights_take(l->weights, name);

	if (!t)
		l->r = err_set(l->e, -EBADMSG, "'%s' is missing", name);
	else if (t->type == TENSOR_OTHER)
		l->r = err_set(l->e, -ENOTSUP, "'%s': numbers of its type are not supported", name);
	else if (!has_shape(t, rows, columns, flat))
		l->r = err_set(l->e, -EBADMSG,
			"'%s': the shape is not the one config.json asks for", name);
	else if (!tensor_is_finite(t))
		l->r = err_set(l->e, -EBADMSG, "'%s': holds NaN or infinite numbers", name);
	return l->r < 0 ? NULL : t;
}

static const struct tensor *find(
	struct loader *l, uint32_t rows, uint32_t columns, const char *fmt, va_list args)
{
	char name[256];

	if (l->r < 0)
		return NULL;
	(void)vsnprintf(name, sizeof(name), fmt, args);
	return find_shape(l, rows, columns, false, name);
}

static struct weight *keep(struct loader *l, const struct tensor *t)
{
	struct net *net = l->net;
	struct weight *w, **grown;

	if (net->n_weights == WEIGHTS_MAX)
		return loader_fail(l, err_set(l->e, -EMSGSIZE, "over %d weights", WEIGHTS_MAX));
	grown = reallocarray(net->weights, net->n_weights + 1, sizeof(struct weight *));
	if (!grown)
		return loader_fail(l, err_set(l->e, -ENOMEM, "out of memory"));
	net->weights = grown;
	w = net->device->ops->weight_new(net->device, t);
	if (!w)
		return loader_fail(l, err_set(l->e, -ENOMEM, "'%s': out of memory", t->name));
	net->weights[net->n_weights++] = w;
	return w;
}

struct weight *loader_take(struct loader *l, uint32_t rows, uint32_t columns, const char *fmt, ...)
{
	const struct tensor *t;
	va_list args;

	va_start(args, fmt);
	t = find(l, rows, columns, fmt, args);
	va_end(args);
	return t ? keep(l, t) : NULL;
}

struct weight *loader_take_flat(struct loader *l, uint32_t rows, uint32_t columns, const char *name)
{
	const struct tensor *t = l->r < 0 ? NULL : find_shape(l, rows, columns, true, name);
	struct tensor flat;

	if (!t)
		return NULL;
	flat = *t;
	flat.n_dims = 2;
	flat.dims[0] = rows;
	flat.dims[1] = columns;
	return keep(l, &flat);
}

/* Writes columns [first, first + to's rows) of t as rows. */
static void turn(const struct tensor *t, uint64_t first, size_t size, const struct tensor *to)
{
	uint64_t columns = to->dims[to->n_dims - 1], rows = to->n_dims == 2 ? to->dims[0] : 1;
	uint64_t total = t->dims[1];
	uint8_t *at = (uint8_t *)to->bytes;

	for (uint64_t row = 0; row < rows; row++)
		for (uint64_t c = 0; c < columns; c++, at += size)
			memcpy(at, t->bytes + (c * total + first + row) * size, size);
}

struct weight *loader_take_turned(struct loader *l, uint32_t columns, uint32_t total,
	uint32_t first, uint32_t rows, const char *fmt, ...)
{
	const struct tensor *t;
	struct tensor part;
	struct weight *w;
	va_list args;
	size_t size;
	uint8_t *bytes;

	va_start(args, fmt);
	t = find(l, columns, total, fmt, args);
	va_end(args);
	if (!t)
		return NULL;
	if (t->type != TENSOR_F32 && t->type != TENSOR_F16 && t->type != TENSOR_BF16)
		return loader_fail(
			l, err_set(l->e, -ENOTSUP, "'%s': only F32, F16 and BF16 can be turned",
				   t->name));
	size = t->type == TENSOR_F32 ? 4 : 2;
	part = *t;
	part.dims[0] = rows;
	part.dims[1] = columns;
	part.count = (uint64_t)rows * (columns ? columns : 1);
	if (columns == 0) {
		part.bytes = t->bytes + first * size;
		return keep(l, &part);
	}
	bytes = malloc(part.count * size);
	if (!bytes)
		return loader_fail(l, err_set(l->e, -ENOMEM, "'%s': out of memory", t->name));
	part.bytes = bytes;
	turn(t, first, size, &part);
	w = keep(l, &part);
	free(bytes);
	return w;
}

struct weight *loader_take_rows(struct loader *l, uint32_t total, uint32_t first, uint32_t rows,
	uint32_t columns, const char *fmt, ...)
{
	const struct tensor *t;
	struct tensor part;
	va_list args;

	va_start(args, fmt);
	t = find(l, total, columns, fmt, args);
	va_end(args);
	if (!t)
		return NULL;
	part = *t;
	part.dims[0] = rows;
	part.count = (uint64_t)rows * columns;
	part.bytes += tensor_bytes(t) / total * first;
	return keep(l, &part);
}

bool loader_has(const struct loader *l, const char *name)
{
	return weights_find(l->weights, name) != NULL;
}

int net_reserve(struct net *net, size_t rows, size_t width)
{
	size_t n;

	if (__builtin_mul_overflow(rows, width, &n))
		return -ENOMEM;
	if (n <= net->scratch_floats)
		return 0;
	if (net->scratch)
		net->device->ops->free(net->device, net->scratch);
	net->scratch = NULL;
	net->scratch_floats = 0;
	net->scratch = net->device->ops->alloc(net->device, n);
	if (!net->scratch)
		return -ENOMEM;
	net->scratch_floats = n;
	return 0;
}

int net_read_labels(struct net *net, const json_t *config, struct err *e)
{
	const json_t *names = json_object_get(config, "id2label");
	size_t n = json_is_object(names) ? json_object_size(names) : 2; /* as transformers */

	if (n < 1 || n > NET_LABELS_MAX)
		return err_set(e, -EBADMSG, "id2label: must have 1 to %d labels", NET_LABELS_MAX);
	net->labels = calloc(n, sizeof(*net->labels));
	if (!net->labels)
		return err_set(e, -ENOMEM, "out of memory");
	net->n_labels = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		const char *name;
		char key[24];

		(void)snprintf(key, sizeof(key), "%zu", i);
		(void)snprintf(net->labels[i], sizeof(net->labels[i]), "LABEL_%zu", i);
		if (!json_is_object(names))
			continue;
		if (json_get_str(names, key, NET_LABEL_MAX, &name, e) < 0) {
			(void)err_wrap(e, "id2label");
			return -EBADMSG;
		}
		memcpy(net->labels[i], name, strlen(name) + 1);
	}
	return 0;
}
