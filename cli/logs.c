/* vitrine logs */
#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"

struct asked {
	bool follow, build, json, colour;
	char path[1024]; /* of the request */
};

static const struct {
	const char *level, *words, *colour;
} levels[] = {
	{"debug", "debug ", "\033[2m"},
	{"warn", "warn ", "\033[33m"},
	{"error", "error ", "\033[31m"},
};

static void print_time(const struct asked *a, json_int_t usec)
{
	time_t sec = (time_t)(usec / (json_int_t)USEC_PER_SEC);
	char when[32];
	struct tm tm;

	if (!usec || !localtime_r(&sec, &tm))
		return;
	(void)strftime(when, sizeof(when), "%F %T", &tm);
	printf(a->colour ? "\033[2m%s.%03d\033[0m " : "%s.%03d ", when, (int)(usec / 1000 % 1000));
}

static const char *text_of(const json_t *event, const char *name)
{
	const char *text = json_string_value(json_object_get(event, name));

	return text ? text : "";
}

/* Log lines come from an app: what a terminal would obey is shown, not sent. */
static void print_words(const char *words)
{
	for (const char *p = words; *p; p++)
		putchar((unsigned char)*p < 0x20 && *p != '\t' ? '?' : *p);
}

static void print_line(const json_t *event, void *data)
{
	const struct asked *a = data;
	const char *level = text_of(event, "level"), *colour = "";

	if (json_object_get(event, "oldest")) {
		printf("[lines are missing here: they were removed for newer ones]\n");
		return;
	}
	if (!json_object_get(event, "line"))
		return;
	print_time(a, json_integer_value(json_object_get(event, "time")));
	if (*text_of(event, "session"))
		printf(a->colour ? "\033[36m%s\033[0m " : "%s ", text_of(event, "session"));
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (!strcmp(levels[i].level, level)) {
			colour = a->colour ? levels[i].colour : "";
			printf("%s%s", colour, levels[i].words);
		}
	print_words(text_of(event, "line"));
	if (*text_of(event, "ref"))
		printf(" (reference %s)", text_of(event, "ref"));
	printf(*colour ? "\033[0m\n" : "\n");
}

static void print_event(const json_t *event, void *data)
{
	const struct asked *a = data;

	if (a->json) {
		(void)json_dumpf(event, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else {
		print_line(event, data);
	}
	fflush(stdout);
}

/* --- the request --- */

static void ask(struct asked *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void ask(struct asked *a, const char *fmt, ...)
{
	size_t n = strlen(a->path);
	va_list ap;

	va_start(ap, fmt);
	(void)snprintf(a->path + n, sizeof(a->path) - n, "%s", strchr(a->path, '?') ? "&" : "?");
	n = strlen(a->path);
	(void)vsnprintf(a->path + n, sizeof(a->path) - n, fmt, ap);
	va_end(ap);
}

static bool is_word(const char *text)
{
	const char *p = text;

	while (isalnum((unsigned char)*p))
		p++;
	return *text && !*p && p - text <= 64;
}

/* "10m": seconds, minutes, hours, days before now; false: it is none. */
static bool ask_since(struct asked *a, const char *text)
{
	static const struct {
		char unit;
		unsigned int sec;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (end != text && n <= 100000 && end[0] == units[i].unit && !end[1]) {
			ask(a, "since=%llu",
				(unsigned long long)(clock_wall_usec() -
						     n * units[i].sec * USEC_PER_SEC));
			return true;
		}
	fprintf(stderr, "vitrine: --since %s: a number with s, m, h or d is needed, as in 10m\n",
		text);
	return false;
}

static bool ask_word(struct asked *a, const char *option, const char *name, const char *value)
{
	if (!is_word(value)) {
		fprintf(stderr, "vitrine: %s %s: letters and digits are needed\n", option, value);
		return false;
	}
	ask(a, "%s=%s", name, value);
	return true;
}

static bool take_option(struct asked *a, int opt, const char *value)
{
	static const struct {
		int opt;
		const char *option, *name;
	} words[] = {{'n', "-n", "tail"}, {'l', "--level", "level"}, {'S', "--session", "session"},
		{'r', "--ref", "ref"}, {'c', "--commit", "commit"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].opt == opt)
			return ask_word(a, words[i].option, words[i].name, value);
	switch (opt) {
	case 'f':
		a->follow = true;
		ask(a, "follow=1");
		return true;
	case 'b':
		a->build = true;
		return !value || ask_word(a, "--build", "build", value);
	case 'j':
		a->json = true;
		return true;
	case 's':
		return ask_since(a, value);
	default:
		return false;
	}
}

static const struct option known[] = {CLIENT_OPTIONS, {"follow", no_argument, NULL, 'f'},
	{"build", optional_argument, NULL, 'b'}, {"json", no_argument, NULL, 'j'},
	{"lines", required_argument, NULL, 'n'}, {"since", required_argument, NULL, 's'},
	{"level", required_argument, NULL, 'l'}, {"session", required_argument, NULL, 'S'},
	{"ref", required_argument, NULL, 'r'}, {"commit", required_argument, NULL, 'c'}, {0}};

int cmd_logs(int argc, char **argv)
{
	CLEANUP(client_freep) struct client *c = NULL;
	struct client_options o = {0};
	struct asked a = {.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
	struct err e = {0};
	char path[1280];
	int opt, r;

	while ((opt = getopt_long(argc, argv, "fn:", known, NULL)) != -1)
		if (!client_option(&o, opt, optarg) && !take_option(&a, opt, optarg))
			return 2;
	if (optind != argc - 1) {
		fprintf(stderr, "usage: vitrine logs [-f] [-n N] [--since 10m] [--level LEVEL] "
				"[--session REF] [--ref REF] [--commit ID] [--build[=ID]] [--json] "
				"OWNER/NAME\n");
		return 2;
	}
	c = client_or_complain(&o);
	if (!c)
		return 1;
	(void)snprintf(path, sizeof(path), "/api/spaces/%.200s/logs/%s%s", argv[optind],
		a.build ? "build" : "run", a.path);
	r = a.follow ? client_follow_on(c, path, print_event, &a, &e)
		     : client_follow(c, path, print_event, &a, &e);
	if (r < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		return 1;
	}
	return 0;
}
