/* Writes GGUF files into memory, good ones and bad ones. */
#pragma once

#include <stdint.h>
#include <string.h>

#include "tests/support/test.h"

enum { G_U8, G_I8, G_U16, G_I16, G_U32, G_I32, G_F32, G_BOOL, G_STRING, G_ARRAY, G_U64 };

struct writer {
	uint8_t bytes[8192] __attribute__((aligned(64)));
	size_t n;
};

static inline void put(struct writer *w, const void *bytes, size_t n)
{
	CHECK(w->n + n <= sizeof(w->bytes));
	memcpy(w->bytes + w->n, bytes, n);
	w->n += n;
}

static inline void put_u32(struct writer *w, uint32_t v)
{
	put(w, &v, sizeof(v));
}

static inline void put_u64(struct writer *w, uint64_t v)
{
	put(w, &v, sizeof(v));
}

static inline void put_str(struct writer *w, const char *s)
{
	put_u64(w, strlen(s));
	put(w, s, strlen(s));
}

static inline void put_header(struct writer *w, uint64_t tensors, uint64_t values)
{
	w->n = 0;
	put(w, "GGUF", 4);
	put_u32(w, 3);
	put_u64(w, tensors);
	put_u64(w, values);
}

static inline void put_number(struct writer *w, const char *key, uint32_t v)
{
	put_str(w, key);
	put_u32(w, G_U32);
	put_u32(w, v);
}

static inline void put_text(struct writer *w, const char *key, const char *v)
{
	put_str(w, key);
	put_u32(w, G_STRING);
	put_str(w, v);
}

/* A matrix in the file's order: its columns first. */
static inline void put_tensor(struct writer *w, const char *name, uint64_t columns, uint64_t rows,
	uint32_t type, uint64_t offset)
{
	put_str(w, name);
	put_u32(w, 2);
	put_u64(w, columns);
	put_u64(w, rows);
	put_u32(w, type);
	put_u64(w, offset);
}

/* Padding to the alignment, then n bytes of data. */
static inline void put_data(struct writer *w, size_t alignment, size_t n)
{
	while (w->n % alignment)
		put(w, "", 1);
	for (size_t i = 0; i < n; i++)
		put(w, &(uint8_t){(uint8_t)i}, 1);
}
