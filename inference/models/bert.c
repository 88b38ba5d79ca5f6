/*
 * The BERT family: learned positions, full attention, layer norms after each part, and a head by
 * task. DistilBERT has no token types, RoBERTa and XLM-RoBERTa count positions from behind the
 * padding token's id; beyond that they differ in names only, which stand in tables.
 * Names and order of operations as in transformers' modeling_bert.py and its like.
 */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "inference/models/family.h"

enum act { ACT_GELU, ACT_GELU_TANH, ACT_RELU, ACT_TANH, ACT_OWN /* as config.json says */ };

/* What stands on the hidden states: dense, act and norm, where there is a dense, then out. */
struct head_names {
	const char *dense, *norm;
	enum act act;
	const char *out;  /* with tie_word_embeddings, of words: only its bias */
	const char *bias; /* NULL: out's */
};

/* Names in config.json and of a layer's tensors. */
struct names {
	const char *hidden, *inner, *layers, *heads, *act;
	const char *layer, *q, *k, *v, *o, *norm_mixed, *in, *out, *norm_out;
};

static const struct names bert_names = {
	.hidden = "hidden_size",
	.inner = "intermediate_size",
	.layers = "num_hidden_layers",
	.heads = "num_attention_heads",
	.act = "hidden_act",
	.layer = "encoder.layer",
	.q = "attention.self.query",
	.k = "attention.self.key",
	.v = "attention.self.value",
	.o = "attention.output.dense",
	.norm_mixed = "attention.output.LayerNorm",
	.in = "intermediate.dense",
	.out = "output.dense",
	.norm_out = "output.LayerNorm",
};

static const struct names distilbert_names = {
	.hidden = "dim",
	.inner = "hidden_dim",
	.layers = "n_layers",
	.heads = "n_heads",
	.act = "activation",
	.layer = "transformer.layer",
	.q = "attention.q_lin",
	.k = "attention.k_lin",
	.v = "attention.v_lin",
	.o = "attention.out_lin",
	.norm_mixed = "sa_layer_norm",
	.in = "ffn.lin1",
	.out = "ffn.lin2",
	.norm_out = "output_layer_norm",
};

struct kind {
	const char *name;   /* the architecture begins with it */
	const char *prefix; /* before the tensors below a head */
	const struct names *names;
	bool types;                        /* has token types */
	bool behind_padding;               /* the first position is pad_token_id + 1 */
	struct head_names sequence, words; /* the other two are everywhere the same */
};

static const struct kind kinds[] = {
	{
		.name = "Bert",
		.prefix = "bert.",
		.names = &bert_names,
		.types = true,
		.sequence = {"bert.pooler.dense", NULL, ACT_TANH, "classifier", NULL},
		.words = {"cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm",
			ACT_OWN, "cls.predictions.decoder", "cls.predictions.bias"},
	},
	{
		.name = "DistilBert",
		.prefix = "distilbert.",
		.names = &distilbert_names,
		.sequence = {"pre_classifier", NULL, ACT_RELU, "classifier", NULL},
		.words = {"vocab_transform", "vocab_layer_norm", ACT_OWN, "vocab_projector",
			"vocab_projector.bias"},
	},
	{
		.name = "Roberta",
		.prefix = "roberta.",
		.names = &bert_names,
		.types = true,
		.behind_padding = true,
		.sequence = {"classifier.dense", NULL, ACT_TANH, "classifier.out_proj", NULL},
		.words = {"lm_head.dense", "lm_head.layer_norm", ACT_GELU, "lm_head.decoder",
			"lm_head.bias"},
	},
};

static const struct head_names tokens_head = {.out = "classifier"},
			       spans_head = {.out = "qa_outputs"};

static const char *const heads[NET_HEADS] = {
	[NET_HIDDEN] = "Model",
	[NET_SEQUENCE] = "ForSequenceClassification",
	[NET_TOKENS] = "ForTokenClassification",
	[NET_SPANS] = "ForQuestionAnswering",
	[NET_WORDS] = "ForMaskedLM",
};

