#include "orchestrator/repo/card.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "base/json.h"

struct reading {
	yaml_parser_t parser;
	unsigned int nodes;
	struct err *e;
};

static bool is_fence(const char *line, size_t n)
{
	while (n && (line[n - 1] == ' ' || line[n - 1] == '\r'))
		n--;
	return n == 3 && !memcmp(line, "---", 3);
}

static size_t line_length(const char *at, size_t n)
{
	const char *end = memchr(at, '\n', n);

	return end ? (size_t)(end - at) : n;
}

const char *card_find(const char *readme, size_t n, size_t *ret_n)
{
	size_t at = line_length(readme, n), start;

	if (!is_fence(readme, at) || at == n)
		return NULL;
	for (start = ++at; at < n;) {
		size_t length = line_length(readme + at, n - at);

		if (is_fence(readme + at, length)) {
			*ret_n = at - start;
			return readme + start;
		}
		at += length + 1;
	}
	return NULL;
}

/* The first line of the file is "---", so YAML's line 0 is the file's line 2. */
static int refuse(struct reading *rd, size_t yaml_line, const char *why)
{
	return err_set(rd->e, -EINVAL, "README.md:%zu: %s", yaml_line + 2, why);
}

/* --- scalars --- */

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(text, *words))
			return true;
	return false;
}

/* Digits with at most one dot and one exponent; no hexadecimal, "inf" or "nan" of strtod's. */
static json_t *number(const char *text)
{
	size_t n = strlen(text), digits = strspn(text, "+-.eE0123456789");
	bool whole = strspn(text + (*text == '-' || *text == '+'), "0123456789") ==
		     n - (*text == '-' || *text == '+');
	char *end;

	if (!n || digits != n || n > 32 || !strpbrk(text, "0123456789") || strchr("eE", *text))
		return NULL;
	errno = 0;
	if (whole) {
		long long v = strtoll(text, &end, 10);

		return errno == 0 && !*end ? json_integer(v) : NULL;
	}
	double v = strtod(text, &end);

	return !*end && isfinite(v) ? json_real(v) : NULL;
}

/* Text that is no UTF-8 or holds a NUL does not get past the parser or json_stringn. */
static json_t *scalar(const yaml_event_t *event)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const trues[] = {"true", "True", "TRUE", NULL};
	static const char *const falses[] = {"false", "False", "FALSE", NULL};
	const char *text = (const char *)event->data.scalar.value;
	size_t n = event->data.scalar.length;
	json_t *v = NULL;

	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strlen(text) == n) {
		if (is_one_of(text, nulls))
			return json_null();
		if (is_one_of(text, trues))
			return json_true();
		if (is_one_of(text, falses))
			return json_false();
		v = number(text);
	}
	return v ? v : json_stringn(text, n);
}

/* --- nodes --- */

static int next(struct reading *rd, yaml_event_t *event)
{
	if (!yaml_parser_parse(&rd->parser, event))
		return refuse(rd, rd->parser.problem_mark.line,
			rd->parser.problem ? rd->parser.problem : "is no YAML");
	if (++rd->nodes > CARD_NODES_MAX) {
		size_t line = event->start_mark.line;

		yaml_event_delete(event);
		return refuse(rd, line, "over the limit of 8192 values");
	}
	return 0;
}

static int read_value(struct reading *rd, yaml_event_t *event, int depth, json_t **ret);

static int read_list(struct reading *rd, int depth, json_t *list)
{
	for (;;) {
		yaml_event_t event;
		json_t *item;
		int r = next(rd, &event);

		if (r < 0)
			return r;
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&event);
			return 0;
		}
		r = read_value(rd, &event, depth, &item);
		if (r < 0)
			return r;
		if (json_array_append_new(list, item) < 0)
			return err_set(rd->e, -ENOMEM, "out of memory");
	}
}

