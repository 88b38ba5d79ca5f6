#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

#define LOG_LINE_MAX 1024
#define LOG_JSON_MAX (6 * LOG_LINE_MAX + 512) /* each byte may become \\u00xx */

static const char *const level_names[LOG_LEVELS] = {
	[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
static const char *program_name = "vitrine";
static enum log_level lowest = LOG_INFO;
static bool json;
static uint64_t counts[LOG_LEVELS];
static struct log_recent recent[LOG_RECENT];
static uint64_t recent_n; /* ever */

void log_init(const char *program)
{
	const char *format = getenv("VITRINE_LOG");

	program_name = program;
	if (getenv("VITRINE_DEBUG"))
		lowest = LOG_DEBUG;
	json = format && !strcmp(format, "json");
}

bool log_is_json(void)
{
	return json;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

uint64_t log_count(enum log_level level)
{
	return counts[level];
}

const struct log_recent *log_recent_at(unsigned int i)
{
	return i < LOG_RECENT && i < recent_n ? &recent[(recent_n - 1 - i) % LOG_RECENT] : NULL;
}

static void remember(enum log_level level, uint64_t now, const char *text)
{
	struct log_recent *r = &recent[recent_n++ % LOG_RECENT];

	*r = (struct log_recent){.wall_usec = now, .level = level};
	(void)snprintf(r->text, sizeof(r->text), "%.*s", LOG_RECENT_TEXT - 1, text);
}

/* What came from outside can neither begin a line of its own nor command a terminal. */
static void scrub(char *text)
{
	utf8_scrub(text, strlen(text));
	for (; *text; text++)
		if (*text == '\t')
			*text = ' ';
}

/* --- JSON --- */

struct out {
	char *at, *end;
};

static void put(struct out *o, const char *text, size_t n)
{
	if (n > (size_t)(o->end - o->at))
		n = (size_t)(o->end - o->at);
	memcpy(o->at, text, n);
	o->at += n;
}

static void put_text(struct out *o, const char *text)
{
	put(o, text, strlen(text));
}

static void put_string(struct out *o, const char *text, size_t n)
{
	put_text(o, "\"");
	while (n > 0) {
		size_t length = utf8_length((const unsigned char *)text, n);

		if (*text == '"' || *text == '\\')
			put_text(o, "\\");
		put(o, length ? text : "?", length ? length : 1);
		text += length ? length : 1;
		n -= length ? length : 1;
	}
	put_text(o, "\"");
}

/* Days since 1970 as a date, without the time zone files that gmtime(3) reads:
 * https://howardhinnant.github.io/date_algorithms.html#civil_from_days */
static void put_time(struct out *o, uint64_t usec)
{
	unsigned int ms = (unsigned int)(usec / 1000 % 1000);
	unsigned int sec = (unsigned int)(usec / USEC_PER_SEC % 86400);
	uint64_t days = usec / USEC_PER_SEC / 86400 + 719468;
	unsigned int era = (unsigned int)(days / 146097), doe = (unsigned int)(days % 146097);
	unsigned int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned int doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	unsigned int month = mp < 10 ? mp + 3 : mp - 9;
	char text[64];

	(void)snprintf(text, sizeof(text), "\"%04u-%02u-%02uT%02u:%02u:%02u.%03uZ\"",
		yoe + era * 400 + (month <= 2), month, doy - (153 * mp + 2) / 5 + 1, sec / 3600,
		sec / 60 % 60, sec % 60, ms);
	put_text(o, text);
}

/* Length of the key of a key=value at the start of text; 0: there is none. */
static size_t key_length(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz_");

	return text[n] == '=' && text[n + 1] && text[n + 1] != ' ' ? n : 0;
}

static const char *put_fields(struct out *o, const char *text)
{
	const char *comma = "";
	size_t n;

	put_text(o, ",\"fields\":{");
	while ((n = key_length(text)) > 0) {
		size_t value = strcspn(text + n + 1, " ");

		put_text(o, comma);
		put_string(o, text, n);
		put_text(o, ":");
		put_string(o, text + n + 1, value);
		comma = ",";
		text += n + 1 + value;
		text += strspn(text, " ");
	}
	put_text(o, "}");
	return text;
}

static size_t write_json(char line[LOG_JSON_MAX], enum log_level level, uint64_t now, char *text)
{
	struct out o = {line, line + LOG_JSON_MAX - 1};
	const char *words;

	put_text(&o, "{\"time\":");
	put_time(&o, now);
	put_text(&o, ",\"level\":");
	put_string(&o, level_names[level], strlen(level_names[level]));
	put_text(&o, ",\"service\":");
	put_string(&o, program_name, strlen(program_name));
	words = put_fields(&o, text);
	put_text(&o, ",\"message\":");
	put_string(&o, words, strlen(words));
	put_text(&o, "}");
	*o.at++ = '\n';
	return (size_t)(o.at - line);
}

/* --- lines --- */

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[LOG_LINE_MAX], line[LOG_JSON_MAX];
	uint64_t now;
	size_t length;
	va_list ap;

	counts[level]++;
	if (level < lowest)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text) - 64, fmt, ap); /* room for level and program */
	va_end(ap);
	scrub(text);
	now = clock_wall_usec();
	if (level >= LOG_WARN)
		remember(level, now, text);
	length = json ? write_json(line, level, now, text)
		      : (size_t)snprintf(line, LOG_LINE_MAX, "%-5s %.32s %s\n", level_names[level],
				program_name, text);
	(void)!write(STDERR_FILENO, line, length); /* nobody to tell when stderr is gone */
}
