/*
 * The Llama family: RMS norm, rotary positions, grouped key heads, SwiGLU. Mistral, Qwen 2 and
 * Qwen 3 are the same graph with biases or norms of queries and keys.
 * Names and order of operations as in transformers' modeling_llama.py and its like.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "inference/models/adapter.h"
#include "inference/models/family.h"

/* What the architecture's name alone says. */
struct variant {
	const char *architecture;
	bool qkv_bias;     /* queries, keys and values have one, the output has none */
	bool qk_norm;      /* every head's queries and keys are normed before they are rotated */
	bool windowed;     /* sliding_window counts without use_sliding_window */
	uint32_t head_dim; /* where config.json does not say; 0: hidden_size / heads */
};

static const struct variant variants[] = {
	{.architecture = "LlamaForCausalLM"},
	{.architecture = "MistralForCausalLM", .windowed = true},
	{.architecture = "Qwen2ForCausalLM", .qkv_bias = true},
	{.architecture = "Qwen3ForCausalLM", .qk_norm = true, .head_dim = 128},
};

struct layer {
	struct weight *norm_in, *norm_post;
	struct weight *q_norm, *k_norm; /* NULL: none */
	struct weight *q, *k, *v, *o;
	struct weight *q_bias, *k_bias, *v_bias, *o_bias; /* NULL: none */
	struct weight *gate, *up, *down;
	struct weight *gate_bias, *up_bias, *down_bias;
};

struct llama {
	uint32_t hidden, inner;
	struct heads heads;
	float eps;
	const struct variant *variant;
	bool tied, attention_bias, mlp_bias;
	bool interleaved; /* rows of q and k are ordered for pairs (2i, 2i + 1), as GGUF has them */
	double *frequency;    /* owned; heads.dim / 2 */
	struct layer *layers; /* owned */
	struct weight *embed, *norm, *head;
};

/* --- rotary positions --- */

struct rope {
	const char *type;
	double theta, factor, low, high, original;
};

/* Transformers 5 writes rope_parameters; before, rope_theta stood alone and rope_scaling held the
 * rest. */
static int read_rope(const json_t *config, struct rope *ret, struct err *e)
{
	const json_t *p = json_object_get(config, "rope_parameters");
	const json_t *scaling = json_is_object(p) ? p : json_object_get(config, "rope_scaling");
	const json_t *at_theta = json_object_get(p, "rope_theta") ? p : config;
	int r = config_number(at_theta, "rope_theta", 1, 1e12, 10000, &ret->theta, e);

	ret->type = "default";
	if (r < 0 || !scaling || json_is_null(scaling))
		return r;
	if (json_opt_str(scaling, "type", 32, "default", &ret->type, e) < 0 ||
		json_opt_str(scaling, "rope_type", 32, ret->type, &ret->type, e) < 0)
		return -EBADMSG;
	if (!strcmp(ret->type, "default"))
		return 0;
	if (strcmp(ret->type, "linear") != 0 && strcmp(ret->type, "llama3") != 0)
		return err_set(e, -ENOTSUP, "rope type '%s' is not supported", ret->type);
	r = config_number(scaling, "factor", 1, 1e6, NAN, &ret->factor, e);
	if (r < 0 || !strcmp(ret->type, "linear"))
		return r;
	r = config_number(scaling, "low_freq_factor", 1e-3, 1e6, NAN, &ret->low, e);
	if (r == 0)
		r = config_number(scaling, "high_freq_factor", 1e-3, 1e6, NAN, &ret->high, e);
	if (r == 0)
		r = config_number(scaling, "original_max_position_embeddings", 1, 1e9, NAN,
			&ret->original, e);
	if (r == 0 && ret->high <= ret->low)
		r = err_set(e, -EBADMSG, "high_freq_factor: must be above low_freq_factor");
	return r;
}

/* llama3: long waves are stretched by factor, short ones stay, those between are blended
 * (transformers, modeling_rope_utils.py). */
static double scale_frequency(const struct rope *rope, double f)
{
	double turns = rope->original * f / (2 * M_PI), blend;

	if (!strcmp(rope->type, "linear"))
		return f / rope->factor;
	if (strcmp(rope->type, "llama3") != 0 || turns > rope->high)
		return f;
	if (turns < rope->low)
		return f / rope->factor;
	blend = (turns - rope->low) / (rope->high - rope->low);
	return (1 - blend) * f / rope->factor + blend * f;
}

