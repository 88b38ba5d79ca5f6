#include "gateway/session/log.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/fs.h"

struct segment {
	int number;
	uint64_t bytes;
};

struct session_log {
	int dir_fd;               /* owned */
	int fd;                   /* owned; the newest segment */
	struct segment *segments; /* owned; in order, the last is the newest */
	size_t n, cap;
	uint64_t damaged;
	int rolled_fd; /* owned; the segment before, not yet on the disk to its end; -1: it is */
	uint32_t failures;
	bool rolled; /* the newest segment's name is not on the disk yet */
	/* Bytes appended: all, at the last session_log_take_dirty, and on the disk. */
	uint64_t written, taken, safe;
};

static void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* --- reading --- */

/* Length of the good record at data, 0 when there is none. */
static size_t check_record(const uint8_t *data, size_t n, struct log_record *rec)
{
	uint32_t length, crc;

	if (n < LOG_HEADER)
		return 0;
	length = get_u32(data);
	if (length > LOG_VALUE_MAX || length > n - LOG_HEADER)
		return 0;
	crc = crc32c(0, data, 4);
	crc = crc32c(crc, data + 8, LOG_HEADER - 8 + length);
	if (crc != get_u32(data + 4))
		return 0;
	*rec = (struct log_record){
		.session = get_u32(data + 8),
		.kind = data[12],
		.n = get_u32(data + 16),
		.value = data + LOG_HEADER,
		.length = length,
	};
	return LOG_HEADER + length;
}

/* A damaged record in the middle is passed over when its length still leads to a good one. */
static size_t pass_over(const uint8_t *data, size_t n)
{
	struct log_record next;
	size_t length;

	if (n < LOG_HEADER)
		return 0;
	length = LOG_HEADER + (size_t)get_u32(data);
	if (length >= n || !check_record(data + length, n - length, &next))
		return 0;
	return length;
}

static int replay_bytes(struct session_log *l, const uint8_t *data, size_t n, log_record_fn fn,
	void *context, size_t *ret_good)
{
	size_t at = 0;

	while (at < n) {
		struct log_record rec;
		size_t used = check_record(data + at, n - at, &rec);

		if (used > 0) {
			int r = fn(&rec, context);

			if (r < 0)
				return r;
		} else {
			used = pass_over(data + at, n - at);
			if (used == 0)
				break;
			l->damaged++;
		}
		at += used;
	}
	*ret_good = at;
	return 0;
}

static int replay_segment(struct session_log *l, struct segment *s, bool newest, log_record_fn fn,
	void *context, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	char name[32];
	struct stat st;
	size_t good = 0;
	void *map;
	int r;

	(void)snprintf(name, sizeof(name), "%08d.log", s->number);
	fd = openat(l->dir_fd, name, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, -errno, "%s: %s", name, strerror(errno));
	if (st.st_size > 0) {
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (map == MAP_FAILED)
			return err_set(e, -errno, "%s: %s", name, strerror(errno));
		r = replay_bytes(l, map, (size_t)st.st_size, fn, context, &good);
		(void)munmap(map, (size_t)st.st_size);
		if (r < 0)
			return err_set(e, r, "%s: %s", name, strerror(-r));
	}
	s->bytes = (uint64_t)st.st_size;
	if (newest && good < (size_t)st.st_size) {
		if (ftruncate(fd, (off_t)good) < 0)
			return err_set(e, -errno, "%s: cannot cut the torn tail: %s", name,
				strerror(errno));
		s->bytes = good;
	}
	return 0;
}

static int compare_segments(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int add_segment(struct session_log *l, int number)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		struct segment *grown = reallocarray(l->segments, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		l->segments = grown;
		l->cap = cap;
	}
	l->segments[l->n++] = (struct segment){.number = number};
	return 0;
}

/* The number in NNNNNNNN.log; 0 when the name is something else. */
static int segment_number(const char *name)
{
	int number = 0;

	if (strlen(name) != 12 || strcmp(name + 8, ".log"))
		return 0;
	for (int i = 0; i < 8; i++) {
		if (name[i] < '0' || name[i] > '9')
			return 0;
		number = number * 10 + (name[i] - '0');
	}
	return number;
}

