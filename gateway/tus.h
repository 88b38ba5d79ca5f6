/*
 * The header fields of tus 1.0.0 (https://tus.io/protocols/resumable-upload), the protocol that
 * uploads go on by after a cut. Knows no upload and no socket.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "gateway/files.h"

#define TUS_VERSION "1.0.0"
#define TUS_EXTENSIONS "creation,creation-with-upload,expiration,termination"
#define TUS_BODY "application/offset+octet-stream"
#define TUS_METADATA_MAX 4096 /* bytes of Upload-Metadata */

/* Upload-Length, Upload-Offset: a whole number. field: for the words. -EINVAL, missing too. */
int tus_number(const char *field, const char *text, uint64_t *ret, struct err *e);

/*
 * The value of "filename" (or "name") in Upload-Metadata: pairs of a key and its value in base 64,
 * separated by commas. "file" when there is none. -EINVAL: malformed, or over TUS_METADATA_MAX.
 */
int tus_file_name(const char *metadata, char ret[FILE_NAME_MAX + 1], struct err *e);
