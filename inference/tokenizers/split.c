#include "inference/tokenizers/split.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "inference/tokenizers/pattern.h"
#include "inference/tokenizers/unicode.h"

#define STEPS_MAX 8

/* The expression of GPT-2, which ByteLevel means by use_regex. */
static const char gpt2_regex[] = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"
				 "|\\s+(?!\\S)|\\s+";

struct step {
	/* Appends the cuts of text[p->from, p->to). */
	int (*run)(
		const struct step *s, const char *text, const struct piece *p, struct pieces *out);
	struct pattern *pattern; /* owned; where the step has one */
	bool removed;            /* what matches is dropped, not kept as a piece */
	bool individual;         /* digits one by one */
};

struct splitter {
	struct step steps[STEPS_MAX];
	size_t n;
	bool byte_level, wants_space;
};

static int add_piece(struct pieces *p, size_t from, size_t to)
{
	if (from == to)
		return 0;
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		struct piece *grown = reallocarray(p->list, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		p->list = grown;
		p->cap = cap;
	}
	p->list[p->n++] = (struct piece){from, to};
	return 0;
}

static int cut_pattern(
	const struct step *s, const char *text, const struct piece *p, struct pieces *out)
{
	size_t n = p->to - p->from, at = 0;
	int r = 0;

	while (at < n) {
		size_t from, to;

		r = pattern_next(s->pattern, text + p->from, n, at, &from, &to);
		if (r < 0)
			return r;
		if (r == 0)
			return add_piece(out, p->from + at, p->to);
		r = add_piece(out, p->from + at, p->from + from);
		if (r == 0 && !s->removed)
			r = add_piece(out, p->from + from, p->from + to);
		if (r < 0)
			return r;
		at = to;
	}
	return 0;
}

/* What kind of character this is to a step that cuts by kinds: -1 is dropped, 0 runs on with its
 * like, 1 stands alone, 2 runs on with its like. */
