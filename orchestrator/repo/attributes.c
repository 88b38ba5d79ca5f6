#include "orchestrator/repo/attributes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATTERN_MAX 1024
#define STEPS_MAX 20000

#define LINE_STEPS 8 /* that a line takes before its pattern is looked at */

/* --- steps --- */

bool pattern_spend(uint64_t *left, uint64_t steps)
{
	*left = *left > steps ? *left - steps : 0;
	return *left > 0;
}

/* --- one pattern --- */

/* A set [a-z], [!a] at *p; moves *p past it. 1: ch is in it; 0: not; -1: no set at all. */
static int in_set(const char **p, char ch, unsigned int *steps)
{
	const char *s = *p + 1;
	bool negated = *s == '!' || *s == '^', found = false;

	s += negated;
	for (bool first = true; first || *s != ']'; first = false) {
		unsigned char low, high;

		++*steps;
		if (*s == '\\')
			s++;
		if (!*s)
			return -1;
		low = high = (unsigned char)*s++;
		if (*s == '-' && s[1] && s[1] != ']') {
			s += s[1] == '\\' && s[2] ? 2 : 1;
			high = (unsigned char)*s++;
		}
		if ((unsigned char)ch >= low && (unsigned char)ch <= high)
			found = true;
	}
	*p = s + 1;
	return ch != '/' && found != negated;
}

static bool match(const char *p, const char *path, unsigned int *steps);

/* *p is a star: one, or two that cross folders. start: the pattern's begin, or after a slash. */
static bool match_star(const char *p, const char *path, bool start, unsigned int *steps)
{
	bool deep = p[1] == '*' && start && (!p[2] || p[2] == '/');

	while (*p == '*')
		p++;
	if (deep && *p == '/' && match(p + 1, path, steps))
		return true; /* no folder at all */
	for (;; path++) {
		if (match(p, path, steps))
			return true;
		if (!*path || (!deep && *path == '/'))
			return false;
	}
}

