/*
 * ViTForImageClassification: the row for the whole picture is normalised and labelled. Names and
 * order of operations as in transformers' modeling_vit.py.
 */
#include <errno.h>
#include <stdlib.h>

#include "inference/models/tower.h"

struct vit {
	struct tower tower;
	struct eye eye;
	struct weight *norm, *norm_bias, *classifier, *classifier_bias;
};

static const struct tower_names tower_names = {
	.layers = "vit.encoder.layer",
	.before = "layernorm_before",
	.query = "attention.attention.query",
	.key = "attention.attention.key",
	.value = "attention.attention.value",
	.output = "attention.output.dense",
	.after = "layernorm_after",
	.inner = "intermediate.dense",
	.outer = "output.dense",
};

static const struct eye_names eye_names = {
	.project = "vit.embeddings.patch_embeddings.projection.weight",
	.bias = "vit.embeddings.patch_embeddings.projection.bias",
	.whole = "vit.embeddings.cls_token",
	.positions = "vit.embeddings.position_embeddings",
};

static int vit_configure(struct net *net, const json_t *config, struct err *e)
{
	static const struct tower_defaults base = {768, 3072, 12, 12, 1e-12, "gelu"};
	struct vit *v = net->own = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return err_set(e, -ENOMEM, "out of memory");
	r = tower_configure(&v->tower, config, &base, net->device, e);
	if (r == 0)
		r = eye_configure(&v->eye, config, 224, 16, e);
	if (r == 0)
		r = net_read_labels(net, config, e);
	net->layers = v->tower.n_layers;
	net->picture_width = v->eye.width;
	net->picture_height = v->eye.height;
	net->picture_rows = v->eye.rows;
	return r;
}

static int vit_load(struct net *net, const struct weights *weights, struct err *e)
{
	struct vit *v = net->own;
	struct loader from = {.net = net, .weights = weights, .e = e};
	uint32_t hidden = v->tower.hidden;

	eye_load(&from, &v->eye, hidden, &eye_names);
	tower_load(&from, &v->tower, &tower_names);
	v->norm = loader_take(&from, 0, hidden, "vit.layernorm.weight");
	v->norm_bias = loader_take(&from, 0, hidden, "vit.layernorm.bias");
	v->classifier = loader_take(&from, net->n_labels, hidden, "classifier.weight");
	v->classifier_bias = loader_take(&from, 0, net->n_labels, "classifier.bias");
	return from.r;
}

static int vit_look(struct net *net, const float *pixels, size_t n, float *logits)
{
	const struct vit *v = net->own;
	struct device *d = net->device;
	size_t m = n * v->eye.rows;
	uint32_t *starts = calloc(n + 1, sizeof(*starts)), hidden = v->tower.hidden;
	struct tower_room at;
	size_t width = tower_width(&v->tower, net->n_labels);
	int r = starts ? tower_make_room(net, &v->tower, m, width, &at) : -ENOMEM;

	for (size_t i = 0; r == 0 && i <= n; i++)
		starts[i] = (uint32_t)(i * v->eye.rows);
	if (r == 0)
		r = eye_open(net, &v->eye, hidden, pixels, n, &at);
	if (r == 0) {
		tower_run(d, &v->tower, starts, n, false, &at);
		d->ops->gather(d, at.x, hidden, starts, n, at.q);
		d->ops->layernorm(d, at.q, v->norm, v->norm_bias, v->tower.eps, n, hidden, at.k);
		d->ops->linear(d, v->classifier, v->classifier_bias, at.k, n, at.inner);
		d->ops->fetch(d, at.inner, n * net->n_labels, logits);
	}
	free(starts);
	return r;
}

static void vit_unload(struct net *net)
{
	struct vit *v = net->own;

	if (v)
		tower_done(&v->tower);
	free(v);
}

const struct family family_vit = {
	.architectures = {"ViTForImageClassification"},
	.configure = vit_configure,
	.load = vit_load,
	.look = vit_look,
	.unload = vit_unload,
};
