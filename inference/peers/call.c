#include "inference/peers/call.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/random.h"

/* --- options --- */

struct options {
	struct sampling sampling;
	struct text stops[WRITER_STOPS_MAX]; /* borrowed from the message */
	size_t n_stops;
	uint32_t top_labels;
};

static int read_whole(const json_t *v, int64_t min, int64_t max, uint32_t *ret)
{
	if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
		return -EINVAL;
	*ret = (uint32_t)json_integer_value(v);
	return 0;
}

static int read_real(const json_t *v, double min, double max, double *ret)
{
	double n = json_number_value(v);

	if (!json_is_number(v) || !(n >= min && n <= max))
		return -EINVAL;
	*ret = n;
	return 0;
}

static int set_max_tokens(const json_t *v, struct options *o)
{
	return read_whole(v, 1, 1 << 20, &o->sampling.max_tokens);
}

static int set_temperature(const json_t *v, struct options *o)
{
	return read_real(v, 0, 10, &o->sampling.temperature);
}

static int set_top_p(const json_t *v, struct options *o)
{
	return read_real(v, 0.000001, 1, &o->sampling.top_p);
}

static int set_top_k(const json_t *v, struct options *o)
{
	return read_whole(v, 0, 1 << 20, &o->sampling.top_k);
}

static int set_seed(const json_t *v, struct options *o)
{
	if (!json_is_integer(v))
		return -EINVAL;
	o->sampling.seed = (uint64_t)json_integer_value(v);
	return 0;
}

static int add_stop(const json_t *v, struct options *o)
{
	size_t n = json_string_length(v);

	if (!json_is_string(v) || n == 0 || n > WRITER_STOP_MAX || o->n_stops == WRITER_STOPS_MAX)
		return -EINVAL;
	o->stops[o->n_stops++] = (struct text){json_string_value(v), n};
	return 0;
}

static int set_stop(const json_t *v, struct options *o)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(v))
		return add_stop(v, o);
	json_array_foreach(v, i, item) if (add_stop(item, o) < 0) return -EINVAL;
	return 0;
}

static int set_top_labels(const json_t *v, struct options *o)
{
	return read_whole(v, 1, NET_LABELS_MAX, &o->top_labels);
}

static const struct option {
	const char *name;
	int (*set)(const json_t *v, struct options *o);
	const char *must;
} option_table[] = {
	{"max_tokens", set_max_tokens, "a whole number from 1 to 1048576"},
	{"temperature", set_temperature, "a number from 0 to 10"},
	{"top_p", set_top_p, "a number above 0, at most 1"},
	{"top_k", set_top_k, "a whole number from 0 to 1048576"},
	{"seed", set_seed, "a whole number"},
	{"stop", set_stop, "at most 4 texts of 1 to 128 bytes"},
	{"top_labels", set_top_labels, "a whole number from 1 to 1000"},
};

static int read_option(const char *name, const json_t *v, struct options *o, struct err *e)
{
	for (size_t i = 0; i < sizeof(option_table) / sizeof(option_table[0]); i++) {
		if (strcmp(option_table[i].name, name) != 0)
			continue;
		if (json_is_null(v) || option_table[i].set(v, o) == 0)
			return 0;
		return err_set(e, -EINVAL, "options.%s: must be %s", name, option_table[i].must);
	}
	return err_set(e, -EINVAL, "options.%.40s: no such option", name);
}

static int read_options(json_t *options, const struct model *m, struct options *o, struct err *e)
{
	const char *name;
	json_t *v;

	*o = (struct options){.sampling = m->sampling, .top_labels = NET_LABELS_MAX};
	random_bytes(&o->sampling.seed, sizeof(o->sampling.seed));
	if (!options || json_is_null(options))
		return 0;
	if (json_is_array(options) && json_array_size(options) == 0)
		return 0; /* an empty Lua table may arrive as an empty array */
	if (!json_is_object(options))
		return err_set(e, -EINVAL, "options: must be an object");
	json_object_foreach(options, name, v)
	{
		int r = read_option(name, v, o, e);

		if (r < 0)
			return r;
	}
	return 0;
}

/* --- tasks --- */

struct start {
	struct engine *engine;
	struct model *model;
	const struct options *options;
	const struct request_ops *ops;
	void *data;
	struct call_form *form;
	struct request **ret;
};

static int check_text(const json_t *v, const char *name, struct text *ret, struct err *e)
{
	if (!json_is_string(v))
		return err_set(e, -EINVAL, "%s: must be a text", name);
	if (json_string_length(v) > CALL_TEXT_MAX)
		return err_set(e, -EMSGSIZE, "%s: %zu bytes, the limit is %u", name,
			json_string_length(v), CALL_TEXT_MAX);
	*ret = (struct text){json_string_value(v), json_string_length(v)};
	return 0;
}