struct layer {
	struct weight *q, *q_bias, *k, *k_bias, *v, *v_bias, *o, *o_bias;
	struct weight *norm_mixed, *norm_mixed_bias;
	struct weight *inner, *inner_bias, *outer, *outer_bias;
	struct weight *norm_out, *norm_out_bias;
};

struct bert {
	const struct kind *kind;
	const struct head_names *head; /* NULL: none */
	uint32_t inner, types, positions_n, first_position;
	struct heads heads;
	float eps;
	enum act act;
	bool tied;
	struct layer *layers; /* owned */
	struct weight *words, *positions, *types_of, *norm, *norm_bias;
	struct weight *dense, *dense_bias, *dense_norm, *dense_norm_bias; /* NULL: none */
	struct weight *out, *out_bias;
};

/* --- config.json --- */

/* The architecture is one of the family's, so both are found. */
static const struct kind *find_kind(const char *architecture, enum net_head *ret)
{
	if (!strncmp(architecture, "XLMRoberta", strlen("XLMRoberta")))
		architecture += strlen("XLM"); /* RoBERTa but for its tokenizer */
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (size_t j = 0; j < NET_HEADS; j++) {
			size_t n = strlen(kinds[i].name);

			if (strncmp(architecture, kinds[i].name, n) != 0 ||
				strcmp(architecture + n, heads[j]) != 0)
				continue;
			*ret = (enum net_head)j;
			return &kinds[i];
		}
	assert(false);
	return NULL;
}

static int read_sizes(struct net *net, struct bert *b, const json_t *config, struct err *e)
{
	const struct names *k = b->kind->names;
	struct heads *h = &b->heads;
	uint32_t padding;

	if (config_u32(config, "vocab_size", 1, 1 << 20, &net->vocab, e) < 0 ||
		config_u32(config, k->hidden, 1, 1 << 14, &net->hidden, e) < 0 ||
		config_u32(config, k->inner, 1, 1 << 16, &b->inner, e) < 0 ||
		config_u32(config, k->layers, 1, 256, &net->layers, e) < 0 ||
		config_u32(config, k->heads, 1, 256, &h->heads, e) < 0 ||
		config_u32(config, "max_position_embeddings", 1, 1 << 16, &b->positions_n, e) < 0 ||
		config_opt_u32(config, "pad_token_id", 0, 1 << 20, 1, &padding, e) < 0 ||
		config_opt_u32(config, "type_vocab_size", 1, 1 << 10, 2, &b->types, e) < 0)
		return -EBADMSG;
	if (net->hidden % h->heads != 0)
		return err_set(e, -EBADMSG, "%s: must divide %s", k->heads, k->hidden);
	b->first_position = b->kind->behind_padding ? padding + 1 : 0;
	if (b->positions_n <= b->first_position)
		return err_set(e, -EBADMSG, "max_position_embeddings: must be above %u",
			b->first_position);
	net->context = b->positions_n - b->first_position;
	h->kv_heads = h->heads;
	h->dim = net->hidden / h->heads;
	return 0;
}

