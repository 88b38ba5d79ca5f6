#include "inference/run_once.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "inference/peers/call.h"

struct run {
	struct job job;
	bool done;
	int status;
};

static void print_text(const char *text, size_t n, void *data)
{
	(void)data;
	(void)fwrite(text, 1, n, stdout);
	(void)fflush(stdout);
}

static void print_end(const struct outcome *o, void *data)
{
	struct run *run = data;

	run->done = true;
	run->status = o->r < 0;
	if (o->r < 0) {
		(void)fprintf(stderr, "%s\n", o->error.text);
		return;
	}
	if (!o->text) {
		CLEANUP(json_decrefp) json_t *value = run->job.task->value(&run->job, o);

		(void)json_dumpf(value, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
	}
	(void)fprintf(stderr, "\n%u tokens in, %u out, %.1f ms on the device\n", o->usage.tokens_in,
		o->usage.tokens_out, (double)o->usage.device_usec / 1000);
}

int run_once(struct engine *engine, struct shelf *shelf, const char *model, const char *text)
{
	static const struct request_ops ops = {print_text, print_end};
	struct model *m = shelf_find(shelf, model);
	CLEANUP(json_decrefp) json_t *inputs = json_string(text);
	struct infer_call c = {.model = model, .task = "", .inputs = inputs};
	struct run run = {0};
	struct request *q;
	struct err e = {0};
	const char *code;

	if (m && shelf_use(shelf, m, &e) == 0)
		c.task = m->task;
	if (inputs && !strcmp(c.task, "chat")) {
		c.inputs = json_pack("[{s:s, s:o}]", "role", "user", "content", inputs);
		inputs = c.inputs;
	}
	if (!inputs)
		(void)err_set(&e, -EINVAL, "the text is not UTF-8");
	else if (!e.code)
		(void)call_start(&c, NULL, engine, shelf, &ops, &run, &run.job, &q, &code, &e);
	if (e.code) {
		(void)fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	while (!run.done)
		(void)engine_step(engine);
	job_done(&run.job);
	return run.status;
}