static int start_classification(const struct start *s, const json_t *inputs, struct err *e)
{
	struct text texts[ENGINE_TEXTS_MAX];
	size_t n = json_array_size(inputs);
	int r = 0;

	s->form->many = json_is_array(inputs);
	if (s->form->many && (n == 0 || n > ENGINE_TEXTS_MAX))
		return err_set(
			e, -EINVAL, "inputs: %zu texts, must be 1 to %d", n, ENGINE_TEXTS_MAX);
	for (size_t i = 0; i < n && r == 0; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "inputs[%zu]", i);
		r = check_text(json_array_get(inputs, i), name, &texts[i], e);
	}
	if (!s->form->many) {
		n = 1;
		r = check_text(inputs, "inputs", &texts[0], e);
	}
	if (r < 0)
		return r;
	r = engine_classify(s->engine, s->model, texts, n, s->ops, s->data, s->ret, e);
	return r < 0 ? err_wrap(e, "inputs") : 0;
}

static int start_writing(const struct start *s, struct text text, bool framed, struct err *e)
{
	struct prompt p = {.text = text,
		.framed = framed,
		.sampling = s->options->sampling,
		.n_stops = s->options->n_stops};
	int r;

	memcpy(p.stops, s->options->stops, sizeof(p.stops));
	r = engine_write(s->engine, s->model, &p, s->ops, s->data, s->ret, e);
	return r < 0 ? err_wrap(e, "inputs") : 0;
}

static int start_generation(const struct start *s, const json_t *inputs, struct err *e)
{
	struct text text = {0};
	int r = check_text(inputs, "inputs", &text, e);

	return r < 0 ? r : start_writing(s, text, true, e);
}

/* A copy of one message whose content cannot be taken for the template's own tokens. */
static int add_message(const struct model *m, const json_t *v, size_t i, json_t *to, struct err *e)
{
	CLEANUP(buf_done) struct buf safe;
	const char *role;
	struct text content = {0};
	char name[40];
	json_t *copy;
	int r;

	buf_init(&safe, TOKENIZER_TEXT_MAX);
	if (!json_is_object(v))
		return err_set(e, -EINVAL, "inputs[%zu]: must be {role, content}", i);
	if (json_get_str(v, "role", CALL_ROLE_MAX, &role, e) < 0) {
		(void)err_wrap(e, "inputs[%zu]", i);
		return -EINVAL;
	}
	if (strspn(role, "abcdefghijklmnopqrstuvwxyz_") != strlen(role) || !role[0])
		return err_set(e, -EINVAL, "inputs[%zu].role: must be lower-case letters", i);
	(void)snprintf(name, sizeof(name), "inputs[%zu].content", i);
	r = check_text(json_object_get(v, "content"), name, &content, e);
	if (r < 0)
		return r;
	r = tokenizer_defuse(m->tokenizer, content.s, content.n, &safe);
	if (r < 0)
		return err_set(e, r == -ENOSPC ? -EMSGSIZE : r, "%s: too long", name);
	copy = json_pack("{s:s, s:s%}", "role", role, "content", buf_str(&safe), safe.len);
	return copy && json_array_append_new(to, copy) == 0 ? 0
							    : err_set(e, -ENOMEM, "out of memory");
}

static int render(const struct model *m, json_t *messages, struct buf *text, struct err *e)
{
	int r;

	buf_clear(text);
	r = chat_template_render(m->template, messages, text, e);
	if (r == -ENOSPC)
		return err_set(e, -EMSGSIZE, "inputs: the conversation is over %u bytes",
			TOKENIZER_TEXT_MAX);
	if (r < 0)
		(void)err_wrap(e, "inputs");
	return r;
}

/* Whether the text leaves a quarter of the model's context for the answer. */
static bool leaves_room(const struct model *m, const struct buf *text)
{
	struct tokens ids = {.max = m->net->context - m->net->context / 4};
	struct err ignored;
	int r = tokenizer_encode(m->tokenizer, buf_str(text), text->len, false, &ids, &ignored);

	tokens_done(&ids);
	return r == 0;
}

/* Where the oldest message stands that may be left out; the array's size when none may: what the
 * app said as "system" at the head and the newest message always stay. */
static size_t oldest_turn(const json_t *messages)
{
	size_t n = json_array_size(messages), i = 0;

	while (i < n && !strcmp("system", json_string_value(json_object_get(
						  json_array_get(messages, i), "role"))))
		i++;
	return i + 1 < n ? i : n;
}

