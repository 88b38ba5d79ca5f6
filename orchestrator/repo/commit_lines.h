/*
 * The body of a commit by the API, as it arrives: lines of JSON, {"key": …, "value": {…}}. Of a
 * line only the few fields below are kept, each with its ceiling; content passes through in pieces
 * and is never held, so that a line may be as long as a disk is large. Knows no git and no HTTP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

#define COMMIT_PATH_MAX 1024
#define COMMIT_SUMMARY_MAX 1000
#define COMMIT_DESCRIPTION_MAX 65536
#define COMMIT_LINES_MAX 100000

enum commit_key {
	COMMIT_HEADER,
	COMMIT_FILE,
	COMMIT_LFS_FILE,
	COMMIT_DELETED_FILE,
	COMMIT_DELETED_FOLDER
};

/* Texts are UTF-8 without NUL, and "" where the line has none. Borrowed until on_line returns. */
struct commit_line {
	enum commit_key key;
	const char *summary, *description, *parent; /* header */
	const char *path;                           /* the others */
	const char *oid;                            /* lfsFile */
	int64_t size;                               /* lfsFile; -1: not told */
	bool base64;                                /* file: what encoding says of its content */
};

struct commit_lines_ops {
	/* A piece of a line's content, unescaped and otherwise as it came. 0 or negative errno. */
	int (*on_content)(const char *bytes, size_t n, void *data, struct err *e);
	/* The line is whole; pieces since the last one were its content. 0 or negative errno. */
	int (*on_line)(const struct commit_line *line, void *data, struct err *e);
};

struct commit_lines;

int commit_lines_new(const struct commit_lines_ops *ops, void *data, struct commit_lines **ret);
struct commit_lines *commit_lines_free(struct commit_lines *c);
DEFINE_CLEANUP(struct commit_lines *, commit_lines_free)

/* -EBADMSG with words that name the line and the field; -ENOMEM; what the ops return. After an
 * error nothing more may be fed. */
int commit_lines_feed(struct commit_lines *c, const char *bytes, size_t n, struct err *e);

/* The body has ended: the last line needs no newline. */
int commit_lines_end(struct commit_lines *c, struct err *e);
