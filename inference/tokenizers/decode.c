#include "inference/tokenizers/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "inference/tokenizers/bpe.h"
#include "inference/tokenizers/pattern.h"
#include "inference/tokenizers/unicode.h"
#include "inference/tokenizers/vocab.h"

#define STEPS_MAX 12
#define DEPTH_MAX 4
#define CONTENT_MAX 64
#define TOKEN_TEXT_MAX 65536 /* bytes that one token may stand for */

struct step {
	/* Appends what the step makes of one token. */
	int (*run)(const struct step *s, struct decoding *text, const char *token, size_t n,
		struct buf *out);
	bool fused;              /* behind Fuse: what it does, it does once to the whole text */
	struct pattern *pattern; /* owned; Replace */
	char content[CONTENT_MAX + 1];
	size_t content_n;
	int64_t start, stop; /* Strip */
	bool flag;           /* WordPiece: cleanup; Metaspace: the first one goes */
};

struct decoder {
	struct step steps[STEPS_MAX];
	size_t n;
	bool byte_level, fused;
};

static int run_bytes(
	const struct step *s, struct decoding *text, const char *token, size_t n, struct buf *out)
{
	char bytes[VOCAB_TOKEN_MAX];
	int length = n <= sizeof(bytes) ? bpe_bytes(token, n, bytes) : -EINVAL;

	(void)s;
	(void)text;
	return length < 0 ? buf_add(out, token, n) : buf_add(out, bytes, (size_t)length);
}

static int run_spaces(
	const struct step *s, struct decoding *text, const char *token, size_t n, struct buf *out)
{
	int r = text->tokens > 0 ? buf_add(out, " ", 1) : 0;

	(void)s;
	return r < 0 ? r : buf_add(out, token, n);
}

/* Undoes the spaces that cutting into words has put in, one rule after the other. */
static int clean_up(struct buf *token)
{
	static const char *const rules[][2] = {{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","},
		{" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"},
		{" 've", "'ve"}, {" 're", "'re"}};
	int r = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && r == 0; i++) {
		size_t n = strlen(rules[i][0]), at = 0;
		const char *hit;
		struct buf out;

		if (!memmem(token->data, token->len, rules[i][0], n))
			continue;
		buf_init(&out, token->max);
		while (r == 0 &&
			(hit = memmem(buf_str(token) + at, token->len - at, rules[i][0], n))) {
			size_t to = (size_t)(hit - buf_str(token));

			r = buf_add(&out, buf_str(token) + at, to - at);
			if (r == 0)
				r = buf_add_str(&out, rules[i][1]);
			at = to + n;
		}
		if (r == 0)
			r = buf_add(&out, buf_str(token) + at, token->len - at);
		buf_done(token);
		*token = out;
	}
	return r;
}

static int run_wordpiece(
	const struct step *s, struct decoding *text, const char *token, size_t n, struct buf *out)
{
	CLEANUP(buf_done) struct buf word;
	bool joins = n >= s->content_n && !memcmp(token, s->content, s->content_n);
	int r = 0;

	buf_init(&word, TOKEN_TEXT_MAX);
	if (text->tokens > 0 && joins) {
		token += s->content_n;
		n -= s->content_n;
	} else if (text->tokens > 0) {
		r = buf_add(&word, " ", 1);
	}
	if (r == 0)
		r = buf_add(&word, token, n);
	if (r == 0 && s->flag)
		r = clean_up(&word);
	return r < 0 ? r : buf_add(out, word.data, word.len);
}

static int run_metaspace(
	const struct step *s, struct decoding *text, const char *token, size_t n, struct buf *out)
{
	int r = 0;

	while (n > 0 && r == 0) {
		const char *at = memmem(token, n, s->content, s->content_n);
		size_t part = at ? (size_t)(at - token) : n;

		r = buf_add(out, token, part);
		if (r == 0 && at && !(text->tokens == 0 && s->flag))
			r = buf_add(out, " ", 1);
		part += at ? s->content_n : 0;
		token += part;
		n -= part;
	}
	return r;
}

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static int run_fallback(
	const struct step *s, struct decoding *text, const char *token, size_t n, struct buf *out)
{
	bool byte = n == 6 && !memcmp(token, "<0x", 3) && token[5] == '>' && hex(token[3]) >= 0 &&
		    hex(token[4]) >= 0;
	char value = byte ? (char)(hex(token[3]) << 4 | hex(token[4])) : 0;

	(void)s;
	(void)text;
	return byte ? buf_add(out, &value, 1) : buf_add(out, token, n);
}

