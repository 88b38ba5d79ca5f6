/*
 * Tasks from inputs to value, against what transformers' pipelines and sentence-transformers give
 * for the same models (tests/oracle/make.py). The folder of models may be named on the command
 * line; each one's calls.json holds {task, inputs, options, value}. With "q8" after it models are
 * kept in 8 bits, and vectors must stay near.
 */
#include <dirent.h>
#include <errno.h>

#include "inference/formats/folder.h"
#include "inference/tasks/task.h"
#include "tests/unit/inference/known.h"

#define STORED "tests/oracle/known"
#define VECTOR_MIN 16 /* arrays of so many numbers are vectors, compared by their cosine too */

static const char *folder = STORED;
static bool in_8_bits; /* models are kept so, and only vectors are compared */
static double worst, worst_cosine;

struct asked {
	bool done;
	struct job job;
	json_t *value;
	struct err error;
};

static void on_text(const char *text, size_t n, void *data)
{
	(void)text;
	(void)n;
	(void)data;
}

static void on_end(const struct outcome *o, void *data)
{
	struct asked *a = data;

	a->done = true;
	a->error = o->error;
	if (o->r == 0)
		a->value = a->job.task->value(&a->job, o);
}

static const struct request_ops ops = {on_text, on_end, NULL};

/* The value, or NULL and words in *e. */
static json_t *ask(struct engine *engine, struct model *m, const json_t *call, struct err *e)
{
	struct asked a = {
		.job = {.model = m,
			.task = task_find(json_string_value(json_object_get(call, "task")))}};
	struct options *o = calloc(1, sizeof(*o));
	struct request *q;
	int r = options_read(json_object_get(call, "options"), m, o, e);

	CHECK(a.job.task);
	if (r == 0)
		r = a.job.task->start(&(struct start){&a.job, engine, m, o, &ops, &a, &q},
			json_object_get(call, "inputs"), e);
	free(o);
	while (r == 0 && !a.done)
		(void)engine_step(engine);
	if (a.error.code)
		*e = a.error;
	job_done(&a.job);
	return a.value;
}

static bool is_vector(const json_t *v)
{
	return json_array_size(v) >= VECTOR_MIN && json_is_number(json_array_get(v, 0));
}

static double cosine(const json_t *a, const json_t *b)
{
	double ab = 0, aa = 0, bb = 0;

	for (size_t i = 0; i < json_array_size(a); i++) {
		double x = json_number_value(json_array_get(a, i));
		double y = json_number_value(json_array_get(b, i));

		ab += x * y;
		aa += x * x;
		bb += y * y;
	}
	return ab / sqrt(aa * bb);
}

/* Everything equal, numbers nearly. */
static bool same(const json_t *want, const json_t *got)
{
	const char *key;
	json_t *v;
	size_t i;

	if (json_is_number(want) && json_is_number(got)) {
		double off = fabs(json_number_value(want) - json_number_value(got));

		worst = fmax(worst, off);
		return in_8_bits || off <= 2e-5 * fmax(1, fabs(json_number_value(want)));
	}
	if (json_typeof(want) != json_typeof(got))
		return false;
	if (json_is_array(want)) {
		if (json_array_size(want) != json_array_size(got))
			return false;
		if (is_vector(want))
			worst_cosine = fmin(worst_cosine, cosine(want, got));
		json_array_foreach(want, i, v) if (!same(v, json_array_get(got, i))) return false;
		return true;
	}
	if (!json_is_object(want))
		return json_equal(want, got);
	if (json_object_size(want) != json_object_size(got))
		return false;
	json_object_foreach((json_t *)want, key, v)
	{
		const json_t *other = json_object_get(got, key);

		if (!other || !same(v, other))
			return false;
	}
	return true;
}

static void check_calls(struct model *m, const json_t *calls)
{
	struct engine *engine;
	const json_t *call;
	size_t i;

	worst = 0;
	worst_cosine = 1;
	CHECK(engine_new(&engine) == 0);
	json_array_foreach(calls, i, call)
	{
		struct err e = {0};
		json_t *got = ask(engine, m, call, &e);
		const json_t *words = json_object_get(call, "refused");

		if (words ? got || !strstr(e.text, json_string_value(words))
			  : !got || !same(json_object_get(call, "value"), got)) {
			fprintf(stderr, "%s\n", e.text);
			json_dumpf(call, stderr, JSON_INDENT(1));
			if (got)
				json_dumpf(got, stderr, JSON_INDENT(1));
			CHECK(false);
		}
		json_decref(got);
	}
	CHECK(i > 0);
	printf("  %zu calls, numbers to %.2g", i, worst);
	if (worst_cosine < 1)
		printf(", vectors' cosine from 1 by %.2g", 1 - worst_cosine);
	printf("\n");
	CHECK(worst_cosine >= (in_8_bits ? 0.999 : 0.99999));
	engine_free(engine);
}

/* Loads the network once more, as {"quantize": "q8_0"} keeps it. */
static void reload_in_8_bits(struct model *m, const char *path, struct device *d)
{
	struct folder f;
	struct net *net;
	struct err e = {0};

	CHECK(folder_open(AT_FDCWD, path, &f, &e) == 0);
	d->eights = true;
	CHECK(net_load(f.config, f.weights, d, &net, &e) == 0);
	d->eights = false;
	net->context = m->net->context;
	net_free(m->net);
	m->net = net;
	folder_done(&f);
}

TEST(tasks_as_transformers)
{
	DIR *all = opendir(folder);
	struct device *d;
	size_t n = 0;

	CHECK(all && device_open("cpu", NULL, &d, NULL) == 0);
	for (const struct dirent *at; (at = readdir(all)) != NULL;) {
		char path[400], file[512];
		json_t *calls;
		struct model *m;

		snprintf(path, sizeof(path), "%s/%s", folder, at->d_name);
		snprintf(file, sizeof(file), "%s/calls.json", path);
		calls = at->d_name[0] == '.' ? NULL : known_json(file);
		if (!calls)
			continue;
		printf("%s\n", at->d_name);
		m = known_model(d, path);
		if (in_8_bits)
			reload_in_8_bits(m, path, d);
		check_calls(m, calls);
		model_free(m);
		json_decref(calls);
		n++;
	}
	closedir(all);
	device_close(d);
	CHECK(n > 0);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		folder = argv[1];
	in_8_bits = argc > 2 && !strcmp(argv[2], "q8");
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	return 0;
}
