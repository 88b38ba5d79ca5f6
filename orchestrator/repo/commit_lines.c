#include "orchestrator/repo/commit_lines.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

#define DEPTH_MAX 16
#define NAME_MAX_BYTES 32
#define LITERAL_MAX 40

/*
 *	          '{'            string            ':'             value
 *	 BETWEEN -----> KEY_OR_END ----> COLON -----> VALUE -----------------> COMMA_OR_END
 *	    ^                                            ^   ',' in an array        |
 *	    |                     KEY <------------------+--------------------------+
 *	    +---------------- newline, after the outermost '}' (then AFTER) --------+
 *
 * STRING, ESCAPE, UNICODE and LITERAL are the insides of a key or value.
 */
enum state {
	BETWEEN,
	KEY_OR_END,
	KEY,
	COLON,
	VALUE,
	VALUE_OR_END,
	COMMA_OR_END,
	AFTER,
	STRING,
	ESCAPE,
	UNICODE,
	LITERAL,
};

enum field {
	FIELD_KEY, /* of the line itself; the others are of its value */
	FIELD_SUMMARY,
	FIELD_DESCRIPTION,
	FIELD_PARENT,
	FIELD_PATH,
	FIELD_ENCODING,
	FIELD_OID,
	FIELD_ALGO,
	FIELDS_OF_TEXT,
	FIELD_SIZE = FIELDS_OF_TEXT,
	FIELD_CONTENT,
	FIELD_VALUE, /* the object itself */
	FIELD_UNKNOWN,
};

static const struct {
	const char *name;
	size_t max;
} fields[] = {
	[FIELD_KEY] = {"key", NAME_MAX_BYTES},
	[FIELD_SUMMARY] = {"summary", COMMIT_SUMMARY_MAX},
	[FIELD_DESCRIPTION] = {"description", COMMIT_DESCRIPTION_MAX},
	[FIELD_PARENT] = {"parentCommit", 64},
	[FIELD_PATH] = {"path", COMMIT_PATH_MAX},
	[FIELD_ENCODING] = {"encoding", NAME_MAX_BYTES},
	[FIELD_OID] = {"oid", 64},
	[FIELD_ALGO] = {"algo", NAME_MAX_BYTES},
	[FIELD_SIZE] = {"size", 0},
	[FIELD_CONTENT] = {"content", 0},
};

struct commit_lines {
	const struct commit_lines_ops *ops;
	void *data;
	enum state state;
	unsigned int depth;
	bool is_array[DEPTH_MAX + 1]; /* by depth, from 1 */
	bool in_key;                  /* the string is a key, not a value */
	enum field field;             /* what the value is of */
	char name[NAME_MAX_BYTES + 1];
	size_t n_name; /* over NAME_MAX_BYTES: a key nobody knows */
	char literal[LITERAL_MAX + 1];
	size_t n_literal;
	unsigned int unicode, n_unicode,
		high; /* of \uXXXX; high: a first half waits for its second */
	struct buf text[FIELDS_OF_TEXT];
	int64_t size;
	bool has_content, has_value, in_value;
	unsigned int line; /* from 1 */
};

/* --- life --- */

int commit_lines_new(const struct commit_lines_ops *ops, void *data, struct commit_lines **ret)
{
	struct commit_lines *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->ops = ops;
	c->data = data;
	for (int i = 0; i < FIELDS_OF_TEXT; i++)
		buf_init(&c->text[i], fields[i].max);
	*ret = c;
	return 0;
}

struct commit_lines *commit_lines_free(struct commit_lines *c)
{
	if (!c)
		return NULL;
	for (int i = 0; i < FIELDS_OF_TEXT; i++)
		buf_done(&c->text[i]);
	free(c);
	return NULL;
}

/* --- words --- */

static int refuse(struct commit_lines *c, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct commit_lines *c, struct err *e, const char *fmt, ...)
{
	char words[160];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	return err_set(e, -EBADMSG, "line %u: %s", c->line, words);
}

static int no_json(struct commit_lines *c, struct err *e)
{
	return refuse(c, e, "is not JSON");
}

/* --- a whole line --- */

static void begin_line(struct commit_lines *c)
{
	for (int i = 0; i < FIELDS_OF_TEXT; i++)
		buf_clear(&c->text[i]);
	c->size = -1;
	c->has_content = c->has_value = false;
}

static bool is_text(const struct buf *b)
{
	size_t at = 0, step = 1;

	while (at < b->len && step) {
		step = b->data[at] ? utf8_length(b->data + at, b->len - at) : 0;
		at += step;
	}
	return at == b->len;
}