static int read_act(struct bert *b, const json_t *config, struct err *e)
{
	static const struct {
		const char *name;
		enum act act;
	} acts[] = {{"gelu", ACT_GELU}, {"gelu_new", ACT_GELU_TANH},
		{"gelu_pytorch_tanh", ACT_GELU_TANH}, {"relu", ACT_RELU}};
	const char *name;
	int r = json_opt_str(config, b->kind->names->act, 32, "gelu", &name, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (!strcmp(acts[i].name, name)) {
			b->act = acts[i].act;
			return 0;
		}
	return err_set(e, -ENOTSUP, "%s '%s' is not supported", b->kind->names->act, name);
}

/* The width of what the head gives, and the labels' names. */
static int read_head(struct net *net, struct bert *b, const json_t *config, struct err *e)
{
	const char *problem;
	int r = json_opt_str(config, "problem_type", 64, "", &problem, e);

	if (r < 0)
		return r;
	switch (net->head) {
	case NET_SEQUENCE:
	case NET_TOKENS:
		b->head = net->head == NET_TOKENS ? &tokens_head : &b->kind->sequence;
		r = net_read_labels(net, config, e);
		net->width = net->n_labels;
		break;
	case NET_SPANS:
		b->head = &spans_head;
		net->width = 2; /* where the answer begins, and where it ends */
		break;
	case NET_WORDS:
		b->head = &b->kind->words;
		net->width = net->vocab;
		break;
	default:
		net->width = net->hidden;
	}
	net->independent = net->n_labels == 1 || !strcmp(problem, "multi_label_classification");
	return r;
}

static int bert_configure(struct net *net, const json_t *config, struct err *e)
{
	struct bert *b = net->own = calloc(1, sizeof(*b));
	const char *positions;
	double eps;
	int r;

	if (!b)
		return err_set(e, -ENOMEM, "out of memory");
	b->kind = find_kind(net->architecture, &net->head);
	r = read_sizes(net, b, config, e);
	if (r == 0)
		r = config_number(config, "layer_norm_eps", 0, 1, 1e-12, &eps, e);
	if (r == 0)
		r = read_act(b, config, e);
	if (r == 0)
		r = json_opt_str(config, "position_embedding_type", 32, "absolute", &positions, e);
	if (r < 0)
		return r;
	if (strcmp(positions, "absolute") != 0)
		return err_set(
			e, -ENOTSUP, "position_embedding_type '%s' is not supported", positions);
	b->eps = (float)eps;
	b->tied = json_opt_bool(config, "tie_word_embeddings", true);
	return read_head(net, b, config, e);
}

/* --- weights --- */

/* A matrix and its bias; rows 0: a norm. The first BERTs call a norm's weight gamma. */
static void take(struct loader *from, struct weight **weight, struct weight **bias, uint32_t rows,
	uint32_t columns, const char *name)
{
	char old[256];

	(void)snprintf(old, sizeof(old), "%s.gamma", name);
	if (rows == 0 && loader_has(from, old)) {
		*weight = loader_take(from, rows, columns, "%s.gamma", name);
		*bias = loader_take(from, 0, columns, "%s.beta", name);
		return;
	}
	*weight = loader_take(from, rows, columns, "%s.weight", name);
	*bias = loader_take(from, 0, rows ? rows : columns, "%s.bias", name);
}

static void load_layer(struct loader *from, const char *prefix, uint32_t i, struct layer *to)
{
	const struct bert *b = from->net->own;
	const struct names *k = b->kind->names;
	uint32_t hidden = from->net->hidden;
	struct device *d = from->net->device;
	const struct part {
		struct weight **weight, **bias;
		uint32_t rows, columns;
		const char *name;
		bool outliers; /* as device.h has it: of what a norm leaves; q and k bear it */
	} parts[] = {
		{&to->q, &to->q_bias, hidden, hidden, k->q},
		{&to->k, &to->k_bias, hidden, hidden, k->k},
		{&to->v, &to->v_bias, hidden, hidden, k->v, true},
		{&to->o, &to->o_bias, hidden, hidden, k->o},
		{&to->norm_mixed, &to->norm_mixed_bias, 0, hidden, k->norm_mixed},
		{&to->inner, &to->inner_bias, b->inner, hidden, k->in, true},
		{&to->outer, &to->outer_bias, hidden, b->inner, k->out},
		{&to->norm_out, &to->norm_out_bias, 0, hidden, k->norm_out},
	};

	for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++) {
		const struct part *p = &parts[j];
		char name[128];

		(void)snprintf(name, sizeof(name), "%s%s.%u.%s", prefix, k->layer, i, p->name);
		d->outliers = p->outliers;
		take(from, p->weight, p->bias, p->rows, p->columns, name);
	}
	d->outliers = false;
}

