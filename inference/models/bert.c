/*
 * BertForSequenceClassification: learned positions, full attention, GELU (erf), a pooler on the
 * first token. Names and order of operations as in transformers' modeling_bert.py.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "inference/models/family.h"

struct layer {
	struct weight *q, *q_bias, *k, *k_bias, *v, *v_bias, *o, *o_bias;
	struct weight *norm_mixed, *norm_mixed_bias;
	struct weight *inner, *inner_bias, *outer, *outer_bias;
	struct weight *norm_out, *norm_out_bias;
};

struct bert {
	uint32_t hidden, inner, types;
	struct heads heads;
	float eps;
	struct layer *layers; /* owned */
	struct weight *words, *positions, *kinds, *norm, *norm_bias;
	struct weight *pooler, *pooler_bias, *classifier, *classifier_bias;
};

static int read_sizes(struct net *net, struct bert *b, const json_t *config, struct err *e)
{
	struct heads *h = &b->heads;

	if (config_u32(config, "vocab_size", 1, 1 << 20, &net->vocab, e) < 0 ||
		config_u32(config, "hidden_size", 1, 1 << 14, &b->hidden, e) < 0 ||
		config_u32(config, "intermediate_size", 1, 1 << 16, &b->inner, e) < 0 ||
		config_u32(config, "num_hidden_layers", 1, 256, &net->layers, e) < 0 ||
		config_u32(config, "num_attention_heads", 1, 256, &h->heads, e) < 0 ||
		config_u32(config, "max_position_embeddings", 1, 1 << 16, &net->context, e) < 0 ||
		config_opt_u32(config, "type_vocab_size", 1, 1 << 10, 2, &b->types, e) < 0)
		return -EBADMSG;
	if (b->hidden % h->heads != 0)
		return err_set(e, -EBADMSG, "num_attention_heads: must divide hidden_size");
	h->kv_heads = h->heads;
	h->dim = b->hidden / h->heads;
	return 0;
}

static int bert_configure(struct net *net, const json_t *config, struct err *e)
{
	struct bert *b = net->own = calloc(1, sizeof(*b));
	const char *act, *positions, *problem;
	double eps;
	int r;

	if (!b)
		return err_set(e, -ENOMEM, "out of memory");
	r = read_sizes(net, b, config, e);
	if (r == 0)
		r = config_number(config, "layer_norm_eps", 0, 1, 1e-12, &eps, e);
	if (r == 0)
		r = json_opt_str(config, "hidden_act", 32, "gelu", &act, e);
	if (r == 0)
		r = json_opt_str(config, "position_embedding_type", 32, "absolute", &positions, e);
	if (r == 0)
		r = json_opt_str(config, "problem_type", 64, "", &problem, e);
	if (r < 0)
		return r;
	if (strcmp(act, "gelu") != 0)
		return err_set(e, -ENOTSUP, "hidden_act '%s' is not supported", act);
	if (strcmp(positions, "absolute") != 0)
		return err_set(
			e, -ENOTSUP, "position_embedding_type '%s' is not supported", positions);
	b->eps = (float)eps;
	r = net_read_labels(net, config, e);
	net->independent = net->n_labels == 1 || !strcmp(problem, "multi_label_classification");
	return r;
}

/* --- weights --- */

static void load_layer(struct loader *from, const struct bert *b, uint32_t i, struct layer *to)
{
	const struct part {
		struct weight **weight, **bias;
		uint32_t rows, columns; /* rows 0: a norm of that many columns */
		const char *name;
	} parts[] = {
		{&to->q, &to->q_bias, b->hidden, b->hidden, "attention.self.query"},
		{&to->k, &to->k_bias, b->hidden, b->hidden, "attention.self.key"},
		{&to->v, &to->v_bias, b->hidden, b->hidden, "attention.self.value"},
		{&to->o, &to->o_bias, b->hidden, b->hidden, "attention.output.dense"},
		{&to->norm_mixed, &to->norm_mixed_bias, 0, b->hidden, "attention.output.LayerNorm"},
		{&to->inner, &to->inner_bias, b->inner, b->hidden, "intermediate.dense"},
		{&to->outer, &to->outer_bias, b->hidden, b->inner, "output.dense"},
		{&to->norm_out, &to->norm_out_bias, 0, b->hidden, "output.LayerNorm"},
	};

	for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++) {
		const struct part *p = &parts[j];

		*p->weight = loader_take(
			from, p->rows, p->columns, "bert.encoder.layer.%u.%s.weight", i, p->name);
		*p->bias = loader_take(from, 0, p->rows ? p->rows : p->columns,
			"bert.encoder.layer.%u.%s.bias", i, p->name);
	}
}

