#include "inference/formats/weights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "inference/formats/safetensors.h"

#define SINGLE "model.safetensors"
#define INDEX "model.safetensors.index.json"
#define INDEX_MAX (16u << 20) /* bytes */
#define SHARDS_MAX 1000
#define SHARD_NAME_MAX 200
#define PICKLE                                                                                     \
	"pickled weights are never read, since they may run programs; in Python, "                 \
	"AutoModel.from_pretrained(FOLDER).save_pretrained(NEW) writes them as safetensors"

struct file {
	struct file *next;
	void *file; /* owned */
	void (*free)(void *file);
};

struct weights {
	struct tensor *tensors; /* owned; n of them, by name */
	size_t n;
	uint64_t bytes;
	struct file *files;                /* owned */
	struct weights_progress *progress; /* borrowed; NULL: nobody watches */
};

struct weights *weights_new(void)
{
	return calloc(1, sizeof(struct weights));
}

struct weights *weights_free(struct weights *w)
{
	if (!w)
		return NULL;
	while (w->files) {
		struct file *f = w->files;

		w->files = f->next;
		f->free(f->file);
		free(f);
	}
	free(w->tensors);
	free(w);
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	const struct tensor *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int weights_add(struct weights *w, const struct tensor *tensors, size_t n, uint64_t bytes,
	void *file, void (*file_free)(void *file), struct err *e)
{
	CLEANUP(freep) struct file *f = malloc(sizeof(*f));
	struct tensor *all;

	if (n > WEIGHTS_TENSORS_MAX - w->n)
		return err_set(e, -EMSGSIZE, "over %d tensors", WEIGHTS_TENSORS_MAX);
	all = reallocarray(w->tensors, w->n + n + 1, sizeof(*all));
	if (all)
		w->tensors = all;
	if (!f || !all)
		return err_set(e, -ENOMEM, "out of memory");
	if (n > 0)
		memcpy(all + w->n, tensors, n * sizeof(*all));
	qsort(all + w->n, n, sizeof(*all), by_name);
	for (size_t i = w->n; i < w->n + n; i++)
		if (weights_find(w, all[i].name) ||
			(i > w->n && !strcmp(all[i - 1].name, all[i].name)))
			return err_set(e, -EBADMSG, "tensor '%.80s' is there twice", all[i].name);
	qsort(all, w->n + n, sizeof(*all), by_name);
	*f = (struct file){w->files, file, file_free};
	w->n += n;
	w->bytes += bytes;
	w->files = TAKE_PTR(f);
	return 0;
}

static void free_safetensors(void *file)
{
	(void)safetensors_free(file);
}

static bool has_file(int folder, const char *name)
{
	return faccessat(folder, name, F_OK, 0) == 0;
}

bool weights_are_in(int folder)
{
	return has_file(folder, SINGLE) || has_file(folder, INDEX);
}

static int add_safetensors(struct weights *w, int folder, const char *name, struct err *e)
{
	CLEANUP(safetensors_freep) struct safetensors *s = NULL;
	int r = safetensors_open(folder, name, &s, e);

	if (r < 0)
		return r;
	r = weights_add(w, safetensors_tensors(s), safetensors_count(s), safetensors_bytes(s), s,
		free_safetensors, e);
	if (r < 0)
		return err_wrap(e, "%s", name);
	(void)TAKE_PTR(s);
	return 0;
}

/* A file of the folder itself: nothing that leads out of it. */
static bool is_shard(const char *name)
{
	size_t n = name ? strlen(name) : 0;

	return n > 12 && n <= SHARD_NAME_MAX && !strchr(name, '/') && name[0] != '.' &&
	       !strcmp(name + n - 12, ".safetensors");
}

/* The set of files that weight_map names. */
static int list_shards(const json_t *map, json_t *ret, struct err *e)
{
	const char *tensor;
	json_t *v;

	json_object_foreach((json_t *)map, tensor, v)
	{
		const char *name = json_string_value(v);

		if (!is_shard(name))
			return err_set(e, -EBADMSG,
				"weight_map.%.80s: must name a .safetensors file of the folder",
				tensor);
		if (json_object_set_new(ret, name, json_null()) < 0)
			return err_set(e, -ENOMEM, "out of memory");
		if (json_object_size(ret) > SHARDS_MAX)
			return err_set(e, -EMSGSIZE, "weight_map: over %d files", SHARDS_MAX);
	}
	return 0;
}

static int check_map(const struct weights *w, const json_t *map, struct err *e)
{
	const char *tensor;
	json_t *v;

	json_object_foreach((json_t *)map, tensor, v) if (!weights_find(w, tensor)) return err_set(
		e, -EBADMSG, "weight_map: tensor '%.80s' is not in %.80s", tensor,
		json_string_value(v));
	return 0;
}

/* model.safetensors.index.json: {"weight_map": {tensor: file}} */
static int add_shards(struct weights *w, int folder, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	CLEANUP(json_unrefp) json_t *index = NULL;
	CLEANUP(json_unrefp) json_t *shards = json_object();
	const json_t *map;
	const char *name;
	json_t *v;
	int r;

	buf_init(&text, INDEX_MAX);
	if (!shards)
		return err_set(e, -ENOMEM, "out of memory");
	r = fs_read(folder, INDEX, &text, e);
	if (r == 0)
		r = json_parse(text.data, text.len, INDEX_MAX, &index, e);
	if (r < 0)
		return err_wrap(e, INDEX);
	map = json_object_get(index, "weight_map");
	if (!json_is_object(map) || json_object_size(map) == 0)
		return err_set(e, -EBADMSG, INDEX ": weight_map: must be an object of tensors");
	r = list_shards(map, shards, e);
	if (r < 0)
		return err_wrap(e, INDEX);
	json_object_foreach(shards, name, v)
	{
		r = add_safetensors(w, folder, name, e);
		if (r < 0)
			return r;
	}
	r = check_map(w, map, e);
	return r < 0 ? err_wrap(e, INDEX) : 0;
}

/* What a folder may hold instead, and what to do with it. */
static const struct refused {
	const char *name, *why;
} refused[] = {
	{"pytorch_model.bin", PICKLE},
	{"pytorch_model.bin.index.json", PICKLE},
	{"pytorch_model.pt", PICKLE},
	{"model.pt", PICKLE},
	{"model.ckpt", PICKLE},
	{"tf_model.h5", "TensorFlow's weights are not read; save the model as safetensors"},
	{"flax_model.msgpack", "Flax's weights are not read; save the model as safetensors"},
};

static int refuse(int folder, struct err *e)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (has_file(folder, refused[i].name))
			return err_set(e, -ENOTSUP, "%s: %s", refused[i].name, refused[i].why);
	return err_set(e, -ENOENT, SINGLE ": %s", strerror(ENOENT));
}

