#include "sdk-lua/host/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

#define LINE_MAX_BYTES 2048 /* below PIPE_BUF: a line is written whole or not at all */
#define HEAD_MAX 64         /* of it: tag and session */
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
	n = snprintf(line, sizeof(line), "log %u lines were dropped", w->log_dropped);
	w->log_dropped = 0;
	put_line(w, line, (size_t)n);
}

/* One line of an app's words: no control character of it reaches whoever reads the log. */
static void say_line(
	struct worker *w, const char *tag, const struct session *s, const char *words, size_t n)
{
	const size_t most = LINE_MAX_BYTES - HEAD_MAX - TAIL_MAX - 1;
	size_t shown = n > most ? most : n;
	char line[LINE_MAX_BYTES];
	int head = s ? snprintf(line, HEAD_MAX, "%s session=%u ", tag, s->channel)
		     : snprintf(line, HEAD_MAX, "%s ", tag);

	memcpy(line + head, words, shown);
	utf8_scrub(line + head, shown);
	shown += (size_t)head;
	if (n > most)
		shown += (size_t)snprintf(line + shown, TAIL_MAX, " … %zu more bytes", n - most);
	put_line(w, line, shown);
}

void say_text(
	struct worker *w, const char *tag, const struct session *s, const char *text, size_t n)
{
	int lines = 0;

	tell_dropped(w);
	for (;;) {
		const char *stop = memchr(text, '\n', n);
		size_t length = stop ? (size_t)(stop - text) : n;

		say_line(w, tag, s, text, length);
		if (n <= length + 1)
			return;
		n -= length + 1;
		text += length + 1;
		if (++lines == LINES_PER_TEXT) {
			say(w, tag, s, "… %zu more bytes in this text", n);
			return;
		}
	}
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
