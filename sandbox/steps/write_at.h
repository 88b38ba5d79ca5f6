/* One write of a line to a kernel file (procfs, cgroupfs), below a folder that is held open. */
#pragma once

#include <stddef.h>

/* 0, or -errno of open or write. A short write is -EIO. */
int write_at(int dir_fd, const char *path, const char *line);

/* Reads at most n - 1 bytes and ends them with NUL. Returns the length or -errno. */
int read_at(int dir_fd, const char *path, char *ret, size_t n);
