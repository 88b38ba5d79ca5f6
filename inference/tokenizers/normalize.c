#include "inference/tokenizers/normalize.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "inference/tokenizers/unicode.h"

#define STEPS_MAX 8

/* Appends the changed text. */
typedef int (*step_fn)(const char *s, size_t n, struct buf *out);

struct normalizer {
	step_fn steps[STEPS_MAX];
	size_t n;
};

/* Calls fn for each code point of valid UTF-8. */
static int each_point(
	const char *s, size_t n, int (*fn)(uint32_t c, struct buf *out), struct buf *out)
{
	while (n > 0) {
		uint32_t c;
		int used = utf8_read(s, n, &c), r;

		if (used <= 0)
			return -EINVAL;
		r = fn(c, out);
		if (r < 0)
			return r;
		s += used;
		n -= (size_t)used;
	}
	return 0;
}

static int clean_point(uint32_t c, struct buf *out)
{
	if (c == '\t' || c == '\n' || c == '\r')
		return utf8_add(out, ' ');
	if (c == 0 || c == UNICODE_REPLACEMENT || unicode_is_other(c))
		return 0;
	return utf8_add(out, unicode_is_space(c) ? ' ' : c);
}

static int space_ideograph(uint32_t c, struct buf *out)
{
	int r;

	if (!unicode_is_ideograph(c))
		return utf8_add(out, c);
	r = utf8_add(out, ' ');
	if (r == 0)
		r = utf8_add(out, c);
	return r < 0 ? r : utf8_add(out, ' ');
}

static int drop_mark(uint32_t c, struct buf *out)
{
	return unicode_is_nonspacing(c) ? 0 : utf8_add(out, c);
}

static int lower_point(uint32_t c, struct buf *out)
{
	return unicode_add_lower(out, c);
}

static int step_clean(const char *s, size_t n, struct buf *out)
{
	return each_point(s, n, clean_point, out);
}

static int step_ideographs(const char *s, size_t n, struct buf *out)
{
	return each_point(s, n, space_ideograph, out);
}

static int step_drop_marks(const char *s, size_t n, struct buf *out)
{
	return each_point(s, n, drop_mark, out);
}

static int step_lower(const char *s, size_t n, struct buf *out)
{
	return each_point(s, n, lower_point, out);
}

static int step_nfd(const char *s, size_t n, struct buf *out)
{
	return unicode_add_form(out, UNICODE_NFD, s, n);
}

static int step_nfc(const char *s, size_t n, struct buf *out)
{
	return unicode_add_form(out, UNICODE_NFC, s, n);
}

static int step_nfkd(const char *s, size_t n, struct buf *out)
{
	return unicode_add_form(out, UNICODE_NFKD, s, n);
}

static int step_nfkc(const char *s, size_t n, struct buf *out)
{
	return unicode_add_form(out, UNICODE_NFKC, s, n);
}

static int add_step(struct normalizer *n, step_fn fn, struct err *e)
{
	if (n->n == STEPS_MAX)
		return err_set(e, -EMSGSIZE, "normalizer: over %d steps", STEPS_MAX);
	n->steps[n->n++] = fn;
	return 0;
}

static int add_bert(struct normalizer *n, const json_t *config, struct err *e)
{
	bool lower = json_opt_bool(config, "lowercase", true);
	bool strip = json_opt_bool(config, "strip_accents", lower); /* null: as lowercase */
	int r = 0;

	if (json_opt_bool(config, "clean_text", true))
		r = add_step(n, step_clean, e);
	if (r == 0 && json_opt_bool(config, "handle_chinese_chars", true))
		r = add_step(n, step_ideographs, e);
	if (r == 0 && strip)
		r = add_step(n, step_nfd, e);
	if (r == 0 && strip)
		r = add_step(n, step_drop_marks, e);
	if (r == 0 && lower)
		r = add_step(n, step_lower, e);
	return r;
}

static const struct simple {
	const char *type;
	step_fn fn;
} simple_steps[] = {
	{"NFC", step_nfc},
	{"NFD", step_nfd},
	{"NFKC", step_nfkc},
	{"NFKD", step_nfkd},
	{"Lowercase", step_lower},
	{"StripAccents", step_drop_marks},
};

static int add_config(struct normalizer *n, const json_t *config, struct err *e)
{
	const json_t *parts = json_object_get(config, "normalizers"), *part;
	const char *type;
	size_t i;
	int r = json_get_str(config, "type", 64, &type, e);

	if (r < 0)
		return err_wrap(e, "normalizer");
	if (!strcmp(type, "BertNormalizer"))
		return add_bert(n, config, e);
	if (!strcmp(type, "Sequence")) {
		json_array_foreach(parts, i, part)
		{
			r = add_config(n, part, e);
			if (r < 0)
				return r;
		}
		return 0;
	}
	for (i = 0; i < sizeof(simple_steps) / sizeof(simple_steps[0]); i++)
		if (!strcmp(type, simple_steps[i].type))
			return add_step(n, simple_steps[i].fn, e);
	return err_set(e, -ENOTSUP, "normalizer '%s' is not supported", type);
}

int normalizer_new(const json_t *config, struct normalizer **ret, struct err *e)
{
	CLEANUP(normalizer_freep) struct normalizer *n = calloc(1, sizeof(*n));
	int r = 0;

	if (!n)
		return err_set(e, -ENOMEM, "out of memory");
	if (config && !json_is_null(config))
		r = add_config(n, config, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(n);
	return 0;
}

struct normalizer *normalizer_free(struct normalizer *n)
{
	free(n);
	return NULL;
}

int normalizer_run(const struct normalizer *n, struct buf *text)
{
	for (size_t i = 0; i < n->n; i++) {
		struct buf out;
		int r;

		buf_init(&out, text->max);
		r = n->steps[i](buf_str(text), text->len, &out);
		if (r < 0) {
			buf_done(&out);
			return r;
		}
		buf_done(text);
		*text = out;
	}
	return 0;
}
