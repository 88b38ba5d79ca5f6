#include "agent/app_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

#define READS_PER_ROUND 8

struct app_log {
	struct source *source; /* owned */
	int fd;                /* owned */
	app_log_fn fn;
	void *data;
	uint64_t second; /* that the counts below belong to */
	unsigned int passed, dropped;
	size_t len;
	char line[LOG_LINE_BYTES + 1];
};

static void tell_dropped(struct app_log *l)
{
	char words[96];
	int n;

	if (l->dropped == 0)
		return;
	n = snprintf(words, sizeof(words), "[%u lines dropped: more than %d in one second]",
		l->dropped, LOG_LINES_PER_SEC);
	l->dropped = 0;
	l->fn(words, (size_t)n, l->data);
}

static void end_line(struct app_log *l)
{
	uint64_t second = clock_mono_usec() / USEC_PER_SEC;
	size_t n = l->len;

	l->len = 0;
	if (second != l->second) {
		tell_dropped(l);
		l->second = second;
		l->passed = 0;
	}
	if (l->passed >= LOG_LINES_PER_SEC) {
		l->dropped++;
		return;
	}
	l->passed++;
	l->line[n] = '\0';
	utf8_scrub(l->line, n);
	l->fn(l->line, n, l->data);
}

static void take(struct app_log *l, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n') {
			end_line(l);
			continue;
		}
		l->line[l->len++] = bytes[i];
		if (l->len == LOG_LINE_BYTES)
			end_line(l);
	}
}

/* Returns false when the pipe is at its end. */
static bool read_some(struct app_log *l)
{
	char bytes[16384];

	for (int i = 0; i < READS_PER_ROUND; i++) {
		ssize_t n = read(l->fd, bytes, sizeof(bytes));

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return false;
		take(l, bytes, (size_t)n);
	}
	return true;
}

static void on_readable(int fd, uint32_t events, void *data)
{
	struct app_log *l = data;

	(void)fd;
	(void)events;
	if (!read_some(l))
		l->source = source_free(l->source);
}

int app_log_new(struct loop *loop, int fd, app_log_fn fn, void *data, struct app_log **ret)
{
	struct app_log *l = calloc(1, sizeof(*l));
	int r;

	if (!l) {
		close(fd);
		return -ENOMEM;
	}
	l->fd = fd;
	l->fn = fn;
	l->data = data;
	r = fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	if (r == 0)
		r = loop_add_fd(loop, fd, EPOLLIN, on_readable, l, &l->source);
	if (r < 0) {
		close(fd);
		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

struct app_log *app_log_free(struct app_log *l)
{
	if (!l)
		return NULL;
	(void)read_some(l);
	if (l->len > 0)
		end_line(l);
	tell_dropped(l);
	source_free(l->source);
	close(l->fd);
	free(l);
	return NULL;
}