int weights_open(int folder, struct weights **ret, struct err *e)
{
	CLEANUP(weights_freep) struct weights *w = weights_new();
	int r;

	if (!w)
		return err_set(e, -ENOMEM, "out of memory");
	if (has_file(folder, SINGLE))
		r = add_safetensors(w, folder, SINGLE, e);
	else
		r = has_file(folder, INDEX) ? add_shards(w, folder, e) : refuse(folder, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w);
	return 0;
}

const struct tensor *weights_find(const struct weights *w, const char *name)
{
	const struct tensor key = {.name = name};

	return w->n ? bsearch(&key, w->tensors, w->n, sizeof(key), by_name) : NULL;
}

const struct tensor *weights_take(const struct weights *w, const char *name)
{
	const struct tensor *t = weights_find(w, name);

	if (!w->progress)
		return t;
	if (atomic_load(&w->progress->stop))
		return NULL;
	if (t && t->type != TENSOR_OTHER)
		atomic_fetch_add(&w->progress->done, tensor_bytes(t));
	return t;
}

void weights_watch(struct weights *w, struct weights_progress *p)
{
	w->progress = p;
}

size_t weights_count(const struct weights *w)
{
	return w->n;
}

const struct tensor *weights_at(const struct weights *w, size_t i)
{
	return &w->tensors[i];
}

uint64_t weights_parameters(const struct weights *w)
{
	uint64_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (w->tensors[i].type != TENSOR_OTHER)
			n += w->tensors[i].count;
	return n;
}

uint64_t weights_bytes(const struct weights *w)
{
	return w->bytes;
}

uint64_t weights_need(const struct weights *w)
{
	uint64_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (w->tensors[i].type != TENSOR_OTHER)
			n += tensor_bytes(&w->tensors[i]);
	return n;
}
