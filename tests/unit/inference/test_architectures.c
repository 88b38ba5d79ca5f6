/*
 * Every architecture against what transformers computes with small random models of it
 * (tests/oracle/make.py). The folder of models may be named on the command line.
 */
#include <dirent.h>

#include "tests/unit/inference/known.h"

#define STORED "tests/oracle/known"

static const char *folder = STORED;
static const char *const builds[] = {"scalar", "avx2", "avx512", "cuda"};

/* Of the CPU's builds those that this processor runs; "cuda": a GPU, where there is one. */
static int open_device(const char *build, struct device **ret)
{
	bool cuda = !strcmp(build, "cuda");

	return device_open(cuda ? "cuda" : "cpu", cuda ? NULL : build, ret, NULL);
}

/* As model_open, without a tokenizer: most of these have none. */
static struct model *open_net(struct device *d, const char *path)
{
	struct model *m = calloc(1, sizeof(*m));
	char file[512];
	int at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct weights *weights;
	json_t *config;
	struct err e = {0};

	snprintf(file, sizeof(file), "%s/config.json", path);
	config = known_json(file);
	CHECK(m && config && weights_open(at, &weights, &e) == 0);
	if (net_load(config, weights, d, &m->net, &e) < 0)
		fprintf(stderr, "%s: %s\n", path, e.text);
	CHECK(m->net);
	weights_free(weights);
	json_decref(config);
	close(at);
	return m;
}

/* How far off is near enough. A GPU's products split floats into two bfloat16. */
static double nearness(const struct model *m)
{
	return !strcmp(m->net->device->ops->name, "cuda") ? 2e-4 : 2e-5;
}

/* How far got is from the array, relative to the array's root mean square. */
static double distance(const json_t *want, const float *got)
{
	double worst = 0, sum = 0;
	const json_t *v;
	size_t i;

	json_array_foreach(want, i, v)
	{
		worst = fmax(worst, fabs(json_number_value(v) - (double)got[i]));
		sum += json_number_value(v) * json_number_value(v);
	}
	CHECK(i > 0);
	return worst / sqrt(sum / (double)i);
}

/* Returns how many of the greedy tokens were compared. */
static size_t check_greedy(const json_t *text, struct alone *a)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(text, "greedy"), i, v)
	{
		uint32_t id = (uint32_t)json_integer_value(v);

		if (json_number_value(json_array_get(json_object_get(text, "gaps"), i)) < 1e-4)
			break; /* nearer than any engine could tell */
		CHECK(alone_best(a) == id);
		alone_read(a, &id, 1);
	}
	return i;
}

static void check_text(struct model *m, const json_t *text)
{
	uint32_t ids[2 * NET_STEP_ROWS_MAX];
	const json_t *list = json_object_get(text, "ids"), *v;
	struct alone a;
	double off;
	size_t i, n = json_array_size(list);

	CHECK(n > 0 && n < 2 * NET_STEP_ROWS_MAX);
	json_array_foreach(list, i, v) ids[i] = (uint32_t)json_integer_value(v);
	alone_begin(&a, m);
	/* In two parts, as a prompt may come. */
	if (n > 1)
		alone_step(&a, ids, n / 2, 0);
	alone_read(&a, ids + n / 2, n - n / 2);
	CHECK(json_array_size(json_object_get(text, "logits")) == m->net->vocab);
	off = distance(json_object_get(text, "logits"), a.logits);
	n = check_greedy(text, &a);
	printf("    worst logit %.2g relative, %zu greedy tokens the same\n", off, n);
	CHECK(off <= nearness(m));
	alone_end(&a);
}

/* The first row and the last, or of a sequence's labels the first only. */
static void check_sequence(struct model *m, const json_t *sequence)
{
	struct net *net = m->net;
	const json_t *list = json_object_get(sequence, "ids"), *v;
	size_t n = json_array_size(list), i;
	uint32_t ids[512], types[512];
	const uint32_t starts[] = {0, (uint32_t)n}, wanted[] = {0, (uint32_t)n - 1};
	struct batch in = {.ids = ids, .types = types, .starts = starts, .n = 1, .wanted = wanted};
	float *ret = calloc(2, (net->width + net->hidden) * sizeof(*ret));
	double off, off_hidden;

	CHECK(ret && n > 1 && n <= 512 && n <= net->context);
	json_array_foreach(list, i, v) ids[i] = (uint32_t)json_integer_value(v);
	json_array_foreach(json_object_get(sequence, "types"), i, v) types[i] =
		(uint32_t)json_integer_value(v);
	in.n_wanted = net->head == NET_SEQUENCE ? 1 : 2;
	CHECK(net->family->encode(net, &in, ret) == 0);
	list = json_object_get(sequence, "rows");
	CHECK(json_array_size(list) == in.n_wanted * net->width);
	off = distance(list, ret);
	in.n_wanted = 1;
	in.wanted = &wanted[1];
	in.headless = true;
	CHECK(net->family->encode(net, &in, ret) == 0);
	off_hidden = distance(json_object_get(sequence, "hidden"), ret);
	printf("    worst of a row %.2g relative, of a hidden state %.2g\n", off, off_hidden);
	CHECK(off <= nearness(m) && off_hidden <= nearness(m));
	free(ret);
}

static void check_model(const char *path, const char *build)
{
	char file[512];
	struct device *d;
	struct model *m;
	json_t *known;
	const json_t *text;
	size_t i, j;

	if (open_device(build, &d) < 0)
		return;
	snprintf(file, sizeof(file), "%s/known.json", path);
	known = known_json(file);
	m = open_net(d, path);
	CHECK(known && m);
	printf("  %s, %s\n", m->net->architecture, build);
	json_array_foreach(json_object_get(known, "texts"), i, text) check_text(m, text);
	json_array_foreach(json_object_get(known, "sequences"), j, text) check_sequence(m, text);
	CHECK(i + j > 0);
	json_decref(known);
	model_free(m);
	device_close(d);
}

TEST(architectures_as_transformers)
{
	DIR *all = opendir(folder);
	size_t n = 0;

	CHECK(all);
	for (const struct dirent *at; (at = readdir(all)) != NULL;) {
		char path[400];

		if (at->d_name[0] == '.')
			continue;
		printf("%s\n", at->d_name);
		snprintf(path, sizeof(path), "%s/%s", folder, at->d_name);
		for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++)
			check_model(path, builds[i]);
		n++;
	}
	closedir(all);
	CHECK(n > 0);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		folder = argv[1];
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	return 0;
}