/* GGUF has llama3's scaling already computed. */
static int divide_frequencies(struct llama *l, const json_t *config, struct err *e)
{
	const json_t *divisors = json_object_get(config, "rope_divisors");

	if (!divisors)
		return 0;
	if (json_array_size(divisors) != l->heads.dim / 2)
		return err_set(e, -EBADMSG, "rope_divisors: must be %u numbers", l->heads.dim / 2);
	for (uint32_t i = 0; i < l->heads.dim / 2; i++) {
		double n = json_number_value(json_array_get(divisors, i));

		if (!(n >= 1e-6 && n <= 1e6))
			return err_set(
				e, -EBADMSG, "rope_divisors: must be numbers from 1e-6 to 1e6");
		l->frequency[i] /= n;
	}
	return 0;
}

static int make_frequencies(struct llama *l, const json_t *config, struct err *e)
{
	struct rope rope = {0};
	int r = read_rope(config, &rope, e);

	if (r < 0)
		return r;
	l->frequency = calloc(l->heads.dim / 2, sizeof(*l->frequency));
	if (!l->frequency)
		return err_set(e, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < l->heads.dim / 2; i++)
		l->frequency[i] = scale_frequency(&rope, pow(rope.theta, -2.0 * i / l->heads.dim));
	return divide_frequencies(l, config, e);
}

/* --- config.json --- */

static int read_sizes(struct net *net, struct llama *l, const json_t *config, struct err *e)
{
	struct heads *h = &l->heads;

	if (config_u32(config, "vocab_size", 1, 1 << 20, &net->vocab, e) < 0 ||
		config_u32(config, "hidden_size", 1, 1 << 14, &l->hidden, e) < 0 ||
		config_u32(config, "intermediate_size", 1, 1 << 16, &l->inner, e) < 0 ||
		config_u32(config, "num_hidden_layers", 1, 256, &net->layers, e) < 0 ||
		config_u32(config, "num_attention_heads", 1, 256, &h->heads, e) < 0 ||
		config_opt_u32(config, "num_key_value_heads", 1, 256, h->heads, &h->kv_heads, e) <
			0 ||
		config_u32(config, "max_position_embeddings", 1, 1 << 24, &net->context, e) < 0)
		return -EBADMSG;
	h->dim = l->variant->head_dim ? l->variant->head_dim : l->hidden / h->heads;
	if (config_opt_u32(config, "head_dim", 2, 512, h->dim, &h->dim, e) < 0)
		return -EBADMSG;
	if (h->heads % h->kv_heads != 0)
		return err_set(e, -EBADMSG, "num_key_value_heads: must divide num_attention_heads");
	if (h->dim < 2 || h->dim > 512 || h->dim % 2 != 0)
		return err_set(e, -EBADMSG, "head_dim: must be even and 2 to 512");
	if (net->context > NET_CONTEXT_MAX)
		net->context = NET_CONTEXT_MAX;
	net->kv_width = h->kv_heads * h->dim;
	return 0;
}

/* Up to its length a window changes nothing, and there the context ends: a cache that forgets
 * what leaves the window would make the model slower for everyone, and few texts are so long. */
static int read_window(struct net *net, const struct llama *l, const json_t *config, struct err *e)
{
	uint32_t window;

	if (config_opt_u32(config, "sliding_window", 1, 1 << 24, 1 << 24, &window, e) < 0)
		return -EBADMSG;
	if (!l->variant->windowed && !json_opt_bool(config, "use_sliding_window", false))
		return 0;
	if (net->context > window)
		net->context = window;
	return 0;
}

static const struct variant *find_variant(const char *architecture)
{
	size_t i = 0;

	while (strcmp(variants[i].architecture, architecture) != 0)
		i++; /* family_find took it from family_llama, whose names these are */
	return &variants[i];
}

static int llama_configure(struct net *net, const json_t *config, struct err *e)
{
	struct llama *l = net->own = calloc(1, sizeof(*l));
	const char *act;
	double eps;
	int r;

	if (!l)
		return err_set(e, -ENOMEM, "out of memory");
	l->variant = find_variant(net->architecture);
	r = read_sizes(net, l, config, e);
	if (r == 0)
		r = read_window(net, l, config, e);
	if (r == 0)
		r = config_number(config, "rms_norm_eps", 0, 1, 1e-6, &eps, e);
	if (r == 0)
		r = json_opt_str(config, "hidden_act", 32, "silu", &act, e);
	if (r < 0)
		return r;
	if (strcmp(act, "silu") != 0)
		return err_set(e, -ENOTSUP, "hidden_act '%s' is not supported", act);
	if (json_object_get(config, "quantization_config"))
		return err_set(e, -ENOTSUP, "quantized weights are not supported");
	l->eps = (float)eps;
	l->tied = json_opt_bool(config, "tie_word_embeddings", false);
	l->attention_bias = json_opt_bool(config, "attention_bias", false);
	l->mlp_bias = json_opt_bool(config, "mlp_bias", false);
	l->interleaved = json_opt_bool(config, "rope_interleaved", false);
	return make_frequencies(l, config, e);
}

/* --- weights --- */

