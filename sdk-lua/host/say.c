#include "sdk-lua/host/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

#define LINE_MAX_BYTES 2048 /* below PIPE_BUF: a line is written whole or not at all */
#define HEAD_MAX 96         /* of it: the head */
#define TAIL_MAX 40         /* of it: how much was cut off */
#define LINES_PER_TEXT 64

static void put_line(struct worker *w, char *line, size_t n)
{
	ssize_t put;

	line[n++] = '\n';
	do
		put = write(STDERR_FILENO, line, n);
	while (put < 0 && errno == EINTR);
	if (put < 0)
		w->log_dropped++;
}

static void tell_dropped(struct worker *w)
{
	char line[64];
	int n;

	if (w->log_dropped == 0)
		return;
	n = snprintf(line, sizeof(line), "\x1ewarn\x1f[%u lines dropped: the log is full]",
		w->log_dropped);
	w->log_dropped = 0;
	put_line(w, line, (size_t)n);
}

static int write_head(const struct said *about, char line[HEAD_MAX])
{
	int n = snprintf(line, HEAD_MAX, "\x1e%s", about->tag);

	if (about->session)
		n += snprintf(
			line + n, HEAD_MAX - (size_t)n, " session=%s", about->session->reference);
	if (about->n)
		n += snprintf(line + n, HEAD_MAX - (size_t)n, " event=%u", about->n);
	if (about->reference && *about->reference)
		n += snprintf(line + n, HEAD_MAX - (size_t)n, " ref=%.16s", about->reference);
	line[n++] = '\x1f';
	return n;
}

/* One line of an app's words: no control character of it reaches whoever reads the log. */
static void say_line(struct worker *w, const struct said *about, const char *words, size_t n)
{
	const size_t most = LINE_MAX_BYTES - HEAD_MAX - TAIL_MAX - 1;
	size_t shown = n > most ? most : n;
	char line[LINE_MAX_BYTES];
	int head = write_head(about, line);

	memcpy(line + head, words, shown);
	utf8_scrub(line + head, shown);
	shown += (size_t)head;
	if (n > most)
		shown += (size_t)snprintf(line + shown, TAIL_MAX, " … %zu more bytes", n - most);
	put_line(w, line, shown);
}

void say_about(struct worker *w, const struct said *about, const char *text, size_t n)
{
	char rest[64];
	int lines = 0;

	tell_dropped(w);
	for (;;) {
		const char *stop = memchr(text, '\n', n);
		size_t length = stop ? (size_t)(stop - text) : n;

		say_line(w, about, text, length);
		if (n <= length + 1)
			return;
		n -= length + 1;
		text += length + 1;
		if (++lines == LINES_PER_TEXT) {
			(void)snprintf(rest, sizeof(rest), "… %zu more bytes in this text", n);
			say_line(w, about, rest, strlen(rest));
			return;
		}
	}
}

void say_text(
	struct worker *w, const char *tag, const struct session *s, const char *text, size_t n)
{
	const struct task *t = w->current;
	const struct said about = {
		.tag = tag, .session = s, .n = s && t && t->session == s ? t->n : 0};

	say_about(w, &about, text, n);
}

void say(struct worker *w, const char *tag, const struct session *s, const char *fmt, ...)
{
	char text[8192];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say_text(w, tag, s, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}