static const struct {
	const char *name;
	enum commit_key key;
} keys[] = {
	{"header", COMMIT_HEADER},
	{"file", COMMIT_FILE},
	{"lfsFile", COMMIT_LFS_FILE},
	{"deletedFile", COMMIT_DELETED_FILE},
	{"deletedEntry", COMMIT_DELETED_FILE},
	{"deletedFolder", COMMIT_DELETED_FOLDER},
};

static int find_key(struct commit_lines *c, enum commit_key *ret, struct err *e)
{
	const char *name = buf_str(&c->text[FIELD_KEY]);

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(name, keys[i].name)) {
			*ret = keys[i].key;
			return 0;
		}
	return refuse(c, e, "key: must be header, file, lfsFile, deletedFile or deletedFolder");
}

static int check_line(struct commit_lines *c, struct commit_line *l, struct err *e)
{
	const char *encoding = buf_str(&c->text[FIELD_ENCODING]);
	const char *algo = buf_str(&c->text[FIELD_ALGO]);
	int r = find_key(c, &l->key, e);

	if (r < 0)
		return r;
	if (!c->has_value)
		return refuse(c, e, "value: is missing");
	if (l->key == COMMIT_HEADER)
		return 0;
	if (!*l->path)
		return refuse(c, e, "path: is missing");
	if (l->key == COMMIT_FILE && !c->has_content)
		return refuse(c, e, "content: is missing");
	l->base64 = !strcmp(encoding, "base64");
	if (l->key == COMMIT_FILE && !l->base64 && *encoding && strcmp(encoding, "utf-8") != 0)
		return refuse(c, e, "encoding: must be base64 or utf-8");
	if (l->key == COMMIT_LFS_FILE && *algo && strcmp(algo, "sha256") != 0)
		return refuse(c, e, "algo: must be sha256");
	return 0;
}

static int end_line(struct commit_lines *c, struct err *e)
{
	struct commit_line l = {
		.summary = buf_str(&c->text[FIELD_SUMMARY]),
		.description = buf_str(&c->text[FIELD_DESCRIPTION]),
		.parent = buf_str(&c->text[FIELD_PARENT]),
		.path = buf_str(&c->text[FIELD_PATH]),
		.oid = buf_str(&c->text[FIELD_OID]),
		.size = c->size,
	};
	int r;

	for (int i = 0; i < FIELDS_OF_TEXT; i++)
		if (!is_text(&c->text[i]))
			return refuse(c, e, "%s: must be UTF-8 without NUL", fields[i].name);
	r = check_line(c, &l, e);
	return r < 0 ? r : c->ops->on_line(&l, c->data, e);
}

/* --- values --- */

/* The value before has ended, one level up or beside it. */
static void end_value(struct commit_lines *c)
{
	c->state = c->depth ? COMMA_OR_END : AFTER;
}

static enum field field_of(const struct commit_lines *c)
{
	if (c->n_name > NAME_MAX_BYTES)
		return FIELD_UNKNOWN;
	if (c->depth == 1)
		return !strcmp(c->name, "key")     ? FIELD_KEY
		       : !strcmp(c->name, "value") ? FIELD_VALUE
						   : FIELD_UNKNOWN;
	if (c->depth != 2 || !c->in_value)
		return FIELD_UNKNOWN;
	for (size_t i = FIELD_SUMMARY; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!strcmp(c->name, fields[i].name))
			return (enum field)i;
	return FIELD_UNKNOWN;
}

static bool takes_text(enum field f)
{
	return f < FIELDS_OF_TEXT || f == FIELD_CONTENT || f == FIELD_UNKNOWN;
}

static int wrong_type(struct commit_lines *c, struct err *e)
{
	if (c->field == FIELD_VALUE)
		return refuse(c, e, "value: must be an object");
	return refuse(c, e, "%s: must be %s", fields[c->field].name,
		c->field == FIELD_SIZE ? "a whole number" : "text");
}

static int begin_string(struct commit_lines *c, bool in_key, struct err *e)
{
	c->in_key = in_key;
	c->state = STRING;
	c->high = 0;
	if (in_key) {
		c->n_name = 0;
		return 0;
	}
	if (!takes_text(c->field))
		return wrong_type(c, e);
	if (c->field < FIELDS_OF_TEXT)
		buf_clear(&c->text[c->field]);
	if (c->field == FIELD_CONTENT) {
		if (c->has_content)
			return refuse(c, e, "content: stands there twice");
		c->has_content = true;
	}
	return 0;
}