static void load_layer(struct loader *from, const struct llama *l, uint32_t i, struct layer *to)
{
	uint32_t q = l->heads.heads * l->heads.dim, kv = l->heads.kv_heads * l->heads.dim;
	bool biased = l->attention_bias || l->variant->qkv_bias;
	const struct matrix {
		struct weight **weight, **bias;
		uint32_t rows, columns;
		bool biased;
		const char *name;
	} matrices[] = {
		{&to->q, &to->q_bias, q, l->hidden, biased, "self_attn.q_proj"},
		{&to->k, &to->k_bias, kv, l->hidden, biased, "self_attn.k_proj"},
		{&to->v, &to->v_bias, kv, l->hidden, biased, "self_attn.v_proj"},
		{&to->o, &to->o_bias, l->hidden, q, l->attention_bias, "self_attn.o_proj"},
		{&to->gate, &to->gate_bias, l->inner, l->hidden, l->mlp_bias, "mlp.gate_proj"},
		{&to->up, &to->up_bias, l->inner, l->hidden, l->mlp_bias, "mlp.up_proj"},
		{&to->down, &to->down_bias, l->hidden, l->inner, l->mlp_bias, "mlp.down_proj"},
	};

	to->norm_in = loader_take(from, 0, l->hidden, "model.layers.%u.input_layernorm.weight", i);
	to->norm_post = loader_take(
		from, 0, l->hidden, "model.layers.%u.post_attention_layernorm.weight", i);
	if (l->variant->qk_norm) {
		to->q_norm = loader_take(
			from, 0, l->heads.dim, "model.layers.%u.self_attn.q_norm.weight", i);
		to->k_norm = loader_take(
			from, 0, l->heads.dim, "model.layers.%u.self_attn.k_norm.weight", i);
	}
	for (size_t j = 0; j < sizeof(matrices) / sizeof(matrices[0]); j++) {
		const struct matrix *m = &matrices[j];

		*m->weight = loader_take(
			from, m->rows, m->columns, "model.layers.%u.%s.weight", i, m->name);
		if (m->biased)
			*m->bias = loader_take(
				from, 0, m->rows, "model.layers.%u.%s.bias", i, m->name);
	}
}

static int llama_load(struct net *net, const struct weights *weights, struct err *e)
{
	struct llama *l = net->own;
	struct loader from = {.net = net, .weights = weights, .e = e};

	l->layers = calloc(net->layers, sizeof(*l->layers));
	if (!l->layers)
		return err_set(e, -ENOMEM, "out of memory");
	l->embed = loader_take(&from, net->vocab, l->hidden, "model.embed_tokens.weight");
	l->norm = loader_take(&from, 0, l->hidden, "model.norm.weight");
	l->head = l->tied ? l->embed : loader_take(&from, net->vocab, l->hidden, "lm_head.weight");
	for (uint32_t i = 0; i < net->layers && from.r == 0; i++)
		load_layer(&from, l, i, &l->layers[i]);
	return from.r;
}

/* --- the graph --- */

/* Activations of a step, cut from the scratch. */
struct room {
	float *x, *normed, *q, *k, *v, *mixed, *gate, *up;
	float *adapted; /* NULL: no row has an adapter */
};

static int make_room(struct net *net, const struct place *places, size_t m, struct room *ret)
{
	const struct llama *l = net->own;
	size_t q = (size_t)l->heads.heads * l->heads.dim, kv = net->kv_width;
	size_t more = adapter_room(net, places, m);
	int r = net_reserve(
		net, m, 2 * (size_t)l->hidden + 2 * q + 2 * kv + 2 * (size_t)l->inner + more);

	if (r < 0)
		return r;
	ret->x = net->scratch;
	ret->normed = ret->x + m * l->hidden;
	ret->q = ret->normed + m * l->hidden;
	ret->k = ret->q + m * q;
	ret->v = ret->k + m * kv;
	ret->mixed = ret->v + m * kv;
	ret->gate = ret->mixed + m * q;
	ret->up = ret->gate + m * l->inner;
	ret->adapted = more ? ret->up + m * l->inner : NULL;
	return 0;
}

static void run_attention(
	struct net *net, uint32_t i, const struct place *places, size_t m, const struct room *at)
{
	const struct llama *l = net->own;
	const struct layer *w = &l->layers[i];
	struct device *d = net->device;
	const struct heads *h = &l->heads;

