#include "inference/formats/gguf_model.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RENAMED_MAX 96 /* bytes of a Hugging Face name */
#define LAYERS_MAX 1000
#define WORD_MAX 64

/* A name of the file and its name elsewhere; %u is the layer. Suffixes .weight and .bias stay. */
struct name {
	const char *gguf, *hf;
};

static const struct name llama_names[] = {
	{"token_embd", "model.embed_tokens"},
	{"output_norm", "model.norm"},
	{"output", "lm_head"},
	{"blk.%u.attn_norm", "model.layers.%u.input_layernorm"},
	{"blk.%u.attn_q", "model.layers.%u.self_attn.q_proj"},
	{"blk.%u.attn_k", "model.layers.%u.self_attn.k_proj"},
	{"blk.%u.attn_v", "model.layers.%u.self_attn.v_proj"},
	{"blk.%u.attn_output", "model.layers.%u.self_attn.o_proj"},
	{"blk.%u.attn_q_norm", "model.layers.%u.self_attn.q_norm"},
	{"blk.%u.attn_k_norm", "model.layers.%u.self_attn.k_norm"},
	{"blk.%u.ffn_norm", "model.layers.%u.post_attention_layernorm"},
	{"blk.%u.ffn_gate", "model.layers.%u.mlp.gate_proj"},
	{"blk.%u.ffn_up", "model.layers.%u.mlp.up_proj"},
	{"blk.%u.ffn_down", "model.layers.%u.mlp.down_proj"},
	{0},
};

static const struct name gpt2_names[] = {
	{"token_embd", "transformer.wte"},
	{"position_embd", "transformer.wpe"},
	{"output_norm", "transformer.ln_f"},
	{"output", "lm_head"},
	{"blk.%u.attn_norm", "transformer.h.%u.ln_1"},
	{"blk.%u.attn_qkv", "transformer.h.%u.attn.c_attn"},
	{"blk.%u.attn_output", "transformer.h.%u.attn.c_proj"},
	{"blk.%u.ffn_norm", "transformer.h.%u.ln_2"},
	{"blk.%u.ffn_up", "transformer.h.%u.mlp.c_fc"},
	{"blk.%u.ffn_down", "transformer.h.%u.mlp.c_proj"},
	{0},
};

static const struct name bert_names[] = {
	{"token_embd", "embeddings.word_embeddings"},
	{"position_embd", "embeddings.position_embeddings"},
	{"token_types", "embeddings.token_type_embeddings"},
	{"token_embd_norm", "embeddings.LayerNorm"},
	{"blk.%u.attn_q", "encoder.layer.%u.attention.self.query"},
	{"blk.%u.attn_k", "encoder.layer.%u.attention.self.key"},
	{"blk.%u.attn_v", "encoder.layer.%u.attention.self.value"},
	{"blk.%u.attn_output", "encoder.layer.%u.attention.output.dense"},
	{"blk.%u.attn_output_norm", "encoder.layer.%u.attention.output.LayerNorm"},
	{"blk.%u.ffn_up", "encoder.layer.%u.intermediate.dense"},
	{"blk.%u.ffn_down", "encoder.layer.%u.output.dense"},
	{"blk.%u.layer_output_norm", "encoder.layer.%u.output.LayerNorm"},
	{0},
};

/* A key below the architecture's name, and config.json's key. */
struct field {
	const char *gguf, *config;
	bool optional;
};

static const struct field llama_fields[] = {
	{"embedding_length", "hidden_size"},
	{"block_count", "num_hidden_layers"},
	{"feed_forward_length", "intermediate_size"},
	{"context_length", "max_position_embeddings"},
	{"attention.head_count", "num_attention_heads"},
	{"attention.head_count_kv", "num_key_value_heads", true},
	{"attention.key_length", "head_dim", true},
	{"attention.layer_norm_rms_epsilon", "rms_norm_eps"},
	{"attention.sliding_window", "sliding_window", true},
	{"rope.freq_base", "rope_theta", true},
	{0},
};

static const struct field gpt2_fields[] = {
	{"embedding_length", "n_embd"},
	{"block_count", "n_layer"},
	{"feed_forward_length", "n_inner", true},
	{"context_length", "n_positions"},
	{"attention.head_count", "n_head"},
	{"attention.layer_norm_epsilon", "layer_norm_epsilon"},
	{0},
};

static const struct field bert_fields[] = {
	{"embedding_length", "hidden_size"},
	{"block_count", "num_hidden_layers"},
	{"feed_forward_length", "intermediate_size"},
	{"context_length", "max_position_embeddings"},
	{"attention.head_count", "num_attention_heads"},
	{"attention.layer_norm_epsilon", "layer_norm_eps"},
	{0},
};

