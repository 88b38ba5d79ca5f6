#include "inference/ledger/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/random.h"

#define HEAD 16 /* length, crc32c, n */

struct file {
	int fd;               /* owned */
	uint64_t bytes;       /* 0: empty, not even named */
	uint64_t first, last; /* numbers of its rows; last < first: none */
};

struct journal {
	struct file files[2];
	unsigned int now; /* is written */
	uint64_t last, taken;
	uint64_t synced; /* up to here rows are on the disk */
	char id[ID_LEN + 1];
};

struct head {
	uint32_t length, crc;
	uint64_t n;
};

_Static_assert(sizeof(struct head) == HEAD, "a record's head has no holes");

static uint32_t crc_of(uint64_t n, const void *value, size_t length)
{
	return crc32c(crc32c(0, &n, sizeof(n)), value, length);
}

/* One record at that place: 1, 0 where there is none or a torn one, -EIO. */
static int read_record(const struct file *f, uint64_t at, struct head *h, char *value)
{
	ssize_t n = pread(f->fd, h, HEAD, (off_t)at);

	if (n < 0)
		return -errno;
	if (n < HEAD || h->length == 0 || h->length > JOURNAL_ROW_MAX)
		return 0;
	n = pread(f->fd, value, h->length, (off_t)(at + HEAD));
	if (n < 0)
		return -errno;
	if ((size_t)n < h->length || crc_of(h->n, value, h->length) != h->crc)
		return 0;
	value[h->length] = '\0';
	return 1;
}

/* The whole record or nothing of it. */
static int write_record(struct file *f, uint64_t n, const void *value, size_t length)
{
	char record[HEAD + JOURNAL_ROW_MAX];
	struct head h = {.length = (uint32_t)length, .crc = crc_of(n, value, length), .n = n};
	ssize_t done;

	memcpy(record, &h, HEAD);
	memcpy(record + HEAD, value, length);
	done = write(f->fd, record, HEAD + length);
	if (done == (ssize_t)(HEAD + length)) {
		f->bytes += HEAD + length;
		return 0;
	}
	length = (size_t)(done < 0 ? errno : ENOSPC);
	if (done > 0 && ftruncate(f->fd, (off_t)f->bytes) < 0)
		log_error("the usage journal cannot be mended: %s", strerror(errno));
	return -(int)length;
}

static int name_file(struct journal *j, struct file *f)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "{\"journal\":\"%s\"}", j->id);
	int r = write_record(f, j->last, text, (size_t)n);

	f->first = j->last + 1;
	f->last = j->last;
	return r;
}

/* Finds what a file holds and cuts off what a crash tore. */
static int scan(struct journal *j, struct file *f, struct err *e)
{
	char value[JOURNAL_ROW_MAX + 1], id[ID_LEN + 1] = "";
	struct head h;
	uint64_t at = 0;
	int r = read_record(f, 0, &h, value);

	if (r == 1 && sscanf(value, "{\"journal\":\"%26[0-9a-z]\"}", id) == 1) {
		if (j->id[0] && strcmp(j->id, id) != 0)
			return err_set(
				e, -EBADMSG, "the usage journal's files are of two journals");
		memcpy(j->id, id, sizeof(id));
		f->first = h.n + 1;
		f->last = h.n;
		for (at = HEAD + h.length; (r = read_record(f, at, &h, value)) == 1;
			at += HEAD + h.length) {
			if (h.n != f->last + 1)
				return err_set(e, -EBADMSG,
					"the usage journal: row %" PRIu64 " follows row %" PRIu64,
					h.n, f->last);
			f->last = h.n;
		}
	}
	if (r < 0)
		return err_set(e, r, "cannot read the usage journal: %s", strerror(-r));
	f->bytes = at;
	if (ftruncate(f->fd, (off_t)at) < 0)
		return err_set(e, -errno, "cannot mend the usage journal: %s", strerror(errno));
	return 0;
}

static int open_file(struct journal *j, const char *dir, int i, struct err *e)
{
	struct file *f = &j->files[i];
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/usage.%d", dir, i) >= (int)sizeof(path))
		return err_set(e, -ENAMETOOLONG, "path is too long: %s", dir);
	f->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return err_set(e, -errno, "cannot open %s: %s", path, strerror(errno));
	return scan(j, f, e);
}