	d->ops->rmsnorm(d, at->x, w->norm_in, l->eps, m, l->hidden, at->normed);
	d->ops->linear(d, w->q, w->q_bias, at->normed, m, at->q);
	d->ops->linear(d, w->k, w->k_bias, at->normed, m, at->k);
	d->ops->linear(d, w->v, w->v_bias, at->normed, m, at->v);
	adapter_apply(net, places, m, i, ADAPTED_Q, at->normed, at->q, at->adapted);
	adapter_apply(net, places, m, i, ADAPTED_K, at->normed, at->k, at->adapted);
	adapter_apply(net, places, m, i, ADAPTED_V, at->normed, at->v, at->adapted);
	if (w->q_norm) {
		d->ops->rmsnorm(d, at->q, w->q_norm, l->eps, m * h->heads, h->dim, at->q);
		d->ops->rmsnorm(d, at->k, w->k_norm, l->eps, m * h->kv_heads, h->dim, at->k);
	}
	d->ops->rope(d, at->q, m, h->heads, h->dim, places, l->frequency, l->interleaved);
	d->ops->rope(d, at->k, m, h->kv_heads, h->dim, places, l->frequency, l->interleaved);
	d->ops->kv_put(d, i, places, m, at->k, at->v, net->kv_width);
	d->ops->attend_causal(d, i, places, m, h, at->q, at->mixed);
	d->ops->linear(d, w->o, w->o_bias, at->mixed, m, at->normed);
	adapter_apply(net, places, m, i, ADAPTED_O, at->mixed, at->normed, at->adapted);
	d->ops->add(d, at->normed, at->x, m * l->hidden);
}

static void run_mlp(
	struct net *net, uint32_t i, const struct place *places, size_t m, const struct room *at)
{
	const struct llama *l = net->own;
	const struct layer *w = &l->layers[i];
	struct device *d = net->device;

	d->ops->rmsnorm(d, at->x, w->norm_post, l->eps, m, l->hidden, at->normed);
	d->ops->linear(d, w->gate, w->gate_bias, at->normed, m, at->gate);
	d->ops->linear(d, w->up, w->up_bias, at->normed, m, at->up);
	adapter_apply(net, places, m, i, ADAPTED_GATE, at->normed, at->gate, at->adapted);
	adapter_apply(net, places, m, i, ADAPTED_UP, at->normed, at->up, at->adapted);
	d->ops->silu_mul(d, at->gate, at->up, m * l->inner);
	d->ops->linear(d, w->down, w->down_bias, at->gate, m, at->normed);
	adapter_apply(net, places, m, i, ADAPTED_DOWN, at->gate, at->normed, at->adapted);
	d->ops->add(d, at->normed, at->x, m * l->hidden);
}

static int llama_step(struct net *net, const uint32_t *ids, const struct place *places, size_t m,
	const uint32_t *wanted, size_t n_wanted, float *logits)
{
	const struct llama *l = net->own;
	struct device *d = net->device;
	struct room at;
	float *out;
	int r = make_room(net, places, m, &at);

	if (r < 0)
		return r;
	if (n_wanted == 0) {
		out = NULL;
	} else {
		out = d->ops->alloc(d, n_wanted * net->vocab);
		if (!out)
			return -ENOMEM;
	}
	d->ops->embed(d, l->embed, ids, m, false, at.x);
	for (uint32_t i = 0; i < net->layers; i++) {
		run_attention(net, i, places, m, &at);
		run_mlp(net, i, places, m, &at);
	}
	if (!out)
		return 0;
	d->ops->gather(d, at.x, l->hidden, wanted, n_wanted, at.normed);
	d->ops->rmsnorm(d, at.normed, l->norm, l->eps, n_wanted, l->hidden, at.x);
	d->ops->linear(d, l->head, NULL, at.x, n_wanted, out);
	d->ops->fetch(d, out, n_wanted * net->vocab, logits);
	d->ops->free(d, out);
	return 0;
}

static bool llama_adapts(const struct net *net, unsigned which, uint32_t *rows, uint32_t *columns)
{
	const struct llama *l = net->own;
	uint32_t q = l->heads.heads * l->heads.dim, kv = l->heads.kv_heads * l->heads.dim;
	const uint32_t shapes[N_ADAPTED][2] = {
		[ADAPTED_Q] = {q, l->hidden},
		[ADAPTED_K] = {kv, l->hidden},
		[ADAPTED_V] = {kv, l->hidden},
		[ADAPTED_O] = {l->hidden, q},
		[ADAPTED_GATE] = {l->inner, l->hidden},
		[ADAPTED_UP] = {l->inner, l->hidden},
		[ADAPTED_DOWN] = {l->hidden, l->inner},
	};

	*rows = shapes[which][0];
	*columns = shapes[which][1];
	return !l->interleaved; /* adapters are not ordered so */
}

static void llama_unload(struct net *net)
{
	struct llama *l = net->own;

	if (!l)
		return;
	free(l->frequency);
	free(l->layers);
	free(l);
}

const struct family family_llama = {
	.architectures = {"LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM",
		"Qwen3ForCausalLM"},
	.decoder = true,
	.configure = llama_configure,
	.load = llama_load,
	.step = llama_step,
	.adapts = llama_adapts,
	.unload = llama_unload,
};
