#include "cli/paint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RED "\033[31m"
#define GREEN "\033[32m"
#define DIM "\033[2m"
#define BOLD_RED "\033[1;31m"
#define PLAIN "\033[0m"

/* https://no-color.org */
static bool colours(void)
{
	static int known = -1;
	const char *no = getenv("NO_COLOR");

	if (known < 0)
		known = isatty(STDOUT_FILENO) && !(no && *no);
	return known;
}

static bool begins(const char *line, size_t n, const char *with)
{
	size_t m = strlen(with);

	return n >= m && !memcmp(line, with, m);
}

/* app.lua:3: words */
static bool is_place(const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);

	return colon && n && line[0] != ' ' && colon[1] >= '0' && colon[1] <= '9';
}

static const char *colour_of(const char *line, size_t n)
{
	size_t at = strspn(line, " ");

	if (at > n)
		at = n;
	if (begins(line + at, n - at, "✓"))
		return GREEN;
	if (begins(line + at, n - at, "✗") || begins(line + at, n - at, "> "))
		return RED;
	if (is_place(line, n))
		return BOLD_RED;
	return at ? DIM : "";
}

void paint_line(const char *line, size_t n)
{
	const char *colour = colours() ? colour_of(line, n) : "";

	printf("%s%.*s%s\n", colour, (int)n, line, *colour ? PLAIN : "");
	fflush(stdout);
}

/* Phases of a push that are nobody's question here. */
static bool is_news(const char *line)
{
	static const char *const old[] = {"✓ front", "✓ bundle", "✓ models", "✓ stored", "✓ box",
		"✓ app loaded", "live in", "refused"};

	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++)
		if (!strncmp(line, old[i], strlen(old[i])))
			return false;
	return true;
}

void paint_build(const char *said, bool tests)
{
	while (*said) {
		size_t n = strcspn(said, "\n");

		if (is_news(said) && (tests || !begins(said + strspn(said, " "), n, "✓")))
			paint_line(said, n);
		said += n + (said[n] != '\0');
	}
}

static void paint(const char *colour, const char *fmt, va_list ap)
{
	fputs(colours() ? colour : "", stdout);
	vprintf(fmt, ap);
	fputs(colours() ? PLAIN "\n" : "\n", stdout);
	fflush(stdout);
}

void paint_good(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	paint(GREEN, fmt, ap);
	va_end(ap);
}

void paint_bad(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	paint(BOLD_RED, fmt, ap);
	va_end(ap);
}
