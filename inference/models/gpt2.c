/*
 * GPT2LMHeadModel: learned positions, layer norms, one fused matrix for queries, keys and values,
 * GELU in its tanh form, the output tied to the embedding.
 * Names and order of operations as in transformers' modeling_gpt2.py.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "inference/models/family.h"

struct layer {
	struct weight *norm_in, *norm_in_bias, *norm_post, *norm_post_bias;
	struct weight *q, *q_bias, *k, *k_bias, *v, *v_bias, *o, *o_bias;
	struct weight *up, *up_bias, *down, *down_bias;
};

struct gpt2 {
	uint32_t hidden, inner;
	struct heads heads;
	float eps;
	bool rows_stored;     /* layers' matrices are outputs x inputs, as GGUF has them */
	struct layer *layers; /* owned */
	struct weight *words, *positions, *norm, *norm_bias;
};

/* --- config.json --- */

static int read_sizes(struct net *net, struct gpt2 *g, const json_t *config, struct err *e)
{
	struct heads *h = &g->heads;

	if (config_u32(config, "vocab_size", 1, 1 << 20, &net->vocab, e) < 0 ||
		config_u32(config, "n_embd", 1, 1 << 14, &g->hidden, e) < 0 ||
		config_u32(config, "n_layer", 1, 256, &net->layers, e) < 0 ||
		config_u32(config, "n_head", 1, 256, &h->heads, e) < 0 ||
		config_u32(config, "n_positions", 1, 1 << 16, &net->context, e) < 0 ||
		config_opt_u32(config, "n_inner", 1, 1 << 16, 4 * g->hidden, &g->inner, e) < 0)
		return -EBADMSG;
	if (g->hidden % h->heads != 0 || g->hidden / h->heads > 512)
		return err_set(e, -EBADMSG, "n_head: must divide n_embd into at most 512");
	h->kv_heads = h->heads;
	h->dim = g->hidden / h->heads;
	net->kv_width = g->hidden;
	return 0;
}

static int gpt2_configure(struct net *net, const json_t *config, struct err *e)
{
	struct gpt2 *g = net->own = calloc(1, sizeof(*g));
	const char *act;
	double eps;
	int r;

	if (!g)
		return err_set(e, -ENOMEM, "out of memory");
	r = read_sizes(net, g, config, e);
	if (r == 0)
		r = config_number(config, "layer_norm_epsilon", 0, 1, 1e-5, &eps, e);
	if (r == 0)
		r = json_opt_str(config, "activation_function", 32, "gelu_new", &act, e);
	if (r < 0)
		return r;
	if (strcmp(act, "gelu_new") != 0)
		return err_set(e, -ENOTSUP, "activation_function '%s' is not supported", act);
	if (!json_opt_bool(config, "scale_attn_weights", true) ||
		json_opt_bool(config, "scale_attn_by_inverse_layer_idx", false))
		return err_set(e, -ENOTSUP, "attention scores are scaled by 1 / sqrt(head) only");
	if (!json_opt_bool(config, "tie_word_embeddings", true))
		return err_set(e, -ENOTSUP, "an output that is not tied is not supported");
	g->eps = (float)eps;
	g->rows_stored = json_opt_bool(config, "conv1d_transposed", false);
	return 0;
}

/* --- weights --- */

/* A layer's matrix, stored columns x total (of GGUF: total x columns), of which rows [first, first
 * + rows) are taken, and the same part of its bias. */
struct part {
	struct weight **weight, **bias;
	uint32_t columns, total, first, rows;
	const char *name;
};

static void take_part(struct loader *from, const char *prefix, uint32_t i, const struct part *p)
{
	const struct gpt2 *g = from->net->own;

	*p->weight = g->rows_stored ? loader_take_rows(from, p->total, p->first, p->rows,
					      p->columns, "%sh.%u.%s.weight", prefix, i, p->name)
				    : loader_take_turned(from, p->columns, p->total, p->first,
					      p->rows, "%sh.%u.%s.weight", prefix, i, p->name);
	*p->bias = loader_take_turned(
		from, 0, p->total, p->first, p->rows, "%sh.%u.%s.bias", prefix, i, p->name);
}

static void load_layer(
	struct loader *from, const char *prefix, const struct gpt2 *g, uint32_t i, struct layer *to)
{
	uint32_t n = g->hidden;
	const struct part parts[] = {
		{&to->q, &to->q_bias, n, 3 * n, 0, n, "attn.c_attn"},
		{&to->k, &to->k_bias, n, 3 * n, n, n, "attn.c_attn"},
		{&to->v, &to->v_bias, n, 3 * n, 2 * n, n, "attn.c_attn"},
		{&to->o, &to->o_bias, n, n, 0, n, "attn.c_proj"},
		{&to->up, &to->up_bias, n, g->inner, 0, g->inner, "mlp.c_fc"},
		{&to->down, &to->down_bias, g->inner, n, 0, n, "mlp.c_proj"},
	};

	for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++)
		take_part(from, prefix, i, &parts[j]);
	to->norm_in = loader_take(from, 0, n, "%sh.%u.ln_1.weight", prefix, i);
	to->norm_in_bias = loader_take(from, 0, n, "%sh.%u.ln_1.bias", prefix, i);
	to->norm_post = loader_take(from, 0, n, "%sh.%u.ln_2.weight", prefix, i);
	to->norm_post_bias = loader_take(from, 0, n, "%sh.%u.ln_2.bias", prefix, i);
}

