/*
 * ViT and CLIP against what transformers computes with small random models
 * (tests/oracle/pictures.py). The folder of models may be named on the command line.
 */
#include <dirent.h>

#include "tests/unit/inference/known.h"

#define PICTURES 3
#define TEXTS_MAX 8
#define IDS_MAX 256

static const char *folder = "tests/oracle/known-pictures";
static const char *const builds[] = {"scalar", "avx2", "avx512"};

/* As picture() of pictures.py. */
static void picture(float *to, uint32_t side, int64_t number)
{
	for (int64_t i = 0; i < (int64_t)side * side * 3; i++) {
		int64_t v = (i * i * 7 + i * 31 * (number + 1) + number * 97) % 256;

		to[i] = (float)(((double)v / 255 - .5) / .25);
	}
}

static struct net *open_net(struct device *d, const char *path)
{
	char file[512];
	int at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct weights *weights;
	struct net *net = NULL;
	json_t *config;
	struct err e = {0};

	snprintf(file, sizeof(file), "%s/config.json", path);
	config = known_json(file);
	CHECK(config && weights_open(at, &weights, &e) == 0);
	if (net_load(config, weights, d, &net, &e) < 0)
		fprintf(stderr, "%s: %s\n", path, e.text);
	CHECK(net);
	weights_free(weights);
	json_decref(config);
	close(at);
	return net;
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

/* All pictures at once; each alone gives the same bits. */
static float *look(struct net *net, size_t width)
{
	size_t size = (size_t)net->picture_width * net->picture_height * 3;
	float *pixels = calloc(PICTURES * size, sizeof(float));
	float *all = calloc(PICTURES * width, sizeof(float)), *one = calloc(width, sizeof(float));

	CHECK(pixels && all && one);
	for (size_t i = 0; i < PICTURES; i++)
		picture(pixels + i * size, net->picture_width, (int64_t)i);
	CHECK(net->family->look(net, pixels, PICTURES, all) == 0);
	for (size_t i = 0; i < PICTURES; i++) {
		CHECK(net->family->look(net, pixels + i * size, 1, one) == 0);
		CHECK(memcmp(one, all + i * width, width * sizeof(float)) == 0);
	}
	free(pixels);
	free(one);
	return all;
}

static double cosine(const float *a, const float *b, size_t n)
{
	double ab = 0, aa = 0, bb = 0;

	for (size_t i = 0; i < n; i++) {
		ab += (double)a[i] * (double)b[i];
		aa += (double)a[i] * (double)a[i];
		bb += (double)b[i] * (double)b[i];
	}
	return ab / sqrt(aa * bb);
}

static void check_texts(struct net *net, const json_t *texts, const float *seen)
{
	uint32_t ids[IDS_MAX], starts[TEXTS_MAX + 1] = {0};
	float *read = calloc(TEXTS_MAX * net->joint, sizeof(float));
	const json_t *text, *id;
	size_t i, j, n = json_array_size(texts);

	CHECK(read && n > 1 && n <= TEXTS_MAX);
	json_array_foreach(texts, i, text)
	{
		starts[i + 1] = starts[i];
		json_array_foreach(json_object_get(text, "ids"), j, id) ids[starts[i + 1]++] =
			(uint32_t)json_integer_value(id);
	}
	CHECK(net->family->read(net, ids, starts, n, read) == 0);
	json_array_foreach(texts, i, text)
	{
		const float *vector = read + i * net->joint;
		float logits[PICTURES];
		double off = distance(json_object_get(text, "vector"), vector);

		for (j = 0; j < PICTURES; j++)
			logits[j] = net->joint_scale *
				    (float)cosine(vector, seen + j * net->joint, net->joint);
		printf("    text %.2g relative, logits %.2g\n", off,
			distance(json_object_get(text, "logits"), logits));
		CHECK(off <= 2e-5);
		CHECK(distance(json_object_get(text, "logits"), logits) <= 2e-4);
	}
	free(read);
}

static void check_model(const char *path, const char *build)
{
	char file[512];
	struct device *d;
	struct net *net;
	json_t *known;
	const json_t *want;
	size_t i, width;
	float *seen;

	if (device_open("cpu", build, &d, NULL) < 0)
		return;
	snprintf(file, sizeof(file), "%s/known.json", path);
	known = known_json(file);
	net = open_net(d, path);
	CHECK(known && net->family->look);
	printf("  %s, %s\n", net->architecture, build);
	width = net->joint ? net->joint : net->n_labels;
	seen = look(net, width);
	json_array_foreach(json_object_get(known, "pictures"), i, want)
	{
		double off = distance(want, seen + i * width);

		printf("    picture %.2g relative\n", off);
		CHECK(json_array_size(want) == width && off <= 2e-5);
	}
	CHECK(i == PICTURES);
	if (net->joint)
		check_texts(net, json_object_get(known, "texts"), seen);
	free(seen);
	json_decref(known);
	net_free(net);
	device_close(d);
}

TEST(models_of_pictures_as_transformers)
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
