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

/* share: bytes that one Space's files may have, those on their way up among them. */
int files_new(const char *dir, uint64_t share, struct files **ret, struct err *e);
struct files *files_free(struct files *f);
DEFINE_CLEANUP(struct files *, files_free)

/* Media type of a file that begins with these bytes. *ret_image: one that is shown inline. */
const char *file_type(const uint8_t *bytes, size_t n, bool *ret_image);

/* No byte that plain text does not hold. */
bool file_is_text(const uint8_t *bytes, size_t n);

/* Copies the last part of a name as visitors send it, without control characters or slashes. */
void file_clean_name(const char *name, char ret[FILE_NAME_MAX + 1]);

/* Sets bytes of a Space's share aside, and gives them back. -ENOSPC with words. */
int files_reserve(struct files *f, const char *space, uint64_t n, struct err *e);
void files_release(struct files *f, const char *space, uint64_t n);

/* Begins a file for a Space. id: NULL for a new one. -EEXIST, -ENOSPC with words. */
int upload_new(struct files *f, const char *space, const char *id, const char *name,
	struct upload **ret, struct err *e);

/*
 * A file whose bytes stay on the disk between two of its uploads and over a restart; length bytes
 * of the Space's share were reserved for it, and its reservation goes with it. Begins it with room
 * on the disk set aside (-ENOSPC), or goes on where it ended (-ENOENT). text: no byte so far that
 * plain text does not hold.
 */
int upload_begin_kept(struct files *f, const char *space, const char *id, uint64_t length,
	struct upload **ret, struct err *e);
int upload_go_on(struct files *f, const char *space, const char *id, uint64_t length, bool text,
	struct upload **ret, struct err *e);

/* Closes it; what was written stays for upload_go_on. NULL is fine. */
struct upload *upload_rest(struct upload *u);

/* An fd of the caller's on the bytes. -errno. */
int upload_dup(const struct upload *u);

uint64_t upload_size(const struct upload *u); /* bytes written so far */
bool upload_is_text(const struct upload *u);
void upload_set_name(struct upload *u, const char *name);

/* Removes a kept upload's bytes. */
void upload_drop_kept(struct files *f, const char *space, const char *id);

/* -EMSGSIZE: over max bytes. -ENOSPC: disk or the Space's share is full. With words. */
int upload_write(struct upload *u, const void *bytes, size_t n, uint64_t max, struct err *e);

/* Makes it visible under its id. The upload is freed, also on failure. */
int upload_finish(struct upload *u, struct file_info *ret, struct err *e);

/* Gives up; what was written is removed. NULL is fine. */
struct upload *upload_free(struct upload *u);
DEFINE_CLEANUP(struct upload *, upload_free)

/* The folder that a Space's files lie in, made when missing. An fd of the caller's. */
int files_folder(struct files *f, const char *space, struct err *e);
/* Calls fn for each Space that has a folder. */
void files_each_space(
	struct files *f, void (*fn)(const char *space, int dir_fd, void *data), void *data);

/* What says that a file is there: its note and the folder, so that they can be brought to the disk.
 * The fds are the caller's. */
int files_open_names(struct files *f, const char *space, const char *id, int ret[2]);

/* Opens a file read-only. The fd is the caller's. -ENOENT. */
int files_open(struct files *f, const char *space, const char *id, struct file_info *ret);

bool file_id_is_valid(const char *id, size_t n);

/* Deletes files that nobody used for keep_sec. now_sec: wall clock. */
void files_expire(struct files *f, int64_t now_sec, int64_t keep_sec);

/* Deletes all of a Space's files. */
void files_drop_space(struct files *f, const char *space);
