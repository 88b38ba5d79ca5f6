/*
 * CLIPModel: a tower that looks and a tower that reads, both ending in the same space. Names and
 * order of operations as in transformers' modeling_clip.py.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "inference/models/tower.h"

#define EOS_OF_OLD 2 /* such a configuration means the token with the highest id */

struct clip {
	struct tower looks, reads;
	struct eye eye;
	uint32_t eos;
	size_t width; /* floats of a row of the wider tower */
	struct weight *before, *before_bias, *after, *after_bias, *look_out;
	struct weight *words, *positions, *norm, *norm_bias, *read_out;
};

#define LAYER_NAMES                                                                                \
	.before = "layer_norm1", .query = "self_attn.q_proj", .key = "self_attn.k_proj",           \
	.value = "self_attn.v_proj", .output = "self_attn.out_proj", .after = "layer_norm2",       \
	.inner = "mlp.fc1", .outer = "mlp.fc2"

static const struct tower_names look_names = {.layers = "vision_model.encoder.layers", LAYER_NAMES};
static const struct tower_names read_names = {.layers = "text_model.encoder.layers", LAYER_NAMES};

static const struct eye_names eye_names = {
	.project = "vision_model.embeddings.patch_embedding.weight",
	.whole = "vision_model.embeddings.class_embedding",
	.positions = "vision_model.embeddings.position_embedding.weight",
};

/* The published configurations leave out what is as in the first of them, openai/clip-vit-base. */
static int configure_looks(struct net *net, struct clip *c, const json_t *config, struct err *e)
{
	static const struct tower_defaults base = {768, 3072, 12, 12, 1e-5, "quick_gelu"};
	int r = tower_configure(&c->looks, config, &base, net->device, e);

	if (r == 0)
		r = eye_configure(&c->eye, config, 224, 32, e);
	net->picture_width = c->eye.width;
	net->picture_height = c->eye.height;
	net->picture_rows = c->eye.rows;
	return r;
}

static int configure_reads(struct net *net, struct clip *c, const json_t *config, struct err *e)
{
	static const struct tower_defaults base = {512, 2048, 12, 8, 1e-5, "quick_gelu"};
	int r = tower_configure(&c->reads, config, &base, net->device, e);

	if (r < 0)
		return r;
	if (config_opt_u32(config, "vocab_size", 1, 1 << 20, 49408, &net->vocab, e) < 0 ||
		config_opt_u32(
			config, "max_position_embeddings", 2, 1 << 12, 77, &net->context, e) < 0 ||
		config_opt_u32(config, "eos_token_id", 0, 1 << 20, 49407, &c->eos, e) < 0)
		return -EBADMSG;
	return 0;
}

static int clip_configure(struct net *net, const json_t *config, struct err *e)
{
	struct clip *c = net->own = calloc(1, sizeof(*c));
	size_t looks, reads;
	int r;

	if (!c)
		return err_set(e, -ENOMEM, "out of memory");
	r = configure_looks(net, c, json_object_get(config, "vision_config"), e);
	if (r < 0)
		return err_wrap(e, "vision_config");
	r = configure_reads(net, c, json_object_get(config, "text_config"), e);
	if (r < 0)
		return err_wrap(e, "text_config");
	if (config_opt_u32(config, "projection_dim", 1, 1 << 14, 512, &net->joint, e) < 0)
		return -EBADMSG;
	looks = tower_width(&c->looks, net->joint);
	reads = tower_width(&c->reads, net->joint);
	c->width = looks > reads ? looks : reads;
	net->layers = c->looks.n_layers + c->reads.n_layers;
	return 0;
}

static int read_scale(struct net *net, const struct weights *weights, struct err *e)
{
	const struct tensor *t = weights_find(weights, "logit_scale");

	if (!t || t->count != 1 || t->type > TENSOR_BF16)
		return err_set(e, -EBADMSG, "'logit_scale': one number is needed");
	net->joint_scale = expf(tensor_at(t, 0));
	if (!isfinite(net->joint_scale))
		return err_set(e, -EBADMSG, "'logit_scale': must be below 88");
	return 0;
}

