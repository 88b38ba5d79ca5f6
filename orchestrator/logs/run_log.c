#include "orchestrator/logs/run_log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"

#define OPEN_MAX 128 /* logs whose files stay open; the rest is opened again when needed */

/* Positions count the bytes ever kept: the older file holds [base - old_size, base), the newer
 * one [base, base + size). */
struct run_log {
	struct run_log *next;
	char space[ID_LEN + 7];
	int fd, old_fd; /* owned; -1: none */
	int64_t base, size, old_size;
	uint64_t used; /* for closing the one that was used longest ago */
	struct run_log_watch *watches;
};

struct run_logs {
	int dir; /* owned */
	size_t file_max;
	struct run_log *logs; /* owned list */
	size_t n;
	uint64_t clock, dropped;
};

struct run_log_watch {
	struct run_log *log; /* borrowed */
	struct run_log_watch *next;
	void (*fn)(void *data);
	void *data;
};

static void name_of(const char *space, bool old, char ret[ID_LEN + 16])
{
	(void)snprintf(ret, ID_LEN + 16, "%.32s.log%s", space, old ? ".1" : "");
}

int run_logs_new(const char *dir, size_t file_max, struct run_logs **ret, struct err *e)
{
	CLEANUP(run_logs_freep) struct run_logs *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return err_set(e, -ENOMEM, "out of memory");
	l->dir = -1;
	l->file_max = file_max;
	r = fs_mkdirs(dir, 0700, e);
	if (r < 0)
		return r;
	l->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->dir < 0)
		return err_set(e, -errno, "cannot open %s: %s", dir, strerror(errno));
	*ret = TAKE_PTR(l);
	return 0;
}

static void close_log(struct run_logs *l, struct run_log *log)
{
	for (struct run_log **p = &l->logs; *p; p = &(*p)->next)
		if (*p == log) {
			*p = log->next;
			l->n--;
			break;
		}
	if (log->fd >= 0)
		close(log->fd);
	if (log->old_fd >= 0)
		close(log->old_fd);
	free(log);
}

struct run_logs *run_logs_free(struct run_logs *l)
{
	if (!l)
		return NULL;
	while (l->logs) {
		while (l->logs->watches)
			(void)run_log_unwatch(l->logs->watches);
		close_log(l, l->logs);
	}
	if (l->dir >= 0)
		close(l->dir);
	free(l);
	return NULL;
}

static void close_longest_unused(struct run_logs *l)
{
	struct run_log *oldest = NULL;

	for (struct run_log *log = l->logs; log; log = log->next)
		if (!log->watches && (!oldest || log->used < oldest->used))
			oldest = log;
	if (oldest)
		close_log(l, oldest);
}

static int64_t size_of(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_size : 0;
}

static struct run_log *open_log(struct run_logs *l, const char *space)
{
	char name[ID_LEN + 16];
	struct run_log *log;