/* A conversation outgrows every context: its oldest turns are left out, so that it can go on. */
static int render_recent(const struct model *m, json_t *messages, struct buf *text, struct err *e)
{
	for (;;) {
		int r = render(m, messages, text, e);
		size_t oldest = oldest_turn(messages);

		if ((r < 0 && r != -EMSGSIZE) || (r == 0 && leaves_room(m, text)))
			return r;
		if (oldest == json_array_size(messages))
			return r;
		*e = (struct err){0};
		(void)json_array_remove(messages, oldest);
	}
}

static int start_chat(const struct start *s, const json_t *inputs, struct err *e)
{
	CLEANUP(json_decrefp) json_t *messages = json_array();
	CLEANUP(buf_done) struct buf text;
	size_t n = json_array_size(inputs);
	int r = 0;

	buf_init(&text, TOKENIZER_TEXT_MAX);
	if (!s->model->template)
		return err_set(e, -ENOTSUP, "model %s does not chat: %s", s->model->id,
			s->model->template_error.text);
	if (!json_is_array(inputs) || n == 0 || n > CALL_MESSAGES_MAX)
		return err_set(e, -EINVAL, "inputs: must be an array of 1 to %d messages",
			CALL_MESSAGES_MAX);
	if (!messages)
		return err_set(e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_message(s->model, json_array_get(inputs, i), i, messages, e);
	if (r == 0)
		r = render_recent(s->model, messages, &text, e);
	return r < 0 ? r : start_writing(s, (struct text){buf_str(&text), text.len}, false, e);
}

static const struct task {
	const char *name;
	int (*start)(const struct start *s, const json_t *inputs, struct err *e);
} tasks[] = {
	{"text-classification", start_classification},
	{"chat", start_chat},
	{"text-generation", start_generation},
};

const char *call_code(int r)
{
	switch (r) {
	case -ENOENT:
		return "no_model";
	case -EINVAL:
	case -ENOTSUP:
	case -EBADMSG:
		return "bad_input";
	case -EMSGSIZE:
		return "too_long";
	case -EBUSY:
		return "busy";
	default:
		return "failed";
	}
}

static int find_model(
	const struct infer_call *c, const struct shelf *shelf, struct model **ret, struct err *e)
{
	struct model *m = shelf_find(shelf, c->model);

	if (!m)
		return err_set(e, -ENOENT, "model: there is no '%s'", c->model);
	if (!m->net)
		return err_set(
			e, -ENOENT, "model: '%s' could not be loaded: %s", c->model, m->error.text);
	*ret = m;
	return 0;
}

int call_start(const struct infer_call *c, struct engine *engine, const struct shelf *shelf,
	const struct request_ops *ops, void *data, struct call_form *ret_form, struct request **ret,
	const char **ret_code, struct err *e)
{
	struct options options;
	struct model *m = NULL;
	struct start s;
	int r = find_model(c, shelf, &m, e);

	if (r == 0)
		r = read_options(c->options, m, &options, e);
	if (r < 0) {
		*ret_code = call_code(r);
		return r;
	}
	*ret_form = (struct call_form){.model = m, .top_labels = options.top_labels};
	s = (struct start){engine, m, &options, ops, data, ret_form, ret};
	r = err_set(e, -EINVAL, "task: '%s' is not known", c->task);
	for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++) {
		if (strcmp(tasks[i].name, c->task) != 0)
			continue;
		*e = (struct err){0};
		r = tasks[i].start(&s, c->inputs, e);
		break;
	}
	*ret_code = call_code(r);
	return r;
}

/* --- results --- */

/* A float's own digits, without those that only its double has. */
static json_t *score_of(float score)
{
	return json_real(round((double)score * 1e8) / 1e8);
}

static json_t *labels_of(const struct call_form *form, const float *scores, size_t n)
{
	json_t *list = json_array();
	bool taken[NET_LABELS_MAX] = {0};

	for (size_t i = 0; list && i < n && i < form->top_labels; i++) {
		size_t best = SIZE_MAX;

		for (size_t j = 0; j < n; j++)
			if (!taken[j] && (best == SIZE_MAX || scores[j] > scores[best]))
				best = j;
		taken[best] = true;
		if (json_array_append_new(
			    list, json_pack("{s:s, s:o}", "label", form->model->net->labels[best],
					  "score", score_of(scores[best]))) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

json_t *call_value(const struct call_form *form, const struct outcome *o)
{
	json_t *list;

	if (!o->scores)
		return json_pack("{s:s%, s:s}", "text", o->text, o->text_n, "finish_reason",
			o->finish_reason);
	if (!form->many)
		return labels_of(form, o->scores, o->n_labels);
	list = json_array();
	for (size_t i = 0; list && i < o->n_texts; i++)
		if (json_array_append_new(
			    list, labels_of(form, o->scores + i * o->n_labels, o->n_labels)) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}
