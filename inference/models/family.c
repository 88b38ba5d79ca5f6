#include "inference/models/family.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define WEIGHTS_MAX 16384

static const struct family *const families[] = {
	&family_llama,
	&family_bert_classifier,
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

struct weight *loader_take(struct loader *l, uint32_t rows, uint32_t columns, const char *fmt, ...)
{
	const struct tensor *t;
	struct weight *w, **grown;
	char name[256];
	va_list args;

	if (l->r < 0)
		return NULL;
	va_start(args, fmt);
	(void)vsnprintf(name, sizeof(name), fmt, args);
	va_end(args);
	t = weights_find(l->weights, name);
	if (!t)
		return loader_fail(l, err_set(l->e, -EBADMSG, "'%s' is missing", name));
	if (t->type == TENSOR_OTHER)
		return loader_fail(l, err_set(l->e, -ENOTSUP,
					      "'%s': numbers of its type are not supported", name));
	if (rows ? t->n_dims != 2 || t->dims[0] != rows || t->dims[1] != columns
		 : t->n_dims != 1 || t->dims[0] != columns)
		return loader_fail(
			l, err_set(l->e, -EBADMSG,
				   "'%s': the shape is not the one config.json asks for", name));
	if (!tensor_is_finite(t))
		return loader_fail(
			l, err_set(l->e, -EBADMSG, "'%s': holds NaN or infinite numbers", name));
	if (l->net->n_weights == WEIGHTS_MAX)
		return loader_fail(l, err_set(l->e, -EMSGSIZE, "over %d weights", WEIGHTS_MAX));
	grown = reallocarray(l->net->weights, l->net->n_weights + 1, sizeof(struct weight *));
	if (!grown)
		return loader_fail(l, err_set(l->e, -ENOMEM, "out of memory"));
	l->net->weights = grown;
	w = l->net->device->ops->weight_new(l->net->device, t);
	if (!w)
		return loader_fail(l, err_set(l->e, -ENOMEM, "'%s': out of memory", name));
	l->net->weights[l->net->n_weights++] = w;
	return w;
}

int net_reserve(struct net *net, size_t rows, size_t width)
{
	size_t n;

	if (rows <= net->scratch_rows)
		return 0;
	if (net->scratch)
		net->device->ops->free(net->device, net->scratch);
	net->scratch = NULL;
	net->scratch_rows = 0;
	if (__builtin_mul_overflow(rows, width, &n))
		return -ENOMEM;
	net->scratch = net->device->ops->alloc(net->device, n);
	if (!net->scratch)
		return -ENOMEM;
	net->scratch_rows = rows;
	return 0;
}