int journal_open(const char *dir, struct journal **ret, struct err *e)
{
	CLEANUP(journal_closep) struct journal *j = calloc(1, sizeof(*j));
	struct file *f;
	int r;

	if (!j)
		return err_set(e, -ENOMEM, "out of memory");
	j->files[0].fd = j->files[1].fd = -1;
	r = open_file(j, dir, 0, e);
	if (r == 0)
		r = open_file(j, dir, 1, e);
	if (r < 0)
		return r;
	if (!j->id[0])
		random_id(j->id);
	j->now = j->files[1].bytes > 0 &&
		 (j->files[0].bytes == 0 || j->files[1].first > j->files[0].first);
	f = &j->files[j->now];
	j->last = f->bytes ? f->last : 0;
	f = &j->files[!j->now];
	j->taken = f->bytes                 ? f->first - 1
		   : j->files[j->now].bytes ? j->files[j->now].first - 1
					    : 0;
	*ret = TAKE_PTR(j);
	return 0;
}

struct journal *journal_close(struct journal *j)
{
	if (!j)
		return NULL;
	for (int i = 0; i < 2; i++)
		if (j->files[i].fd >= 0)
			close(j->files[i].fd);
	free(j);
	return NULL;
}

const char *journal_id(const struct journal *j)
{
	return j->id;
}

uint64_t journal_last(const struct journal *j)
{
	return j->last;
}

uint64_t journal_synced(const struct journal *j)
{
	return j->synced;
}

uint64_t journal_waiting(const struct journal *j)
{
	return j->last - j->taken;
}

bool journal_has_room(const struct journal *j)
{
	return j->files[0].bytes + j->files[1].bytes < JOURNAL_BYTES_MAX;
}

/* The file to write to, with its name at its beginning. */
static int writable(struct journal *j, struct file **ret)
{
	struct file *f = &j->files[j->now], *other = &j->files[!j->now];
	int r;

	if (f->bytes >= JOURNAL_FILE_BYTES && other->bytes == 0) {
		r = journal_sync(j); /* no row is on the disk before those ahead of it */
		if (r < 0)
			return r;
		j->now = !j->now;
		f = other;
	}
	*ret = f;
	return f->bytes == 0 ? name_file(j, f) : 0;
}

int journal_add(struct journal *j, const char *row, size_t n, uint64_t *ret)
{
	struct file *f;
	int r;

	if (n < 2 || n > JOURNAL_ROW_MAX)
		return -EINVAL;
	if (!journal_has_room(j))
		return -ENOSPC;
	r = writable(j, &f);
	if (r == 0)
		r = write_record(f, j->last + 1, row, n);
	if (r < 0)
		return r;
	f->last = ++j->last;
	*ret = j->last;
	return 0;
}

int journal_sync(struct journal *j)
{
	if (j->synced == j->last)
		return 0;
	if (fdatasync(j->files[j->now].fd) < 0)
		return -errno;
	j->synced = j->last;
	return 0;
}

void journal_taken(struct journal *j, uint64_t n)
{
	struct file *old = &j->files[!j->now];

	if (n > j->last)
		n = j->last;
	if (n > j->taken)
		j->taken = n;
	if (old->bytes == 0 || old->last > j->taken)
		return;
	if (ftruncate(old->fd, 0) < 0)
		log_error("the usage journal cannot be emptied: %s", strerror(errno));
	else
		old->bytes = 0;
}

/* The place of a row, from the beginning of its file. */
static void seek(const struct journal *j, struct journal_cursor *c)
{
	char value[JOURNAL_ROW_MAX + 1];
	struct head h = {0};
	uint64_t at = 0;

	c->file = !j->now;
	if (j->files[c->file].bytes == 0 || c->next > j->files[c->file].last)
		c->file = j->now;
	for (; read_record(&j->files[c->file], at, &h, value) == 1; at += HEAD + h.length)
		if (at > 0 && h.n == c->next)
			break;
	c->at = at;
}

int journal_read(struct journal *j, struct journal_cursor *c, struct buf *b)
{
	char value[JOURNAL_ROW_MAX + 1];
	struct head h;
	int r;

	if (c->next <= j->taken) {
		c->next = j->taken + 1;
		seek(j, c);
	}
	if (c->next > j->last)
		return 0;
	if (c->next < j->files[c->file].first || c->next > j->files[c->file].last)
		seek(j, c);
	r = read_record(&j->files[c->file], c->at, &h, value);
	if (r != 1 || h.n != c->next) { /* it was at the end of a file that has begun anew */
		seek(j, c);
		r = read_record(&j->files[c->file], c->at, &h, value);
	}
	if (r != 1 || h.n != c->next)
		return r < 0 ? r : -EIO;
	r = buf_addf(b, "{\"n\":%" PRIu64 ",%s", h.n, value + 1);
	if (r < 0)
		return r;
	c->at += HEAD + h.length;
	c->next++;
	return 1;
}