static int add_llama(const struct gguf *g, const char *arch, json_t *config, struct err *e);
static int add_gpt2(const struct gguf *g, const char *arch, json_t *config, struct err *e);
static int add_bert(const struct gguf *g, const char *arch, json_t *config, struct err *e);

static const struct architecture {
	const char *gguf, *hf;
	const struct name *names;
	const struct field *fields;
	int (*add)(const struct gguf *g, const char *arch, json_t *config, struct err *e);
	bool interleaved; /* llama.cpp's converter permutes the rows of q and k */
} architectures[] = {
	{"llama", "LlamaForCausalLM", llama_names, llama_fields, add_llama, true},
	{"qwen2", "Qwen2ForCausalLM", llama_names, llama_fields, add_llama, false},
	{"qwen3", "Qwen3ForCausalLM", llama_names, llama_fields, add_llama, false},
	{"gpt2", "GPT2LMHeadModel", gpt2_names, gpt2_fields, add_gpt2, false},
	{"bert", "BertModel", bert_names, bert_fields, add_bert, false},
};

static int find_architecture(const struct gguf *g, const struct architecture **ret, struct err *e)
{
	struct gguf_string name;

	if (gguf_get_string(g, "general.architecture", &name, e) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(architectures) / sizeof(architectures[0]); i++)
		if (name.n == strlen(architectures[i].gguf) &&
			!memcmp(architectures[i].gguf, name.s, name.n)) {
			*ret = &architectures[i];
			return 0;
		}
	if (name.n > WORD_MAX || strnlen(name.s, name.n) < name.n)
		return err_set(e, -ENOTSUP, "general.architecture: not supported");
	return err_set(e, -ENOTSUP,
		"general.architecture '%.*s' is not supported; llama, qwen2, qwen3, gpt2 and bert "
		"are",
		(int)name.n, name.s);
}

static const struct tensor *find_tensor(const struct gguf *g, const char *name)
{
	const struct tensor *t = gguf_tensors(g);

	for (size_t i = 0; i < gguf_count(g); i++)
		if (!strcmp(t[i].name, name))
			return &t[i];
	return NULL;
}

/* --- config.json --- */

/* 0: it is there. -ENOENT: it is not, said in words. */
static int get_number(
	const struct gguf *g, const char *arch, const char *key, double *ret, struct err *e)
{
	char full[128];

	(void)snprintf(full, sizeof(full), "%s.%s", arch, key);
	return gguf_get_number(g, full, ret, e);
}

