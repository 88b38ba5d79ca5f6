#include "inference/engine/model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "inference/formats/folder.h"
#include "inference/models/adapter.h"

#define KEEPING_MAX 4096   /* bytes of a vitrine.json */
#define TOKENS_DEFAULT 256 /* written where neither caller nor model says how many */

static void add_stop(struct model *m, json_int_t id)
{
	if (id < 0 || id >= m->net->vocab || m->n_stops == MODEL_STOPS_MAX)
		return;
	for (size_t i = 0; i < m->n_stops; i++)
		if (m->stops[i] == (uint32_t)id)
			return;
	m->stops[m->n_stops++] = (uint32_t)id;
}

/* eos_token_id: a number or an array of them. */
static void add_stops(struct model *m, const json_t *v)
{
	const json_t *id;
	size_t i;

	if (json_is_integer(v))
		add_stop(m, json_integer_value(v));
	json_array_foreach(v, i, id) if (json_is_integer(id)) add_stop(m, json_integer_value(id));
}

/* A special token is written as a string, or as an object with its content. */
static const char *token_spelling(const json_t *config, const char *key)
{
	const json_t *v = json_object_get(config, key);

	if (json_is_object(v))
		v = json_object_get(v, "content");
	return json_is_string(v) ? json_string_value(v) : "";
}

static void find_stops(
	struct model *m, const json_t *config, const json_t *generation, const json_t *tokens)
{
	/* A turn ends with these wherever a tokenizer knows them. */
	const char *const names[] = {
		token_spelling(tokens, "eos_token"), "<|im_end|>", "<|eot_id|>", "<|end_of_text|>"};

	add_stops(m, json_object_get(config, "eos_token_id"));
	add_stops(m, json_object_get(generation, "eos_token_id"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint32_t id = names[i][0] ? tokenizer_find(m->tokenizer, names[i]) : UINT32_MAX;

		if (id != UINT32_MAX)
			add_stop(m, id);
	}
}

static int read_sampling(struct model *m, const json_t *g, struct err *e)
{
	struct sampling *s = &m->sampling;
	double k, n;
	int r;

	*s = (struct sampling){.temperature = 0, .top_p = 1, .max_tokens = TOKENS_DEFAULT};
	r = config_number(g, "max_new_tokens", 1, 1 << 20, TOKENS_DEFAULT, &n, e);
	if (r < 0)
		return r;
	s->max_tokens = (uint32_t)n;
	r = config_number(g, "repetition_penalty", 0.01, 100, 1, &s->repetition, e);
	if (r < 0)
		return r;
	if (!json_opt_bool(g, "do_sample", false))
		return 0;
	r = config_number(g, "temperature", 0, 10, 1, &s->temperature, e);
	if (r == 0)
		r = config_number(g, "top_p", 1e-6, 1, 1, &s->top_p, e);
	if (r == 0)
		r = config_number(g, "min_p", 0, 1, 0, &s->min_p, e);
	if (r == 0)
		r = config_number(g, "top_k", 0, 1 << 20, 50, &k, e); /* transformers' default */
	if (r == 0)
		s->top_k = (uint32_t)k;
	return r;
}

/* The template of chat_template.jinja, where newer ones keep it, or of tokenizer_config.json. */
static int read_template(struct model *m, int folder, const json_t *tokens)
{
	const char *bos = token_spelling(tokens, "bos_token");
	const char *eos = token_spelling(tokens, "eos_token");
	CLEANUP(json_decrefp) json_t *trial = NULL;
	CLEANUP(buf_done) struct buf file, rendered;
	struct err ignored = {0}, *e = &m->template_error;
	int r;

	buf_init(&file, CHAT_TEMPLATE_MAX);
	buf_init(&rendered, CHAT_TEMPLATE_MAX);
	if (fs_read(folder, "chat_template.jinja", &file, &ignored) == 0)
		r = chat_template_new(buf_str(&file), file.len, bos, eos, &m->template, e);
	else
		r = chat_template_read(
			json_object_get(tokens, "chat_template"), bos, eos, &m->template, e);
	if (r < 0)
		return r;
	/* One that fails on the plainest conversation is found now, not by a visitor. */
	trial = json_pack("[{s:s, s:s}]", "role", "user", "content", "x");
	r = trial ? chat_template_render(m->template, trial, NULL, &rendered, e) : -ENOMEM;
	if (r < 0)
		m->template = chat_template_free(m->template);
	return r;
}

static int read_tokenizer(struct model *m, const struct folder *f, struct err *e)
{
	int r;

	if (!f->tokenizer)
		return err_set(e, -ENOENT, "tokenizer.json: %s", strerror(ENOENT));
	r = tokenizer_new(f->tokenizer, &m->tokenizer, e);
	return r < 0 ? err_wrap(e, "tokenizer.json") : 0;
}

/* vitrine.json: how this service is to keep the model. The file may be missing. */
static int read_keeping(const struct folder *f, bool *ret_eights, struct err *e)
{
	CLEANUP(json_decrefp) json_t *keeping = NULL;
	struct err why = {0};
	const char *quantize;
	int r = folder_json(f, "vitrine.json", KEEPING_MAX, &keeping, &why);

	if (r < 0 && r != -ENOENT)
		return err_set(e, r, "%s", why.text);
	quantize = json_string_value(json_object_get(keeping, "quantize"));
	*ret_eights = quantize && !strcmp(quantize, "q8_0");
	if (json_object_get(keeping, "quantize") && !*ret_eights)
		return err_set(e, -ENOTSUP, "vitrine.json: quantize: must be 'q8_0'");
	return 0;
}

static int read_net(
	struct model *m, const struct folder *f, struct device *d, bool examine, struct err *e)
{
	bool eights = false;
	int r = read_keeping(f, &eights, e);

