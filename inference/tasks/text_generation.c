/* text-generation: a text goes on. */
#include <string.h>

#include "inference/tasks/task.h"

int task_write(const struct start *s, struct text text, bool framed, struct err *e)
{
	struct prompt p = {.text = text,
		.framed = framed,
		.sampling = s->options->sampling,
		.n_stops = s->options->n_stops,
		.adapter = s->options->adapter,
		.biases = s->options->biases,
		.n_biases = s->options->n_biases,
		.logprobs = s->options->logprobs,
		.top_logprobs = s->options->top_logprobs};
	int r = options_grammar(s->options, &p.grammar, e);

	if (r < 0)
		return r;
	memcpy(p.stops, s->options->stops, sizeof(p.stops));
	r = engine_write(s->engine, s->model, &p, s->ops, s->data, s->ret, e);
	return r < 0 ? err_wrap(e, "inputs") : 0;
}

/* A token's text, what is no character of its own replaced. */
static json_t *likely_of(const struct model *m, const struct likely *l)
{
	CLEANUP(writer_done) struct writer text;
	const char *bytes;
	size_t n;

	writer_init(&text);
	bytes = tokenizer_text(m->tokenizer, l->id, &n);
	if (bytes && writer_add(&text, bytes, n) < 0)
		return NULL;
	return json_pack("{s:s%, s:i, s:f}", "token", buf_str(&text.text), text.text.len, "id",
		(int)l->id, "logprob", (double)l->logprob);
}

static json_t *likely_list(const struct model *m, const struct likely *of, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++)
		if (json_array_append_new(list, likely_of(m, &of[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *logprobs_value(const struct model *m, const struct outcome *o)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < o->n_logprobs; i++) {
		const struct likely *at = o->logprobs + i * (1 + o->top_logprobs);
		json_t *one = likely_of(m, at), *others = likely_list(m, at + 1, o->top_logprobs);

		if (!one || json_object_set_new(one, "top_logprobs", others) < 0 ||
			json_array_append(list, one) < 0) {
			json_decref(list);
			list = NULL;
		}
		json_decref(one);
	}
	return list;
}

json_t *task_written(const struct job *job, const struct outcome *o)
{
	json_t *v = json_pack(
		"{s:s%, s:s}", "text", o->text, o->text_n, "finish_reason", o->finish_reason);

	if (v && o->logprobs &&
		json_object_set_new(v, "logprobs", logprobs_value(job->model, o)) < 0) {
		json_decref(v);
		return NULL;
	}
	return v;
}

static int start(const struct start *s, const json_t *inputs, struct err *e)
{
	struct text text = {0};
	int r = task_text(inputs, "inputs", &text, e);

	return r < 0 ? r : task_write(s, text, true, e);
}

const struct task task_text_generation = {
	.name = "text-generation",
	.start = start,
	.value = task_written,
};
