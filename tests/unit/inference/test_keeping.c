/* vitrine.json: how the service keeps a model. */
#include "inference/engine/model.h"

#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "inference/formats/folder.h"
#include "tests/unit/inference/known.h"

static struct device *device;

static void write_file(int folder, const char *name, const void *data, size_t n)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && write(fd, data, n) == (ssize_t)n && close(fd) == 0);
}

static void copy_file(int from, int to, const char *name)
{
	CLEANUP(buf_done) struct buf data;

	buf_init(&data, 64u << 20);
	CHECK(fs_read(from, name, &data, NULL) == 0);
	write_file(to, name, data.data, data.len);
}

/* The shipped writer with that vitrine.json; NULL: with none. */
static struct model *open_kept(const char *keeping)
{
	static const char *const names[] = {
		"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"};
	char path[] = "/tmp/vitrine-keeping-XXXXXX";
	int from = open("models/tiny-writer", O_RDONLY | O_DIRECTORY | O_CLOEXEC), folder;
	struct model *m;

	CHECK(from >= 0 && mkdtemp(path));
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(folder >= 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		copy_file(from, folder, names[i]);
	if (keeping)
		write_file(folder, "vitrine.json", keeping, strlen(keeping));
	m = model_open(AT_FDCWD, path, "kept", device);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlinkat(folder, names[i], 0);
	(void)unlinkat(folder, "vitrine.json", 0);
	(void)rmdir(path);
	(void)close(folder);
	(void)close(from);
	return m;
}

/* What the model says comes after "Once upon a", of vocab numbers. */
static float *next_of(struct model *m)
{
	struct tokens ids = {.max = 100};
	float *logits = calloc(m->net->vocab, sizeof(float));
	struct alone a;

	CHECK(logits && tokenizer_encode(m->tokenizer, "Once upon a", 11, false, &ids, NULL) == 0);
	alone_begin(&a, m);
	alone_read(&a, ids.ids, ids.n);
	memcpy(logits, a.logits, m->net->vocab * sizeof(float));
	alone_end(&a);
	tokens_done(&ids);
	return logits;
}

TEST(a_model_kept_in_8_bits_says_nearly_the_same)
{
	struct model *plain = open_kept(NULL), *eights = open_kept("{\"quantize\": \"q8_0\"}");
	double off = 0, size = 0;
	float *want, *got;

	CHECK(plain && plain->net && eights && eights->net && !device->eights);
	want = next_of(plain);
	got = next_of(eights);
	for (uint32_t i = 0; i < plain->net->vocab; i++) {
		off += pow((double)got[i] - (double)want[i], 2);
		size += pow((double)want[i], 2);
	}
	printf("  off by %.1e\n", sqrt(off / size));
	CHECK(off > 1e-10 * size && off < 2.5e-3 * size);
	free(want);
	free(got);
	(void)model_free(plain);
	(void)model_free(eights);
}

TEST(another_way_to_keep_a_model_is_refused_by_name)
{
	struct model *m = open_kept("{\"quantize\": \"q2\"}");

	CHECK(m && !m->net && strstr(m->error.text, "quantize"));
	(void)model_free(m);
}

/* The shipped writer with its numbers in 32 bits, in which it gives transformers' logits. */
static struct model *open_widened(void)
{
	struct model *m = open_kept(NULL);
	struct weights *wide = weights_new();
	struct folder f;
	struct tensor *tensors;
	struct net *net;
	size_t n;

	CHECK(m && m->net && wide && folder_open(AT_FDCWD, "models/tiny-writer", &f, NULL) == 0);
	n = weights_count(f.weights);
	tensors = calloc(n, sizeof(*tensors));
	CHECK(tensors);
	for (size_t i = 0; i < n; i++) {
		const struct tensor *t = weights_at(f.weights, i);
		float *x = malloc(t->count * sizeof(*x));

		CHECK(x);
		tensor_read(t, 0, t->count, x);
		tensors[i] = *t;
		tensors[i].type = TENSOR_F32;
		tensors[i].bytes = (const uint8_t *)x;
	}
	CHECK(weights_add(wide, tensors, n, 0, NULL, free, NULL) == 0);
	CHECK(net_load(f.config, wide, device, &net, NULL) == 0);
	net->context = m->net->context;
	net_free(m->net);
	m->net = net;
	for (size_t i = 0; i < n; i++)
		free((void *)tensors[i].bytes);
	free(tensors);
	weights_free(wide);
	folder_done(&f);
	return m;
}

#define WRITTEN 50 /* tokens of each text */

/* Of what the first says, greedily, how much the second would have said too: added to *ret. */
static void count_same(struct model *m, struct model *other, const char *prompt, size_t *ret)
{
	struct tokens ids = {.max = 200};
	struct alone a, b;
	size_t read = 0;

	CHECK(tokenizer_encode(m->tokenizer, prompt, strlen(prompt), false, &ids, NULL) == 0);
	alone_begin(&a, m);
	alone_begin(&b, other);
	for (int i = 0; i < WRITTEN; i++) {
		uint32_t best;

		alone_read(&a, ids.ids + read, ids.n - read);
		alone_read(&b, ids.ids + read, ids.n - read);
		read = ids.n;
		best = alone_best(&a);
		*ret += alone_best(&b) == best;
		CHECK(tokens_add(&ids, best) == 0);
	}
	alone_end(&a);
	alone_end(&b);
	tokens_done(&ids);
}

/* docs/models.md has the numbers. */
TEST(the_best_token_is_the_same_in_16_bits_and_nearly_always_in_8)
{
	static const char *const prompts[] = {"Once upon a", "The fox", "A small boat",
		"In the night", "The old king", "Rain came", "She opened the", "Under the tree",
		"The sea was", "My dog", "One day the", "He was not"};
	struct model *wide = open_widened(), *sixteen = open_kept(NULL),
		     *eights = open_kept("{\"quantize\": \"q8_0\"}");
	size_t n = sizeof(prompts) / sizeof(prompts[0]), of_16 = 0, of_8 = 0;

	for (size_t i = 0; i < n; i++) {
		count_same(wide, sixteen, prompts[i], &of_16);
		count_same(wide, eights, prompts[i], &of_8);
	}
	n *= WRITTEN;
	printf("  of %zu tokens the best of 32 bits is also that of BF16: %zu, of Q8_0: %zu\n", n,
		of_16, of_8);
	CHECK(of_16 * 1000 >= n * 990 && of_8 * 1000 >= n * 950);
	(void)model_free(wide);
	(void)model_free(sixteen);
	(void)model_free(eights);
}

int main(void)
{
	if (access("models/tiny-writer/model.safetensors", R_OK) < 0) {
		printf("skipped: models/tiny-writer is not there\n");
		return 77;
	}
	CHECK(device_open("cpu", NULL, &device, NULL) == 0);
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	device_close(device);
	return 0;
}
