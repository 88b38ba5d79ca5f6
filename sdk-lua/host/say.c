#include "sdk-lua/host/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048 /* below PIPE_BUF: a line is written whole or not at all */
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
	n = snprintf(line, sizeof(line), "log %u lines were dropped", w->log_dropped);
	w->log_dropped = 0;
	put_line(w, line, (size_t)n);
}

void say_text(
	struct worker *w, const char *tag, const struct session *s, const char *text, size_t n)
{
	int lines = 0;

	tell_dropped(w);
	do {
		const char *stop = memchr(text, '\n', n);
		size_t length = stop ? (size_t)(stop - text) : n;
		size_t shown = length > LINE_MAX_BYTES - 64 ? LINE_MAX_BYTES - 64 : length;
		char line[LINE_MAX_BYTES];
		int head = s ? snprintf(line, 64, "%s session=%u ", tag, s->channel)
			     : snprintf(line, 64, "%s ", tag);

		memcpy(line + head, text, shown);
		put_line(w, line, (size_t)head + shown);
		n -= stop ? length + 1 : length;
		text += stop ? length + 1 : length;
	} while (n > 0 && ++lines < LINES_PER_TEXT);
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
