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
#define TELL_USEC USEC_PER_SEC /* a count of dropped lines gathers this long */

struct app_log {
	struct source *source; /* owned */
	struct source *timer;  /* owned; the pipe may be read again, or the count told */
	int fd;                /* owned */
	const struct app_log_ops *ops;
	void *data;
	uint64_t span_usec; /* since when span_bytes are counted */
	size_t span_bytes;
	bool paused;
	unsigned int dropped;
	uint64_t tell_usec; /* when to tell how many; 0: none were dropped */
	size_t len;
	char line[LOG_LINE_BYTES + 1];
};

static void tell_dropped(struct app_log *l)
{
	static const struct log_head head = {.stream = "platform", .level = "warn"};
	char words[96];
	int n;

	if (l->dropped == 0)
		return;
	n = snprintf(words, sizeof(words), "[%u lines dropped: too much in too short a time]",
		l->dropped);
	l->dropped = 0;
	l->tell_usec = 0;
	l->ops->on_line(words, (size_t)n, &head, l->data);
}

static void arm(struct app_log *l)
{
	uint64_t at = l->paused ? l->span_usec + LOG_READ_USEC : l->tell_usec;

	if (at)
		timer_arm(l->timer, at);
}

static void drop_line(struct app_log *l)
{
	if (l->dropped++ > 0)
		return;
	l->tell_usec = clock_mono_usec() + TELL_USEC;
	arm(l);
}

static void end_line(struct app_log *l)
{
	size_t n = l->len, at;
	struct log_head head;

	l->len = 0;
	if (n > 0 && l->line[n - 1] == '\r')
		n--;
	if (l->ops->may_pass && !l->ops->may_pass(n, l->data)) {
		drop_line(l);
		return;
	}
	l->line[n] = '\0';
	at = log_head_read(l->line, n, &head);
	utf8_scrub(l->line + at, n - at);
	l->ops->on_line(l->line + at, n - at, &head, l->data);
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

static void count_bytes(struct app_log *l, size_t n)
{
	uint64_t now = clock_mono_usec();

	if (now - l->span_usec > LOG_READ_USEC) {
		l->span_usec = now;
		l->span_bytes = 0;
	}
	l->span_bytes += n;
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
		count_bytes(l, (size_t)n);
		take(l, bytes, (size_t)n);
	}
	return true;
}

static void on_readable(int fd, uint32_t events, void *data)
{
	struct app_log *l = data;

	(void)fd;
	if (!read_some(l)) {
		l->source = source_free(l->source);
		return;
	}
	/* Without a writer the pipe holds no more than its buffer. */
	if (l->span_bytes < LOG_READ_BYTES || l->paused || (events & EPOLLHUP))
		return;
	l->paused = true;
	(void)source_set_events(l->source, 0);
	arm(l);
}

static void on_timer(void *data)
{
	struct app_log *l = data;

	if (l->paused) {
		l->paused = false;
		if (l->source)
			(void)source_set_events(l->source, EPOLLIN);
	}
	if (l->tell_usec && l->tell_usec <= clock_mono_usec())
		tell_dropped(l);
	arm(l);
}

int app_log_new(
	struct loop *loop, int fd, const struct app_log_ops *ops, void *data, struct app_log **ret)
{
	struct app_log *l = calloc(1, sizeof(*l));
	int r;

	if (!l) {
		close(fd);
		return -ENOMEM;
	}
	l->fd = fd;
	l->ops = ops;
	l->data = data;
	r = fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	if (r == 0)
		r = loop_add_timer(loop, on_timer, l, &l->timer);
	if (r == 0)
		r = loop_add_fd(loop, fd, EPOLLIN, on_readable, l, &l->source);
	if (r < 0) {
		source_free(l->timer);
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
	source_free(l->timer);
	close(l->fd);
	free(l);
	return NULL;
}
