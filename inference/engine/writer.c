#include "inference/engine/writer.h"

#include <errno.h>
#include <string.h>

#include "inference/tokenizers/unicode.h"

void writer_init(struct writer *w)
{
	*w = (struct writer){0};
	buf_init(&w->text, WRITER_TEXT_MAX);
	buf_init(&w->bytes, 4096);
}

void writer_done(struct writer *w)
{
	buf_done(&w->text);
	buf_done(&w->bytes);
}

int writer_add_stop(struct writer *w, const char *stop, size_t n)
{
	if (w->n_stops == WRITER_STOPS_MAX)
		return -ENOSPC;
	if (n == 0 || n > WRITER_STOP_MAX)
		return -EMSGSIZE;
	memcpy(w->stops[w->n_stops], stop, n);
	w->stops[w->n_stops++][n] = '\0';
	return 0;
}

static void find_stop(struct writer *w)
{
	size_t first = w->text.len;

	for (size_t i = 0; i < w->n_stops; i++) {
		const char *from = buf_str(&w->text) + w->shown;
		const char *at =
			memmem(from, w->text.len - w->shown, w->stops[i], strlen(w->stops[i]));

		if (at && (size_t)(at - buf_str(&w->text)) < first) {
			first = (size_t)(at - buf_str(&w->text));
			w->stopped = true;
		}
	}
	if (w->stopped) {
		w->text.len = first;
		w->text.data[first] = '\0';
	}
}

int writer_add(struct writer *w, const char *bytes, size_t n)
{
	int r = buf_add(&w->bytes, bytes, n);
	size_t at = 0;

	while (r == 0 && at < w->bytes.len) {
		const char *s = buf_str(&w->bytes) + at;
		uint32_t c = UNICODE_REPLACEMENT;
		int used = utf8_read(s, w->bytes.len - at, &c);

		if (used == 0)
			break;
		if (c == 0) /* JSON strings of the platform hold no NUL */
			c = UNICODE_REPLACEMENT;
		r = utf8_add(&w->text, used < 0 ? UNICODE_REPLACEMENT : c);
		at += used < 0 ? 1 : (size_t)used;
	}
	if (r < 0)
		return r;
	buf_consume(&w->bytes, at);
	find_stop(w);
	return 0;
}

/* Bytes at the end that a stop string could begin with. */
static size_t held_back(const struct writer *w)
{
	const char *text = buf_str(&w->text);
	size_t most = 0;

	for (size_t i = 0; i < w->n_stops; i++) {
		size_t n = strlen(w->stops[i]) - 1, fresh = w->text.len - w->shown;

		for (n = n < fresh ? n : fresh; n > most; n--)
			if (!memcmp(text + w->text.len - n, w->stops[i], n))
				most = n;
	}
	return most;
}

const char *writer_take(struct writer *w, bool at_end, size_t *ret_n)
{
	size_t from = w->shown, to = w->text.len;

	if (!at_end && !w->stopped)
		to -= held_back(w);
	w->shown = to;
	*ret_n = to - from;
	return buf_str(&w->text) + from;
}
