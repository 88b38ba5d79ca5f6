/*
 * Archives of plain files as tar writes them (POSIX ustar, GNU's sizes of 8 GiB and more): one file
 * after the other, of any size, in constant memory. No folder, no link, no owner: whatever else an
 * archive holds is refused. Knows no format of what is in it.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"

#define TAR_NAME_MAX 100

/* Begins a file of exactly so many bytes, which the caller writes to fd next; then tar_write_end.
 * -ENAMETOOLONG; errors of write. */
int tar_write_begin(int fd, const char *name, uint64_t size, struct err *e);
int tar_write_end(int fd, uint64_t size, struct err *e);

/* After the last file. */
int tar_write_close(int fd, struct err *e);

struct tar_entry {
	char name[TAR_NAME_MAX + 1]; /* relative, no "." or ".." in it, printable ASCII */
	uint64_t at, size;           /* of its bytes in the archive */
};

/*
 * The file whose header is at *at, which is moved behind it. 1: there it is; 0: that was the last
 * one. -EBADMSG with words: no such archive, damaged, or holding something else than plain files.
 * file_size: of the archive.
 */
int tar_read(int fd, uint64_t file_size, uint64_t *at, struct tar_entry *ret, struct err *e);
