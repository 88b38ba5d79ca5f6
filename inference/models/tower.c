#include "inference/models/tower.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

struct tower_layer {
	struct weight *before, *before_bias, *q, *q_bias, *k, *k_bias, *v, *v_bias, *o, *o_bias;
	struct weight *after, *after_bias, *inner, *inner_bias, *outer, *outer_bias;
};

static int read_activation(struct tower *t, const json_t *config, const char *fallback,
	struct device *d, struct err *e)
{
	const struct {
		const char *name;
		void (*run)(struct device *d, float *x, size_t n);
	} known[] = {
		{"gelu", d->ops->gelu},
		{"quick_gelu", d->ops->quick_gelu},
	};
	const char *name;

	if (json_opt_str(config, "hidden_act", 32, fallback, &name, e) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].name, name)) {
			t->activate = known[i].run;
			return 0;
		}
	return err_set(e, -ENOTSUP, "hidden_act '%s' is not supported", name);
}

int tower_configure(struct tower *t, const json_t *config, const struct tower_defaults *other,
	struct device *d, struct err *e)
{
	double eps;

	if (config_opt_u32(config, "hidden_size", 1, 1 << 14, other->hidden, &t->hidden, e) < 0 ||
		config_opt_u32(
			config, "intermediate_size", 1, 1 << 16, other->inner, &t->inner, e) < 0 ||
		config_opt_u32(
			config, "num_hidden_layers", 1, 256, other->layers, &t->n_layers, e) < 0 ||
		config_opt_u32(config, "num_attention_heads", 1, 256, other->heads, &t->heads.heads,
			e) < 0 ||
		config_number(config, "layer_norm_eps", 0, 1, other->eps, &eps, e) < 0)
		return -EBADMSG;
	if (t->hidden % t->heads.heads != 0)
		return err_set(e, -EBADMSG, "num_attention_heads: must divide hidden_size");
	t->heads.kv_heads = t->heads.heads;
	t->heads.dim = t->hidden / t->heads.heads;
	t->eps = (float)eps;
	t->biased = json_opt_bool(config, "qkv_bias", true);
	return read_activation(t, config, other->activation, d, e);
}

void tower_done(struct tower *t)
{
	free(t->layers);
}

static void load_layer(struct loader *from, const struct tower *t, const struct tower_names *names,
	uint32_t i, struct tower_layer *to)
{
	const struct part {
		struct weight **weight, **bias;
		uint32_t rows, columns; /* rows 0: a norm of that many columns */
		const char *name;
		bool bare;
	} parts[] = {
		{&to->before, &to->before_bias, 0, t->hidden, names->before, false},
		{&to->q, &to->q_bias, t->hidden, t->hidden, names->query, !t->biased},
		{&to->k, &to->k_bias, t->hidden, t->hidden, names->key, !t->biased},
		{&to->v, &to->v_bias, t->hidden, t->hidden, names->value, !t->biased},
		{&to->o, &to->o_bias, t->hidden, t->hidden, names->output, false},
		{&to->after, &to->after_bias, 0, t->hidden, names->after, false},
		{&to->inner, &to->inner_bias, t->inner, t->hidden, names->inner, false},
		{&to->outer, &to->outer_bias, t->hidden, t->inner, names->outer, false},
	};

	for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++) {
		const struct part *p = &parts[j];

		*p->weight = loader_take(
			from, p->rows, p->columns, "%s.%u.%s.weight", names->layers, i, p->name);
		if (!p->bare)
			*p->bias = loader_take(from, 0, p->rows ? p->rows : p->columns,
				"%s.%u.%s.bias", names->layers, i, p->name);
	}
}

void tower_load(struct loader *from, struct tower *t, const struct tower_names *names)
{
	if (from->r < 0)
		return;
	t->layers = calloc(t->n_layers, sizeof(*t->layers));
	if (!t->layers) {
		from->r = err_set(from->e, -ENOMEM, "out of memory");
		return;
	}
	for (uint32_t i = 0; i < t->n_layers && from->r == 0; i++)
		load_layer(from, t, names, i, &t->layers[i]);
}

size_t tower_width(const struct tower *t, size_t least)
{
	return 5 * (size_t)t->hidden + (t->inner > least ? t->inner : least);
}

int tower_make_room(
	struct net *net, const struct tower *t, size_t m, size_t width, struct tower_room *ret)
{
	size_t hidden = t->hidden;
	int r = net_reserve(net, m, width);

	if (r < 0)
		return r;
	ret->x = net->scratch;
	ret->q = ret->x + m * hidden;
	ret->k = ret->q + m * hidden;
	ret->v = ret->k + m * hidden;
	ret->mixed = ret->v + m * hidden;
	ret->inner = ret->mixed + m * hidden;
	return 0;
}

