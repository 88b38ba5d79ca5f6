/* Folders of weights: single, in shards, pickled, with what is no number. */
#include "inference/formats/weights.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/unit/inference/known.h"

#define SENTIMENT "models/tiny-sentiment"

/* A temporary folder that is gone with the test. */
struct place_of {
	char path[64];
	int fd;
};

static void open_place(struct place_of *p)
{
	snprintf(p->path, sizeof(p->path), "/tmp/vitrine-weights-XXXXXX");
	CHECK(mkdtemp(p->path));
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(p->fd >= 0);
}

static void close_place(struct place_of *p)
{
	close(p->fd);
	CHECK(fs_remove_tree(p->path) == 0);
}

static void write_file(const struct place_of *p, const char *name, const void *bytes, size_t n)
{
	int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && fs_write_all(fd, bytes, n) == 0);
	close(fd);
}

/* A safetensors file with one tensor of two numbers. */
static void write_shard(const struct place_of *p, const char *file, const char *tensor)
{
	char bytes[256];
	int n = snprintf(bytes + 8, sizeof(bytes) - 8,
		"{\"%s\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", tensor);
	uint64_t length = ((uint64_t)n + 7) / 8 * 8;

	memset(bytes + 8 + n, ' ', length - (uint64_t)n);
	memcpy(bytes, &length, 8);
	memset(bytes + 8 + length, 0, 8);
	write_file(p, file, bytes, 8 + length + 8);
}

static void write_index(const struct place_of *p, const char *json)
{
	write_file(p, "model.safetensors.index.json", json, strlen(json));
}

static int try_open(const struct place_of *p, struct err *e)
{
	struct weights *w = NULL;
	int r;

	*e = (struct err){0};
	r = weights_open(p->fd, &w, e);
	weights_free(w);
	return r;
}

TEST(shards_are_one_set_of_weights)
{
	struct place_of p;
	struct weights *w = NULL;
	struct err e = {0};

	open_place(&p);
	write_shard(&p, "model-00001-of-00002.safetensors", "a");
	write_shard(&p, "model-00002-of-00002.safetensors", "b");
	write_index(&p, "{\"metadata\":{\"total_size\":16},\"weight_map\":{"
			"\"a\":\"model-00001-of-00002.safetensors\","
			"\"b\":\"model-00002-of-00002.safetensors\"}}");
	CHECK(weights_open(p.fd, &w, &e) == 0);
	CHECK(weights_count(w) == 2 && weights_find(w, "a") && weights_find(w, "b"));
	CHECK(weights_parameters(w) == 4);
	weights_free(w);
	close_place(&p);
}

TEST(an_index_that_lies_is_refused_with_words)
{
	static const struct lie {
		const char *index, *words;
		int r;
	} lies[] = {
		{"[]", "weight_map: must be an object", -EBADMSG},
		{"{\"weight_map\":{}}", "weight_map: must be an object", -EBADMSG},
		{"{\"weight_map\":{\"a\":7}}", "weight_map.a: must name", -EBADMSG},
		{"{\"weight_map\":{\"a\":\"../x.safetensors\"}}", "of the folder", -EBADMSG},
		{"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "of the folder", -EBADMSG},
		{"{\"weight_map\":{\"a\":\"none.safetensors\"}}", "none.safetensors", -ENOENT},
		{"{\"weight_map\":{\"c\":\"a.safetensors\"}}", "'c' is not in a.safetensors",
			-EBADMSG},
		{"{\"weight_map\":{\"a\":\"a.safetensors\",\"x\":\"b.safetensors\"}}",
			"'a' is there twice", -EBADMSG},
		{"{", "JSON", -EBADMSG},
	};
	struct place_of p;
	struct err e;

	open_place(&p);
	write_shard(&p, "a.safetensors", "a");
	write_shard(&p, "b.safetensors", "a");
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		int r;

		write_index(&p, lies[i].index);
		r = try_open(&p, &e);
		if (r != lies[i].r || !strstr(e.text, lies[i].words))
			fprintf(stderr, "%s: %d '%s'\n", lies[i].index, r, e.text);
		CHECK(r == lies[i].r && strstr(e.text, lies[i].words));
	}
	close_place(&p);
}

TEST(pickled_weights_are_refused_by_name_with_the_way_to_convert_them)
{
	struct place_of p;
	struct err e;

	open_place(&p);
	CHECK(try_open(&p, &e) == -ENOENT && strstr(e.text, "model.safetensors"));
	write_file(&p, "pytorch_model.bin", "PK", 2);
	CHECK(try_open(&p, &e) == -ENOTSUP);
	CHECK(strstr(e.text, "pytorch_model.bin") && strstr(e.text, "save_pretrained"));
	write_shard(&p, "model.safetensors", "a");
	CHECK(try_open(&p, &e) == 0);
	close_place(&p);
}

static void copy_file(const struct place_of *p, const char *name, uint8_t *ret, size_t *ret_n)
{
	CLEANUP(buf_done) struct buf text;
	char path[256];
	struct err e = {0};

	buf_init(&text, 8 << 20);
	snprintf(path, sizeof(path), SENTIMENT "/%s", name);
	CHECK(fs_read(AT_FDCWD, path, &text, &e) == 0);
	write_file(p, name, text.data, text.len);
	if (ret)
		memcpy(ret, text.data, text.len);
	if (ret_n)
		*ret_n = text.len;
}

TEST(a_weight_that_is_no_number_is_named_when_the_model_is_loaded)
{
	static uint8_t file[8 << 20];
	static const uint8_t nan[] = {0xff, 0xff, 0xff, 0xff};
	struct place_of p;
	struct device *d = NULL;
	struct model *m;
	size_t n;

	open_place(&p);
	CHECK(device_open("cpu", "scalar", &d, NULL) == 0);
	copy_file(&p, "config.json", NULL, NULL);
	copy_file(&p, "tokenizer.json", NULL, NULL);
	copy_file(&p, "model.safetensors", file, &n);
	m = model_open(AT_FDCWD, p.path, "test/good", d);
	CHECK(m->net);
	model_free(m);
	memcpy(file + n - sizeof(nan), nan, sizeof(nan));
	write_file(&p, "model.safetensors", file, n);
	m = model_open(AT_FDCWD, p.path, "test/bad", d);
	CHECK(!m->net && m->error.code == -EBADMSG);
	CHECK(strstr(m->error.text, "holds NaN or infinite numbers"));
	CHECK(strchr(m->error.text, '\''));
	model_free(m);
	device_close(d);
	close_place(&p);
}

TEST_MAIN()
