#include "orchestrator/repo/model_files.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "tests/support/test.h"

static json_t *file(const char *path, json_int_t size)
{
	return json_pack("{s:s, s:s, s:I, s:s}", "type", "file", "path", path, "size", size, "oid",
		"0123456789012345678901234567890123456789");
}

static json_t *tree_of(const char *const *paths, size_t n)
{
	json_t *tree = json_array();

	for (size_t i = 0; i < n; i++)
		CHECK(json_array_append_new(tree, file(paths[i], 10)) == 0);
	return tree;
}

static const char *path_of(const json_t *files, size_t i)
{
	return json_string_value(json_object_get(json_array_get(files, i), "path"));
}

TEST(what_inference_reads_is_picked_and_nothing_else)
{
	static const char *const paths[] = {"config.json", "model.safetensors",
		"chat_template.jinja", "1_Pooling/config.json", "adapters/poet/adapter_config.json",
		"adapters/poet/adapter_model.safetensors"};
	static const char *const others[] = {".gitattributes", ".hidden.json", "README.md",
		"pytorch_model.bin", "onnx/model.json", "adapters/loose.json",
		"adapters/poet/deep/config.json", "adapters/.x/config.json", ".json"};
	CLEANUP(json_unrefp) json_t *tree = tree_of(paths, 6);
	CLEANUP(json_unrefp) json_t *more = tree_of(others, 9);
	CLEANUP(json_unrefp) json_t *picked = NULL;

	CHECK(json_array_extend(tree, more) == 0);
	CHECK(model_files_pick(tree, &picked, NULL) == 0);
	CHECK(json_array_size(picked) == 6);
	for (size_t i = 0; i < 6; i++)
		CHECK(!strcmp(path_of(picked, i), paths[i]));
}

TEST(without_a_config_or_a_gguf_file_it_is_no_model)
{
	static const char *const none[] = {"tokenizer.json", "1_Pooling/config.json"};
	static const char *const gguf[] = {"tiny.gguf"};
	CLEANUP(json_unrefp) json_t *tree = tree_of(none, 2);
	CLEANUP(json_unrefp) json_t *other = tree_of(gguf, 1);
	CLEANUP(json_unrefp) json_t *picked = NULL;
	CLEANUP(json_unrefp) json_t *one = NULL;

	CHECK(model_files_pick(tree, &picked, NULL) == 0);
	CHECK(json_array_size(picked) == 0);
	CHECK(model_files_pick(other, &one, NULL) == 0);
	CHECK(json_array_size(one) == 1);
}

TEST(a_large_file_in_git_is_refused_by_name_and_one_in_lfs_is_not)
{
	CLEANUP(json_unrefp) json_t *tree = json_array();
	CLEANUP(json_unrefp) json_t *picked = NULL;
	struct err e = {0};
	json_t *weights = file("model.safetensors", (json_int_t)MODEL_GIT_FILE_MAX + 1);

	CHECK(json_array_append_new(tree, file("config.json", 3)) == 0);
	CHECK(json_array_append_new(tree, weights) == 0);
	CHECK(model_files_pick(tree, &picked, &e) == -EFBIG);
	CHECK(strstr(e.text, "model.safetensors: over 64 MiB in git"));
	CHECK(json_object_set_new(weights, "lfs", json_object()) == 0);
	CHECK(model_files_pick(tree, &picked, &e) == 0);
}

TEST(too_many_files_and_too_much_in_git_together_are_refused)
{
	CLEANUP(json_unrefp) json_t *many = json_array();
	CLEANUP(json_unrefp) json_t *heavy = json_array();
	CLEANUP(json_unrefp) json_t *picked = NULL;
	struct err e = {0};
	char path[32];

	for (int i = 0; i <= MODEL_FILES_MAX; i++) {
		(void)snprintf(path, sizeof(path), "%d.json", i);
		CHECK(json_array_append_new(many, file(path, 1)) == 0);
		if (i < 5)
			CHECK(json_array_append_new(heavy, file(path, MODEL_GIT_FILE_MAX)) == 0);
	}
	CHECK(model_files_pick(many, &picked, &e) == -E2BIG);
	CHECK(model_files_pick(heavy, &picked, &e) == -EFBIG);
	CHECK(strstr(e.text, "over 256 MiB together"));
}

TEST(the_digest_is_of_names_and_contents)
{
	CLEANUP(json_unrefp) json_t *a = json_array();
	CLEANUP(json_unrefp) json_t *b = json_array();
	char first[SHA256_HEX + 1], second[SHA256_HEX + 1];

	CHECK(json_array_append_new(a, file("config.json", 3)) == 0);
	CHECK(json_array_append_new(b, file("config.json", 3)) == 0);
	CHECK(model_files_digest(a, first) == 0 && model_files_digest(b, second) == 0);
	CHECK(!strcmp(first, second));
	CHECK(json_object_set_new(json_array_get(b, 0), "oid", json_string("f")) == 0);
	CHECK(model_files_digest(b, second) == 0 && strcmp(first, second) != 0);
	CHECK(json_object_update(json_array_get(b, 0), json_array_get(a, 0)) == 0);
	CHECK(json_object_set_new(json_array_get(b, 0), "path", json_string("c.json")) == 0);
	CHECK(model_files_digest(b, second) == 0 && strcmp(first, second) != 0);
}

TEST_MAIN()
