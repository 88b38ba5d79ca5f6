#include "inference/formats/gguf.h"
#include "inference/formats/gguf_merges.h"

#include <errno.h>
#include <fcntl.h>

#include "base/json.h"
#include "inference/formats/gguf_model.h"
#include "inference/tokenizers/tokenizer.h"
#include "tests/unit/inference/gguf_writer.h"
#include "tests/unit/inference/known.h"

#define DATA "tests/unit/inference/data/"

TEST(a_good_file_gives_its_values_and_tensors)
{
	static struct writer w;
	struct gguf *g = NULL;
	struct gguf_string s;
	struct err e = {0};
	double n;

	put_header(&w, 2, 2);
	put_text(&w, "general.name", "x");
	put_number(&w, "a.number", 7);
	put_tensor(&w, "second", 32, 2, 8, 32);
	put_tensor(&w, "first", 3, 2, 0, 0);
	put_data(&w, 32, 32 + 2 * 34);
	CHECK(gguf_read(w.bytes, w.n, &g, &e) == 0);
	CHECK(gguf_get_number(g, "a.number", &n, &e) == 0 && n == 7);
	CHECK(gguf_get_string(g, "general.name", &s, &e) == 0 && s.n == 1 && s.s[0] == 'x');
	CHECK(gguf_get_number(g, "b", &n, &e) == -ENOENT && !gguf_has(g, "b"));
	CHECK(gguf_get_number(g, "general.name", &n, &e) == -EBADMSG);
	CHECK(gguf_count(g) == 2);

	const struct tensor *t = gguf_tensors(g);

	CHECK(!strcmp(t[0].name, "first") && t[0].dims[0] == 2 && t[0].dims[1] == 3);
	CHECK(!strcmp(t[1].name, "second") && t[1].type == TENSOR_Q8_0 && t[1].count == 64);
	CHECK(t[1].bytes[0] == 32);
	gguf_free(g);
}

/* Each writes a file that breaks one rule. */
static void no_magic(struct writer *w)
{
	put_header(w, 0, 0);
	w->bytes[0] = 'g';
}

static void version_one(struct writer *w)
{
	put_header(w, 0, 0);
	w->bytes[4] = 1;
}

static void big_endian(struct writer *w)
{
	put_header(w, 0, 0);
	w->bytes[4] = 0;
	w->bytes[7] = 3;
}

static void short_header(struct writer *w)
{
	put_header(w, 0, 0);
	w->n--;
}

static void countless_keys(struct writer *w)
{
	put_header(w, 0, UINT64_MAX);
}

static void keys_beyond_the_end(struct writer *w)
{
	put_header(w, 0, 2);
	put_number(w, "a", 1);
}

static void countless_tensors(struct writer *w)
{
	put_header(w, UINT64_MAX / 2, 0);
}

static void tensors_beyond_the_end(struct writer *w)
{
	put_header(w, 60000, 0);
}

static void key_twice(struct writer *w)
{
	put_header(w, 0, 2);
	put_number(w, "a.b", 1);
	put_number(w, "a.b", 2);
}

static void key_of_lies(struct writer *w)
{
	put_header(w, 0, 1);
	put_u64(w, UINT64_MAX);
}

static void key_unprintable(struct writer *w)
{
	put_header(w, 0, 1);
	put_number(w, "a\n", 1);
}

static void value_of_no_type(struct writer *w)
{
	put_header(w, 0, 1);
	put_str(w, "k");
	put_u32(w, 13);
}

static void string_beyond_the_end(struct writer *w)
{
	put_header(w, 0, 1);
	put_str(w, "k");
	put_u32(w, G_STRING);
	put_u64(w, 1000);
}

static void array_of_arrays(struct writer *w)
{
	put_header(w, 0, 1);
	put_str(w, "k");
	put_u32(w, G_ARRAY);
	put_u32(w, G_ARRAY);
	put_u64(w, 1);
}

static void array_without_end(struct writer *w)
{
	put_header(w, 0, 1);
	put_str(w, "k");
	put_u32(w, G_ARRAY);
	put_u32(w, G_U64);
	put_u64(w, UINT64_MAX);
}

static void array_beyond_the_end(struct writer *w)
{
	put_header(w, 0, 1);
	put_str(w, "k");
	put_u32(w, G_ARRAY);
	put_u32(w, G_STRING);
	put_u64(w, 3);
	put_str(w, "one");
}

static void odd_alignment(struct writer *w)
{
	put_header(w, 1, 1);
	put_number(w, "general.alignment", 24);
	put_tensor(w, "t", 1, 1, 0, 0);
	put_data(w, 32, 4);
}