static int run_replace(
	const struct step *s, struct decoding *text, const char *token, size_t n, struct buf *out)
{
	size_t at = 0;
	int r = 0;

	(void)text;
	if (!utf8_valid(token, n)) /* a byte of the fallback */
		return buf_add(out, token, n);
	while (at < n && r == 0) {
		size_t from, to;

		r = pattern_next(s->pattern, token, n, at, NULL, &from, &to);
		if (r <= 0)
			break;
		r = buf_add(out, token + at, from - at);
		if (r == 0)
			r = buf_add(out, s->content, s->content_n);
		at = to;
	}
	return r < 0 ? r : buf_add(out, token + at, n - at);
}

static int run_strip(
	const struct step *s, struct decoding *text, const char *token, size_t n, struct buf *out)
{
	size_t width = s->content_n;
	int64_t start = s->fused && text->tokens > 0 ? 0 : s->start;

	for (; start > 0 && n >= width && !memcmp(token, s->content, width); start--) {
		token += width;
		n -= width;
	}
	for (int64_t i = 0;
		i < s->stop && n >= width && !memcmp(token + n - width, s->content, width); i++)
		n -= width;
	return buf_add(out, token, n);
}

/* A space stands for the end of a word, but not behind the last: it is put before the next. */
static int run_suffix(
	const struct step *s, struct decoding *text, const char *token, size_t n, struct buf *out)
{
	bool ends =
		n >= s->content_n && !memcmp(token + n - s->content_n, s->content, s->content_n);
	int r = text->ended ? buf_add(out, " ", 1) : 0;

	text->ended = ends;
	return r < 0 ? r : buf_add(out, token, n - (ends ? s->content_n : 0));
}

/* --- reading --- */

static int read_text(
	struct step *s, const json_t *config, const char *key, const char *fallback, struct err *e)
{
	const char *text;
	int r = json_opt_str(config, key, CONTENT_MAX, fallback, &text, e);

	if (r < 0)
		return r;
	s->content_n = strlen(text);
	memcpy(s->content, text, s->content_n);
	return 0;
}

static int read_replace(struct step *s, const json_t *config, struct err *e)
{
	int r = read_text(s, config, "content", "", e);

	return r < 0 ? r : pattern_read(json_object_get(config, "pattern"), &s->pattern, e);
}

static int read_strip(struct step *s, const json_t *config, struct err *e)
{
	int r = read_text(s, config, "content", " ", e);

	if (r == 0)
		r = json_opt_int(config, "start", 0, 1024, 0, &s->start, e);
	if (r == 0)
		r = json_opt_int(config, "stop", 0, 1024, 0, &s->stop, e);
	if (r == 0 && s->content_n == 0)
		return err_set(e, -EINVAL, "content must be one character");
	/* The end of a text that is still being written is not known. */
	if (r == 0 && s->fused && s->stop > 0)
		return err_set(e, -ENOTSUP, "stop behind Fuse is not supported");
	return r;
}

static int read_wordpiece(struct step *s, const json_t *config, struct err *e)
{
	s->flag = json_opt_bool(config, "cleanup", true);
	return read_text(s, config, "prefix", "##", e);
}

static int read_metaspace(struct step *s, const json_t *config, struct err *e)
{
	const char *scheme;
	int r = json_opt_str(config, "prepend_scheme", 16, "always", &scheme, e);

	s->flag = r == 0 && strcmp(scheme, "never") != 0 &&
		  json_opt_bool(config, "add_prefix_space", true);
	if (r == 0)
		r = read_text(s, config, "replacement", "\xe2\x96\x81", e);
	return r == 0 && s->content_n == 0
		       ? err_set(e, -EINVAL, "replacement must be one character")
		       : r;
}

