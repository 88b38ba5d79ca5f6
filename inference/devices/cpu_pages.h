/*
 * Keys and values in pages of plain memory, for the CPU.
 *
 * A page holds KV_PAGE tokens of every layer: [layer][keys in blocks][values by position]. The
 * pool is address space; a page takes memory when it is written and gives it back when dropped.
 * Knows no sequence.
 */
#pragma once

#include "inference/devices/device.h"

struct kv *cpu_pages_new(uint32_t layers, uint32_t width, uint32_t pages);
void cpu_pages_free(struct kv *kv);
void cpu_pages_drop(struct kv *kv, uint32_t page);

/* Where a layer's keys of a page begin, and its values from there on. */
float *cpu_page_at(const struct kv *kv, uint32_t layer, uint32_t page);
size_t cpu_page_values(const struct kv *kv);

void cpu_pages_put(uint32_t layer, const struct place *p, const float *k, const float *v);

/* Puts one position's keys where its block of KEY_BLOCK wants them. */
void cpu_put_keys(float *blocks, size_t position, const float *k, size_t width);