static int bert_load(struct net *net, const struct weights *weights, struct err *e)
{
	struct bert *b = net->own;
	struct loader from = {.net = net, .weights = weights, .e = e};
	const char *top = "bert.embeddings";

	b->layers = calloc(net->layers, sizeof(*b->layers));
	if (!b->layers)
		return err_set(e, -ENOMEM, "out of memory");
	b->words = loader_take(&from, net->vocab, b->hidden, "%s.word_embeddings.weight", top);
	b->positions =
		loader_take(&from, net->context, b->hidden, "%s.position_embeddings.weight", top);
	b->kinds = loader_take(&from, b->types, b->hidden, "%s.token_type_embeddings.weight", top);
	b->norm = loader_take(&from, 0, b->hidden, "%s.LayerNorm.weight", top);
	b->norm_bias = loader_take(&from, 0, b->hidden, "%s.LayerNorm.bias", top);
	for (uint32_t i = 0; i < net->layers && from.r == 0; i++)
		load_layer(&from, b, i, &b->layers[i]);
	b->pooler = loader_take(&from, b->hidden, b->hidden, "bert.pooler.dense.weight");
	b->pooler_bias = loader_take(&from, 0, b->hidden, "bert.pooler.dense.bias");
	b->classifier = loader_take(&from, net->n_labels, b->hidden, "classifier.weight");
	b->classifier_bias = loader_take(&from, 0, net->n_labels, "classifier.bias");
	return from.r;
}

/* --- the graph --- */

struct room {
	float *x, *q, *k, *v, *mixed, *inner;
};

static int make_room(struct net *net, size_t m, struct room *ret)
{
	const struct bert *b = net->own;
	size_t hidden = b->hidden, labels = net->n_labels;
	/* The labels of every sequence fit as well, since each has a row at least. */
	size_t inner = b->inner > labels ? b->inner : labels;
	int r = net_reserve(net, m, 5 * hidden + inner);

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

static int embed(struct net *net, const uint32_t *ids, const uint32_t *starts, size_t n,
	const struct room *at)
{
	const struct bert *b = net->own;
	struct device *d = net->device;
	size_t m = starts[n];
	uint32_t *places = calloc(2 * m, sizeof(*places)); /* positions, then types, all 0 */

	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		for (uint32_t j = starts[i]; j < starts[i + 1]; j++)
			places[j] = j - starts[i];
	d->ops->embed(d, b->words, ids, m, false, at->x);
	d->ops->embed(d, b->kinds, places + m, m, true, at->x);
	d->ops->embed(d, b->positions, places, m, true, at->x);
	d->ops->layernorm(d, at->x, b->norm, b->norm_bias, b->eps, m, b->hidden, at->x);
	free(places);
	return 0;
}

static void run_layer(struct net *net, const struct layer *w, const uint32_t *starts, size_t n,
	const struct room *at)
{
	const struct bert *b = net->own;
	struct device *d = net->device;
	size_t m = starts[n], size = m * b->hidden;

	d->ops->linear(d, w->q, w->q_bias, at->x, m, at->q);
	d->ops->linear(d, w->k, w->k_bias, at->x, m, at->k);
	d->ops->linear(d, w->v, w->v_bias, at->x, m, at->v);
	d->ops->attend_full(d, starts, n, &b->heads, at->q, at->k, at->v, at->mixed);
	d->ops->linear(d, w->o, w->o_bias, at->mixed, m, at->q);
	d->ops->add(d, at->q, at->x, size);
	d->ops->layernorm(d, at->x, w->norm_mixed, w->norm_mixed_bias, b->eps, m, b->hidden, at->x);
	d->ops->linear(d, w->inner, w->inner_bias, at->x, m, at->inner);
	d->ops->gelu(d, at->inner, m * b->inner);
	d->ops->linear(d, w->outer, w->outer_bias, at->inner, m, at->q);
	d->ops->add(d, at->q, at->x, size);
	d->ops->layernorm(d, at->x, w->norm_out, w->norm_out_bias, b->eps, m, b->hidden, at->x);
}

static int bert_classify(
	struct net *net, const uint32_t *ids, const uint32_t *starts, size_t n, float *logits)
{
	const struct bert *b = net->own;
	struct device *d = net->device;
	struct room at;
	int r = make_room(net, starts[n], &at);

	if (r == 0)
		r = embed(net, ids, starts, n, &at);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < net->layers; i++)
		run_layer(net, &b->layers[i], starts, n, &at);
	d->ops->gather(d, at.x, b->hidden, starts, n, at.q); /* first token of each sequence */
	d->ops->linear(d, b->pooler, b->pooler_bias, at.q, n, at.k);
	d->ops->tanh(d, at.k, n * b->hidden);
	d->ops->linear(d, b->classifier, b->classifier_bias, at.k, n, at.inner);
	d->ops->fetch(d, at.inner, n * net->n_labels, logits);
	return 0;
}

static void bert_unload(struct net *net)
{
	struct bert *b = net->own;

	if (!b)
		return;
	free(b->layers);
	free(b);
}

const struct family family_bert_classifier = {
	.architectures = {"BertForSequenceClassification"},
	.decoder = false,
	.configure = bert_configure,
	.load = bert_load,
	.classify = bert_classify,
	.unload = bert_unload,
};
