/* text-generation: a text goes on. */
#include <string.h>

#include "inference/tasks/task.h"

int task_write(const struct start *s, struct text text, bool framed, struct err *e)
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

json_t *task_written(const struct job *job, const struct outcome *o)
{
	(void)job;
	return json_pack(
		"{s:s%, s:s}", "text", o->text, o->text_n, "finish_reason", o->finish_reason);
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
