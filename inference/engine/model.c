#include "inference/engine/model.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"

#define TOKENS_DEFAULT 256 /* written where neither caller nor model says how many */

/* Reads a JSON file of the folder. -ENOENT: it is not there. */
static int read_json(int folder, const char *name, size_t max, json_t **ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	int r;

	buf_init(&text, max);
	r = fs_read(folder, name, &text, e);
	if (r < 0)
		return r;
	r = json_parse(text.data, text.len, max, ret, e);
	if (r == 0 && !json_is_object(*ret)) {
		json_decref(*ret);
		*ret = NULL;
		r = err_set(e, -EBADMSG, "must be an object");
	}
	return r < 0 ? err_wrap(e, "%s", name) : 0;
}

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
	if (!json_opt_bool(g, "do_sample", false))
		return 0;
	r = config_number(g, "temperature", 0, 10, 1, &s->temperature, e);
	if (r == 0)
		r = config_number(g, "top_p", 1e-6, 1, 1, &s->top_p, e);
	if (r == 0)
		r = config_number(g, "top_k", 0, 1 << 20, 50, &k, e); /* transformers' default */
	if (r == 0)
		s->top_k = (uint32_t)k;
	return r;
}

/* The template of tokenizer_config.json, or of chat_template.jinja, where newer ones keep it. */
static int read_template(struct model *m, int folder, const json_t *tokens)
{
	const json_t *text = json_object_get(tokens, "chat_template");
	CLEANUP(json_decrefp) json_t *trial = NULL;
	CLEANUP(buf_done) struct buf file, rendered;
	const char *source = json_string_value(text);
	struct err *e = &m->template_error;
	int r;

	buf_init(&file, CHAT_TEMPLATE_MAX);
	buf_init(&rendered, CHAT_TEMPLATE_MAX);
	if (!source) {
		struct err ignored = {0};

		if (fs_read(folder, "chat_template.jinja", &file, &ignored) == 0)
			source = buf_str(&file);
	}
	if (!source)
		return err_set(e, -ENOENT, "the model has no chat template");
	r = chat_template_new(source, strlen(source), token_spelling(tokens, "bos_token"),
		token_spelling(tokens, "eos_token"), &m->template, e);
	if (r < 0)
		return r;
	/* One that fails on the plainest conversation is found now, not by a visitor. */
	trial = json_pack("[{s:s, s:s}]", "role", "user", "content", "x");
	r = trial ? chat_template_render(m->template, trial, &rendered, e) : -ENOMEM;
	if (r < 0)
		m->template = chat_template_free(m->template);
	return r;
}

static int read_tokenizer(struct model *m, int folder, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	int r;

	buf_init(&text, TOKENIZER_FILE_MAX);
	r = fs_read(folder, "tokenizer.json", &text, e);
	if (r < 0)
		return r;
	r = tokenizer_read(text.data, text.len, &m->tokenizer, e);
	return r < 0 ? err_wrap(e, "tokenizer.json") : 0;
}

static int read_net(
	struct model *m, int folder, const json_t *config, struct device *d, struct err *e)
{
	CLEANUP(weights_freep) struct weights *weights = NULL;
	int r = weights_open(folder, &weights, e);

	if (r < 0)
		return r;
	r = net_load(config, weights, d, &m->net, e);
	if (r < 0)
		return r;
	m->parameters = weights_parameters(weights);
	m->bytes = weights_bytes(weights);
	if (tokenizer_size(m->tokenizer) > m->net->vocab)
		return err_set(e, -EBADMSG, "tokenizer.json has %u tokens, config.json %u",
			tokenizer_size(m->tokenizer), m->net->vocab);
	return 0;
}

static int load(struct model *m, int dirfd, const char *path, struct device *d, struct err *e)
{
	CLEANUP(closep) int folder = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(json_decrefp) json_t *config = NULL;
	CLEANUP(json_decrefp) json_t *generation = NULL;
	CLEANUP(json_decrefp) json_t *tokens = NULL;
	const json_t *name;
	int r;

	if (folder < 0)
		return err_set(e, -errno, "%s", strerror(errno));
	r = read_json(folder, "config.json", MODEL_CONFIG_MAX, &config, e);
	if (r < 0)
		return r;
	name = json_array_get(json_object_get(config, "architectures"), 0);
	if (json_is_string(name))
		(void)snprintf(
			m->architecture, sizeof(m->architecture), "%s", json_string_value(name));
	r = read_tokenizer(m, folder, e);
	if (r == 0)
		r = read_net(m, folder, config, d, e);
	if (r < 0)
		return r;
	/* These two may be missing; what is there must be readable. */
	if (faccessat(folder, "generation_config.json", F_OK, 0) == 0)
		r = read_json(folder, "generation_config.json", MODEL_CONFIG_MAX, &generation, e);
	if (r == 0 && faccessat(folder, "tokenizer_config.json", F_OK, 0) == 0)
		r = read_json(folder, "tokenizer_config.json", MODEL_CONFIG_MAX, &tokens, e);
	if (r < 0 || !m->net->family->decoder)
		return r;
	r = read_sampling(m, generation, e);
	if (r < 0)
		return err_wrap(e, "generation_config.json");
	find_stops(m, config, generation, tokens);
	(void)read_template(m, folder, tokens); /* without one it still writes text */
	return 0;
}

struct model *model_open(int dirfd, const char *folder, const char *id, struct device *d)
{
	struct model *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	(void)snprintf(m->id, sizeof(m->id), "%s", id);
	if (load(m, dirfd, folder, d, &m->error) < 0) {
		m->net = net_free(m->net);
		m->tokenizer = tokenizer_free(m->tokenizer);
	}
	return m;
}

struct model *model_free(struct model *m)
{
	if (!m)
		return NULL;
	(void)net_free(m->net);
	(void)tokenizer_free(m->tokenizer);
	(void)chat_template_free(m->template);
	free(m);
	return NULL;
}

const char *model_task(const struct model *m)
{
	if (!m->net)
		return "";
	if (!m->net->family->decoder)
		return "text-classification";
	return m->template ? "chat" : "text-generation";
}
