#include "orchestrator/repo/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

void spool_init(struct spool *s, const char *dir)
{
	*s = (struct spool){.fd = -1, .dir = dir};
	buf_init(&s->head, SPOOL_MEMORY);
}

void spool_done(struct spool *s)
{
	buf_done(&s->head);
	closep(&s->fd);
	s->fd = -1;
}

void spool_clear(struct spool *s)
{
	buf_clear(&s->head);
	closep(&s->fd);
	s->fd = -1;
	s->bytes = s->read_at = 0;
}

static int flush(struct spool *s, const void *bytes, size_t n, struct err *e)
{
	int r;

	if (s->fd < 0)
		s->fd = open(s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->fd < 0)
		return err_set(e, -errno, "cannot make a temporary file: %s", strerror(errno));
	r = fs_write_all(s->fd, s->head.data, s->head.len);
	if (r == 0)
		r = fs_write_all(s->fd, bytes, n);
	buf_clear(&s->head);
	return r < 0 ? err_set(e, r, "cannot keep the upload: %s", strerror(-r)) : 0;
}

int spool_add(struct spool *s, const void *bytes, size_t n, struct err *e)
{
	int r;

	s->bytes += n;
	r = buf_add(&s->head, bytes, n);
	if (r == -ENOSPC)
		return flush(s, bytes, n, e);
	return r < 0 ? err_set(e, r, "out of memory") : 0;
}

void spool_rewind(struct spool *s)
{
	s->read_at = 0;
}

ssize_t spool_read(struct spool *s, void *bytes, size_t n, struct err *e)
{
	uint64_t in_file = s->bytes - s->head.len;
	ssize_t got;

	if (s->read_at >= in_file) {
		size_t at = (size_t)(s->read_at - in_file);

		got = (ssize_t)(n < s->head.len - at ? n : s->head.len - at);
		if (got)
			memcpy(bytes, s->head.data + at, (size_t)got);
	} else {
		got = pread(s->fd, bytes,
			n < in_file - s->read_at ? n : (size_t)(in_file - s->read_at),
			(off_t)s->read_at);
		if (got <= 0)
			return err_set(e, -EIO, "cannot read the upload back: %s",
				got < 0 ? strerror(errno) : "it is shorter");
	}
	s->read_at += (uint64_t)got;
	return got;
}
