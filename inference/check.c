#include "inference/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

/* A device that holds nothing: families take their weights through it, which checks each one's
 * name, shape, type and numbers. */
static struct weight *hollow_weight_new(struct device *d, const struct tensor *t)
{
	(void)d;
	(void)t;
	return calloc(1, 1);
}

static void hollow_weight_free(struct device *d, struct weight *w)
{
	(void)d;
	free(w);
}

static const struct device_ops hollow_ops = {
	.name = "hollow",
	.weight_new = hollow_weight_new,
	.weight_free = hollow_weight_free,
};

static int print(json_t *v)
{
	char *text = v ? json_dumps(v, JSON_COMPACT) : NULL;
	int r = text && printf("%s\n", text) > 0 && fflush(stdout) == 0 ? 0 : 1;

	free(text);
	json_decref(v);
	return r;
}

int check_folder(const char *folder, uint64_t memory_max)
{
	struct device hollow = {.ops = &hollow_ops};
	const struct model_limits limits = {.memory_max = memory_max};
	struct model *m = model_load(AT_FDCWD, folder, "", &hollow, &limits);
	int status = 1;

	if (!m)
		(void)fputs("out of memory\n", stderr);
	else if (m->error.code)
		(void)fprintf(stderr, "%s\n", m->error.text);
	else
		status = print(json_pack("{s:s, s:s, s:I, s:I, s:I, s:s}", "task", m->task,
			"architecture", m->architecture, "parameters", (json_int_t)m->parameters,
			"bytes", (json_int_t)m->bytes, "memory", (json_int_t)m->need, "note",
			m->net->family->decoder && !m->template ? m->template_error.text : ""));
	(void)model_free(m);
	return status;
}

int check_shelf(struct shelf *shelf)
{
	shelf_examine_all(shelf);
	return print(shelf_list(shelf));
}
