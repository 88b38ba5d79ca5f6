#include "agent/app_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

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

/* Length of the well-formed sequence at s, 0: none. RFC 3629 section 4. */
static size_t sequence_length(const unsigned char *s, size_t n)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len = s[0] < 0x80   ? 1
		     : s[0] < 0xc2 ? 0
		     : s[0] < 0xe0 ? 2
		     : s[0] < 0xf0 ? 3
		     : s[0] < 0xf5 ? 4
				   : 0;

	if (len == 0 || len > n)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < len; i++) {
		if (s[i] < low || s[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return len;
}

void utf8_scrub(char *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t len = sequence_length((const unsigned char *)s + i, n - i);

		if (len == 0)
			s[i++] = '?';
		else if (len == 1 && ((unsigned char)s[i] < 0x20 || s[i] == 0x7f) && s[i] != '\t')
			s[i++] = ' ';
		else
			i += len;
	}
}

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
