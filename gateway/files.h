/*
 * Visitors' uploads and workers' blobs: --data/files/SPACE/ID, with ID.json beside it for what
 * people called it. The type is found by looking at the bytes, never believed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/random.h"

#define FILES_PER_SPACE_MAX (1ull << 30) /* bytes */
#define FILE_NAME_MAX 255

struct files;
struct upload;

struct file_info {
	char id[ID_LEN + 1];
	char name[FILE_NAME_MAX + 1]; /* never a path */
	char type[64];                /* media type by the bytes */
	bool image;                   /* may be shown inside a page */
	uint64_t size;
};

int files_new(const char *dir, struct files **ret, struct err *e);
struct files *files_free(struct files *f);
DEFINE_CLEANUP(struct files *, files_free)

/* Media type of a file that begins with these bytes. *ret_image: one that is shown inline. */
const char *file_type(const uint8_t *bytes, size_t n, bool *ret_image);

/* Copies the last part of a name as visitors send it, without control characters or slashes. */
void file_clean_name(const char *name, char ret[FILE_NAME_MAX + 1]);

/* Begins a file for a Space. id: NULL for a new one. -EEXIST, -ENOSPC with words. */
int upload_new(struct files *f, const char *space, const char *id, const char *name,
	struct upload **ret, struct err *e);

/* -EMSGSIZE: over max bytes. -ENOSPC: disk or the Space's share is full. With words. */
int upload_write(struct upload *u, const void *bytes, size_t n, uint64_t max, struct err *e);

/* Makes it visible under its id. The upload is freed, also on failure. */
int upload_finish(struct upload *u, struct file_info *ret, struct err *e);

/* Gives up; what was written is removed. NULL is fine. */
struct upload *upload_free(struct upload *u);
DEFINE_CLEANUP(struct upload *, upload_free)

/* Opens a file read-only. The fd is the caller's. -ENOENT. */
int files_open(struct files *f, const char *space, const char *id, struct file_info *ret);

bool file_id_is_valid(const char *id, size_t n);

/* Deletes files that nobody used for keep_sec. now_sec: wall clock. */
void files_expire(struct files *f, int64_t now_sec, int64_t keep_sec);

/* Deletes all of a Space's files. */
void files_drop_space(struct files *f, const char *space);
