#include "inference/devices/cpu_pages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "inference/kernels/kernels.h"

static_assert(KV_PAGE % KEY_BLOCK == 0, "a page holds whole blocks");

#define OS_PAGE 4096

struct kv {
	uint32_t layers, width, pages;
	size_t page_floats; /* whole pages of the system */
	float *data;        /* owned; mapped */
};

struct kv *cpu_pages_new(uint32_t layers, uint32_t width, uint32_t pages)
{
	struct kv *kv = calloc(1, sizeof(*kv));
	size_t bytes;
	void *data;

	if (!kv)
		return NULL;
	*kv = (struct kv){.layers = layers, .width = width, .pages = pages};
	bytes = (size_t)layers * width * KV_PAGE * 2 * sizeof(float);
	bytes = (bytes + OS_PAGE - 1) / OS_PAGE * OS_PAGE;
	kv->page_floats = bytes / sizeof(float);
	data = mmap(NULL, bytes * pages, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (data == MAP_FAILED) {
		free(kv);
		return NULL;
	}
	kv->data = data;
	return kv;
}

void cpu_pages_free(struct kv *kv)
{
	if (kv)
		(void)munmap(kv->data, kv->page_floats * sizeof(float) * kv->pages);
	free(kv);
}

void cpu_pages_drop(struct kv *kv, uint32_t page)
{
	assert(page < kv->pages);
	(void)madvise(
		kv->data + page * kv->page_floats, kv->page_floats * sizeof(float), MADV_DONTNEED);
}

size_t cpu_page_values(const struct kv *kv)
{
	return (size_t)KV_PAGE * kv->width;
}

float *cpu_page_at(const struct kv *kv, uint32_t layer, uint32_t page)
{
	assert(page < kv->pages && layer < kv->layers);
	return kv->data + page * kv->page_floats + 2 * layer * cpu_page_values(kv);
}

void cpu_put_keys(float *blocks, size_t position, const float *k, size_t width)
{
	float *to = blocks + position / KEY_BLOCK * KEY_BLOCK * width + position % KEY_BLOCK;

	for (size_t i = 0; i < width; i++)
		to[i * KEY_BLOCK] = k[i];
}

void cpu_pages_put(uint32_t layer, const struct place *p, const float *k, const float *v)
{
	size_t at = p->position % KV_PAGE, width = p->kv->width;
	float *page = cpu_page_at(p->kv, layer, p->pages[p->position / KV_PAGE]);

	cpu_put_keys(page, at, k, width);
	memcpy(page + cpu_page_values(p->kv) + at * width, v, width * sizeof(*v));
}
