/*
 * Values between Gradio's clients and an app. Both are JSON and pass as they are; only files look
 * different: {"file": id, name, type, size} here, and there an object with a path, which this
 * server has given out, and meta {"_type": "gradio.FileData"}.
 *
 * Pure: which files there are is asked of the caller. For texts that json_text_valid_nul has
 * passed.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "gateway/call/slice.h"
#include "gateway/files.h"

#define GRADIO_FILES "files/" /* a path is this, the id, '/' and a name of GRADIO_NAME_MAX */
#define GRADIO_NAME_MAX 120

/* Is there a file of that id in this Space? Fills *ret then. */
typedef bool (*gradio_file_fn)(const char *id, struct file_info *ret, void *data);

/*
 * Appends what a client sent as the app takes it. -EINVAL: it names a file that this server has not
 * given out, with words. -ENOSPC, -ENOMEM.
 */
int gradio_read_value(
	struct buf *b, struct slice value, gradio_file_fn find, void *data, struct err *e);

/* Appends what an app gave as a client takes it. api: absolute URL that "/file=" is added to. */
int gradio_write_value(
	struct buf *b, struct slice value, const char *api, gradio_file_fn find, void *data);

/* Appends the path of a file, which these clients fetch as it stands: no letter needs an escape. */
int gradio_write_path(struct buf *b, const struct file_info *info);

/* The id in such a path of n bytes. False: it is none. */
bool gradio_path_id(const char *path, size_t n, char ret_id[ID_LEN + 1]);

/*
 * Appends the array of edits that turn each value of the array old into that of new; n values, what
 * is missing is null. Only whole values are replaced, and texts grow at their end.
 */
int gradio_write_diff(struct buf *b, struct slice old, struct slice new, size_t n);

/* Appends an array's n values as an array; what is missing is null. */
int gradio_write_values(struct buf *b, struct slice values, size_t n);
