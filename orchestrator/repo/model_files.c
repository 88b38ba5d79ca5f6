#include "orchestrator/repo/model_files.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"

#define DIGEST_TEXT_MAX (1u << 20)

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && !strcmp(name + n - m, suffix);
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* docs/models.md says what a folder holds. */
static bool is_wanted(const char *path)
{
	static const struct {
		const char *folder;
		unsigned int slashes; /* in the whole path */
		const char *const suffixes[4];
	} places[] = {
		{"", 0, {".json", ".safetensors", ".gguf", ".jinja"}},
		{"1_Pooling/", 1, {".json"}},
		{"adapters/", 2, {".json", ".safetensors"}},
	};
	unsigned int slashes = 0;

	if (*path == '.' || strstr(path, "/."))
		return false;
	for (const char *p = path; *p; p++)
		slashes += *p == '/';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (slashes != places[i].slashes ||
			strncmp(path, places[i].folder, strlen(places[i].folder)) != 0)
			continue;
		for (size_t k = 0; k < 4 && places[i].suffixes[k]; k++)
			if (ends_with(path, places[i].suffixes[k]))
				return true;
	}
	return false;
}

/* One of these at the top is what inference calls a model (inference/formats/folder.h). */
static bool makes_model(const char *path)
{
	return !strchr(path, '/') && (!strcmp(path, "config.json") || ends_with(path, ".gguf"));
}

static int check_size(const json_t *file, const char *path, json_int_t *all, struct err *e)
{
	json_int_t size = json_integer_value(json_object_get(file, "size"));

	if (json_object_get(file, "lfs"))
		return 0;
	if (size > MODEL_GIT_FILE_MAX)
		return err_set(e, -EFBIG,
			"%.150s: over %u MiB in git; it belongs into git-lfs to be served", path,
			MODEL_GIT_FILE_MAX >> 20);
	*all += size;
	return *all <= MODEL_GIT_MAX
		       ? 0
		       : err_set(e, -EFBIG,
				 "the model's files in git are over %u MiB together; large ones "
				 "belong into git-lfs to be served",
				 MODEL_GIT_MAX >> 20);
}

int model_files_pick(const json_t *tree, json_t **ret, struct err *e)
{
	CLEANUP(json_unrefp) json_t *files = json_array();
	json_int_t in_git = 0;
	bool model = false;
	const json_t *file;
	size_t i;

	json_array_foreach(tree, i, file)
	{
		const char *path = text_of(file, "path");
		int r;

		if (strcmp(text_of(file, "type"), "file") != 0 || !is_wanted(path))
			continue;
		r = check_size(file, path, &in_git, e);
		if (r < 0)
			return r;
		if (json_array_size(files) == MODEL_FILES_MAX)
			return err_set(e, -E2BIG, "over %d files of a model", MODEL_FILES_MAX);
		model = model || makes_model(path);
		if (json_array_append(files, (json_t *)file) < 0)
			return err_set(e, -ENOMEM, "out of memory");
	}
	if (!files || (!model && json_array_clear(files) < 0))
		return err_set(e, -ENOMEM, "out of memory");
	*ret = TAKE_PTR(files);
	return 0;
}

int model_files_digest(const json_t *files, char ret[SHA256_HEX + 1])
{
	CLEANUP(buf_done) struct buf text;
	const json_t *file;
	size_t i;

	buf_init(&text, DIGEST_TEXT_MAX);
	json_array_foreach(files, i, file)
	{
		/* A path holds no NUL and no newline that oid's digits could be taken for. */
		if (buf_addf(&text, "%s %s\n", text_of(file, "oid"), text_of(file, "path")) < 0)
			return -ENOMEM;
	}
	sha256_hex(text.data, text.len, ret);
	return 0;
}