	if (r < 0)
		return r;
	/* Only the thread that loads changes it: what is examined meanwhile does not. */
	if (!examine)
		d->eights = eights;
	r = examine ? net_configure(f->config, d, &m->net, e)
		    : net_load(f->config, f->weights, d, &m->net, e);
	if (!examine)
		d->eights = false;
	if (r < 0)
		return examine ? err_wrap(e, "config.json") : r;
	if (m->tokenizer && tokenizer_size(m->tokenizer) > m->net->vocab)
		return err_set(e, -EBADMSG, "tokenizer.json has %u tokens, config.json %u",
			tokenizer_size(m->tokenizer), m->net->vocab);
	return 0;
}

/* All but those that only look at pictures. */
static bool needs_tokenizer(const struct model *m)
{
	const char *name;
	const struct family *family = family_find(m->architecture, &name);

	return !family || !family->look || family->read;
}

static int read_sight(struct model *m, const struct folder *f, struct err *e)
{
	static const char name[] = "preprocessor_config.json";
	CLEANUP(json_decrefp) json_t *config = NULL;
	int r = folder_json(f, name, FOLDER_JSON_MAX, &config, e);

	if (r < 0)
		return r;
	r = sight_read(config, m->net->picture_width, m->net->picture_height, &m->sight, e);
	return r < 0 ? err_wrap(e, "%s", name) : 0;
}

/* What tasks of an encoder want to know. */
static int read_encoder(struct model *m, const struct folder *f, struct err *e)
{
	const char *mask = token_spelling(f->tokens, "mask_token");
	int r = pooling_read(f->fd, &m->pooled, e);

	if (r == 0 && m->pooled.tokens > 0 && m->pooled.tokens < m->net->context)
		m->net->context = m->pooled.tokens;
	m->mask = tokenizer_find(m->tokenizer, mask[0] ? mask : "[MASK]");
	if (m->mask == UINT32_MAX)
		m->mask = tokenizer_find(m->tokenizer, "<mask>");
	return r;
}

static int check_memory(const struct model *m, uint64_t max, struct err *e)
{
	if (m->need <= max)
		return 0;
	return err_set(e, -EFBIG, "its weights need %llu MiB of memory, the limit is %llu",
		(unsigned long long)((m->need + (1 << 20) - 1) >> 20),
		(unsigned long long)(max >> 20));
}

static int load(struct model *m, const struct folder *f, struct device *d,
	const struct model_limits *limits, struct err *e)
{
	const json_t *name = json_array_get(json_object_get(f->config, "architectures"), 0);
	int r = 0;

	if (json_is_string(name))
		(void)snprintf(
			m->architecture, sizeof(m->architecture), "%s", json_string_value(name));
	m->parameters = weights_parameters(f->weights);
	m->bytes = weights_bytes(f->weights);
	m->need = weights_need(f->weights);
	weights_watch(f->weights, limits->progress);
	r = check_memory(m, limits->memory_max, e);
	if (r == 0 && needs_tokenizer(m))
		r = read_tokenizer(m, f, e);
	if (r == 0)
		r = read_net(m, f, d, limits->examine, e);
	if (r == 0 && m->net->family->look)
		return read_sight(m, f, e);
	if (r == 0 && m->net->family->encode)
		r = read_encoder(m, f, e);
	if (r < 0 || !m->net->family->decoder)
		return r;
	r = read_sampling(m, f->generation, e);
	if (r < 0)
		return err_wrap(e, "generation_config.json");
	r = adapters_read(m->net, f->fd, e);
	if (r < 0)
		return r;
	find_stops(m, f->config, f->generation, f->tokens);
	(void)read_template(m, f->fd, f->tokens); /* without one it still writes text */
	return 0;
}

struct model *model_load(int dirfd, const char *folder, const char *id, struct device *d,
	const struct model_limits *limits)
{
	struct model *m = calloc(1, sizeof(*m));
	struct folder files;
	int r;

	if (!m)
		return NULL;
	(void)snprintf(m->id, sizeof(m->id), "%s", id);
	m->task = "";
	r = folder_open(dirfd, folder, &files, &m->error);
	if (r == 0)
		r = load(m, &files, d, limits, &m->error);
	folder_done(&files);
	if (r == 0)
		m->task = model_task(m);
	if (r < 0 || limits->examine)
		model_unload(m);
	return m;
}

struct model *model_open(int dirfd, const char *folder, const char *id, struct device *d)
{
	static const struct model_limits none = {.memory_max = UINT64_MAX};

	return model_load(dirfd, folder, id, d, &none);
}

void model_unload(struct model *m)
{
	m->net = net_free(m->net);
	m->tokenizer = tokenizer_free(m->tokenizer);
	m->template = chat_template_free(m->template);
}

struct model *model_free(struct model *m)
{
	if (!m)
		return NULL;
	model_unload(m);
	free(m);
	return NULL;
}

const char *model_task(const struct model *m)
{
	static const char *const tasks[NET_HEADS] = {
		[NET_HIDDEN] = "feature-extraction",
		[NET_SEQUENCE] = "text-classification",
		[NET_TOKENS] = "token-classification",
		[NET_SPANS] = "question-answering",
		[NET_WORDS] = "fill-mask",
	};

	if (!m->net)
		return "";
	if (m->net->family->look)
		return m->net->joint ? "zero-shot-image-classification" : "image-classification";
	if (!m->net->family->decoder)
		return tasks[m->net->head];
	return m->template ? "chat" : "text-generation";
}
