#include "gateway/session/secret.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"

int secret_open(const char *dir, struct err *e)
{
	int fd, r = fs_mkdirs(dir, 0700, e);

	if (r < 0)
		return r;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(e, -errno, "%s: %s", dir, strerror(errno)) : fd;
}

static const char *file_name(uint32_t session, uint32_t n, char ret[32])
{
	(void)snprintf(ret, 32, "%u-%u", session, n);
	return ret;
}

int secret_write(int dir_fd, uint32_t session, uint32_t n, const uint8_t *frames, size_t length)
{
	char name[32];
	CLEANUP(closep)
	int fd = openat(dir_fd, file_name(session, n, name),
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fs_write_all(fd, frames, length);
}

int secret_read(int dir_fd, uint32_t session, uint32_t n, struct buf *b)
{
	char name[32];

	return fs_read(dir_fd, file_name(session, n, name), b, NULL);
}

void secret_remove(int dir_fd, uint32_t session, uint32_t n)
{
	char name[32];

	(void)unlinkat(dir_fd, file_name(session, n, name), 0);
}

void secret_sweep(int dir_fd, int (*keep)(uint32_t session, uint32_t n, void *data), void *data)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!d) {
		if (copy >= 0)
			close(copy);
		return;
	}
	while ((entry = readdir(d))) {
		unsigned session, n;
		char end;

		if (entry->d_name[0] == '.')
			continue;
		if (sscanf(entry->d_name, "%u-%u%c", &session, &n, &end) != 2 ||
			keep(session, n, data) == 0)
			(void)unlinkat(dir_fd, entry->d_name, 0);
	}
	closedir(d);
}