static int set(json_t *config, const char *key, json_t *v, struct err *e)
{
	return json_object_set_new(config, key, v) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static int set_number(json_t *config, const char *key, double n, struct err *e)
{
	bool whole = fabs(n) < 0x1p53 && n == floor(n);

	if (!isfinite(n))
		return err_set(e, -EBADMSG, "%s: must be a finite number", key);
	return set(config, key, whole ? json_integer((json_int_t)n) : json_real(n), e);
}

static int add_fields(
	const struct gguf *g, const struct architecture *a, json_t *config, struct err *e)
{
	for (const struct field *f = a->fields; f->gguf; f++) {
		struct err why = {0};
		double n;
		int r = get_number(g, a->gguf, f->gguf, &n, &why);

		if (r == -ENOENT && f->optional)
			continue;
		if (r < 0)
			return err_set(e, -EBADMSG, "%s", why.text);
		r = set_number(config, f->config, n, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The rows of a matrix that must be there. */
static int add_rows(
	const struct gguf *g, const char *tensor, json_t *config, const char *key, struct err *e)
{
	const struct tensor *t = find_tensor(g, tensor);

	if (!t || t->n_dims != 2)
		return err_set(e, -EBADMSG, "tensor '%s' is missing or no matrix", tensor);
	return set_number(config, key, (double)t->dims[0], e);
}

static int add_scaling(const struct gguf *g, const char *arch, json_t *config, struct err *e)
{
	struct gguf_string type;
	struct err ignored = {0};
	char key[128], word[WORD_MAX];
	double factor, original = 0;
	json_t *scaling;

	(void)snprintf(key, sizeof(key), "%s.rope.scaling.type", arch);
	if (gguf_get_string(g, key, &type, &ignored) < 0 || type.n == 0 ||
		(type.n == 4 && !memcmp(type.s, "none", 4)))
		return 0;
	if (type.n >= sizeof(word) || (type.n != strlen("linear") && type.n != strlen("yarn")))
		return err_set(
			e, -ENOTSUP, "key '%s': only none, linear and yarn are supported", key);
	(void)snprintf(word, sizeof(word), "%.*s", (int)type.n, type.s);
	if (strcmp(word, "linear") != 0 && strcmp(word, "yarn") != 0)
		return err_set(
			e, -ENOTSUP, "key '%s': only none, linear and yarn are supported", key);
	if (get_number(g, arch, "rope.scaling.factor", &factor, e) < 0)
		return -EBADMSG;
	(void)get_number(g, arch, "rope.scaling.original_context_length", &original, &ignored);
	scaling = json_object();
	if (!scaling || json_object_set_new(scaling, "rope_type", json_string(word)) < 0 ||
		set_number(scaling, "factor", factor, e) < 0 ||
		(original > 0 &&
			set_number(scaling, "original_max_position_embeddings", original, e) < 0)) {
		json_decref(scaling);
		return e->code ? e->code : err_set(e, -ENOMEM, "out of memory");
	}
	return set(config, "rope_scaling", scaling, e);
}

/* Llama 3's scaling of long waves stands in a tensor of divisors. */
static int add_divisors(const struct gguf *g, json_t *config, struct err *e)
{
	const struct tensor *t = find_tensor(g, "rope_freqs.weight");
	json_t *list;

	if (!t)
		return 0;
	if (t->type != TENSOR_F32 || t->n_dims != 1 || t->count == 0 || t->count > 256 ||
		!tensor_is_finite(t))
		return err_set(e, -EBADMSG, "tensor 'rope_freqs.weight': must be 1 to 256 numbers");
	list = json_array();
	for (uint64_t i = 0; i < t->count; i++)
		if (!list || json_array_append_new(list, json_real((double)tensor_at(t, i))) < 0) {
			json_decref(list);
			return err_set(e, -ENOMEM, "out of memory");
		}
	return set(config, "rope_divisors", list, e);
}

/* Variants that would compute something else. */
static int check_llama(const struct gguf *g, const char *arch, struct err *e)
{
	struct err ignored = {0};
	double n, key = 0;

	if (get_number(g, arch, "expert_count", &n, &ignored) == 0 && n > 0)
		return err_set(
			e, -ENOTSUP, "key '%s.expert_count': experts are not supported", arch);
	if (get_number(g, arch, "attention.key_length", &key, &ignored) < 0) {
		double width = 0, heads = 0;

		(void)get_number(g, arch, "embedding_length", &width, &ignored);
		(void)get_number(g, arch, "attention.head_count", &heads, &ignored);
		key = heads > 0 ? width / heads : 0;
	}
	if (get_number(g, arch, "attention.value_length", &n, &ignored) == 0 && n != key)
		return err_set(e, -ENOTSUP,
			"key '%s.attention.value_length': must be the keys' length", arch);
	if (get_number(g, arch, "rope.dimension_count", &n, &ignored) == 0 && n != key)
		return err_set(e, -ENOTSUP,
			"key '%s.rope.dimension_count': only whole heads are rotated", arch);
	return 0;
}

static int add_llama(const struct gguf *g, const char *arch, json_t *config, struct err *e)
{
	const struct flag {
		const char *key, *tensor;
	} flags[] = {
		{"attention_bias", "blk.0.attn_output.bias"},
		{"mlp_bias", "blk.0.ffn_gate.bias"},
	};
	int r = check_llama(g, arch, e);

	if (r == 0)
		r = add_rows(g, "token_embd.weight", config, "vocab_size", e);
	if (r == 0)
		r = add_scaling(g, arch, config, e);
	if (r == 0)
		r = add_divisors(g, config, e);
	if (r == 0 && json_number_value(json_object_get(config, "sliding_window")) > 0)
		r = set(config, "use_sliding_window", json_true(), e);
	if (r == 0)
		r = set(config, "tie_word_embeddings",
			json_boolean(!find_tensor(g, "output.weight")), e);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]) && r == 0; i++)
		if (find_tensor(g, flags[i].tensor))
			r = set(config, flags[i].key, json_true(), e);
	return r;
}

static int add_gpt2(const struct gguf *g, const char *arch, json_t *config, struct err *e)
{
	int r = add_rows(g, "token_embd.weight", config, "vocab_size", e);

	(void)arch;
	if (r == 0)
		r = set(config, "tie_word_embeddings",
			json_boolean(!find_tensor(g, "output.weight")), e);
	return r < 0 ? r : set(config, "conv1d_transposed", json_true(), e);
}

static int add_bert(const struct gguf *g, const char *arch, json_t *config, struct err *e)
{
	int r = add_rows(g, "token_embd.weight", config, "vocab_size", e);

	(void)arch;
	return r < 0 ? r : add_rows(g, "token_types.weight", config, "type_vocab_size", e);
}

/* Which tokens end a text: the file's end of sequence and, where it has one, end of turn. */
static int add_ends(const struct gguf *g, json_t *config, struct err *e)
{
	const char *const keys[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"};
	json_t *list = json_array();

	for (size_t i = 0; list && i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct err ignored = {0};
		double n;

		if (gguf_get_number(g, keys[i], &n, &ignored) == 0 && n >= 0 && n < 0x1p32)
			(void)json_array_append_new(list, json_integer((json_int_t)n));
	}
	return set(config, "eos_token_id", list, e);
}

int gguf_config(const struct gguf *g, json_t **ret, struct err *e)
{
	const struct architecture *a;
	json_t *config;
	int r = find_architecture(g, &a, e);

	if (r < 0)
		return r;
	config = json_pack("{s:[s]}", "architectures", a->hf);
	if (!config)
		return err_set(e, -ENOMEM, "out of memory");
	r = add_fields(g, a, config, e);
	if (r == 0)
		r = a->add(g, a->gguf, config, e);
	if (r == 0 && a->interleaved)
		r = set(config, "rope_interleaved", json_true(), e);
	if (r == 0)
		r = add_ends(g, config, e);
	if (r < 0) {
		json_decref(config);
		return r;
	}
	*ret = config;
	return 0;
}

/* --- tensors --- */

/* What a family's tensors are called, and the file they lie in. */
struct renamed {
	struct gguf *file;      /* owned */
	struct tensor *tensors; /* owned; n of them */
	char (*names)[RENAMED_MAX];
	size_t n;
};

static void renamed_free(void *data)
{
	struct renamed *r = data;

	(void)gguf_free(r->file);
	free(r->tensors);
	free(r->names);
	free(r);
}

/* Reads the layer of "blk.7.attn_q"; *rest is what follows the prefix and the number. */
static bool read_layer(const char *s, unsigned int *ret, const char **rest)
{
	unsigned int n = 0;

	if (*s < '0' || *s > '9' || (s[0] == '0' && s[1] >= '0' && s[1] <= '9'))
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		n = n * 10 + (unsigned int)(*s - '0');
		if (n > LAYERS_MAX)
			return false;
	}
	*ret = n;
	*rest = s;
	return true;
}

/* Whether s begins with the pattern and goes on with a dot; fills layer and rest. */
static bool matches(const char *pattern, const char *s, unsigned int *layer, const char **rest)
{
	const char *hole = strstr(pattern, "%u"), *at = s;
	size_t head = hole ? (size_t)(hole - pattern) : strlen(pattern);

	if (strncmp(s, pattern, head) != 0)
		return false;
	at += head;
	if (hole) {
		size_t tail = strlen(hole + 2);

		if (!read_layer(at, layer, &at) || strncmp(at, hole + 2, tail) != 0)
			return false;
		at += tail;
	}
	*rest = at;
	return *at == '.';
}

static bool write_name(const struct architecture *a, const char *name, char *to)
{
	for (const struct name *n = a->names; n->gguf; n++) {
		const char *hole = strstr(n->hf, "%u"), *rest;
		unsigned int layer = 0;

		if (!matches(n->gguf, name, &layer, &rest) ||
			(strcmp(rest, ".weight") != 0 && strcmp(rest, ".bias") != 0))
			continue;
		if (hole)
			(void)snprintf(to, RENAMED_MAX, "%.*s%u%s%s", (int)(hole - n->hf), n->hf,
				layer, hole + 2, rest);
		else
			(void)snprintf(to, RENAMED_MAX, "%s%s", n->hf, rest);
		return true;
	}
	return false;
}

static int rename_all(struct renamed *all, struct err *e)
{
	const struct tensor *t = gguf_tensors(all->file);
	const struct architecture *a;
	int r = find_architecture(all->file, &a, e);

	for (size_t i = 0; i < gguf_count(all->file) && r == 0; i++) {
		if (!strcmp(t[i].name, "rope_freqs.weight"))
			continue; /* it is in the config */
		if (!write_name(a, t[i].name, all->names[all->n])) {
			r = err_set(e, -ENOTSUP, "tensor '%s' is not known in architecture '%s'",
				t[i].name, a->gguf);
			break;
		}
		all->tensors[all->n] = t[i];
		all->tensors[all->n].name = all->names[all->n];
		all->n++;
	}
	return r;
}

int gguf_weights(struct gguf *g, struct weights **ret, struct err *e)
{
	CLEANUP(weights_freep) struct weights *w = weights_new();
	struct renamed *all = calloc(1, sizeof(*all));
	int r;

	if (!all) {
		(void)gguf_free(g);
		return err_set(e, -ENOMEM, "out of memory");
	}
	all->file = g;
	all->tensors = calloc(gguf_count(g) + 1, sizeof(*all->tensors));
	all->names = calloc(gguf_count(g) + 1, sizeof(*all->names));
	r = w && all->tensors && all->names ? rename_all(all, e)
					    : err_set(e, -ENOMEM, "out of memory");
	if (r == 0)
		r = weights_add(w, all->tensors, all->n, gguf_bytes(g), all, renamed_free, e);
	if (r < 0) {
		renamed_free(all);
		return r;
	}
	*ret = TAKE_PTR(w);
	return 0;
}
