#include "inference/tokenizers/normalize.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "inference/tokenizers/bpe.h"
#include "inference/tokenizers/charsmap.h"
#include "inference/tokenizers/pattern.h"
#include "inference/tokenizers/unicode.h"

#define STEPS_MAX 16
#define DEPTH_MAX 8
#define CONTENT_MAX 64        /* bytes that a step puts in */
#define GRAPHEME_LOOKUP_MAX 5 /* bytes of a cluster that the charsmap is asked for as a whole */

struct step {
	/* Appends the changed text. */
	int (*run)(const struct step *s, const struct traced *in, struct traced *out);
	/* For those that go character by character: what becomes of one. */
	int (*point)(uint32_t c, struct span from, struct traced *out);
	enum unicode_form form;
	bool left, right;          /* Strip */
	struct pattern *pattern;   /* owned; Replace */
	struct charsmap *charsmap; /* owned; Precompiled */
	char content[CONTENT_MAX]; /* Replace, Prepend */
	size_t content_n;
};

struct normalizer {
	struct step steps[STEPS_MAX];
	size_t n;
	bool byte_level;
};

/* --- steps that go character by character --- */

static int run_points(const struct step *s, const struct traced *in, struct traced *out)
{
	const char *bytes = buf_str(&in->bytes);
	int r = 0;

	for (size_t at = 0; at < in->bytes.len && r == 0;) {
		uint32_t c;
		int used = utf8_read(bytes + at, in->bytes.len - at, &c);

		if (used <= 0)
			return -EINVAL;
		r = s->point(c, in->map[at], out);
		at += (size_t)used;
	}
	return r;
}

static int clean_point(uint32_t c, struct span from, struct traced *out)
{
	if (c == '\t' || c == '\n' || c == '\r')
		return traced_add_point(out, ' ', from);
	if (c == 0 || c == UNICODE_REPLACEMENT || unicode_is_other(c))
		return 0;
	return traced_add_point(out, unicode_is_space(c) ? ' ' : c, from);
}

static int space_ideograph(uint32_t c, struct span from, struct traced *out)
{
	int r;

	if (!unicode_is_ideograph(c))
		return traced_add_point(out, c, from);
	r = traced_add_point(out, ' ', from);
	if (r == 0)
		r = traced_add_point(out, c, from);
	return r < 0 ? r : traced_add_point(out, ' ', from);
}

static int drop_nonspacing(uint32_t c, struct span from, struct traced *out)
{
	return unicode_is_nonspacing(c) ? 0 : traced_add_point(out, c, from);
}

static int drop_mark(uint32_t c, struct span from, struct traced *out)
{
	return unicode_is_mark(c) ? 0 : traced_add_point(out, c, from);
}

static int lower_point(uint32_t c, struct span from, struct traced *out)
{
	struct buf lower;
	int r;

	if (c < 0x80)
		return traced_add_point(out, c >= 'A' && c <= 'Z' ? c | 0x20 : c, from);
	buf_init(&lower, 16);
	r = unicode_add_lower(&lower, c);
	if (r == 0)
		r = traced_add(out, buf_str(&lower), lower.len, from);
	buf_done(&lower);
	return r;
}

