#include "cli/stream.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* --- the request --- */

void stream_init(struct stream *s)
{
	s->colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
}

static void add_query(struct stream *s, const char *name, const char *value)
{
	size_t n = strlen(s->query);

	(void)snprintf(s->query + n, sizeof(s->query) - n, "%c%s=%s", n ? '&' : '?', name, value);
}

bool stream_ask(struct stream *s, const char *option, const char *name, const char *value)
{
	size_t n = 0;

	while (isalnum((unsigned char)value[n]))
		n++;
	if (n == 0 || value[n] || n > 64) {
		fprintf(stderr, "vitrine: %s %s: letters and digits are needed\n", option, value);
		return false;
	}
	add_query(s, name, value);
	return true;
}

/* "10m": seconds, minutes, hours, days before now; false: it is none. */
static bool ask_since(struct stream *s, const char *text)
{
	static const struct {
		char unit;
		unsigned int sec;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end, usec[32];
	unsigned long n = strtoul(text, &end, 10);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (end != text && n <= 100000 && end[0] == units[i].unit && !end[1]) {
			(void)snprintf(usec, sizeof(usec), "%llu",
				(unsigned long long)(clock_wall_usec() -
						     n * units[i].sec * USEC_PER_SEC));
			add_query(s, "since", usec);
			return true;
		}
	fprintf(stderr, "vitrine: --since %s: a number with s, m, h or d is needed, as in 10m\n",
		text);
	return false;
}

bool stream_option(struct stream *s, int opt, const char *value)
{
	switch (opt) {
	case 'f':
		s->follow = true;
		add_query(s, "follow", "1");
		return true;
	case 'j':
		s->json = true;
		return true;
	case 'n':
		return stream_ask(s, "-n", "tail", value);
	case 's':
		return ask_since(s, value);
	default:
		return false;
	}
}

/* --- what comes --- */

const char *stream_text(const json_t *event, const char *name)
{
	const char *text = json_string_value(json_object_get(event, name));

	return text ? text : "";
}

void stream_print_time(const struct stream *s, const json_t *event)
{
	json_int_t usec = json_integer_value(json_object_get(event, "time"));
	time_t sec = (time_t)(usec / (json_int_t)USEC_PER_SEC);
	char when[32];
	struct tm tm;

	if (!usec || !localtime_r(&sec, &tm))
		return;
	(void)strftime(when, sizeof(when), "%F %T", &tm);
	printf(s->colour ? "\033[2m%s.%03d\033[0m " : "%s.%03d ", when, (int)(usec / 1000 % 1000));
}

void stream_print_words(const char *words)
{
	for (const char *p = words; *p; p++)
		putchar((unsigned char)*p < 0x20 && *p != '\t' ? '?' : *p);
}

static void on_event(const json_t *event, void *data)
{
	struct stream *s = data;

	if (s->json) {
		(void)json_dumpf(event, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else if (json_object_get(event, "oldest")) {
		printf("[lines are missing here: they were removed for newer ones]\n");
	} else {
		s->print(event, s);
	}
	fflush(stdout);
}

int stream_run(struct stream *s, const struct client_options *o, const char *fmt, ...)
{
	CLEANUP(client_freep) struct client *c = client_or_complain(o);
	struct err e = {0};
	char path[1536];
	va_list ap;
	int n, r;

	if (!c)
		return 1;
	va_start(ap, fmt);
	n = vsnprintf(path, sizeof(path) / 3, fmt, ap);
	va_end(ap);
	if (n >= (int)(sizeof(path) / 3)) {
		fprintf(stderr, "vitrine: that name is too long\n");
		return 2;
	}
	(void)snprintf(path + n, sizeof(path) - (size_t)n, "%s", s->query);
	r = s->follow ? client_follow_on(c, path, on_event, s, &e)
		      : client_follow(c, path, on_event, s, &e);
	if (r < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		return 1;
	}
	return 0;
}
