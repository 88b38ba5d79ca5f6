#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int fs_mkdirs(const char *dir, mode_t mode, struct err *e)
{
	CLEANUP(freep) char *path = strdup(dir);

	if (!path)
		return err_set(e, -ENOMEM, "out of memory");

	for (char *p = path + 1;; p++) {
		char was = *p;

		if (was != '/' && was != '\0')
			continue;
		*p = '\0';
		if (mkdir(path, mode) < 0 && errno != EEXIST)
			return err_set(e, -errno, "cannot create %s: %s", path, strerror(errno));
		if (was == '\0')
			return 0;
		*p = was;
	}
}

int fs_read_fd(int fd, struct buf *b, struct err *e)
{
	for (;;) {
		uint8_t chunk[16384];
		ssize_t n = read(fd, chunk, sizeof(chunk));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, -errno, "cannot read: %s", strerror(errno));
		if (n == 0)
			return 0;
		r = buf_add(b, chunk, (size_t)n);
		if (r < 0)
			return err_set(e, r, "larger than %zu bytes", b->max);
	}
}

int fs_read(int dirfd, const char *path, struct buf *b, struct err *e)
{
	CLEANUP(closep) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, -errno, "cannot open %s: %s", path, strerror(errno));
	if (fs_read_fd(fd, b, e) < 0)
		return err_wrap(e, "%s", path);
	return 0;
}

int fs_write_all(int fd, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	while (n > 0) {
		ssize_t put = write(fd, p, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

static int sync_parent(int dirfd, const char *path)
{
	const char *slash = strrchr(path, '/');
	CLEANUP(freep) char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	CLEANUP(closep) int fd = -1;

	if (!dir)
		return -ENOMEM;
	fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}

int fs_write_durable(
	int dirfd, const char *path, const void *bytes, size_t n, mode_t mode, struct err *e)
{
	char id[ID_LEN + 1], temp[4096];
	CLEANUP(closep) int fd = -1;
	int r;

	random_id(id);
	if (snprintf(temp, sizeof(temp), "%s.%.8s", path, id) >= (int)sizeof(temp))
		return err_set(e, -ENAMETOOLONG, "path too long: %s", path);

	fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return err_set(e, -errno, "cannot create %s: %s", temp, strerror(errno));

	r = fs_write_all(fd, bytes, n);
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dirfd, temp, dirfd, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dirfd, temp, 0);
		return err_set(e, r, "cannot write %s: %s", path, strerror(-r));
	}
	r = sync_parent(dirfd, path);
	if (r < 0)
		return err_set(e, r, "cannot sync the folder of %s: %s", path, strerror(-r));
	return 0;
}

/*
 * F_SEAL_WRITE is EBUSY while somebody holds a page of the file, and on a machine short of memory
 * the kernel does so itself for a moment, moving pages. Each try waits up to 150 ms for that.
 */
static int seal(int fd)
{
	for (int tries = 8;; tries--) {
		if (fcntl(fd, F_ADD_SEALS, ALL_SEALS) == 0)
			return 0;
		if (errno != EBUSY || tries == 1)
			return -errno;
	}
}

int fs_memfd_sealed(const char *name, const void *bytes, size_t n, struct err *e)
{
	CLEANUP(closep) int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return err_set(e, -errno, "cannot create a memory file: %s", strerror(errno));
	r = fs_write_all(fd, bytes, n);
	if (r == 0)
		r = seal(fd);
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0)
		return err_set(e, r, "cannot seal a memory file: %s", strerror(-r));
	return TAKE_FD(fd);
}

int fs_is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0)
		return -errno;
	return (seals & ALL_SEALS) == ALL_SEALS;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path) < 0 && errno != ENOENT ? -errno : 0;
}

int fs_remove_tree(const char *path)
{
	int r = nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);

	if (r < 0 && errno == ENOENT)
		return 0;
	return r;
}