static void zero_alignment(struct writer *w)
{
	put_header(w, 1, 1);
	put_number(w, "general.alignment", 0);
	put_tensor(w, "t", 1, 1, 0, 0);
	put_data(w, 32, 4);
}

static void one_tensor(struct writer *w, uint64_t columns, uint64_t rows, uint32_t type,
	uint64_t offset, size_t bytes)
{
	put_header(w, 1, 0);
	put_tensor(w, "t", columns, rows, type, offset);
	put_data(w, 32, bytes);
}

static void type_not_supported(struct writer *w)
{
	one_tensor(w, 32, 1, 10, 0, 32);
}

static void type_unknown(struct writer *w)
{
	one_tensor(w, 32, 1, 200, 0, 32);
}

static void half_a_block(struct writer *w)
{
	one_tensor(w, 16, 4, 8, 0, 68);
}

static void dimensions_overflow(struct writer *w)
{
	one_tensor(w, 1ull << 32, 1ull << 32, 0, 0, 32);
}

static void outside(struct writer *w)
{
	one_tensor(w, 8, 2, 0, 0, 63);
}

static void far_outside(struct writer *w)
{
	one_tensor(w, 8, 2, 0, UINT64_MAX - 31, 64);
}

static void unaligned(struct writer *w)
{
	one_tensor(w, 1, 1, 0, 4, 64);
}

static void overlap(struct writer *w)
{
	put_header(w, 2, 0);
	put_tensor(w, "t", 16, 1, 0, 0);
	put_tensor(w, "u", 1, 1, 0, 32);
	put_data(w, 32, 64);
}

static void five_dimensions(struct writer *w)
{
	put_header(w, 1, 0);
	put_str(w, "t");
	put_u32(w, 5);
	put_data(w, 1, 60);
}

static void no_description(struct writer *w)
{
	put_header(w, 1, 0);
	put_str(w, "a_tensor_with_a_long_enough_name");
}

static const struct hostile {
	void (*write)(struct writer *w);
	int r;
	const char *words;
} hostile[] = {
	{no_magic, -EBADMSG, "does not begin with 'GGUF'"},
	{version_one, -ENOTSUP, "version 1 is not supported"},
	{big_endian, -ENOTSUP, "big-endian"},
	{short_header, -EBADMSG, "shorter than"},
	{countless_keys, -EMSGSIZE, "the limit is 65536"},
	{keys_beyond_the_end, -EBADMSG, "ends inside a key"},
	{countless_tensors, -EMSGSIZE, "the limit is 65536"},
	{tensors_beyond_the_end, -EBADMSG, "60000 tensors in so short a file"},
	{key_twice, -EBADMSG, "key 'a.b' is there twice"},
	{key_of_lies, -EBADMSG, "ends inside a key"},
	{key_unprintable, -EBADMSG, "printable"},
	{value_of_no_type, -EBADMSG, "key 'k': type 13 is not known"},
	{string_beyond_the_end, -EBADMSG, "key 'k': the file ends"},
	{array_of_arrays, -ENOTSUP, "key 'k': arrays of arrays"},
	{array_without_end, -EMSGSIZE, "key 'k': array of 18446744073709551615"},
	{array_beyond_the_end, -EBADMSG, "key 'k': the file ends"},
	{odd_alignment, -EBADMSG, "general.alignment"},
	{zero_alignment, -EBADMSG, "general.alignment"},
	{type_not_supported, -ENOTSUP, "tensor 't': type Q2_K is not supported"},
	{type_unknown, -ENOTSUP, "tensor 't': type 200 is not known"},
	{half_a_block, -EBADMSG, "tensor 't': Q8_0 needs rows of a multiple of 32"},
	{dimensions_overflow, -EBADMSG, "tensor 't': the product of its dimensions overflows"},
	{outside, -EBADMSG, "tensor 't': lies outside the file"},
	{far_outside, -EBADMSG, "tensor 't': lies outside the file"},
	{unaligned, -EBADMSG, "tensor 't': its offset is not aligned to 32"},
	{overlap, -EBADMSG, "tensor 'u' overlaps another"},
	{five_dimensions, -EMSGSIZE, "tensor 't': 5 dimensions"},
	{no_description, -EBADMSG, "ends inside"},
};

TEST(hostile_files_are_refused_with_words)
{
	static struct writer w;

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct gguf *g = NULL;
		struct err e = {0};
		int r;

		hostile[i].write(&w);
		r = gguf_read(w.bytes, w.n, &g, &e);
		if (r != hostile[i].r || !strstr(e.text, hostile[i].words))
			fprintf(stderr, "%zu: %d '%s', not '%s'\n", i, r, e.text, hostile[i].words);
		CHECK(r == hostile[i].r && !g && strstr(e.text, hostile[i].words));
	}
}

