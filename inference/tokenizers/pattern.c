#define PCRE2_CODE_UNIT_WIDTH 8
#include "inference/tokenizers/pattern.h"

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>

#define MATCH_LIMIT 5000000 /* steps of one match; the longest text needs far less */
#define HEAP_LIMIT_KIB 65536

struct pattern {
	pcre2_code *code;             /* owned */
	pcre2_match_data *match;      /* owned */
	pcre2_match_context *context; /* owned */
};

int pattern_new(const char *regex, size_t n, struct pattern **ret, struct err *e)
{
	CLEANUP(pattern_freep) struct pattern *p = calloc(1, sizeof(*p));
	PCRE2_SIZE at;
	int code;

	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	if (n > PATTERN_MAX)
		return err_set(
			e, -EMSGSIZE, "expression of %zu bytes, the limit is %d", n, PATTERN_MAX);
	p->code = pcre2_compile((PCRE2_SPTR)regex, n,
		PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
	if (!p->code) {
		char words[120];

		(void)pcre2_get_error_message(code, (PCRE2_UCHAR *)words, sizeof(words));
		return err_set(e, -EINVAL, "expression, byte %zu: %s", (size_t)at, words);
	}
	p->match = pcre2_match_data_create(1, NULL);
	p->context = pcre2_match_context_create(NULL);
	if (!p->match || !p->context)
		return err_set(e, -ENOMEM, "out of memory");
	(void)pcre2_set_match_limit(p->context, MATCH_LIMIT);
	(void)pcre2_set_heap_limit(p->context, HEAP_LIMIT_KIB);
	*ret = TAKE_PTR(p);
	return 0;
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

int pattern_next(
	struct pattern *p, const char *s, size_t n, size_t from, size_t *ret_from, size_t *ret_to)
{
	/* An empty match would not move on, so it does not count. */
	int r = pcre2_match(p->code, (PCRE2_SPTR)s, n, from, PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY,
		p->match, p->context);
	PCRE2_SIZE *at;

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
