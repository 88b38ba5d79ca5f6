#include "inference/tasks/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "inference/models/adapter.h"

#define TEMPLATE_MAX 1024

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

static int set_min_p(const json_t *v, struct options *o)
{
	return read_real(v, 0, 1, &o->sampling.min_p);
}

static int set_repetition(const json_t *v, struct options *o)
{
	return read_real(v, 0.01, 100, &o->sampling.repetition);
}

static int set_frequency(const json_t *v, struct options *o)
{
	return read_real(v, -2, 2, &o->sampling.frequency);
}

static int set_presence(const json_t *v, struct options *o)
{
	return read_real(v, -2, 2, &o->sampling.presence);
}

/* {"id": number}, as OpenAI has it. */
static int set_biases(const json_t *v, struct options *o)
{
	const char *id;
	const json_t *more;

	if (!json_is_object(v) || json_object_size(v) > ENGINE_BIASES_MAX)
		return -EINVAL;
	json_object_foreach((json_t *)v, id, more)
	{
		double n;
		char *end;
		unsigned long at = strtoul(id, &end, 10);

		if (id[0] < '0' || id[0] > '9' || *end || at > UINT32_MAX ||
			read_real(more, -100, 100, &n) < 0)
			return -EINVAL;
		o->biases[o->n_biases++] = (struct bias){(uint32_t)at, (float)n};
	}
	return 0;
}

static int set_logprobs(const json_t *v, struct options *o)
{
	o->logprobs = json_is_true(v);
	return json_is_boolean(v) ? 0 : -EINVAL;
}

static int set_top_logprobs(const json_t *v, struct options *o)
{
	return read_whole(v, 0, ENGINE_TOP_LOGPROBS_MAX, &o->top_logprobs);
}

static int set_adapter(const json_t *v, struct options *o)
{
	o->adapter = json_string_value(v);
	return o->adapter && json_string_length(v) <= ADAPTER_NAME_MAX ? 0 : -EINVAL;
}

static int set_grammar(const json_t *v, struct options *o)
{
	if (!json_is_string(v) || json_string_length(v) > GRAMMAR_TEXT_MAX || o->form != FORM_TEXT)
		return -EINVAL;
	o->form = FORM_GRAMMAR;
	o->grammar = (struct text){json_string_value(v), json_string_length(v)};
	return 0;
}

/* As OpenAI has it. */
static int set_response_format(const json_t *v, struct options *o)
{
	const char *type = json_string_value(json_object_get(v, "type"));

	if (!type || o->form != FORM_TEXT)
		return -EINVAL;
	if (!strcmp(type, "text"))
		return 0;
	if (!strcmp(type, "json_object")) {
		o->form = FORM_JSON;
		return 0;
	}
	o->schema = json_object_get(json_object_get(v, "json_schema"), "schema");
	o->form = FORM_SCHEMA;
	return strcmp(type, "json_schema") != 0 || !json_is_object(o->schema) ? -EINVAL : 0;
}

int options_grammar(const struct options *o, struct grammar **ret, struct err *e)
{
	int r = 0;

	*ret = NULL;
	if (o->form == FORM_JSON)
		return grammar_from_json(ret, e);
	if (o->form == FORM_SCHEMA)
		r = grammar_from_schema(o->schema, ret, e);
	if (o->form == FORM_GRAMMAR)
		r = grammar_from_text(o->grammar.s, o->grammar.n, ret, e);
	if (r < 0)
		(void)err_wrap(e, o->form == FORM_SCHEMA ? "options.response_format.json_schema"
							 : "options.grammar");
	return r;
}

static int set_top_labels(const json_t *v, struct options *o)
{
	return read_whole(v, 1, NET_LABELS_MAX, &o->top_labels);
}

static int set_candidate_labels(const json_t *v, struct options *o)
{
	if (!json_is_array(v))
		return -EINVAL;
	o->candidate_labels = (json_t *)v;
	return 0;
}