static int list_segments(struct session_log *l, struct err *e)
{
	int copy = openat(l->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	int r = 0;

	if (!d) {
		r = -errno;
		if (copy >= 0)
			close(copy);
		return err_set(e, r, "cannot read the session log's folder: %s", strerror(-r));
	}
	while (r == 0 && (entry = readdir(d))) {
		int number = segment_number(entry->d_name);

		if (number > 0)
			r = add_segment(l, number);
	}
	closedir(d);
	if (l->n > 1)
		qsort(l->segments, l->n, sizeof(*l->segments), compare_segments);
	return r;
}

static int open_newest(struct session_log *l, struct err *e)
{
	char name[32];

	if (l->n == 0) {
		int r = session_log_roll(l);

		return r < 0 ? err_set(e, r, "cannot start a segment: %s", strerror(-r)) : 0;
	}
	(void)snprintf(name, sizeof(name), "%08d.log", l->segments[l->n - 1].number);
	l->fd = openat(l->dir_fd, name, O_WRONLY | O_APPEND | O_CLOEXEC);
	return l->fd < 0 ? err_set(e, -errno, "%s: %s", name, strerror(errno)) : 0;
}

int session_log_open(
	const char *dir, log_record_fn fn, void *data, struct session_log **ret, struct err *e)
{
	CLEANUP(session_log_freep) struct session_log *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->fd = -1;
	l->dir_fd = -1;
	l->rolled_fd = -1;
	r = fs_mkdirs(dir, 0700, e);
	if (r < 0)
		return r;
	l->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->dir_fd < 0)
		return err_set(e, -errno, "%s: %s", dir, strerror(errno));
	r = list_segments(l, e);
	for (size_t i = 0; r == 0 && i < l->n; i++)
		r = replay_segment(l, &l->segments[i], i + 1 == l->n, fn, data, e);
	if (r == 0)
		r = open_newest(l, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(l);
	return 0;
}

struct session_log *session_log_free(struct session_log *l)
{
	if (!l)
		return NULL;
	if (l->fd >= 0)
		close(l->fd);
	if (l->rolled_fd >= 0)
		close(l->rolled_fd);
	if (l->dir_fd >= 0)
		close(l->dir_fd);
	free(l->segments);
	free(l);
	return NULL;
}

/* --- writing --- */

static int write_whole(struct session_log *l, const struct iovec *parts, size_t n, size_t total)
{
	struct segment *s = &l->segments[l->n - 1];
	ssize_t put = writev(l->fd, parts, (int)n);

	if (put == (ssize_t)total) {
		s->bytes += total;
		l->written += total;
		return 0;
	}
	/* Part of a record would look torn and hide what comes after it. */
	int r = put < 0 ? -errno : -ENOSPC;

	if (put > 0 && ftruncate(l->fd, (off_t)s->bytes) < 0)
		return -EIO;
	return r;
}

int session_log_append(struct session_log *l, uint32_t session, enum log_kind kind, uint32_t n,
	const struct iovec *parts, size_t n_parts)
{
	uint8_t head[LOG_HEADER] = {0};
	struct iovec all[LOG_IOV_MAX + 1] = {{head, LOG_HEADER}};
	size_t length = 0;
	uint32_t crc;

	assert(n_parts <= LOG_IOV_MAX);
	for (size_t i = 0; i < n_parts; i++) {
		all[i + 1] = parts[i];
		length += parts[i].iov_len;
	}
	if (length > LOG_VALUE_MAX)
		return -EMSGSIZE;
	put_u32(head, (uint32_t)length);
	put_u32(head + 8, session);
	head[12] = (uint8_t)kind;
	put_u32(head + 16, n);
	crc = crc32c(0, head, 4);
	crc = crc32c(crc, head + 8, LOG_HEADER - 8);
	for (size_t i = 0; i < n_parts; i++)
		crc = crc32c(crc, parts[i].iov_base, parts[i].iov_len);
	put_u32(head + 4, crc);
	return write_whole(l, all, n_parts + 1, LOG_HEADER + length);
}

/* The end of the segment is brought to the disk by the next sync. */
static void keep_rolled(struct session_log *l)
{
	/* Two segments between two syncs do not come in peace. */
	if (l->rolled_fd >= 0) {
		if (fdatasync(l->rolled_fd) < 0)
			session_log_sync_failed(l);
		close(l->rolled_fd);
	}
	l->rolled_fd = l->fd;
}

int session_log_roll(struct session_log *l)
{
	int number = l->n ? l->segments[l->n - 1].number + 1 : 1;
	char name[32];
	int fd, r;

	if (l->fd >= 0 && l->segments[l->n - 1].bytes == 0)
		return l->segments[l->n - 1].number; /* nothing is in it: the disk is full, say */
	(void)snprintf(name, sizeof(name), "%08d.log", number);
	fd = openat(l->dir_fd, name, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = add_segment(l, number);
	if (r < 0) {
		close(fd);
		(void)unlinkat(l->dir_fd, name, 0);
		return r;
	}
	keep_rolled(l);
	l->fd = fd;
	l->rolled = true;
	return number;
}

void session_log_drop_before(struct session_log *l, int number)
{
	size_t gone = 0;

	while (gone + 1 < l->n && l->segments[gone].number < number) {
		char name[32];

		(void)snprintf(name, sizeof(name), "%08d.log", l->segments[gone].number);
		(void)unlinkat(l->dir_fd, name, 0);
		gone++;
	}
	memmove(l->segments, l->segments + gone, (l->n - gone) * sizeof(*l->segments));
	l->n -= gone;
}

uint64_t session_log_bytes(const struct session_log *l)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < l->n; i++)
		sum += l->segments[i].bytes;
	return sum;
}

uint64_t session_log_current(const struct session_log *l)
{
	return l->segments[l->n - 1].bytes;
}

uint64_t session_log_damaged(const struct session_log *l)
{
	return l->damaged;
}

size_t session_log_take_dirty(struct session_log *l, int ret[LOG_DIRTY_MAX])
{
	size_t n = 0;

	if (l->written == l->safe)
		return 0;
	ret[0] = fcntl(l->fd, F_DUPFD_CLOEXEC, 3);
	if (ret[0] < 0)
		return 0; /* later, then */
	n++;
	if (l->rolled_fd >= 0)
		ret[n++] = l->rolled_fd;
	l->rolled_fd = -1;
	if (l->rolled) {
		ret[n] = fcntl(l->dir_fd, F_DUPFD_CLOEXEC, 3);
		l->rolled = ret[n] < 0;
		n += ret[n] >= 0;
	}
	l->taken = l->written;
	return n;
}

void session_log_sync_failed(struct session_log *l)
{
	l->rolled = true;
	l->failures++;
}

uint32_t session_log_failures(const struct session_log *l)
{
	return l->failures;
}

void session_log_synced(struct session_log *l)
{
	l->safe = l->taken;
}

uint64_t session_log_written(const struct session_log *l)
{
	return l->written;
}

uint64_t session_log_safe(const struct session_log *l)
{
	return l->safe;
}
