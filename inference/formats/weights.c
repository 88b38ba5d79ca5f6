#include "inference/formats/weights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inference/formats/safetensors.h"

struct file {
	struct file *next;
	void *file; /* owned */
	void (*free)(void *file);
};

struct weights {
	struct tensor *tensors; /* owned; n of them, by name */
	size_t n;
	uint64_t bytes;
	struct file *files; /* owned */
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

int weights_open(int folder, struct weights **ret, struct err *e)
{
	CLEANUP(weights_freep) struct weights *w = weights_new();
	CLEANUP(safetensors_freep) struct safetensors *s = NULL;
	int r;

	if (!w)
		return err_set(e, -ENOMEM, "out of memory");
	r = safetensors_open(folder, "model.safetensors", &s, e);
	if (r == 0)
		r = weights_add(w, safetensors_tensors(s), safetensors_count(s),
			safetensors_bytes(s), s, free_safetensors, e);
	if (r < 0)
		return r;
	(void)TAKE_PTR(s);
	*ret = TAKE_PTR(w);
	return 0;
}

const struct tensor *weights_find(const struct weights *w, const char *name)
{
	const struct tensor key = {.name = name};

	return w->n ? bsearch(&key, w->tensors, w->n, sizeof(key), by_name) : NULL;
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
