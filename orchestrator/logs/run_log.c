#include "orchestrator/logs/run_log.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"

static int format_line(struct buf *b, const struct run_line *l)
{
	CLEANUP(json_unrefp)
	json_t *o = json_pack("{s:I, s:s*, s:s*, s:s*, s:s*, s:s*}", "time",
		(json_int_t)l->time_usec, "replica", l->replica, "commit", l->commit, "stream",
		l->stream, "level", l->level, "session", l->session);

	if (!o)
		return -EINVAL;
	if (l->event)
		(void)json_object_set_new(o, "event", json_integer((json_int_t)l->event));
	if (l->reference)
		(void)json_object_set_new(o, "ref", json_string(l->reference));
	if (json_object_set_new(o, "line", json_string(l->line)) < 0)
		return -EINVAL;
	return json_write(b, o);
}

void run_log_append(struct journals *logs, const char *space, const struct run_line *line)
{
	CLEANUP(buf_done) struct buf b;
	int r;

	buf_init(&b, JOURNAL_LINE_MAX - 1);
	r = format_line(&b, line);
	if (r < 0)
		log_warn("space=%s a log line could not be kept: %s", space, strerror(-r));
	else
		(void)journal_append(logs, space, b.data, b.len);
}

/* --- choosing --- */

/* Quotes inside a JSON string are escaped, so that this can only be the object's own field. */
static bool has_field(const char *line, size_t n, const char *name, const char *value, bool whole)
{
	char want[96];
	int len = snprintf(want, sizeof(want), "\"%s\":\"%s%s", name, value, whole ? "\"" : "");

	return memmem(line, n, want, (size_t)len) != NULL;
}

static bool is_grave(const char *line, size_t n, const char *least)
{
	static const char *const levels[] = {"error", "warn", "info", "debug"};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (has_field(line, n, "level", levels[i], true))
			return true;
		if (!strcmp(levels[i], least))
			return false;
	}
	return true; /* no such level: all */
}

/* Every line of ours begins with its time. */
static bool is_since(const char *line, size_t n, uint64_t since_usec)
{
	static const char head[] = "{\"time\":";
	uint64_t at = 0;

	if (n <= sizeof(head) || memcmp(line, head, sizeof(head) - 1) != 0)
		return true;
	for (const char *p = line + sizeof(head) - 1; *p >= '0' && *p <= '9' && at < 1ull << 59;
		p++)
		at = at * 10 + (uint64_t)(*p - '0');
	return at >= since_usec;
}

bool run_line_matches(const char *line, size_t n, void *data)
{
	const struct run_filter *f = data;

	return (!f->since_usec || is_since(line, n, f->since_usec)) &&
	       (!*f->session || has_field(line, n, "session", f->session, true)) &&
	       (!*f->reference || has_field(line, n, "ref", f->reference, true)) &&
	       (!*f->commit || has_field(line, n, "commit", f->commit, false)) &&
	       (!*f->level || is_grave(line, n, f->level));
}
