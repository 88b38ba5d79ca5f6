#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_MAX 1024

static const char *const level_names[] = {
	[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
static const char *program_name = "vitrine";
static enum log_level lowest = LOG_INFO;

void log_init(const char *program)
{
	program_name = program;
	if (getenv("VITRINE_DEBUG"))
		lowest = LOG_DEBUG;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	size_t len;
	va_list ap;
	int n;

	if (level < lowest)
		return;

	n = snprintf(line, sizeof(line), "%-5s %s ", level_names[level], program_name);
	va_start(ap, fmt);
	(void)vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);

	len = strlen(line);
	line[len++] = '\n';
	(void)!write(STDERR_FILENO, line, len); /* nobody to tell when stderr is gone */
}
