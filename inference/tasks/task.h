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

/* Kept until the call has ended, where it was when it began. */
struct job {
	const struct task *task;
	const struct model *model; /* borrowed */
	bool many;                 /* inputs was an array: so is the value */
	uint32_t top_labels;
	json_t *values; /* owned; of the sequences that have been read, one each, or what the
			 * task wants to see again for its value */
	void *own;      /* owned; the task's */
	json_t *inputs; /* owned; for who shows them again; NULL: nobody does */
};

void job_done(struct job *job);

/* What a task starts with; nothing of it is there later. */
struct start {
	struct job *job;
	struct engine *engine;
	struct model *model;
	const struct options *options;
	const struct request_ops *ops;
	void *data;
	struct request **ret;
	const uint8_t *raw; /* what followed the message: a picture's pixels; NULL: nothing */
	size_t n_raw;
};

struct task {
	const char *name;
	/* Checks the inputs and queues a request. Errors of the engine; -EINVAL and -EMSGSIZE name
	 * the field. */
	int (*start)(const struct start *s, const json_t *inputs, struct err *e);
	/* What came of a sequence that the task asked for with task_read(). Negative errno: the
	 * call fails. */
	int (*take)(struct job *job, const struct rows *rows);
	/* The call's value from what came of it, which was no failure. NULL: out of memory. */
	json_t *(*value)(const struct job *job, const struct outcome *o);
	void (*done)(struct job *job); /* NULL: nothing is in own that free() would not free */
};

/* NULL: there is none. */
const struct task *task_find(const char *name);

/* --- for tasks --- */

extern const struct task task_text_classification, task_chat, task_text_generation,
	task_image_classification, task_zero_shot_image, task_image_features,
	task_feature_extraction, task_fill_mask, task_token_classification, task_question_answering,
	task_zero_shot, task_text_ranking;

/* v as a text, which name calls in words. -EINVAL, -EMSGSIZE. Borrowed from v. */
int task_text(const json_t *v, const char *name, struct text *ret, struct err *e);

/* Which rows of a sequence are wanted. */
enum task_rows { TASK_FIRST, TASK_ALL, TASK_MASKS /* where the model's mask stands */ };

/* A text or a pair of them, which name calls in words. */
struct task_texts {
	const char *name;
	struct text texts[2];
	size_t n;
	enum fit fit;    /* what gives way where they are too long */
	uint32_t tokens; /* at most, special ones included; 0: the model's context */
	size_t skip;     /* tokens of the last text that are left out at its beginning */
	bool more;       /* set: whether tokens were left out at its end */
	/* Whether a text is added again with others: its tokens are kept for that. */
	bool again[2];
	struct tokens kept[2]; /* owned */
};

void task_texts_done(struct task_texts *t); /* for CLEANUP() too */

/* Appends it to what is to be read. Errors as tokenizer_encode_texts; -EMSGSIZE names the model's
 * limit. */
int task_add(const struct start *s, struct task_texts *t, enum task_rows rows, struct sequences *in,
	struct err *e);

/* Appends the inputs, a text, a pair {text, text_pair}, or an array of them, and sets job->many. */
int task_add_inputs(const struct start *s, const json_t *inputs, enum task_rows rows,
	struct sequences *in, struct err *e);

/* How many of a text's bytes its first code points take. */
size_t task_bytes_of(const char *text, uint32_t code_points);

/* Softmax of n numbers, in place. */
void task_softmax(float *x, size_t n);

/* The index of the label whose name begins with prefix, in any case; UINT32_MAX: none. */
uint32_t task_label(const struct model *m, const char *prefix);

/* Queues what is to be read; the task's take() gets the rows. in is empty then. */
int task_read(const struct start *s, struct sequences *in, struct err *e);

/* A value() for who filled job->values: all of them, or the only one. */
json_t *task_values(const struct job *job, const struct outcome *o);

/* A float's own digits, without those that only its double has. */
json_t *task_score(float score);

/* Queues a text to be written; framed as in struct prompt. Its value is that of all who write. */
int task_write(const struct start *s, struct text text, bool framed, struct err *e);
json_t *task_written(const struct job *job, const struct outcome *o);
