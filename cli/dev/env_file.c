#include "cli/dev/env_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define KEY_MAX 128

struct line {
	const char *at, *end;
	int number;
	char key[KEY_MAX + 1];
	char value[ENV_VALUE_MAX + 1];
	size_t n; /* of value */
};

static int wrong(const struct line *l, struct err *e, const char *words)
{
	return err_set(e, -EINVAL, ".env:%d: %s", l->number, words);
}

static void skip_blanks(struct line *l)
{
	while (l->at < l->end && (*l->at == ' ' || *l->at == '\t'))
		l->at++;
}

static int take_key(struct line *l, struct err *e)
{
	static const char export[] = "export ";
	size_t n = 0;

	if ((size_t)(l->end - l->at) > sizeof(export) && !memcmp(l->at, export, sizeof(export) - 1))
		l->at += sizeof(export) - 1;
	skip_blanks(l);
	while (l->at + n < l->end && (isalnum((unsigned char)l->at[n]) || l->at[n] == '_'))
		n++;
	if (n == 0 || n > KEY_MAX || isdigit((unsigned char)*l->at))
		return wrong(
			l, e, "KEY=value: a key has letters, digits and _, and no digit first");
	memcpy(l->key, l->at, n);
	l->key[n] = '\0';
	l->at += n;
	skip_blanks(l);
	if (l->at == l->end || *l->at != '=')
		return wrong(l, e, "KEY=value: there is no = behind the key");
	l->at++;
	skip_blanks(l);
	return 0;
}

static int add(struct line *l, char c, struct err *e)
{
	if (l->n == ENV_VALUE_MAX)
		return wrong(l, e, "a value is over 16 KiB");
	l->value[l->n++] = c;
	return 0;
}

/* Behind the quotes only a comment may follow. */
static int end_quoted(struct line *l, struct err *e)
{
	l->at++;
	skip_blanks(l);
	return l->at == l->end || *l->at == '#' ? 0 : wrong(l, e, "words follow the closing quote");
}

static char unescaped(char c)
{
	return c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
}

static int take_quoted(struct line *l, struct err *e)
{
	char quote = *l->at++;
	int r = 0;

	for (; l->at < l->end && r == 0; l->at++) {
		bool escape = quote == '"' && *l->at == '\\' && l->at + 1 < l->end;

		if (*l->at == quote)
			return end_quoted(l, e);
		r = add(l, escape ? unescaped(*++l->at) : *l->at, e);
	}
	return r < 0 ? r : wrong(l, e, "a quote is not closed on its line");
}

static int take_plain(struct line *l, struct err *e)
{
	int r = 0;

	for (; l->at < l->end && r == 0; l->at++) {
		if (*l->at == '#' && (l->n == 0 || l->at[-1] == ' ' || l->at[-1] == '\t'))
			break;
		r = add(l, *l->at, e);
	}
	while (l->n && (l->value[l->n - 1] == ' ' || l->value[l->n - 1] == '\t'))
		l->n--;
	return r;
}

static int take_line(struct line *l, env_file_fn fn, void *data, struct err *e)
{
	int r;

	skip_blanks(l);
	if (l->at == l->end || *l->at == '#')
		return 0;
	r = take_key(l, e);
	l->n = 0;
	if (r == 0 && l->at < l->end)
		r = *l->at == '\'' || *l->at == '"' ? take_quoted(l, e) : take_plain(l, e);
	l->value[l->n] = '\0';
	return r < 0 ? r : fn(l->key, l->value, l->number, data, e);
}

int env_file_parse(const char *text, size_t n, env_file_fn fn, void *data, struct err *e)
{
	static struct line l; /* single-threaded, and large */
	const char *at = text, *stop = text + n;
	int r = 0;

	if (memchr(text, '\0', n))
		return err_set(e, -EINVAL, ".env: is no text");
	l.number = 0;
	while (at < stop && r == 0) {
		const char *end = memchr(at, '\n', (size_t)(stop - at));

		l.number++;
		l.at = at;
		l.end = end ? end : stop;
		at = end ? end + 1 : stop;
		if (l.end > l.at && l.end[-1] == '\r')
			l.end--;
		r = take_line(&l, fn, data, e);
	}
	return r;
}