static int gpt2_load(struct net *net, const struct weights *weights, struct err *e)
{
	struct gpt2 *g = net->own;
	struct loader from = {.net = net, .weights = weights, .e = e};
	/* The published gpt2 was saved without its head, and so without the prefix. */
	const char *prefix = loader_has(&from, "wte.weight") ? "" : "transformer.";

	g->layers = calloc(net->layers, sizeof(*g->layers));
	if (!g->layers)
		return err_set(e, -ENOMEM, "out of memory");
	g->words = loader_take(&from, net->vocab, g->hidden, "%swte.weight", prefix);
	g->positions = loader_take(&from, net->context, g->hidden, "%swpe.weight", prefix);
	g->norm = loader_take(&from, 0, g->hidden, "%sln_f.weight", prefix);
	g->norm_bias = loader_take(&from, 0, g->hidden, "%sln_f.bias", prefix);
	for (uint32_t i = 0; i < net->layers && from.r == 0; i++)
		load_layer(&from, prefix, g, i, &g->layers[i]);
	return from.r;
}

/* --- the graph --- */

/* Activations of a step, cut from the scratch. */
struct room {
	float *x, *normed, *q, *k, *v, *mixed, *inner;
};

static int make_room(struct net *net, size_t m, struct room *ret)
{
	const struct gpt2 *g = net->own;
	size_t n = m * g->hidden;
	int r = net_reserve(net, m, 6 * (size_t)g->hidden + g->inner);

	if (r < 0)
		return r;
	ret->x = net->scratch;
	ret->normed = ret->x + n;
	ret->q = ret->normed + n;
	ret->k = ret->q + n;
	ret->v = ret->k + n;
	ret->mixed = ret->v + n;
	ret->inner = ret->mixed + n;
	return 0;
}

static void embed(struct net *net, const uint32_t *ids, const struct place *places, size_t m,
	const struct room *at)
{
	const struct gpt2 *g = net->own;
	struct device *d = net->device;
	uint32_t positions[NET_STEP_ROWS_MAX];

	for (size_t i = 0; i < m; i++)
		positions[i] = places[i].position;
	d->ops->embed(d, g->words, ids, m, false, at->x);
	d->ops->embed(d, g->positions, positions, m, true, at->x);
}

static void run_layer(
	struct net *net, uint32_t i, const struct place *places, size_t m, const struct room *at)
{
	const struct gpt2 *g = net->own;
	const struct layer *w = &g->layers[i];
	struct device *d = net->device;
	uint32_t n = g->hidden;

	d->ops->layernorm(d, at->x, w->norm_in, w->norm_in_bias, g->eps, m, n, at->normed);
	d->ops->linear(d, w->q, w->q_bias, at->normed, m, at->q);
	d->ops->linear(d, w->k, w->k_bias, at->normed, m, at->k);
	d->ops->linear(d, w->v, w->v_bias, at->normed, m, at->v);
	d->ops->kv_put(d, i, places, m, at->k, at->v, net->kv_width);
	d->ops->attend_causal(d, i, places, m, &g->heads, at->q, at->mixed);
	d->ops->linear(d, w->o, w->o_bias, at->mixed, m, at->normed);
	d->ops->add(d, at->normed, at->x, m * n);
	d->ops->layernorm(d, at->x, w->norm_post, w->norm_post_bias, g->eps, m, n, at->normed);
	d->ops->linear(d, w->up, w->up_bias, at->normed, m, at->inner);
	d->ops->gelu_tanh(d, at->inner, m * g->inner);
	d->ops->linear(d, w->down, w->down_bias, at->inner, m, at->normed);
	d->ops->add(d, at->normed, at->x, m * n);
}

static int gpt2_step(struct net *net, const uint32_t *ids, const struct place *places, size_t m,
	const uint32_t *wanted, size_t n_wanted, float *logits)
{
	const struct gpt2 *g = net->own;
	struct device *d = net->device;
	struct room at;
	float *out = NULL;
	int r = make_room(net, m, &at);

	if (r < 0)
		return r;
	if (n_wanted > 0 && !(out = d->ops->alloc(d, n_wanted * net->vocab)))
		return -ENOMEM;
	embed(net, ids, places, m, &at);
	for (uint32_t i = 0; i < net->layers; i++)
		run_layer(net, i, places, m, &at);
	if (!out)
		return 0;
	d->ops->gather(d, at.x, g->hidden, wanted, n_wanted, at.normed);
	d->ops->layernorm(d, at.normed, g->norm, g->norm_bias, g->eps, n_wanted, g->hidden, at.x);
	d->ops->linear(d, g->words, NULL, at.x, n_wanted, out);
	d->ops->fetch(d, out, n_wanted * net->vocab, logits);
	d->ops->free(d, out);
	return 0;
}

static void gpt2_unload(struct net *net)
{
	struct gpt2 *g = net->own;

	if (!g)
		return;
	free(g->layers);
	free(g);
}

const struct family family_gpt2 = {
	.architectures = {"GPT2LMHeadModel"},
	.decoder = true,
	.configure = gpt2_configure,
	.load = gpt2_load,
	.step = gpt2_step,
	.unload = gpt2_unload,
};