static void load_embeddings(struct loader *from, struct bert *b, const char *prefix)
{
	uint32_t hidden = from->net->hidden;
	const char *top = "embeddings";
	char norm[128];

	b->words = loader_take(
		from, from->net->vocab, hidden, "%s%s.word_embeddings.weight", prefix, top);
	b->positions = loader_take(
		from, b->positions_n, hidden, "%s%s.position_embeddings.weight", prefix, top);
	if (b->kind->types)
		b->types_of = loader_take(
			from, b->types, hidden, "%s%s.token_type_embeddings.weight", prefix, top);
	(void)snprintf(norm, sizeof(norm), "%s%s.LayerNorm", prefix, top);
	take(from, &b->norm, &b->norm_bias, 0, hidden, norm);
}

static void load_head(struct loader *from, struct bert *b)
{
	struct net *net = from->net;
	const struct head_names *h = b->head;
	uint32_t hidden = net->hidden;

	if (!h)
		return;
	if (h->dense)
		take(from, &b->dense, &b->dense_bias, hidden, hidden, h->dense);
	if (h->norm)
		take(from, &b->dense_norm, &b->dense_norm_bias, 0, hidden, h->norm);
	if (!h->bias) {
		take(from, &b->out, &b->out_bias, net->width, hidden, h->out);
		return;
	}
	b->out = b->tied ? b->words : loader_take(from, net->width, hidden, "%s.weight", h->out);
	b->out_bias = loader_take(from, 0, net->width, "%s", h->bias);
}

static int bert_load(struct net *net, const struct weights *weights, struct err *e)
{
	struct bert *b = net->own;
	struct loader from = {.net = net, .weights = weights, .e = e};
	/* What has no head may have been saved without the prefix. */
	const char *prefix =
		loader_has(&from, "embeddings.word_embeddings.weight") ? "" : b->kind->prefix;

	b->layers = calloc(net->layers, sizeof(*b->layers));
	if (!b->layers)
		return err_set(e, -ENOMEM, "out of memory");
	load_embeddings(&from, b, prefix);
	for (uint32_t i = 0; i < net->layers && from.r == 0; i++)
		load_layer(&from, prefix, i, &b->layers[i]);
	load_head(&from, b);
	return from.r;
}

/* --- the graph --- */

struct room {
	float *x, *q, *k, *v, *mixed, *inner;
};

static int make_room(struct net *net, size_t m, struct room *ret)
{
	const struct bert *b = net->own;
	size_t n = m * net->hidden;
	int r = net_reserve(net, m, 5 * (size_t)net->hidden + b->inner);

	if (r < 0)
		return r;
	ret->x = net->scratch;
	ret->q = ret->x + n;
	ret->k = ret->q + n;
	ret->v = ret->k + n;
	ret->mixed = ret->v + n;
	ret->inner = ret->mixed + n;
	return 0;
}

static void activate(struct device *d, enum act act, float *x, size_t n)
{
	void (*const ops[])(struct device *, float *, size_t) = {
		[ACT_GELU] = d->ops->gelu,
		[ACT_GELU_TANH] = d->ops->gelu_tanh,
		[ACT_RELU] = d->ops->relu,
		[ACT_TANH] = d->ops->tanh,
	};

	ops[act](d, x, n);
}

static int embed(struct net *net, const struct batch *in, const struct room *at)
{
	const struct bert *b = net->own;
	struct device *d = net->device;
	size_t m = in->starts[in->n];
	uint32_t *places = calloc(2 * m, sizeof(*places)), *types = places + m;

	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < in->n; i++)
		for (uint32_t j = in->starts[i]; j < in->starts[i + 1]; j++) {
			places[j] = b->first_position + j - in->starts[i];
			types[j] = in->types && in->types[j] < b->types ? in->types[j] : 0;
		}
	d->ops->embed(d, b->words, in->ids, m, false, at->x);
	if (b->types_of)
		d->ops->embed(d, b->types_of, types, m, true, at->x);
	d->ops->embed(d, b->positions, places, m, true, at->x);
	d->ops->layernorm(d, at->x, b->norm, b->norm_bias, b->eps, m, net->hidden, at->x);
	free(places);
	return 0;
}

