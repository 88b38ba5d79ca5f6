#include "inference/formats/held.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static int read_all(int fd, uint8_t *to, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t got = pread(fd, to + at, n - at, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -ENODATA;
		at += (size_t)got;
	}
	return 0;
}

/* The file in memory: a copy of a small one, which nobody can cut short, a mapping of a large. */
static int hold(int fd, size_t n, struct held *ret)
{
	bool copy = n <= HELD_COPY_MAX;
	void *map = copy ? mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
			 : mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
	int r;

	if (map == MAP_FAILED)
		return -errno;
	*ret = (struct held){map, n};
	r = copy ? read_all(fd, map, n) : 0;
	if (r < 0)
		held_done(ret);
	return r;
}

int held_open(int dirfd, const char *name, size_t min, struct held *ret, struct err *e)
{
	CLEANUP(closep) int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0)
		return err_set(e, -errno, "%s: %s", name, strerror(errno));
	if (fstat(fd, &st) < 0)
		return err_set(e, -errno, "%s: %s", name, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)min)
		return err_set(e, -EBADMSG, "%s: no file of weights", name);
	r = hold(fd, (size_t)st.st_size, ret);
	return r < 0 ? err_set(e, r, "%s: cannot be read: %s", name, strerror(-r)) : 0;
}

void held_done(struct held *h)
{
	if (h->bytes)
		(void)munmap(h->bytes, h->n);
	*h = (struct held){0};
}
