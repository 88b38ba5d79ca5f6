#include "inference/tokenizers/split.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "inference/tokenizers/bpe.h"
#include "inference/tokenizers/unicode.h"

#define STEPS_MAX 24
#define DEPTH_MAX 8

/* The expression of GPT-2, which ByteLevel means by use_regex. */
static const char gpt2_regex[] = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"
				 "|\\s+(?!\\S)|\\s+";

enum prepend {
	PREPEND_NEVER,
	PREPEND_FIRST, /* where the original begins */
	PREPEND_ALWAYS,
};

struct step {
	/* Appends piece p of in to out, changed. NULL: the step cuts. */
	int (*rewrite)(
		const struct step *s, const struct traced *in, struct piece p, struct traced *out);
	struct cut cut;
	size_t length;           /* FixedLength: characters of a piece; 0: cut says how */
	struct pattern *pattern; /* owned; the cut's */
	enum prepend prepend;
	uint32_t space; /* what a space becomes, and is put before the text */
};

struct splitter {
	struct step steps[STEPS_MAX];
	size_t n;
	enum spelling spelling;
};

/* --- steps that change the text --- */

static int spell(const struct step *s, const struct traced *in, struct piece p, struct traced *out)
{
	int r = 0;

	(void)s;
	for (size_t i = p.from; i < p.to && r == 0; i++)
		r = traced_add_point(out, bpe_spelling(in->bytes.data[i]), in->map[i]);
	return r;
}

static bool wants_space(const struct step *s, const struct traced *in, struct piece p)
{
	uint32_t first;

	if (s->prepend == PREPEND_NEVER ||
		(s->prepend == PREPEND_FIRST && in->map[p.from].from > 0))
		return false;
	return utf8_read(buf_str(&in->bytes) + p.from, p.to - p.from, &first) > 0 &&
	       first != s->space && first != ' ';
}

/* Spaces become the step's, and one is put before what does not begin with it. */
static int space_out(
	const struct step *s, const struct traced *in, struct piece p, struct traced *out)
{
	size_t start = p.from;
	int r = wants_space(s, in, p) ? traced_add_point(out, s->space, in->map[p.from]) : 0;

	for (size_t at = p.from; at < p.to && s->space != ' ' && r == 0; at++) {
		if (in->bytes.data[at] != ' ')
			continue;
		r = traced_add_part(out, in, start, at);
		if (r == 0)
			r = traced_add_point(out, s->space, in->map[at]);
		start = at + 1;
	}
	return r < 0 ? r : traced_add_part(out, in, start, p.to);
}

static int rewrite_all(const struct step *s, struct traced *text, struct pieces *pieces)
{
	struct traced out;
	int r = 0;

	traced_init(&out, text->bytes.max);
	out.budget = text->budget;
	for (size_t i = 0; i < pieces->n && r == 0; i++) {
		struct piece *p = &pieces->list[i];
		size_t from = out.bytes.len;

		r = s->rewrite(s, text, *p, &out);
		*p = (struct piece){from, out.bytes.len};
	}
	if (r < 0) {
		traced_done(&out);
		return r;
	}
	traced_done(text);
	*text = out;
	return 0;
}

/* --- steps that cut --- */

static int cut_length(size_t length, const char *text, struct piece p, struct pieces *out)
{
	size_t start = p.from, chars = 0;
	int r = 0;

	for (size_t at = p.from; at < p.to && r == 0; at++) {
		if (((uint8_t)text[at] & 0xc0) == 0x80 || chars++ < length)
			continue;
		r = pieces_add(out, start, at);
		start = at;
		chars = 1;
	}
	return r < 0 ? r : pieces_add(out, start, p.to);
}

static int cut_all(const struct step *s, const struct traced *text, struct pieces *pieces)
{
	const char *bytes = buf_str(&text->bytes);
	struct pieces out = {0};
	int r = 0;

	for (size_t i = 0; i < pieces->n && r == 0; i++)
		r = s->length ? cut_length(s->length, bytes, pieces->list[i], &out)
			      : cut_run(&s->cut, bytes, pieces->list[i], text->budget, &out);
	if (r < 0) {
		pieces_done(&out);
		return r;
	}
	pieces_done(pieces);
	*pieces = out;
	return 0;
}

/* --- reading --- */