/* Bytes of the string, unescaped. */
static int add_to_string(struct commit_lines *c, const char *bytes, size_t n, struct err *e)
{
	int r = 0;

	if (c->in_key) {
		for (size_t i = 0; i < n && c->n_name <= NAME_MAX_BYTES; i++, c->n_name++)
			if (c->n_name < NAME_MAX_BYTES)
				c->name[c->n_name] = bytes[i];
		return 0;
	}
	if (c->field == FIELD_CONTENT)
		return c->ops->on_content(bytes, n, c->data, e);
	if (c->field < FIELDS_OF_TEXT)
		r = buf_add(&c->text[c->field], bytes, n);
	if (r == -ENOSPC)
		return refuse(c, e, "%s: is over the limit of %zu bytes", fields[c->field].name,
			fields[c->field].max);
	return r < 0 ? err_set(e, r, "out of memory") : 0;
}

static void end_string(struct commit_lines *c)
{
	if (!c->in_key) {
		end_value(c);
		return;
	}
	c->name[c->n_name < NAME_MAX_BYTES ? c->n_name : NAME_MAX_BYTES] = '\0';
	c->field = field_of(c);
	c->state = COLON;
}

static int open_level(struct commit_lines *c, bool array, struct err *e)
{
	bool is_value = c->depth == 1 && c->field == FIELD_VALUE;

	if (c->depth && c->field != FIELD_UNKNOWN && (!is_value || array))
		return wrong_type(c, e);
	if (c->depth == DEPTH_MAX)
		return refuse(c, e, "is nested deeper than %d levels", DEPTH_MAX);
	c->is_array[++c->depth] = array;
	if (is_value)
		c->has_value = c->in_value = true;
	/* What lies in an unknown array has no name. */
	c->field = FIELD_UNKNOWN;
	c->state = array ? VALUE_OR_END : KEY_OR_END;
	return 0;
}

static int close_level(struct commit_lines *c, bool array, struct err *e)
{
	if (c->is_array[c->depth] != array)
		return no_json(c, e);
	if (--c->depth == 1)
		c->in_value = false;
	c->field = FIELD_UNKNOWN;
	end_value(c);
	return 0;
}

/* RFC 8259, section 6 */
static bool is_number(const char *s)
{
	s += *s == '-';
	if (*s == '0')
		s++;
	else if (isdigit((unsigned char)*s))
		s += strspn(s, "0123456789");
	else
		return false;
	if (*s == '.') {
		if (!isdigit((unsigned char)*++s))
			return false;
		s += strspn(s, "0123456789");
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '+' || *s == '-';
		if (!isdigit((unsigned char)*s))
			return false;
		s += strspn(s, "0123456789");
	}
	return !*s;
}

static int end_literal(struct commit_lines *c, struct err *e)
{
	c->literal[c->n_literal] = '\0';
	end_value(c);
	if (!strcmp(c->literal, "null"))
		return c->field == FIELD_VALUE ? wrong_type(c, e) : 0;
	if (strcmp(c->literal, "true") != 0 && strcmp(c->literal, "false") != 0 &&
		!is_number(c->literal))
		return no_json(c, e);
	if (c->field == FIELD_UNKNOWN)
		return 0;
	if (c->field != FIELD_SIZE || c->n_literal > 18 ||
		strspn(c->literal, "0123456789") != c->n_literal)
		return wrong_type(c, e);
	c->size = strtoll(c->literal, NULL, 10);
	return 0;
}

/* --- escapes --- */

static int end_unicode(struct commit_lines *c, struct err *e)
{
	unsigned int v = c->unicode;
	char out[4];
	size_t n;

	c->state = STRING;
	if (c->high) {
		if (v < 0xdc00 || v > 0xdfff)
			return no_json(c, e);
		v = 0x10000 + ((c->high - 0xd800) << 10) + (v - 0xdc00);
		c->high = 0;
	} else if (v >= 0xd800 && v <= 0xdbff) {
		c->high = v;
		return 0;
	} else if (v >= 0xdc00 && v <= 0xdfff) {
		return no_json(c, e);
	}
	n = v < 0x80 ? 1 : v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; v >>= 6)
		out[i] = (char)(0x80 | (v & 0x3f));
	out[0] = (char)(n == 1 ? v : ((0xf00u >> n) & 0xff) | v);
	return add_to_string(c, out, n, e);
}

static int take_hex(struct commit_lines *c, char ch, struct err *e)
{
	if (!isxdigit((unsigned char)ch))
		return no_json(c, e);
	c->unicode = c->unicode << 4 |
		     (unsigned int)(isdigit((unsigned char)ch) ? ch - '0' : (ch | 0x20) - 'a' + 10);
	return ++c->n_unicode == 4 ? end_unicode(c, e) : 0;
}

static int take_escape(struct commit_lines *c, char ch, struct err *e)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = ch ? strchr(from, ch) : NULL;

	if (ch == 'u') {
		c->unicode = c->n_unicode = 0;
		c->state = UNICODE;
		return 0;
	}
	if (!at || c->high)
		return no_json(c, e);
	c->state = STRING;
	return add_to_string(c, &to[at - from], 1, e);
}