static void run_layer(
	struct net *net, const struct layer *w, const struct batch *in, const struct room *at)
{
	const struct bert *b = net->own;
	struct device *d = net->device;
	uint32_t hidden = net->hidden;
	size_t m = in->starts[in->n], size = m * hidden;

	d->ops->linear(d, w->q, w->q_bias, at->x, m, at->q);
	d->ops->linear(d, w->k, w->k_bias, at->x, m, at->k);
	d->ops->linear(d, w->v, w->v_bias, at->x, m, at->v);
	d->ops->attend_full(d, in->starts, in->n, &b->heads, at->q, at->k, at->v, at->mixed);
	d->ops->linear(d, w->o, w->o_bias, at->mixed, m, at->q);
	d->ops->add(d, at->q, at->x, size);
	d->ops->layernorm(d, at->x, w->norm_mixed, w->norm_mixed_bias, b->eps, m, hidden, at->x);
	d->ops->linear(d, w->inner, w->inner_bias, at->x, m, at->inner);
	activate(d, b->act, at->inner, m * b->inner);
	d->ops->linear(d, w->outer, w->outer_bias, at->inner, m, at->q);
	d->ops->add(d, at->q, at->x, size);
	d->ops->layernorm(d, at->x, w->norm_out, w->norm_out_bias, b->eps, m, hidden, at->x);
}

/* at->q: n hidden states. They go through the head to ret. */
static int run_head(struct net *net, size_t n, const struct room *at, float *ret)
{
	const struct bert *b = net->own;
	struct device *d = net->device;
	float *x = at->q, *out = d->ops->alloc(d, n * net->width);

	if (!out)
		return -ENOMEM;
	if (b->dense) {
		x = at->k;
		d->ops->linear(d, b->dense, b->dense_bias, at->q, n, x);
		activate(d, b->head->act == ACT_OWN ? b->act : b->head->act, x, n * net->hidden);
	}
	if (b->dense_norm)
		d->ops->layernorm(
			d, x, b->dense_norm, b->dense_norm_bias, b->eps, n, net->hidden, x);
	d->ops->linear(d, b->out, b->out_bias, x, n, out);
	d->ops->fetch(d, out, n * net->width, ret);
	d->ops->free(d, out);
	return 0;
}

static int bert_encode(struct net *net, const struct batch *in, float *ret)
{
	const struct bert *b = net->own;
	struct device *d = net->device;
	struct room at;
	int r = make_room(net, in->starts[in->n], &at);

	if (r == 0)
		r = embed(net, in, &at);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < net->layers; i++)
		run_layer(net, &b->layers[i], in, &at);
	assert(in->n_wanted <= in->starts[in->n]);
	d->ops->gather(d, at.x, net->hidden, in->wanted, in->n_wanted, at.q);
	if (!in->headless && b->head)
		return run_head(net, in->n_wanted, &at, ret);
	d->ops->fetch(d, at.q, in->n_wanted * net->hidden, ret);
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

#define HEADS_OF(kind)                                                                             \
	kind "Model", kind "ForSequenceClassification", kind "ForTokenClassification",             \
		kind "ForQuestionAnswering", kind "ForMaskedLM"

const struct family family_bert = {
	.architectures = {HEADS_OF("Bert"), HEADS_OF("DistilBert"), HEADS_OF("Roberta"),
		HEADS_OF("XLMRoberta")},
	.decoder = false,
	.configure = bert_configure,
	.load = bert_load,
	.encode = bert_encode,
	.unload = bert_unload,
};