static bool is_punctuation(uint32_t c)
{
	return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
	       (c >= 123 && c <= 126) || unicode_is_punctuation(c);
}

static int add_step(struct splitter *s, struct step step, struct err *e)
{
	if (s->n == STEPS_MAX) {
		(void)pattern_free(step.pattern);
		return err_set(e, -EMSGSIZE, "pre_tokenizer: over %d steps", STEPS_MAX);
	}
	step.cut.pattern = step.pattern;
	s->steps[s->n++] = step;
	return 0;
}

static int add_points(
	struct splitter *s, bool (*point)(uint32_t c), enum cut_behavior behavior, struct err *e)
{
	return add_step(s, (struct step){.cut = {.point = point, .behavior = behavior}}, e);
}

/* What follows ByteLevel sees its alphabet; without anything after it, bytes stay bytes. */
static int close_bytes(struct splitter *s, struct err *e)
{
	if (s->spelling != SPELLING_BYTES)
		return 0;
	s->spelling = SPELLING_ALPHABET;
	return add_step(s, (struct step){.rewrite = spell}, e);
}

static int add_byte_level(struct splitter *s, const json_t *config, struct err *e)
{
	struct step words = {.cut.behavior = CUT_ISOLATED};
	int r = 0;

	if (s->spelling != SPELLING_TEXT)
		return err_set(e, -ENOTSUP, "pre_tokenizer: ByteLevel twice is not supported");
	if (json_opt_bool(config, "add_prefix_space", true))
		r = add_step(s,
			(struct step){
				.rewrite = space_out, .prepend = PREPEND_ALWAYS, .space = ' '},
			e);
	s->spelling = SPELLING_BYTES;
	if (r < 0 || !json_opt_bool(config, "use_regex", true))
		return r;
	r = pattern_new(gpt2_regex, strlen(gpt2_regex), &words.pattern, e);
	return r < 0 ? r : add_step(s, words, e);
}

static int read_behavior(
	const json_t *config, const char *fallback, enum cut_behavior *ret, struct err *e)
{
	const char *name;
	int r = json_opt_str(config, "behavior", 32, fallback, &name, e);

	return r < 0 ? r : cut_behavior_read(name, ret, e);
}

static int add_split(struct splitter *s, const json_t *config, struct err *e)
{
	struct step step = {.cut.inverted = json_opt_bool(config, "invert", false)};
	int r = read_behavior(config, "", &step.cut.behavior, e);

	if (r == 0)
		r = pattern_read(json_object_get(config, "pattern"), &step.pattern, e);
	return r < 0 ? err_wrap(e, "pre_tokenizer Split") : add_step(s, step, e);
}

static int add_punctuation(struct splitter *s, const json_t *config, struct err *e)
{
	enum cut_behavior behavior;
	int r = read_behavior(config, "Isolated", &behavior, e);

	return r < 0 ? err_wrap(e, "pre_tokenizer Punctuation")
		     : add_points(s, is_punctuation, behavior, e);
}

static int add_bert(struct splitter *s, const json_t *config, struct err *e)
{
	int r = add_points(s, unicode_is_space, CUT_REMOVED, e);

	(void)config;
	return r < 0 ? r : add_points(s, is_punctuation, CUT_ISOLATED, e);
}

/* Words of \w, and runs of what is neither that nor white space. */
static int add_whitespace(struct splitter *s, const json_t *config, struct err *e)
{
	int r = add_points(s, unicode_is_space, CUT_REMOVED, e);

	(void)config;
	return r < 0 ? r : add_points(s, unicode_is_word, CUT_CONTIGUOUS, e);
}

static int add_whitespace_split(struct splitter *s, const json_t *config, struct err *e)
{
	(void)config;
	return add_points(s, unicode_is_space, CUT_REMOVED, e);
}

static int add_digits(struct splitter *s, const json_t *config, struct err *e)
{
	return add_points(s, unicode_is_number,
		json_opt_bool(config, "individual_digits", false) ? CUT_ISOLATED : CUT_CONTIGUOUS,
		e);
}