static int read_suffix(struct step *s, const json_t *config, struct err *e)
{
	return read_text(s, config, "suffix", "</w>", e);
}

static const struct kind {
	const char *type;
	int (*run)(const struct step *s, struct decoding *text, const char *token, size_t n,
		struct buf *out);
	int (*read)(
		struct step *s, const json_t *config, struct err *e); /* NULL: nothing to read */
	bool fuses; /* what follows sees the whole text */
	bool after; /* it may follow Fuse */
} kinds[] = {
	{"ByteLevel", run_bytes, NULL, true, false},
	{"WordPiece", run_wordpiece, read_wordpiece, false, false},
	{"Metaspace", run_metaspace, read_metaspace, false, false},
	{"ByteFallback", run_fallback, NULL, false, false},
	{"Replace", run_replace, read_replace, false, false},
	{"Strip", run_strip, read_strip, false, true},
	{"BPEDecoder", run_suffix, read_suffix, false, false},
	{"Fuse", NULL, NULL, true, true},
};

static int add_kind(struct decoder *d, const struct kind *k, const json_t *config, struct err *e)
{
	struct step *s = &d->steps[d->n];
	int r;

	if (d->fused && !k->after)
		return err_set(e, -ENOTSUP,
			"decoder: %s behind one that joins the text is not supported", k->type);
	*s = (struct step){.run = k->run, .fused = d->fused};
	d->fused = d->fused || k->fuses;
	if (!k->run)
		return 0;
	if (d->n + 1 == STEPS_MAX)
		return err_set(e, -EMSGSIZE, "decoder: over %d steps", STEPS_MAX - 1);
	d->n++;
	r = k->read ? k->read(s, config, e) : 0;
	return r < 0 ? err_wrap(e, "decoder %s", k->type) : 0;
}

static int add_config(struct decoder *d, const json_t *config, int depth, struct err *e)
{
	const json_t *parts = json_object_get(config, "decoders"), *part;
	const char *type;
	size_t i;
	int r = json_get_str(config, "type", 64, &type, e);

	if (r < 0)
		return err_wrap(e, "decoder");
	if (depth > DEPTH_MAX)
		return err_set(e, -EMSGSIZE, "decoder: over %d deep", DEPTH_MAX);
	if (!strcmp(type, "Sequence")) {
		json_array_foreach(parts, i, part)
		{
			r = add_config(d, part, depth + 1, e);
			if (r < 0)
				return r;
		}
		return 0;
	}
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(type, kinds[i].type))
			return add_kind(d, &kinds[i], config, e);
	return err_set(e, -ENOTSUP, "decoder '%s' is not supported", type);
}

int decoder_new(const json_t *config, struct decoder **ret, struct err *e)
{
	CLEANUP(decoder_freep) struct decoder *d = calloc(1, sizeof(*d));
	int r = 0;

	if (!d)
		return err_set(e, -ENOMEM, "out of memory");
	if (config && !json_is_null(config)) {
		r = add_config(d, config, 0, e);
		d->byte_level = d->n == 1 && d->steps[0].run == run_bytes;
	} else {
		d->steps[d->n++] = (struct step){.run = run_spaces};
		d->byte_level = true;
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(d);
	return 0;
}

struct decoder *decoder_free(struct decoder *d)
{
	if (!d)
		return NULL;
	for (size_t i = 0; i < d->n; i++)
		(void)pattern_free(d->steps[i].pattern);
	free(d);
	return NULL;
}

bool decoder_is_byte_level(const struct decoder *d)
{
	return d->byte_level;
}

int decoder_add(
	const struct decoder *d, struct decoding *text, const char *s, size_t n, struct buf *out)
{
	CLEANUP(buf_done) struct buf token;
	int r;

	buf_init(&token, TOKEN_TEXT_MAX);
	r = buf_add(&token, s, n);
	for (size_t i = 0; i < d->n && r == 0; i++) {
		struct buf next;

		buf_init(&next, TOKEN_TEXT_MAX);
		r = d->steps[i].run(&d->steps[i], text, buf_str(&token), token.len, &next);
		buf_done(&token);
		token = next;
	}
	text->tokens++;
	return r < 0 ? r : buf_add(out, token.data, token.len);
}