	for (log = l->logs; log; log = log->next)
		if (!strcmp(log->space, space)) {
			log->used = ++l->clock;
			return log;
		}
	if (l->n >= OPEN_MAX)
		close_longest_unused(l);
	log = calloc(1, sizeof(*log));
	if (!log || strlen(space) >= sizeof(log->space) || strchr(space, '/')) {
		free(log);
		return NULL;
	}
	(void)snprintf(log->space, sizeof(log->space), "%s", space);
	name_of(space, true, name);
	log->old_fd = openat(l->dir, name, O_RDONLY | O_CLOEXEC);
	name_of(space, false, name);
	log->fd = openat(l->dir, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	log->size = size_of(log->fd);
	log->base = log->old_size = size_of(log->old_fd);
	log->used = ++l->clock;
	log->next = l->logs;
	l->logs = log;
	l->n++;
	return log;
}

/* --- writing --- */

static void rotate(struct run_logs *l, struct run_log *log)
{
	char name[ID_LEN + 16], old[ID_LEN + 16];

	name_of(log->space, false, name);
	name_of(log->space, true, old);
	if (renameat(l->dir, name, l->dir, old) < 0)
		return;
	if (log->old_fd >= 0)
		close(log->old_fd);
	log->old_fd = TAKE_FD(log->fd);
	log->old_size = log->size;
	log->base += log->size;
	log->size = 0;
	log->fd = openat(l->dir, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int format_line(struct buf *b, uint64_t time_usec, const char *replica, const char *line)
{
	CLEANUP(json_unrefp)
	json_t *o = json_pack(
		"{s:I, s:s, s:s}", "time", (json_int_t)time_usec, "replica", replica, "line", line);
	int r = o ? json_write(b, o) : -EINVAL;

	return r < 0 ? r : buf_add(b, "\n", 1);
}

static void call_watches(const struct run_log *log)
{
	for (struct run_log_watch *w = log->watches, *next; w; w = next) {
		next = w->next;
		w->fn(w->data);
	}
}

void run_log_append(struct run_logs *l, const char *space, uint64_t time_usec, const char *replica,
	const char *line)
{
	struct run_log *log = open_log(l, space);
	CLEANUP(buf_done) struct buf b;
	ssize_t put;

	buf_init(&b, RUN_LOG_LINE_MAX);
	if (!log || log->fd < 0 || format_line(&b, time_usec, replica, line) < 0) {
		l->dropped++;
		return;
	}
	if ((size_t)log->size + b.len > l->file_max)
		rotate(l, log);
	put = write(log->fd, b.data, b.len);
	if (put != (ssize_t)b.len) {
		if (l->dropped++ == 0)
			log_warn("space=%s a log line could not be kept: %s", space,
				strerror(errno));
		/* A torn line would swallow the next one. */
		if (put > 0)
			(void)!ftruncate(log->fd, log->size);
		return;
	}
	log->size += put;
	call_watches(log);
}

void run_log_poke(struct run_logs *l, const char *space)
{
	for (struct run_log *log = l->logs; log; log = log->next)
		if (!strcmp(log->space, space))
			call_watches(log);
}

void run_log_delete(struct run_logs *l, const char *space)
{
	struct run_log *log = open_log(l, space);
	char name[ID_LEN + 16];

	name_of(space, false, name);
	(void)unlinkat(l->dir, name, 0);
	name_of(space, true, name);
	(void)unlinkat(l->dir, name, 0);
	if (log && !log->watches)
		close_log(l, log);
}

/* --- reading --- */

static int64_t oldest(const struct run_log *log)
{
	return log->base - log->old_size;
}

static ssize_t read_at(const struct run_log *log, int64_t at, char *bytes, size_t n)
{
	int64_t end = at < log->base ? log->base : log->base + log->size;

	if ((int64_t)n > end - at)
		n = (size_t)(end - at);
	return at < log->base ? pread(log->old_fd, bytes, n, at - oldest(log))
			      : pread(log->fd, bytes, n, at - log->base);
}

ssize_t run_log_read(struct run_logs *l, const char *space, int64_t *at, char *bytes, size_t n)
{
	struct run_log *log = open_log(l, space);
	const char *last;
	ssize_t got;

	if (!log)
		return 0;
	if (*at < oldest(log))
		*at = oldest(log);
	if (*at >= log->base + log->size)
		return 0;
	got = read_at(log, *at, bytes, n);
	last = got > 0 ? memrchr(bytes, '\n', (size_t)got) : NULL;
	if (!last) /* damaged from outside: nothing whole is left here */
		return 0;
	got = last + 1 - bytes;
	*at += got;
	return got;
}

int64_t run_log_tail(struct run_logs *l, const char *space, size_t n)
{
	static char bytes[RUN_LOG_LINE_MAX]; /* single-threaded */
	struct run_log *log = open_log(l, space);
	int64_t at;
	size_t lines = 0;
	ssize_t got;

	if (!log)
		return 0;
	at = oldest(log);
	if (n == SIZE_MAX)
		return at;
	for (int64_t p = at; (got = run_log_read(l, space, &p, bytes, sizeof(bytes))) > 0;)
		for (ssize_t i = 0; i < got; i++)
			lines += bytes[i] == '\n';
	while (lines > n && (got = read_at(log, at, bytes, sizeof(bytes))) > 0) {
		const char *end = memchr(bytes, '\n', (size_t)got);

		if (!end)
			break;
		at += end + 1 - bytes;
		lines--;
	}
	return at;
}

/* --- watching --- */

int run_log_watch(struct run_logs *l, const char *space, void (*fn)(void *data), void *data,
	struct run_log_watch **ret)
{
	struct run_log *log = open_log(l, space);
	struct run_log_watch *w = calloc(1, sizeof(*w));

	if (!log || !w) {
		free(w);
		return -ENOMEM;
	}
	*w = (struct run_log_watch){.log = log, .next = log->watches, .fn = fn, .data = data};
	log->watches = w;
	*ret = w;
	return 0;
}

struct run_log_watch *run_log_unwatch(struct run_log_watch *w)
{
	if (!w)
		return NULL;
	for (struct run_log_watch **p = &w->log->watches; *p; p = &(*p)->next)
		if (*p == w) {
			*p = w->next;
			break;
		}
	free(w);
	return NULL;
}
