/*
 * What can be asked of a model: each task is a file that knows its inputs and how its value looks,
 * and a row in task.c. Inputs and values are those of Hugging Face's pipelines of that name.
 *
 * A job is one call of a task, from its inputs to its value. Knows no link.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "inference/engine/engine.h"
#include "inference/tasks/options.h"

#define TASK_TEXT_MAX (64u << 10) /* bytes of one text */

struct task;

/* Kept until the call has ended. */
struct job {
	const struct task *task;
	const struct model *model; /* borrowed */
	bool many;                 /* inputs was an array: so is the value */
	uint32_t top_labels;
};

/* What a task starts with; nothing of it is there later. */
struct start {
	struct job *job;
	struct engine *engine;
	struct model *model;
	const struct options *options;
	const struct request_ops *ops;
	void *data;
	struct request **ret;
};

struct task {
	const char *name;
	/* Checks the inputs and queues a request. Errors of the engine; -EINVAL and -EMSGSIZE name
	 * the field. */
	int (*start)(const struct start *s, const json_t *inputs, struct err *e);
	/* The call's value from what came of it, which was no failure. NULL: out of memory. */
	json_t *(*value)(const struct job *job, const struct outcome *o);
};

/* NULL: there is none. */
const struct task *task_find(const char *name);

/* --- for tasks --- */

extern const struct task task_text_classification, task_chat, task_text_generation;

/* v as a text, which name calls in words. -EINVAL, -EMSGSIZE. Borrowed from v. */
int task_text(const json_t *v, const char *name, struct text *ret, struct err *e);

/* A float's own digits, without those that only its double has. */
json_t *task_score(float score);

/* Queues a text to be written; framed as in struct prompt. Its value is that of all who write. */
int task_write(const struct start *s, struct text text, bool framed, struct err *e);
json_t *task_written(const struct job *job, const struct outcome *o);