/* What SentencePiece's nmt rules drop and take for a space. */
static int nmt_point(uint32_t c, struct span from, struct traced *out)
{
	if ((c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f ||
		c == 0x9f)
		return 0;
	if (c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == 0x1680 ||
		(c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
		c == 0xfeff || c == UNICODE_REPLACEMENT)
		c = ' ';
	return traced_add_point(out, c, from);
}

static int spell_point(uint32_t c, struct span from, struct traced *out)
{
	char bytes[4];
	size_t n = utf8_write(c, bytes);
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = traced_add_point(out, bpe_spelling((uint8_t)bytes[i]), from);
	return r;
}

/* --- the others --- */

static int run_form(const struct step *s, const struct traced *in, struct traced *out)
{
	struct changes changes = {0};
	int r = unicode_change_form(&changes, s->form, buf_str(&in->bytes), in->bytes.len);

	if (r == 0)
		r = traced_apply(out, in, &changes);
	changes_done(&changes);
	return r;
}

static int run_strip(const struct step *s, const struct traced *in, struct traced *out)
{
	const char *bytes = buf_str(&in->bytes);
	size_t from = 0, to = in->bytes.len;
	uint32_t c;

	while (s->left && from < to) {
		int used = utf8_read(bytes + from, to - from, &c);

		if (used <= 0 || !unicode_is_space(c))
			break;
		from += (size_t)used;
	}
	while (s->right && to > from) {
		size_t last = to - 1;

		while (last > from && ((uint8_t)bytes[last] & 0xc0) == 0x80)
			last--;
		if (utf8_read(bytes + last, to - last, &c) <= 0 || !unicode_is_space(c))
			break;
		to = last;
	}
	return traced_add_part(out, in, from, to);
}

static int run_prepend(const struct step *s, const struct traced *in, struct traced *out)
{
	int r = in->bytes.len > 0 ? traced_add(out, s->content, s->content_n, in->map[0]) : 0;

	return r < 0 ? r : traced_add_part(out, in, 0, in->bytes.len);
}

static int run_replace(const struct step *s, const struct traced *in, struct traced *out)
{
	size_t n = in->bytes.len, at = 0;
	int r = 0;

	while (at < n && r == 0) {
		size_t from, to;

		r = pattern_next(s->pattern, buf_str(&in->bytes), n, at, in->budget, &from, &to);
		if (r <= 0)
			break;
		r = traced_add_part(out, in, at, from);
		if (r == 0)
			r = traced_add(out, s->content, s->content_n, in->map[to - 1]);
		at = to;
	}
	return r < 0 ? r : traced_add_part(out, in, at, n);
}

/* The characters of fresh in place of those of old: as many as both have stand for each other. */
static int replace_part(
	struct changes *changes, const char *old, size_t old_n, const char *fresh, size_t fresh_n)
{
	int32_t more = 0;
	size_t first = changes->n;

	for (size_t i = 0; i < old_n; i++)
		more -= ((uint8_t)old[i] & 0xc0) != 0x80;
	while (fresh_n > 0) {
		uint32_t c;
		int used = utf8_read(fresh, fresh_n, &c);
		int r = used <= 0 ? -EINVAL : changes_add(changes, c, 0);

		if (r < 0)
			return r;
		more++;
		fresh += used;
		fresh_n -= (size_t)used;
	}
	for (size_t i = changes->n; more > 0 && i > first; i--, more--)
		changes->list[i - 1].change = 1;
	/* Where nothing came before, tokenizers loses count of what is gone, and so do we. */
	if (more < 0 && changes->n > 0)
		changes->list[changes->n - 1].change += more;
	return 0;
}

/* tokenizers asks for whole clusters of up to 5 bytes, then for their characters. */
static int replace_cluster(
	const struct charsmap *m, struct changes *changes, const char *s, size_t n)
{
	size_t fresh_n;
	const char *fresh = n <= GRAPHEME_LOOKUP_MAX ? charsmap_find(m, s, n, &fresh_n) : NULL;
	int r = 0;

	if (fresh)
		return replace_part(changes, s, n, fresh, fresh_n);
	while (n > 0 && r == 0) {
		uint32_t c;
		int used = utf8_read(s, n, &c);

		if (used <= 0)
			return -EINVAL;
		fresh = charsmap_find(m, s, (size_t)used, &fresh_n);
		r = fresh ? replace_part(changes, s, (size_t)used, fresh, fresh_n)
			  : changes_add(changes, c, 0);
		s += used;
		n -= (size_t)used;
	}
	return r;
}

static int run_charsmap(const struct step *s, const struct traced *in, struct traced *out)
{
	const char *bytes = buf_str(&in->bytes);
	struct changes changes = {0};
	int r = 0;

	for (size_t at = 0, n; at < in->bytes.len && r == 0; at += n) {
		n = unicode_grapheme(bytes + at, in->bytes.len - at);
		r = replace_cluster(s->charsmap, &changes, bytes + at, n);
	}
	if (r == 0)
		r = traced_apply(out, in, &changes);
	changes_done(&changes);
	return r;
}

/* --- reading --- */

static void step_done(struct step *s)
{
	(void)pattern_free(s->pattern);
	(void)charsmap_free(s->charsmap);
}

static int add_step(struct normalizer *n, struct step step, struct err *e)
{
	if (n->n == STEPS_MAX) {
		step_done(&step);
		return err_set(e, -EMSGSIZE, "normalizer: over %d steps", STEPS_MAX);
	}
	n->steps[n->n++] = step;
	return 0;
}

static int add_points(struct normalizer *n,
	int (*point)(uint32_t c, struct span from, struct traced *out), struct err *e)
{
	return add_step(n, (struct step){.run = run_points, .point = point}, e);
}

static int add_bert(struct normalizer *n, const json_t *config, struct err *e)
{
	bool lower = json_opt_bool(config, "lowercase", true);
	bool strip = json_opt_bool(config, "strip_accents", lower); /* null: as lowercase */
	int r = 0;

	if (json_opt_bool(config, "clean_text", true))
		r = add_points(n, clean_point, e);
	if (r == 0 && json_opt_bool(config, "handle_chinese_chars", true))
		r = add_points(n, space_ideograph, e);
	if (r == 0 && strip)
		r = add_step(n, (struct step){.run = run_form, .form = UNICODE_NFD}, e);
	if (r == 0 && strip)
		r = add_points(n, drop_nonspacing, e);
	if (r == 0 && lower)
		r = add_points(n, lower_point, e);
	return r;
}

static int add_strip(struct normalizer *n, const json_t *config, struct err *e)
{
	return add_step(n,
		(struct step){.run = run_strip,
			.left = json_opt_bool(config, "strip_left", true),
			.right = json_opt_bool(config, "strip_right", true)},
		e);
}

static int read_content(struct step *s, const json_t *config, const char *key, struct err *e)
{
	const char *content;

	if (json_get_str(config, key, CONTENT_MAX, &content, e) < 0)
		return err_wrap(e, "normalizer");
	s->content_n = strlen(content);
	memcpy(s->content, content, s->content_n);
	return 0;
}

static int add_prepend(struct normalizer *n, const json_t *config, struct err *e)
{
	struct step step = {.run = run_prepend};
	int r = read_content(&step, config, "prepend", e);

	return r < 0 ? r : add_step(n, step, e);
}

static int add_replace(struct normalizer *n, const json_t *config, struct err *e)
{
	struct step step = {.run = run_replace};
	int r = read_content(&step, config, "content", e);

	if (r == 0)
		r = pattern_read(json_object_get(config, "pattern"), &step.pattern, e);
	return r < 0 ? err_wrap(e, "normalizer Replace") : add_step(n, step, e);
}

static int add_precompiled(struct normalizer *n, const json_t *config, struct err *e)
{
	const json_t *map = json_object_get(config, "precompiled_charsmap");
	struct step step = {.run = run_charsmap};
	int r;

	if (!json_is_string(map))
		return err_set(e, -EBADMSG,
			"normalizer Precompiled: precompiled_charsmap must be a string");
	if (json_string_length(map) == 0)
		return 0; /* SentencePiece's "identity" */
	r = charsmap_new(json_string_value(map), json_string_length(map), &step.charsmap, e);
	return r < 0 ? err_wrap(e, "normalizer Precompiled") : add_step(n, step, e);
}

static const struct kind {
	const char *type;
	int (*add)(struct normalizer *n, const json_t *config, struct err *e);
	struct step step; /* where there is nothing to read */
} kinds[] = {
	{"BertNormalizer", add_bert, {0}},
	{"Strip", add_strip, {0}},
	{"Prepend", add_prepend, {0}},
	{"Replace", add_replace, {0}},
	{"Precompiled", add_precompiled, {0}},
	{"NFC", NULL, {.run = run_form, .form = UNICODE_NFC}},
	{"NFD", NULL, {.run = run_form, .form = UNICODE_NFD}},
	{"NFKC", NULL, {.run = run_form, .form = UNICODE_NFKC}},
	{"NFKD", NULL, {.run = run_form, .form = UNICODE_NFKD}},
	{"Lowercase", NULL, {.run = run_points, .point = lower_point}},
	{"StripAccents", NULL, {.run = run_points, .point = drop_mark}},
	{"Nmt", NULL, {.run = run_points, .point = nmt_point}},
	{"ByteLevel", NULL, {.run = run_points, .point = spell_point}},
};

static int add_config(struct normalizer *n, const json_t *config, int depth, struct err *e)
{
	const json_t *parts = json_object_get(config, "normalizers"), *part;
	const char *type;
	size_t i;
	int r = json_get_str(config, "type", 64, &type, e);

	if (r < 0)
		return err_wrap(e, "normalizer");
	if (depth > DEPTH_MAX)
		return err_set(e, -EMSGSIZE, "normalizer: over %d deep", DEPTH_MAX);
	if (!strcmp(type, "Sequence")) {
		json_array_foreach(parts, i, part)
		{
			r = add_config(n, part, depth + 1, e);
			if (r < 0)
				return r;
		}
		return 0;
	}
	if (!strcmp(type, "ByteLevel"))
		n->byte_level = true;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(type, kinds[i].type))
			return kinds[i].add ? kinds[i].add(n, config, e)
					    : add_step(n, kinds[i].step, e);
	return err_set(e, -ENOTSUP, "normalizer '%s' is not supported", type);
}

int normalizer_new(const json_t *config, struct normalizer **ret, struct err *e)
{
	CLEANUP(normalizer_freep) struct normalizer *n = calloc(1, sizeof(*n));
	int r = 0;

	if (!n)
		return err_set(e, -ENOMEM, "out of memory");
	if (config && !json_is_null(config))
		r = add_config(n, config, 0, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(n);
	return 0;
}

struct normalizer *normalizer_free(struct normalizer *n)
{
	if (!n)
		return NULL;
	for (size_t i = 0; i < n->n; i++)
		step_done(&n->steps[i]);
	free(n);
	return NULL;
}

bool normalizer_is_byte_level(const struct normalizer *n)
{
	return n->byte_level;
}

int normalizer_run(const struct normalizer *n, struct traced *text)
{
	for (size_t i = 0; i < n->n; i++) {
		struct traced out;
		int r;

		traced_init(&out, text->bytes.max);
		out.budget = text->budget;
		r = n->steps[i].run(&n->steps[i], text, &out);
		if (r < 0) {
			traced_done(&out);
			return r;
		}
		traced_done(text);
		*text = out;
	}
	return 0;
}
