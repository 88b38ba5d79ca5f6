#include "base/tell.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

int tell_write(const struct metric *list, size_t n, const char *prefix, struct buf *b)
{
	const struct log_recent *line;
	int r = metrics_write(list, n, b);

	if (r == 0)
		r = metrics_write_process(prefix, b);
	if (r == 0)
		r = buf_add(b, "", 1);
	for (unsigned int i = 0; r == 0 && (line = log_recent_at(i)); i++)
		r = buf_addf(b, "%" PRIu64 " %s %s\n", line->wall_usec, log_level_name(line->level),
			line->text);
	return r;
}

int tell_check(const char *text, size_t n, const char *prefix, struct err *e)
{
	const char *nul = n ? memchr(text, '\0', n) : NULL;
	size_t rest;

	if (!nul)
		return metrics_check(text, n, prefix, e);
	rest = n - (size_t)(nul + 1 - text);
	if (rest && memchr(nul + 1, '\0', rest))
		return err_set(e, -EBADMSG, "lines: hold a NUL");
	return metrics_check(text, (size_t)(nul - text), prefix, e);
}

bool tell_next_line(const char **at, struct told_line *ret)
{
	size_t length = strcspn(*at, "\n");
	int words = 0;
	char line[320];

	if (!**at || (*at)[length] != '\n')
		return false;
	(void)snprintf(line, sizeof(line), "%.*s", (int)(length < 319 ? length : 319), *at);
	*at += length + 1;
	*ret = (struct told_line){0};
	if (sscanf(line, "%llu %7[a-z] %n", &ret->wall_usec, ret->level, &words) != 2 || !words)
		return false;
	(void)snprintf(ret->words, sizeof(ret->words), "%.255s", line + words);
	return true;
}