static bool match(const char *p, const char *path, unsigned int *steps)
{
	bool start = true;

	for (; *p; path++) {
		if (++*steps > STEPS_MAX)
			return false;
		if (*p == '*')
			return match_star(p, path, start, steps);
		start = *p == '/';
		if (!*path)
			return false;
		if (*p == '[') {
			int r = in_set(&p, *path, steps);

			if (r <= 0)
				return false;
			continue;
		}
		if (*p == '?') {
			if (*path == '/')
				return false;
		} else {
			if (*p == '\\' && p[1])
				p++;
			if (*p != *path)
				return false;
		}
		p++;
	}
	return !*path;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool matches(const char *pattern, const char *path, uint64_t *left)
{
	unsigned int steps = 0;
	bool yes = strchr(pattern, '/') ? match(pattern + (*pattern == '/'), path, &steps)
					: match(pattern, base_of(path), &steps);

	return pattern_spend(left, steps) && yes;
}

bool pattern_matches(const char *pattern, const char *path)
{
	return matches(pattern, path, &(uint64_t){UINT64_MAX});
}

/* --- lines --- */

/* The next line into ret, without its end; a line over PATTERN_MAX comes as "". False: no more. */
static bool next_line(const char **text, size_t *n, char ret[PATTERN_MAX + 1])
{
	const char *end = *n ? memchr(*text, '\n', *n) : NULL;
	size_t length = end ? (size_t)(end - *text) : *n, step = length + (end != NULL);

	if (!*n)
		return false;
	ret[0] = '\0';
	if (length <= PATTERN_MAX && !memchr(*text, '\0', length)) {
		memcpy(ret, *text, length);
		ret[length] = '\0';
		if (length && ret[length - 1] == '\r')
			ret[length - 1] = '\0';
	}
	*text += step;
	*n -= step;
	return true;
}

/* Takes the quotes and backslashes of "a pattern" away, in place. Returns what follows it. */
static char *unquote(char *s)
{
	char *to = s;

	for (s++; *s && *s != '"'; s++) {
		if (*s == '\\' && s[1])
			s++;
		*to++ = *s;
	}
	if (*s)
		s++;
	*to = '\0';
	return s;
}

static enum lfs_rule filter_of(char *attributes)
{
	enum lfs_rule says = LFS_UNSAID;

	for (char *save = NULL, *word = strtok_r(attributes, " \t", &save); word;
		word = strtok_r(NULL, " \t", &save)) {
		if (!strncmp(word, "filter=", 7))
			says = !strcmp(word + 7, "lfs") ? LFS_YES : LFS_NO;
		else if (!strcmp(word, "-filter") || !strcmp(word, "!filter") ||
			 !strcmp(word, "filter"))
			says = LFS_NO;
	}
	return says;
}

/* --- rules --- */

struct rule {
	const char *pattern; /* borrowed from words */
	enum lfs_rule says;
	bool exact, deep; /* it means one name; with a slash, of a path and not of a last part */
};

struct attributes {
	char *words; /* owned */
	size_t used;
	struct rule *rules; /* owned: n of cap */
	size_t n, cap;
};

struct attributes *attributes_free(struct attributes *a)
{
	if (!a)
		return NULL;
	free(a->words);
	free(a->rules);
	free(a);
	return NULL;
}

static int add_rule(struct attributes *a, const char *pattern, enum lfs_rule says)
{
	size_t length = strlen(pattern);
	char *kept = a->words + a->used;

	if (a->n == a->cap) {
		size_t cap = a->cap ? 2 * a->cap : 16;
		struct rule *grown = reallocarray(a->rules, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		a->rules = grown;
		a->cap = cap;
	}
	memcpy(kept, pattern, length + 1);
	a->used += length + 1;
	a->rules[a->n++] = (struct rule){.pattern = kept,
		.says = says,
		.exact = !strpbrk(kept, "*?[\\"),
		.deep = strchr(kept, '/')};
	return 0;
}

static int take_line(struct attributes *a, char *line)
{
	char *pattern = line + strspn(line, " \t"), *rest;
	enum lfs_rule says;

	if (!*pattern || *pattern == '#' || *pattern == '!')
		return 0;
	if (*pattern == '"') {
		rest = unquote(pattern);
	} else {
		rest = pattern + strcspn(pattern, " \t");
		if (*rest)
			*rest++ = '\0';
	}
	says = filter_of(rest);
	return says == LFS_UNSAID ? 0 : add_rule(a, pattern, says);
}

int attributes_parse(const char *text, size_t n, struct attributes **ret)
{
	CLEANUP(attributes_freep) struct attributes *a = calloc(1, sizeof(*a));
	char line[PATTERN_MAX + 1];
	int r = 0;

	if (n > ATTRIBUTES_MAX)
		n = ATTRIBUTES_MAX;
	if (a)
		a->words = malloc(n + 1); /* a pattern and its end are no longer than its line */
	if (!a || !a->words)
		return -ENOMEM;
	while (r == 0 && next_line(&text, &n, line))
		r = take_line(a, line);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(a);
	return 0;
}

/* Most rules of a large repo are those of attributes_add_lfs, each for one path. */
static bool rule_matches(
	const struct rule *rule, const char *path, const char *base, uint64_t *left)
{
	if (!pattern_spend(left, 1))
		return false;
	if (!rule->exact)
		return matches(rule->pattern, path, left);
	return rule->deep ? !strcmp(rule->pattern + (*rule->pattern == '/'), path)
			  : !strcmp(rule->pattern, base);
}

enum lfs_rule attributes_lfs(const struct attributes *a, const char *path, uint64_t *left)
{
	const char *base = base_of(path);

	for (size_t i = a->n; i-- > 0 && *left;)
		if (rule_matches(&a->rules[i], path, base, left))
			return a->rules[i].says;
	return LFS_UNSAID;
}

/* What a pattern means something else by is escaped, and all of it quoted where a blank or a
 * quote would end it. */
int attributes_add_lfs(struct buf *text, const char *path)
{
	bool quoted = strpbrk(path, " \t\"\\");
	int r = 0;

	if (text->len && text->data[text->len - 1] != '\n')
		r = buf_add_str(text, "\n");
	if (r == 0 && quoted)
		r = buf_add_str(text, "\"");
	/* This one, and none of its name below; and no '#' or '!' comes first. */
	if (r == 0 && (!strchr(path, '/') || *path == '#' || *path == '!'))
		r = buf_add_str(text, "/");
	for (; r == 0 && *path; path++) {
		if (strchr("*?[\\", *path))
			r = buf_add_str(text, quoted ? "\\\\" : "\\");
		if (r == 0 && quoted && strchr("\"\\", *path))
			r = buf_add_str(text, "\\");
		if (r == 0)
			r = buf_add(text, path, 1);
	}
	if (r == 0 && quoted)
		r = buf_add_str(text, "\"");
	return r < 0 ? r : buf_add_str(text, " filter=lfs diff=lfs merge=lfs -text\n");
}

/* --- ignoring --- */

static void cut_blanks(char *line)
{
	size_t n = strlen(line);

	while (n && line[n - 1] == ' ' && (n < 2 || line[n - 2] != '\\'))
		line[--n] = '\0';
}

/* Of one path, without the folders above it. */
static bool ignores(const char *text, size_t n, const char *path, bool folder, uint64_t *left)
{
	char line[PATTERN_MAX + 1];
	bool ignored = false;

	while (next_line(&text, &n, line)) {
		char *pattern = line;
		bool negated;
		size_t len;

		if (!pattern_spend(left, LINE_STEPS + strlen(line) / 16))
			return false;
		cut_blanks(line);
		if (*line == '#' || !*line)
			continue;
		negated = *pattern == '!';
		pattern += negated;
		len = strlen(pattern);
		if (len && pattern[len - 1] == '/') {
			pattern[len - 1] = '\0';
			if (!folder)
				continue;
		}
		if (*pattern && matches(pattern, path, left))
			ignored = !negated;
	}
	return ignored;
}

bool ignore_says(const char *text, size_t n, const char *path, uint64_t *left)
{
	char folder[PATTERN_MAX + 1];

	if (n > ATTRIBUTES_MAX)
		n = ATTRIBUTES_MAX;
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - path);

		if (len > PATTERN_MAX)
			return false;
		memcpy(folder, path, len);
		folder[len] = '\0';
		if (ignores(text, n, folder, true, left))
			return true;
	}
	return ignores(text, n, path, false, left);
}