TEST(every_prefix_of_a_file_is_refused_or_read)
{
	static struct writer w;

	put_header(&w, 1, 2);
	put_text(&w, "general.architecture", "llama");
	put_number(&w, "llama.block_count", 1);
	put_tensor(&w, "t", 8, 2, 0, 0);
	put_data(&w, 32, 64);
	for (size_t n = 0; n < w.n; n++) {
		struct gguf *g = NULL;
		struct err e = {0};

		CHECK(gguf_read(w.bytes, n, &g, &e) < 0 && e.text[0]);
	}
}

/* data/make_gguf.py: blocks of random bytes, and what gguf-py reads in them. */
TEST(blocks_decode_as_in_ggml)
{
	static const char *const types[] = {"Q8_0", "Q4_0", "Q4_K", "Q5_K", "Q6_K", "F16", "BF16"};
	struct gguf *g = NULL;
	struct err e = {0};

	if (gguf_open(AT_FDCWD, DATA "blocks.gguf", &g, &e) < 0)
		fprintf(stderr, "%s\n", e.text);
	CHECK(g);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const struct tensor *raw = NULL, *wide = NULL;

		for (size_t j = 0; j < gguf_count(g); j++) {
			const struct tensor *t = &gguf_tensors(g)[j];
			size_t n = strlen(types[i]);

			if (!strncmp(t->name, types[i], n) && !t->name[n])
				raw = t;
			if (!strncmp(t->name, types[i], n) && !strcmp(t->name + n, ".f32"))
				wide = t;
		}
		CHECK(raw && wide && raw->count == wide->count && raw->count >= 128);
		CHECK(!strcmp(tensor_type_name(raw->type), types[i]) && tensor_is_finite(raw));
		for (uint64_t j = 0; j < raw->count; j++)
			CHECK(tensor_at(raw, j) == tensor_at(wide, j));
	}
	gguf_free(g);
}

/* A model of tests/oracle/known as llama.cpp's converter writes it: the logits that transformers
 * computed with the folder. */
static void check_model(const char *name)
{
	CLEANUP(json_unrefp) json_t *config = NULL;
	char path[128];
	struct device *d;
	struct gguf *g = NULL;
	struct weights *weights = NULL;
	struct model *m = calloc(1, sizeof(*m));
	struct err e = {0};
	uint32_t ids[NET_STEP_ROWS_MAX];
	double worst = 0, sum = 0;
	struct alone a;
	json_t *known;
	const json_t *text, *v;
	size_t i, n;

	snprintf(path, sizeof(path), "tests/oracle/known/%s/known.json", name);
	known = known_json(path);
	snprintf(path, sizeof(path), DATA "%s.gguf", name);
	CHECK(m && known && device_open("cpu", NULL, &d, &e) == 0);
	CHECK(gguf_open(AT_FDCWD, path, &g, &e) == 0 && gguf_config(g, &config, &e) == 0);
	CHECK(gguf_weights(g, &weights, &e) == 0);
	if (net_load(config, weights, d, &m->net, &e) < 0)
		fprintf(stderr, "%s: %s\n", name, e.text);
	CHECK(m->net);
	weights_free(weights);
	text = json_array_get(json_object_get(known, "texts"), 0);
	n = json_array_size(json_object_get(text, "ids"));
	CHECK(n > 0 && n <= NET_STEP_ROWS_MAX);
	json_array_foreach(json_object_get(text, "ids"), i, v) ids[i] =
		(uint32_t)json_integer_value(v);
	alone_begin(&a, m);
	alone_read(&a, ids, n);
	json_array_foreach(json_object_get(text, "logits"), i, v)
	{
		worst = fmax(worst, fabs(json_number_value(v) - (double)a.logits[i]));
		sum += json_number_value(v) * json_number_value(v);
	}
	printf("  %s: worst logit %.2g relative\n", name, worst / sqrt(sum / (double)i));
	CHECK(i == m->net->vocab && worst <= 2e-5 * sqrt(sum / (double)i));
	alone_end(&a);
	json_decref(known);
	model_free(m);
	device_close(d);
}

TEST(models_compute_what_their_folders_do)
{
	check_model("llama3");
	check_model("qwen2");
	check_model("qwen3");
	check_model("gpt2");
}