/* As much of the string as stands there plainly. Returns bytes taken, at least one. */
static ssize_t take_string(struct commit_lines *c, const char *bytes, size_t n, struct err *e)
{
	size_t run = 0;
	int r;

	while (run < n && (unsigned char)bytes[run] >= 0x20 && bytes[run] != '"' &&
		bytes[run] != '\\')
		run++;
	if (c->high && (run || bytes[0] != '\\'))
		return no_json(c, e);
	if (run) {
		r = add_to_string(c, bytes, run, e);
		return r < 0 ? r : (ssize_t)run;
	}
	if (bytes[0] == '\\')
		c->state = ESCAPE;
	else if (bytes[0] == '"')
		end_string(c);
	else
		return no_json(c, e);
	return 1;
}

/* --- one character --- */

static bool in_literal(char ch)
{
	return isalnum((unsigned char)ch) || ch == '-' || ch == '+' || ch == '.';
}

static int take_value(struct commit_lines *c, char ch, struct err *e)
{
	if (ch == '"')
		return begin_string(c, false, e);
	if (ch == '{' || ch == '[')
		return open_level(c, ch == '[', e);
	if (ch == ']' && c->state == VALUE_OR_END)
		return close_level(c, true, e);
	if (!in_literal(ch))
		return no_json(c, e);
	c->literal[0] = ch;
	c->n_literal = 1;
	c->state = LITERAL;
	return 0;
}

static int take_after_value(struct commit_lines *c, char ch, struct err *e)
{
	if (ch == '}' || ch == ']')
		return close_level(c, ch == ']', e);
	if (ch != ',')
		return no_json(c, e);
	c->state = c->is_array[c->depth] ? VALUE : KEY;
	return 0;
}

static int take_key(struct commit_lines *c, char ch, struct err *e)
{
	if (ch == '"')
		return begin_string(c, true, e);
	if (ch == '}' && c->state == KEY_OR_END)
		return close_level(c, false, e);
	return no_json(c, e);
}

static int open_line(struct commit_lines *c, char ch, struct err *e)
{
	if (++c->line > COMMIT_LINES_MAX)
		return refuse(c, e, "the limit of a commit is %d lines", COMMIT_LINES_MAX);
	begin_line(c);
	return ch == '{' ? open_level(c, false, e) : refuse(c, e, "must be a JSON object");
}

static int take_newline(struct commit_lines *c, struct err *e)
{
	if (c->state == BETWEEN)
		return 0;
	if (c->state != AFTER)
		return refuse(c, e, "ends in the middle of its JSON");
	c->state = BETWEEN;
	return end_line(c, e);
}

static int take_char(struct commit_lines *c, char ch, struct err *e)
{
	if (ch == '\n')
		return take_newline(c, e);
	if (ch == ' ' || ch == '\t' || ch == '\r')
		return 0;
	switch (c->state) {
	case BETWEEN:
		return open_line(c, ch, e);
	case KEY_OR_END:
	case KEY:
		return take_key(c, ch, e);
	case COLON:
		c->state = VALUE;
		return ch == ':' ? 0 : no_json(c, e);
	case VALUE:
	case VALUE_OR_END:
		return take_value(c, ch, e);
	case COMMA_OR_END:
		return take_after_value(c, ch, e);
	default:
		return no_json(c, e); /* AFTER: more on the same line */
	}
}

/* Returns bytes taken; 0: the literal has ended before this one. */
static ssize_t take_literal(struct commit_lines *c, char ch, struct err *e)
{
	int r;

	if (!in_literal(ch)) {
		r = end_literal(c, e);
		return r < 0 ? r : 0;
	}
	if (c->n_literal == LITERAL_MAX)
		return no_json(c, e);
	c->literal[c->n_literal++] = ch;
	return 1;
}

static ssize_t take_some(struct commit_lines *c, const char *bytes, size_t n, struct err *e)
{
	int r;

	switch (c->state) {
	case STRING:
		return take_string(c, bytes, n, e);
	case LITERAL:
		return take_literal(c, bytes[0], e);
	case ESCAPE:
		r = take_escape(c, bytes[0], e);
		break;
	case UNICODE:
		r = take_hex(c, bytes[0], e);
		break;
	default:
		r = take_char(c, bytes[0], e);
	}
	return r < 0 ? r : 1;
}

int commit_lines_feed(struct commit_lines *c, const char *bytes, size_t n, struct err *e)
{
	size_t at = 0;

	while (at < n) {
		ssize_t taken = take_some(c, bytes + at, n - at, e);

		if (taken < 0)
			return (int)taken;
		at += (size_t)taken;
	}
	return 0;
}

int commit_lines_end(struct commit_lines *c, struct err *e)
{
	return take_newline(c, e);
}
