/*
 * Safetensors files: a JSON header that names tensors, and their bytes.
 *
 * https://huggingface.co/docs/safetensors: 8 bytes header length, little endian; the header, which
 * begins with '{' and may end in spaces; then the data. Everything the header says is checked
 * before a tensor is handed out: names, types, shapes against sizes, overlaps, holes, alignment,
 * and that the data ends where the file ends.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/formats/tensor.h"

#define SAFETENSORS_HEADER_MAX (16u << 20)
#define SAFETENSORS_TENSORS_MAX 65536

struct safetensors;

/*
 * Reads a file held in memory, which stays the caller's and must outlive *ret.
 * -EBADMSG: it breaks a rule of the format, said in words. -EMSGSIZE: over a limit. -ENOMEM.
 */
int safetensors_read(const void *bytes, size_t n, struct safetensors **ret, struct err *e);

/* Reads a file as held_open takes it, with its errors. */
int safetensors_open(int dirfd, const char *name, struct safetensors **ret, struct err *e);

struct safetensors *safetensors_free(struct safetensors *s);
DEFINE_CLEANUP(struct safetensors *, safetensors_free)

/* NULL: no tensor of that name. Borrowed. */
const struct tensor *safetensors_find(const struct safetensors *s, const char *name);

size_t safetensors_count(const struct safetensors *s);
const struct tensor *safetensors_tensors(const struct safetensors *s); /* borrowed; all of them */
uint64_t safetensors_bytes(const struct safetensors *s);               /* of the whole file */