TEST(a_vocabulary_with_scores_becomes_merges_in_their_order)
{
	static const char *const merges[][2] = {
		{"\xe2\x96\x81", "t"},
		{"h", "e"},
		{"\xe2\x96\x81th", "e"},
		{"\xe2\x96\x81t", "he"},
		{"\xe2\x96\x81", "a"},
		{"t", "h"},
		{"\xe2\x96\x81t", "h"},
		{"\xe2\x96\x81", "th"},
	};
	struct gguf *g = NULL;
	json_t *root = NULL;
	const json_t *list, *pair;
	struct err e = {0};
	size_t i;

	CHECK(gguf_open(AT_FDCWD, DATA "spm.gguf", &g, &e) == 0);
	CHECK(gguf_tokenizer(g, &root, &e) == 0);
	list = json_object_get(json_object_get(root, "model"), "merges");
	CHECK(json_array_size(list) == sizeof(merges) / sizeof(merges[0]));
	json_array_foreach(list, i, pair)
	{
		CHECK(!strcmp(json_string_value(json_array_get(pair, 0)), merges[i][0]));
		CHECK(!strcmp(json_string_value(json_array_get(pair, 1)), merges[i][1]));
	}
	CHECK(json_array_size(json_object_get(root, "added_tokens")) == 3);
	json_decref(root);
	gguf_free(g);
}

static int config_of(struct writer *w, struct err *e)
{
	struct gguf *g = NULL;
	json_t *config = NULL;
	int r = gguf_read(w->bytes, w->n, &g, e);

	if (r == 0)
		r = gguf_config(g, &config, e);
	json_decref(config);
	gguf_free(g);
	return r;
}

TEST(what_a_config_lacks_is_named)
{
	static struct writer w;
	struct err e = {0};

	put_header(&w, 0, 0);
	CHECK(config_of(&w, &e) == -EBADMSG && strstr(e.text, "'general.architecture'"));
	put_header(&w, 0, 1);
	put_text(&w, "general.architecture", "rwkv6");
	CHECK(config_of(&w, &e) == -ENOTSUP && strstr(e.text, "'rwkv6' is not supported"));
	put_header(&w, 0, 2);
	put_text(&w, "general.architecture", "qwen2");
	put_text(&w, "qwen2.embedding_length", "wide");
	CHECK(config_of(&w, &e) == -EBADMSG && strstr(e.text, "'qwen2.embedding_length'"));
}

TEST(a_tensor_that_no_architecture_knows_is_named)
{
	static struct writer w;
	struct gguf *g = NULL;
	struct weights *weights = NULL;
	struct err e = {0};

	put_header(&w, 1, 1);
	put_text(&w, "general.architecture", "llama");
	put_tensor(&w, "blk.0.ffn_gate_exps.weight", 8, 2, 0, 0);
	put_data(&w, 32, 64);
	CHECK(gguf_read(w.bytes, w.n, &g, &e) == 0);
	CHECK(gguf_weights(g, &weights, &e) == -ENOTSUP);
	CHECK(!weights && strstr(e.text, "'blk.0.ffn_gate_exps.weight'"));
}

TEST(tensors_are_found_by_their_names_elsewhere)
{
	static struct writer w;
	struct gguf *g = NULL;
	struct weights *weights = NULL;
	struct err e = {0};

	put_header(&w, 2, 1);
	put_text(&w, "general.architecture", "qwen3");
	put_tensor(&w, "blk.13.attn_q_norm.weight", 8, 1, 0, 0);
	put_tensor(&w, "output.weight", 8, 2, 0, 32);
	put_data(&w, 32, 96);
	CHECK(gguf_read(w.bytes, w.n, &g, &e) == 0);
	CHECK(gguf_weights(g, &weights, &e) == 0);
	CHECK(weights_find(weights, "model.layers.13.self_attn.q_norm.weight"));
	CHECK(weights_find(weights, "lm_head.weight")->dims[0] == 2);
	weights_free(weights);
}

/* Each begins with all shorter ones of its kind. */
TEST(merges_of_tokens_that_begin_with_others_have_a_limit)
{
	enum { KINDS = 700, LENGTHS = 110, HEAD = 10 };
	static char kinds[KINDS][HEAD + LENGTHS];
	static struct gguf_token tokens[KINDS * LENGTHS];
	struct err e = {0};

	for (size_t k = 0; k < KINDS; k++) {
		for (size_t i = 0; i < HEAD + LENGTHS; i++)
			kinds[k][i] = i >= HEAD ? 'c' : k >> i & 1 ? 'a' : 'b';
		for (size_t i = 0; i < LENGTHS; i++)
			tokens[k * LENGTHS + i] = (struct gguf_token){
				.s = {kinds[k], HEAD + i + 1}, .kind = KIND_NORMAL};
	}
	CHECK(!gguf_scored_merges(tokens, KINDS * LENGTHS, &e) && e.code == -EMSGSIZE);
	CHECK(strstr(e.text, "would be looked up"));
}

TEST_MAIN()