static int kind_of(const struct step *s, uint32_t c, bool digits)
{
	if (digits)
		return unicode_is_number(c) ? (s->individual ? 1 : 2) : 0;
	if (unicode_is_space(c))
		return -1;
	return (c < 0x80 && ((c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
				    (c >= 123 && c <= 126))) ||
			       unicode_is_punctuation(c)
		       ? 1
		       : 0;
}

static int cut_kinds(const struct step *s, const char *text, const struct piece *p,
	struct pieces *out, bool digits)
{
	size_t start = p->from, at = p->from;
	int last = 0, r;

	while (at < p->to) {
		uint32_t c;
		int used = utf8_read(text + at, p->to - at, &c), kind;

		if (used <= 0)
			return -EINVAL;
		kind = kind_of(s, c, digits);
		if (kind != last || kind == 1 || kind == -1) {
			r = last == -1 ? 0 : add_piece(out, start, at);
			if (r < 0)
				return r;
			start = at;
		}
		last = kind;
		at += (size_t)used;
	}
	return last == -1 ? 0 : add_piece(out, start, at);
}

static int cut_bert(
	const struct step *s, const char *text, const struct piece *p, struct pieces *out)
{
	return cut_kinds(s, text, p, out, false);
}

static int cut_digits(
	const struct step *s, const char *text, const struct piece *p, struct pieces *out)
{
	return cut_kinds(s, text, p, out, true);
}

static int add_step(struct splitter *s, struct step step, struct err *e)
{
	if (s->n == STEPS_MAX) {
		(void)pattern_free(step.pattern);
		return err_set(e, -EMSGSIZE, "pre_tokenizer: over %d steps", STEPS_MAX);
	}
	s->steps[s->n++] = step;
	return 0;
}

static int add_pattern(struct splitter *s, const char *regex, size_t n, bool removed, struct err *e)
{
	struct pattern *p;
	int r = pattern_new(regex, n, &p, e);

	if (r < 0)
		return err_wrap(e, "pre_tokenizer");
	return add_step(s, (struct step){.run = cut_pattern, .pattern = p, .removed = removed}, e);
}

static int add_byte_level(struct splitter *s, const json_t *config, struct err *e)
{
	s->byte_level = true;
	if (json_opt_bool(config, "add_prefix_space", true)) {
		if (s->n > 0)
			return err_set(e, -ENOTSUP,
				"pre_tokenizer: add_prefix_space after another step is not "
				"supported");
		s->wants_space = true;
	}
	if (!json_opt_bool(config, "use_regex", true))
		return 0;
	return add_pattern(s, gpt2_regex, strlen(gpt2_regex), false, e);
}

static int add_split(struct splitter *s, const json_t *config, struct err *e)
{
	const json_t *pattern = json_object_get(config, "pattern");
	const char *regex, *behavior;

	if (json_opt_str(config, "behavior", 32, "", &behavior, e) < 0)
		return e ? e->code : -EINVAL;
	if (json_opt_bool(config, "invert", false) ||
		(strcmp(behavior, "Isolated") != 0 && strcmp(behavior, "Removed") != 0))
		return err_set(e, -ENOTSUP,
			"pre_tokenizer: Split with behavior '%s'%s is not supported", behavior,
			json_opt_bool(config, "invert", false) ? ", inverted," : "");
	if (json_get_str(pattern, "Regex", PATTERN_MAX, &regex, e) < 0)
		return err_set(e, -ENOTSUP,
			"pre_tokenizer: Split needs a Regex of at most %d bytes", PATTERN_MAX);
	return add_pattern(s, regex, strlen(regex), !strcmp(behavior, "Removed"), e);
}

static int add_config(struct splitter *s, const json_t *config, struct err *e)
{
	const json_t *parts = json_object_get(config, "pretokenizers"), *part;
	const char *type;
	size_t i;
	int r = json_get_str(config, "type", 64, &type, e);

	if (r < 0)
		return err_wrap(e, "pre_tokenizer");
	if (!strcmp(type, "ByteLevel"))
		return add_byte_level(s, config, e);
	if (!strcmp(type, "Split"))
		return add_split(s, config, e);
	if (!strcmp(type, "BertPreTokenizer"))
		return add_step(s, (struct step){.run = cut_bert}, e);
	if (!strcmp(type, "Digits"))
		return add_step(s,
			(struct step){.run = cut_digits,
				.individual = json_opt_bool(config, "individual_digits", false)},
			e);
	if (strcmp(type, "Sequence") != 0)
		return err_set(e, -ENOTSUP, "pre_tokenizer '%s' is not supported", type);
	json_array_foreach(parts, i, part)
	{
		r = add_config(s, part, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int splitter_new(const json_t *config, struct splitter **ret, struct err *e)
{
	CLEANUP(splitter_freep) struct splitter *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	if (config && !json_is_null(config))
		r = add_config(s, config, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

struct splitter *splitter_free(struct splitter *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		(void)pattern_free(s->steps[i].pattern);
	free(s);
	return NULL;
}

bool splitter_is_byte_level(const struct splitter *s)
{
	return s->byte_level;
}

bool splitter_wants_space(const struct splitter *s)
{
	return s->wants_space;
}

int splitter_run(const struct splitter *s, const char *text, size_t n, struct pieces *ret)
{
	struct pieces now = {0}, next = {0};
	int r = add_piece(&now, 0, n);

	for (size_t i = 0; i < s->n && r == 0; i++) {
		next.n = 0;
		for (size_t j = 0; j < now.n && r == 0; j++)
			r = s->steps[i].run(&s->steps[i], text, &now.list[j], &next);

		struct pieces swap = now;

		now = next;
		next = swap;
	}
	free(next.list);
	if (r < 0) {
		free(now.list);
		return r;
	}
	*ret = now;
	return 0;
}