static int clip_load(struct net *net, const struct weights *weights, struct err *e)
{
	struct clip *c = net->own;
	struct loader from = {.net = net, .weights = weights, .e = e};
	uint32_t looks = c->looks.hidden, reads = c->reads.hidden;

	eye_load(&from, &c->eye, looks, &eye_names);
	c->before = loader_take(&from, 0, looks, "vision_model.pre_layrnorm.weight");
	c->before_bias = loader_take(&from, 0, looks, "vision_model.pre_layrnorm.bias");
	tower_load(&from, &c->looks, &look_names);
	c->after = loader_take(&from, 0, looks, "vision_model.post_layernorm.weight");
	c->after_bias = loader_take(&from, 0, looks, "vision_model.post_layernorm.bias");
	c->look_out = loader_take(&from, net->joint, looks, "visual_projection.weight");
	c->words = loader_take(
		&from, net->vocab, reads, "text_model.embeddings.token_embedding.weight");
	c->positions = loader_take(
		&from, net->context, reads, "text_model.embeddings.position_embedding.weight");
	tower_load(&from, &c->reads, &read_names);
	c->norm = loader_take(&from, 0, reads, "text_model.final_layer_norm.weight");
	c->norm_bias = loader_take(&from, 0, reads, "text_model.final_layer_norm.bias");
	c->read_out = loader_take(&from, net->joint, reads, "text_projection.weight");
	return from.r < 0 ? from.r : read_scale(net, weights, e);
}

static int clip_look(struct net *net, const float *pixels, size_t n, float *ret)
{
	const struct clip *c = net->own;
	struct device *d = net->device;
	size_t m = n * c->eye.rows;
	uint32_t *starts = calloc(n + 1, sizeof(*starts)), hidden = c->looks.hidden;
	struct tower_room at;
	int r = starts ? tower_make_room(net, &c->looks, m, c->width, &at) : -ENOMEM;

	for (size_t i = 0; r == 0 && i <= n; i++)
		starts[i] = (uint32_t)(i * c->eye.rows);
	if (r == 0)
		r = eye_open(net, &c->eye, hidden, pixels, n, &at);
	if (r == 0) {
		d->ops->layernorm(
			d, at.x, c->before, c->before_bias, c->looks.eps, m, hidden, at.x);
		tower_run(d, &c->looks, starts, n, false, &at);
		d->ops->gather(d, at.x, hidden, starts, n, at.q);
		d->ops->layernorm(d, at.q, c->after, c->after_bias, c->looks.eps, n, hidden, at.k);
		d->ops->linear(d, c->look_out, NULL, at.k, n, at.inner);
		d->ops->fetch(d, at.inner, n * net->joint, ret);
	}
	free(starts);
	return r;
}

/* Where a text's end stands: its row is what was understood. */
static uint32_t end_of(const struct clip *c, const uint32_t *ids, uint32_t from, uint32_t to)
{
	uint32_t highest = from;

	for (uint32_t i = from; i < to; i++) {
		if (c->eos != EOS_OF_OLD && ids[i] == c->eos)
			return i;
		if (ids[i] > ids[highest])
			highest = i;
	}
	return c->eos == EOS_OF_OLD ? highest : from;
}

static int clip_read(
	struct net *net, const uint32_t *ids, const uint32_t *starts, size_t n, float *ret)
{
	const struct clip *c = net->own;
	struct device *d = net->device;
	size_t m = starts[n], hidden = c->reads.hidden;
	uint32_t *places = calloc(m + n, sizeof(*places)), *ends = places ? places + m : NULL;
	struct tower_room at;
	int r = places ? tower_make_room(net, &c->reads, m, c->width, &at) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < n; i++) {
		for (uint32_t j = starts[i]; j < starts[i + 1]; j++)
			places[j] = j - starts[i];
		ends[i] = end_of(c, ids, starts[i], starts[i + 1]);
	}
	if (r == 0) {
		d->ops->embed(d, c->words, ids, m, false, at.x);
		d->ops->embed(d, c->positions, places, m, true, at.x);
		tower_run(d, &c->reads, starts, n, true, &at);
		d->ops->gather(d, at.x, hidden, ends, n, at.q);
		d->ops->layernorm(d, at.q, c->norm, c->norm_bias, c->reads.eps, n, hidden, at.k);
		d->ops->linear(d, c->read_out, NULL, at.k, n, at.inner);
		d->ops->fetch(d, at.inner, n * net->joint, ret);
	}
	free(places);
	return r;
}

static void clip_unload(struct net *net)
{
	struct clip *c = net->own;

	if (!c)
		return;
	tower_done(&c->looks);
	tower_done(&c->reads);
	free(c);
}

const struct family family_clip = {
	.architectures = {"CLIPModel"},
	.configure = clip_configure,
	.load = clip_load,
	.look = clip_look,
	.read = clip_read,
	.unload = clip_unload,
};
