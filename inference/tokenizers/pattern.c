#define PCRE2_CODE_UNIT_WIDTH 8
#include "inference/tokenizers/pattern.h"

#include <errno.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

#define HEAP_LIMIT_KIB 16384
#define STEPS_LEAST (1u << 20) /* of a text, and for each byte of it */
#define STEPS_BYTE 256
#define CPU_USEC_LEAST (500 * USEC_PER_MSEC)
#define CPU_USEC_BYTE 2
#define CLOCK_STEPS 256

struct pattern {
	pcre2_code *code;             /* owned */
	pcre2_match_data *match;      /* owned */
	pcre2_match_context *context; /* owned */
};

static int compile(
	const char *regex, size_t n, uint32_t options, struct pattern **ret, struct err *e)
{
	CLEANUP(pattern_freep) struct pattern *p = calloc(1, sizeof(*p));
	PCRE2_SIZE at;
	int code;

	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	/* PCRE2's own limit counts only what is tried from one place, and not how far a part of
	 * the expression runs: the callouts before each part see both. */
	p->code = pcre2_compile(
		(PCRE2_SPTR)regex, n, PCRE2_UTF | PCRE2_AUTO_CALLOUT | options, &code, &at, NULL);
	if (!p->code) {
		char words[120];

		(void)pcre2_get_error_message(code, (PCRE2_UCHAR *)words, sizeof(words));
		return err_set(e, -EINVAL, "expression, byte %zu: %s", (size_t)at, words);
	}
	p->match = pcre2_match_data_create(1, NULL);
	p->context = pcre2_match_context_create(NULL);
	if (!p->match || !p->context)
		return err_set(e, -ENOMEM, "out of memory");
	(void)pcre2_set_match_limit(p->context, UINT32_MAX);
	(void)pcre2_set_heap_limit(p->context, HEAP_LIMIT_KIB);
	*ret = TAKE_PTR(p);
	return 0;
}

/*
 * Spells \s and \S out: PCRE2 counts U+180E in, which Unicode has not called a space since 6.3.
 * \S inside brackets, where it cannot be spelled, stays.
 */
static int spell_spaces(const char *regex, size_t n, struct buf *out)
{
	static const char spaces[] = "\\t-\\r\\x{85}\\p{Z}";
	bool class = false;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (regex[i] != '\\' || i + 1 == n) {
			class = regex[i] == '[' || (class && regex[i] != ']');
			r = buf_add(out, regex + i, 1);
		} else if (regex[i + 1] == 's' || (regex[i + 1] == 'S' && !class)) {
			r = class ? buf_add_str(out, spaces)
				  : buf_addf(out, "[%s%s]", regex[i + 1] == 'S' ? "^" : "", spaces);
			i++;
		} else {
			r = buf_add(out, regex + i, 2);
			i++;
		}
	}
	return r;
}

int pattern_new(const char *regex, size_t n, struct pattern **ret, struct err *e)
{
	CLEANUP(buf_done) struct buf spelled;

	buf_init(&spelled, 16 * PATTERN_MAX);
	if (n > PATTERN_MAX)
		return err_set(
			e, -EMSGSIZE, "expression of %zu bytes, the limit is %d", n, PATTERN_MAX);
	if (spell_spaces(regex, n, &spelled) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	return compile(buf_str(&spelled), spelled.len, PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, ret, e);
}

int pattern_read(const json_t *config, struct pattern **ret, struct err *e)
{
	const char *text;

	if (json_object_get(config, "Regex")) {
		int r = json_get_str(config, "Regex", PATTERN_MAX, &text, e);

		return r < 0 ? r : pattern_new(text, strlen(text), ret, e);
	}
	if (json_get_str(config, "String", PATTERN_MAX, &text, e) < 0)
		return err_set(
			e, -EINVAL, "pattern: a Regex or String of at most %d bytes", PATTERN_MAX);
	return compile(text, strlen(text), PCRE2_LITERAL, ret, e);
}

struct pattern *pattern_free(struct pattern *p)
{
	if (!p)
		return NULL;
	pcre2_match_data_free(p->match);
	pcre2_match_context_free(p->context);
	pcre2_code_free(p->code);
	free(p);
	return NULL;
}

void pattern_budget_init(struct pattern_budget *b, size_t n)
{
	b->steps = STEPS_LEAST + (uint64_t)STEPS_BYTE * n;
	b->until_usec = clock_thread_usec() + CPU_USEC_LEAST + (uint64_t)CPU_USEC_BYTE * n;
	b->unclocked = CLOCK_STEPS;
}

struct search {
	struct pattern_budget *budget;
	size_t at; /* where the last step stood */
};

static int on_step(pcre2_callout_block *block, void *data)
{
	struct search *s = data;
	struct pattern_budget *b = s->budget;
	size_t at = block->current_position;
	uint64_t cost = 1 + (at > s->at ? at - s->at : s->at - at);

	s->at = at;
	b->steps -= cost < b->steps ? cost : b->steps;
	if (--b->unclocked == 0) {
		b->unclocked = CLOCK_STEPS;
		if (clock_thread_usec() > b->until_usec)
			b->steps = 0;
	}
	return b->steps > 0 ? 0 : PCRE2_ERROR_CALLOUT;
}

int pattern_next(struct pattern *p, const char *s, size_t n, size_t from,
	struct pattern_budget *budget, size_t *ret_from, size_t *ret_to)
{
	struct pattern_budget own;
	struct search search = {budget ? budget : &own, from};
	PCRE2_SIZE *at;
	int r;

	if (!budget)
		pattern_budget_init(&own, n);
	(void)pcre2_set_callout(p->context, on_step, &search);
	/* An empty match would not move on, so it does not count. */
	r = pcre2_match(p->code, (PCRE2_SPTR)s, n, from, PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY,
		p->match, p->context);
	if (r == PCRE2_ERROR_NOMATCH)
		return 0;
	if (r < 0)
		return -ETIME;
	at = pcre2_get_ovector_pointer(p->match);
	if (at[0] > at[1] || at[0] < from || at[1] > n) /* \K can do that */
		return -ETIME;
	*ret_from = at[0];
	*ret_to = at[1];
	return 1;
}