void tower_run(struct device *d, const struct tower *t, const uint32_t *starts, size_t n,
	bool causal, const struct tower_room *at)
{
	size_t m = starts[n], size = m * t->hidden;

	for (uint32_t i = 0; i < t->n_layers; i++) {
		const struct tower_layer *w = &t->layers[i];

		d->ops->layernorm(
			d, at->x, w->before, w->before_bias, t->eps, m, t->hidden, at->mixed);
		d->ops->linear(d, w->q, w->q_bias, at->mixed, m, at->q);
		d->ops->linear(d, w->k, w->k_bias, at->mixed, m, at->k);
		d->ops->linear(d, w->v, w->v_bias, at->mixed, m, at->v);
		(causal ? d->ops->attend_left : d->ops->attend_full)(
			d, starts, n, &t->heads, at->q, at->k, at->v, at->mixed);
		d->ops->linear(d, w->o, w->o_bias, at->mixed, m, at->q);
		d->ops->add(d, at->q, at->x, size);
		d->ops->layernorm(
			d, at->x, w->after, w->after_bias, t->eps, m, t->hidden, at->mixed);
		d->ops->linear(d, w->inner, w->inner_bias, at->mixed, m, at->inner);
		t->activate(d, at->inner, m * t->inner);
		d->ops->linear(d, w->outer, w->outer_bias, at->inner, m, at->q);
		d->ops->add(d, at->q, at->x, size);
	}
}

/* --- pictures --- */

int eye_configure(
	struct eye *eye, const json_t *config, uint32_t size, uint32_t patch, struct err *e)
{
	uint32_t channels;
	uint64_t patches;

	if (config_opt_u32(config, "image_size", 1, NET_PICTURE_MAX, size, &eye->width, e) < 0 ||
		config_opt_u32(config, "patch_size", 1, NET_PICTURE_MAX, patch, &eye->patch, e) <
			0 ||
		config_opt_u32(config, "num_channels", 3, 3, 3, &channels, e) < 0)
		return -EBADMSG;
	eye->height = eye->width;
	patches = (uint64_t)(eye->width / eye->patch) * (eye->height / eye->patch);
	if (patches == 0 || patches >= TOWER_ROWS_MAX || eye->width % eye->patch != 0)
		return err_set(e, -ENOTSUP,
			"image_size %u in patches of %u: 1 to %d whole patches are supported",
			eye->width, eye->patch, TOWER_ROWS_MAX - 1);
	eye->rows = (uint32_t)patches + 1;
	return 0;
}

void eye_load(struct loader *from, struct eye *eye, uint32_t hidden, const struct eye_names *names)
{
	uint32_t patch = 3 * eye->patch * eye->patch;

	eye->project = loader_take_flat(from, hidden, patch, names->project);
	eye->project_bias = names->bias ? loader_take(from, 0, hidden, "%s", names->bias) : NULL;
	eye->whole = loader_take_flat(from, 1, hidden, names->whole);
	eye->positions = loader_take_flat(from, eye->rows, hidden, names->positions);
}

/* A patch as the weights of a convolution have it: colour by colour, row by row. */
static void cut(const struct eye *eye, const float *pixels, float *to)
{
	uint32_t p = eye->patch;

	for (uint32_t top = 0; top < eye->height; top += p)
		for (uint32_t left = 0; left < eye->width; left += p)
			for (uint32_t c = 0; c < 3; c++)
				for (uint32_t y = top; y < top + p; y++)
					for (uint32_t x = left; x < left + p; x++)
						*to++ = pixels[((size_t)y * eye->width + x) * 3 +
							       c];
}

static int cut_all(
	struct net *net, const struct eye *eye, const float *pixels, size_t n, float **ret)
{
	struct device *d = net->device;
	size_t size = (size_t)eye->width * eye->height * 3;
	float *host = malloc(n * size * sizeof(*host)), *patches = NULL;

	if (host)
		patches = d->ops->alloc(d, n * size);
	if (patches) {
		for (size_t i = 0; i < n; i++)
			cut(eye, pixels + i * size, host + i * size);
		d->ops->put(d, host, n * size, patches);
	}
	free(host);
	*ret = patches;
	return patches ? 0 : -ENOMEM;
}

int eye_open(struct net *net, const struct eye *eye, uint32_t hidden, const float *pixels, size_t n,
	const struct tower_room *at)
{
	struct device *d = net->device;
	size_t m = n * eye->rows, patches = m - n;
	uint32_t *rows = calloc(2 * m + 1, sizeof(*rows)), *places = rows ? rows + m : NULL;
	float *cuts = NULL;
	int r = rows ? cut_all(net, eye, pixels, n, &cuts) : -ENOMEM;

	if (r < 0) {
		free(rows);
		return r;
	}
	/* The patches, then the row for the whole, in at->q; picked into order from there. */
	d->ops->linear(d, eye->project, eye->project_bias, cuts, patches, at->q);
	places[0] = 0;
	d->ops->embed(d, eye->whole, places, 1, false, at->q + patches * hidden);
	for (size_t i = 0; i < m; i++) {
		size_t place = i % eye->rows, picture = i / eye->rows;

		places[i] = (uint32_t)place;
		rows[i] = (uint32_t)(place == 0 ? patches : picture * (eye->rows - 1) + place - 1);
	}
	d->ops->gather(d, at->q, hidden, rows, m, at->x);
	d->ops->embed(d, eye->positions, places, m, true, at->x);
	d->ops->free(d, cuts);
	free(rows);
	return 0;
}
