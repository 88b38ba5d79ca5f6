/*
 * GGUF files: typed metadata, tensors' names and places, and their bytes.
 *
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little endian.
 * Everything is checked before a value or tensor is handed out: every count and length against what
 * is left of the file, types, shapes against sizes, alignment, overlaps. Knows no architecture.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/formats/tensor.h"

#define GGUF_VALUES_MAX 65536          /* of the metadata */
#define GGUF_ARRAY_MAX (1u << 22)      /* elements of one array */
#define GGUF_KEY_MAX 256               /* bytes */
#define GGUF_STRING_MAX (1u << 20)     /* bytes of one string */
#define GGUF_METADATA_MAX (256u << 20) /* bytes before the tensors' data */
#define GGUF_NAME_MAX 256              /* bytes of a tensor's name */
#define GGUF_DIMS_MAX 4

struct gguf;

/*
 * Reads a file held in memory, which stays the caller's and must outlive *ret.
 * -EBADMSG: it breaks a rule of the format, said in words with key or tensor. -EMSGSIZE: over a
 * limit. -ENOTSUP: a version, byte order or type that is not supported, by name. -ENOMEM.
 */
int gguf_read(const void *bytes, size_t n, struct gguf **ret, struct err *e);

/* Reads a file as held_open takes it, with its errors. */
int gguf_open(int dirfd, const char *name, struct gguf **ret, struct err *e);

struct gguf *gguf_free(struct gguf *g);
DEFINE_CLEANUP(struct gguf *, gguf_free)

/* A string or an array's string; not terminated, any bytes. */
struct gguf_string {
	const char *s; /* borrowed from the file */
	size_t n;
};

/* What is left of an array. */
struct gguf_array {
	const uint8_t *at;
	uint64_t left; /* elements */
	uint32_t type;
};

bool gguf_has(const struct gguf *g, const char *key);

/* -ENOENT with words: there is no such key. -EBADMSG with words: its value is of another type.
 * Every number and bool is a number here. */
int gguf_get_number(const struct gguf *g, const char *key, double *ret, struct err *e);
int gguf_get_string(const struct gguf *g, const char *key, struct gguf_string *ret, struct err *e);
int gguf_get_array(const struct gguf *g, const char *key, struct gguf_array *ret, struct err *e);

/* The next element. False: there is none, or it is of another kind. */
bool gguf_next_string(struct gguf_array *a, struct gguf_string *ret);
bool gguf_next_number(struct gguf_array *a, double *ret);

size_t gguf_count(const struct gguf *g);
/* Borrowed; all of them, with dims as elsewhere here: the last one's elements are neighbours. */
const struct tensor *gguf_tensors(const struct gguf *g);
uint64_t gguf_bytes(const struct gguf *g); /* of the whole file */
