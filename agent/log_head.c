#include "agent/log_head.h"

#include <stdbool.h>
#include <string.h>

#define HEAD_BEGIN '\x1e'
#define HEAD_END '\x1f'
#define HEAD_BYTES_MAX 128

static const struct {
	const char *tag, *stream, *level;
} tags[] = {
	{"print", "stdout", "info"},
	{"log.debug", "log", "debug"},
	{"log.info", "log", "info"},
	{"log.warn", "log", "warn"},
	{"log.error", "log", "error"},
	{"error", "stderr", "error"},
	{"limit", "platform", "error"},
	{"warn", "platform", "warn"},
};

static bool read_tag(const char *word, size_t n, struct log_head *ret)
{
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (strlen(tags[i].tag) == n && !memcmp(tags[i].tag, word, n)) {
			ret->stream = tags[i].stream;
			ret->level = tags[i].level;
			return true;
		}
	return false;
}

static bool read_reference(const char *word, size_t n, char ret[LOG_REFERENCE_MAX + 1])
{
	if (n == 0 || n > LOG_REFERENCE_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((word[i] >= '0' && word[i] <= '9') || (word[i] >= 'a' && word[i] <= 'z')))
			return false;
	memcpy(ret, word, n);
	ret[n] = '\0';
	return true;
}

static bool read_event(const char *word, size_t n, uint32_t *ret)
{
	uint64_t value = 0;

	if (n == 0 || n > 10)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (word[i] < '0' || word[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(word[i] - '0');
	}
	*ret = (uint32_t)value;
	return value <= UINT32_MAX;
}

static bool read_word(const char *word, size_t n, struct log_head *ret)
{
	if (n > 8 && !memcmp(word, "session=", 8))
		return read_reference(word + 8, n - 8, ret->session);
	if (n > 6 && !memcmp(word, "event=", 6))
		return read_event(word + 6, n - 6, &ret->event);
	if (n > 4 && !memcmp(word, "ref=", 4))
		return read_reference(word + 4, n - 4, ret->reference);
	return false;
}

static bool read_words(const char *p, const char *end, struct log_head *ret)
{
	bool first = true;

	while (p < end) {
		const char *stop = memchr(p, ' ', (size_t)(end - p));
		size_t n = (size_t)((stop ? stop : end) - p);

		if (!(first ? read_tag(p, n, ret) : read_word(p, n, ret)))
			return false;
		first = false;
		p += n + (stop != NULL);
	}
	return !first;
}

size_t log_head_read(const char *line, size_t n, struct log_head *ret)
{
	static const struct log_head none = {.stream = "stderr", .level = "info"};
	const char *end;

	*ret = none;
	if (n < 2 || line[0] != HEAD_BEGIN)
		return 0;
	end = memchr(line, HEAD_END, n < HEAD_BYTES_MAX ? n : HEAD_BYTES_MAX);
	if (!end || !read_words(line + 1, end, ret)) {
		*ret = none;
		return 0;
	}
	return (size_t)(end + 1 - line);
}