static int read_key(struct reading *rd, yaml_event_t *event, char **ret)
{
	const char *text = (const char *)event->data.scalar.value;
	int r = 0;

	if (event->type != YAML_SCALAR_EVENT || strlen(text) != event->data.scalar.length)
		r = refuse(rd, event->start_mark.line, "a key must be text");
	else if (!(*ret = strdup(text)))
		r = err_set(rd->e, -ENOMEM, "out of memory");
	yaml_event_delete(event);
	return r;
}

static int read_pairs(struct reading *rd, int depth, json_t *object)
{
	for (;;) {
		CLEANUP(freep) char *key = NULL;
		yaml_event_t event;
		json_t *value;
		int r = next(rd, &event);

		if (r < 0)
			return r;
		if (event.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&event);
			return 0;
		}
		r = read_key(rd, &event, &key);
		if (r == 0)
			r = next(rd, &event);
		if (r == 0)
			r = read_value(rd, &event, depth, &value);
		if (r < 0)
			return r;
		if (json_object_set_new(object, key, value) < 0)
			return err_set(rd->e, -ENOMEM, "out of memory");
	}
}

/* Takes the event. */
static int read_value(struct reading *rd, yaml_event_t *event, int depth, json_t **ret)
{
	CLEANUP(json_unrefp) json_t *v = NULL;
	size_t line = event->start_mark.line;
	yaml_event_type_t type = event->type;
	int r = 0;

	if (type == YAML_SCALAR_EVENT)
		v = scalar(event);
	yaml_event_delete(event);
	if (type == YAML_ALIAS_EVENT)
		return refuse(rd, line, "aliases are not taken here; write the value out");
	if (depth >= CARD_DEPTH_MAX)
		return refuse(rd, line, "nested deeper than 16");
	if (type == YAML_SEQUENCE_START_EVENT) {
		v = json_array();
		r = v ? read_list(rd, depth + 1, v) : 0;
	} else if (type == YAML_MAPPING_START_EVENT) {
		v = json_object();
		r = v ? read_pairs(rd, depth + 1, v) : 0;
	}
	if (r < 0)
		return r;
	if (!v)
		return refuse(rd, line, "a value that cannot be text");
	*ret = TAKE_PTR(v);
	return 0;
}

/* Passes by the start of stream and document. An empty document is {}. */
static int read_document(struct reading *rd, json_t **ret)
{
	yaml_event_t event;
	int r;

	do {
		r = next(rd, &event);
		if (r < 0)
			return r;
		if (event.type == YAML_STREAM_END_EVENT) {
			yaml_event_delete(&event);
			*ret = json_object();
			return *ret ? 0 : err_set(rd->e, -ENOMEM, "out of memory");
		}
		if (event.type != YAML_STREAM_START_EVENT &&
			event.type != YAML_DOCUMENT_START_EVENT)
			break;
		yaml_event_delete(&event);
	} while (true);
	if (event.type != YAML_MAPPING_START_EVENT) {
		size_t line = event.start_mark.line;

		yaml_event_delete(&event);
		return refuse(rd, line, "must be keys with values");
	}
	return read_value(rd, &event, 0, ret);
}

int card_read(const char *readme, size_t n, json_t **ret, struct err *e)
{
	struct reading rd = {.e = e};
	const char *yaml;
	size_t length;
	int r;

	yaml = card_find(readme, n, &length);
	if (!yaml) {
		*ret = json_object();
		return *ret ? 0 : err_set(e, -ENOMEM, "out of memory");
	}
	if (length > CARD_MAX)
		return err_set(e, -EINVAL, "README.md:1: over the limit of %u bytes", CARD_MAX);
	if (!yaml_parser_initialize(&rd.parser))
		return err_set(e, -ENOMEM, "out of memory");
	yaml_parser_set_encoding(&rd.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&rd.parser, (const unsigned char *)yaml, length);
	r = read_document(&rd, ret);
	yaml_parser_delete(&rd.parser);
	return r;
}