static int set_hypothesis_template(const json_t *v, struct options *o)
{
	const char *s = json_string_value(v);

	if (!s || strlen(s) != json_string_length(v) || strlen(s) > TEMPLATE_MAX ||
		!strstr(s, "{}"))
		return -EINVAL;
	o->hypothesis_template = s;
	return 0;
}

static int set_pooling(const json_t *v, struct options *o)
{
	static const char *const names[] = {
		[POOLING_MEAN] = "mean", [POOLING_CLS] = "cls", [POOLING_NONE] = "none"};

	for (size_t i = 0; json_is_string(v) && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], json_string_value(v))) {
			o->pooled.pooling = (enum pooling)i;
			return 0;
		}
	return -EINVAL;
}

static int set_normalize(const json_t *v, struct options *o)
{
	o->pooled.normalize = json_is_true(v);
	return json_is_boolean(v) ? 0 : -EINVAL;
}

static int set_multi_label(const json_t *v, struct options *o)
{
	o->multi_label = json_is_true(v);
	return json_is_boolean(v) ? 0 : -EINVAL;
}

static int set_aggregation(const json_t *v, struct options *o)
{
	static const char *const names[] = {[AGGREGATE_NONE] = "none",
		[AGGREGATE_SIMPLE] = "simple",
		[AGGREGATE_FIRST] = "first",
		[AGGREGATE_AVERAGE] = "average",
		[AGGREGATE_MAX] = "max"};

	for (size_t i = 0; json_is_string(v) && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], json_string_value(v))) {
			o->aggregation = (enum aggregation)i;
			return 0;
		}
	return -EINVAL;
}

static int set_max_answer_len(const json_t *v, struct options *o)
{
	return read_whole(v, 1, 512, &o->max_answer_len);
}

static int set_impossible(const json_t *v, struct options *o)
{
	o->handle_impossible_answer = json_is_true(v);
	return json_is_boolean(v) ? 0 : -EINVAL;
}

static int set_truncate(const json_t *v, struct options *o)
{
	o->truncate = json_is_true(v);
	return json_is_boolean(v) ? 0 : -EINVAL;
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
	{"min_p", set_min_p, "a number from 0 to 1"},
	{"repetition_penalty", set_repetition, "a number from 0.01 to 100"},
	{"frequency_penalty", set_frequency, "a number from -2 to 2"},
	{"presence_penalty", set_presence, "a number from -2 to 2"},
	{"logit_bias", set_biases, "at most 300 numbers from -100 to 100, by tokens' ids"},
	{"logprobs", set_logprobs, "true or false"},
	{"top_logprobs", set_top_logprobs, "a whole number from 0 to 20"},
	{"adapter", set_adapter, "the name of one of the model's, at most 64 bytes"},
	{"grammar", set_grammar, "a text of at most 65536 bytes, without response_format"},
	{"response_format", set_response_format,
		"{type: text, json_object, or json_schema with json_schema: {schema}}"},
	{"seed", set_seed, "a whole number"},
	{"stop", set_stop, "at most 4 texts of 1 to 128 bytes"},
	{"pooling", set_pooling, "\"mean\", \"cls\" or \"none\""},
	{"normalize", set_normalize, "true or false"},
	{"truncate", set_truncate, "true or false"},
	{"multi_label", set_multi_label, "true or false"},
	{"aggregation_strategy", set_aggregation,
		"\"none\", \"simple\", \"first\", \"average\" or \"max\""},
	{"max_answer_len", set_max_answer_len, "a whole number from 1 to 512"},
	{"handle_impossible_answer", set_impossible, "true or false"},
	{"top_labels", set_top_labels, "a whole number from 1 to 1000"},
	{"candidate_labels", set_candidate_labels, "an array of texts"},
	{"hypothesis_template", set_hypothesis_template,
		"a text with {} in it, at most 1024 bytes"},
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

int options_read(json_t *options, const struct model *m, struct options *o, struct err *e)
{
	const char *name;
	json_t *v;

	*o = (struct options){.sampling = m->sampling,
		.top_labels = NET_LABELS_MAX,
		.pooled = m->pooled,
		.aggregation = AGGREGATE_SIMPLE,
		.max_answer_len = 15};
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
