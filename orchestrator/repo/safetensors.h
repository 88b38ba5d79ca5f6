/*
 * What a file of model weights says of itself: the header of the safetensors format, a JSON object
 * behind its length in 8 bytes (huggingface/safetensors, README.md, "Format"). Nothing else of the
 * file is read. Knows no repo; never runs or loads what the tensors hold.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

#define SAFETENSORS_HEADER_MAX (16u << 20) /* bytes; the format itself stops at 100 MB */
#define SAFETENSORS_TENSORS_MAX 100000

/*
 * Of the bytes that fd (or its part of `size` bytes from its start) holds: *ret is the caller's,
 *
 *	{parameters: {"F32": n, …}, total: n, count: n, tensors: [{name, dtype, shape, bytes}…],
 *	 metadata: {…}}
 *
 * with tensors_max tensors at most, in the file's order. -EINVAL: it is no safetensors file, with
 * the reason; -EIO.
 */
int safetensors_read(int fd, uint64_t size, size_t tensors_max, json_t **ret, struct err *e);

/* The same from the first n bytes of a file of size bytes, for a file that lies in git. */
int safetensors_parse(const void *bytes, size_t n, uint64_t size, size_t tensors_max, json_t **ret,
	struct err *e);