/* A field that is one character. */
static int read_point(const json_t *config, const char *key, uint32_t *ret, struct err *e)
{
	const char *s;
	int r = json_get_str(config, key, 8, &s, e);

	if (r < 0)
		return err_wrap(e, "pre_tokenizer");
	r = utf8_read(s, strlen(s), ret);
	return r > 0 && (size_t)r == strlen(s)
		       ? 0
		       : err_set(e, -EINVAL, "pre_tokenizer: %s must be one character", key);
}

static int add_delimiter(struct splitter *s, const json_t *config, struct err *e)
{
	struct step step = {.cut.behavior = CUT_REMOVED};
	int r = read_point(config, "delimiter", &step.cut.only, e);

	return r < 0 ? r : add_step(s, step, e);
}

static int add_fixed_length(struct splitter *s, const json_t *config, struct err *e)
{
	int64_t length;
	int r = json_opt_int(config, "length", 1, 1 << 20, 5, &length, e);

	return r < 0 ? err_wrap(e, "pre_tokenizer FixedLength")
		     : add_step(s, (struct step){.length = (size_t)length}, e);
}

static int add_metaspace(struct splitter *s, const json_t *config, struct err *e)
{
	struct step step = {.rewrite = space_out};
	const char *scheme;
	int r = read_point(config, "replacement", &step.space, e);

	if (r == 0)
		r = json_opt_str(config, "prepend_scheme", 16,
			json_opt_bool(config, "add_prefix_space", true) ? "always" : "never",
			&scheme, e);
	if (r < 0)
		return err_wrap(e, "pre_tokenizer Metaspace");
	if (!strcmp(scheme, "always"))
		step.prepend = PREPEND_ALWAYS;
	else if (!strcmp(scheme, "first"))
		step.prepend = PREPEND_FIRST;
	else if (strcmp(scheme, "never") != 0)
		return err_set(e, -ENOTSUP,
			"pre_tokenizer Metaspace: prepend_scheme '%s' is not supported", scheme);
	r = add_step(s, step, e);
	if (r < 0 || !json_opt_bool(config, "split", true))
		return r;
	return add_step(
		s, (struct step){.cut = {.only = step.space, .behavior = CUT_WITH_NEXT}}, e);
}

static const struct kind {
	const char *type;
	int (*add)(struct splitter *s, const json_t *config, struct err *e);
} kinds[] = {
	{"ByteLevel", add_byte_level},
	{"Split", add_split},
	{"BertPreTokenizer", add_bert},
	{"Digits", add_digits},
	{"Metaspace", add_metaspace},
	{"Whitespace", add_whitespace},
	{"WhitespaceSplit", add_whitespace_split},
	{"Punctuation", add_punctuation},
	{"CharDelimiterSplit", add_delimiter},
	{"FixedLength", add_fixed_length},
};

static int add_config(struct splitter *s, const json_t *config, int depth, struct err *e)
{
	const json_t *parts = json_object_get(config, "pretokenizers"), *part;
	const char *type;
	size_t i;
	int r = json_get_str(config, "type", 64, &type, e);

	if (r < 0)
		return err_wrap(e, "pre_tokenizer");
	if (depth > DEPTH_MAX)
		return err_set(e, -EMSGSIZE, "pre_tokenizer: over %d deep", DEPTH_MAX);
	if (!strcmp(type, "Sequence")) {
		json_array_foreach(parts, i, part)
		{
			r = add_config(s, part, depth + 1, e);
			if (r < 0)
				return r;
		}
		return 0;
	}
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(type, kinds[i].type) != 0)
			continue;
		r = close_bytes(s, e);
		return r < 0 ? r : kinds[i].add(s, config, e);
	}
	return err_set(e, -ENOTSUP, "pre_tokenizer '%s' is not supported", type);
}

int splitter_new(const json_t *config, struct splitter **ret, struct err *e)
{
	CLEANUP(splitter_freep) struct splitter *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	if (config && !json_is_null(config))
		r = add_config(s, config, 0, e);
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

enum spelling splitter_spelling(const struct splitter *s)
{
	return s->spelling;
}

int splitter_run(const struct splitter *s, struct traced *text, struct pieces *ret)
{
	int r = pieces_add(ret, 0, text->bytes.len);

	for (size_t i = 0; i < s->n && r == 0; i++)
		r = s->steps[i].rewrite ? rewrite_all(&s->steps[i], text, ret)
					: cut_all(&s->steps[i], text, ret);
	return r;
}
