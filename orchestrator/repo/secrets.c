#include "orchestrator/repo/secrets.h"

#include <ctype.h>
#include <string.h>

#define DISTINCT_MIN 8 /* characters: "hf_xxxxxxxx" is a hint in a document */
#define RUN_MORE 64    /* characters over a form's least, in which it is told from an example */

enum { UPPER = 1, LOWER = 2, UNDER = 4, DASH = 8, DOT = 16, BASE64 = 32 };
#define ALNUM (UPPER | LOWER)

static const unsigned char class_of[256] = {
	['0' ... '9'] = UPPER,
	['A' ... 'Z'] = UPPER,
	['a' ... 'z'] = LOWER,
	['_'] = UNDER,
	['-'] = DASH,
	['.'] = DOT,
	['+'] = BASE64,
	['/'] = BASE64,
	['='] = BASE64,
};

static const struct form {
	const char *prefix;
	unsigned int set; /* of the characters behind the prefix */
	size_t min, max;  /* how many; max 0: no limit */
	const char *what;
} forms[] = {
	{"hf_", ALNUM, 30, 0, "an access token of this platform's or Hugging Face's form (hf_…)"},
	{"AKIA", UPPER, 16, 16, "an access key of AWS (AKIA…)"},
	{"ASIA", UPPER, 16, 16, "an access key of AWS (ASIA…)"},
	{"ghp_", ALNUM, 36, 0, "a token of GitHub (ghp_…)"},
	{"gho_", ALNUM, 36, 0, "a token of GitHub (gho_…)"},
	{"ghu_", ALNUM, 36, 0, "a token of GitHub (ghu_…)"},
	{"ghs_", ALNUM, 36, 0, "a token of GitHub (ghs_…)"},
	{"ghr_", ALNUM, 36, 0, "a token of GitHub (ghr_…)"},
	{"github_pat_", ALNUM | UNDER, 22, 0, "a token of GitHub (github_pat_…)"},
	{"glpat-", ALNUM | UNDER | DASH, 20, 0, "a token of GitLab (glpat-…)"},
	{"sk-proj-", ALNUM | UNDER | DASH, 40, 0, "a key of OpenAI (sk-proj-…)"},
	{"sk-svcacct-", ALNUM | UNDER | DASH, 40, 0, "a key of OpenAI (sk-svcacct-…)"},
	{"sk-ant-", ALNUM | UNDER | DASH, 30, 0, "a key of Anthropic (sk-ant-…)"},
	{"sk-", ALNUM, 40, 64, "a key of OpenAI's form (sk-…)"},
	{"AIza", ALNUM | UNDER | DASH, 35, 35, "a key of Google (AIza…)"},
	{"xoxb-", ALNUM | DASH, 20, 0, "a token of Slack (xoxb-…)"},
	{"xoxp-", ALNUM | DASH, 20, 0, "a token of Slack (xoxp-…)"},
	{"sk_live_", ALNUM, 24, 0, "a key of Stripe (sk_live_…)"},
	{"rk_live_", ALNUM, 24, 0, "a key of Stripe (rk_live_…)"},
	{"npm_", ALNUM, 36, 36, "a token of npm (npm_…)"},
	{"pypi-AgE", ALNUM | UNDER | DASH, 50, 0, "a token of PyPI (pypi-…)"},
	{"dckr_pat_", ALNUM | UNDER | DASH, 27, 0, "a token of Docker (dckr_pat_…)"},
	{"SG.", ALNUM | UNDER | DASH | DOT, 60, 0, "a key of SendGrid (SG.…)"},
};

static size_t distinct(const char *s, size_t n)
{
	bool seen[256] = {false};
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		if (!seen[(unsigned char)s[i]]) {
			seen[(unsigned char)s[i]] = true;
			found++;
		}
	return found;
}

static bool is_example(const char *s, size_t n)
{
	return n >= 7 && !strncasecmp(s + n - 7, "example", 7);
}

/* How many bytes from s on are of the set, up to n. */
static size_t run_of(unsigned int set, const char *s, size_t n)
{
	size_t length = 0;

	while (length < n && class_of[(unsigned char)s[length]] & set)
		length++;
	return length;
}

/* Bytes of the secret of this form at s; 0: none. What is none is read no further than it takes to
 * tell: "SG.SG.SG." begins anew at every third byte, and each time would go on to the end. */
static size_t match_form(const struct form *f, const char *s, size_t n)
{
	size_t skip = strlen(f->prefix), enough = f->max ? f->max + 1 : f->min + RUN_MORE, length;

	if (n < skip + f->min || memcmp(s, f->prefix, skip) != 0)
		return 0;
	s += skip;
	n -= skip;
	length = run_of(f->set, s, n < enough ? n : enough);
	if (length < f->min || (f->max && length > f->max) || distinct(s, length) < DISTINCT_MIN ||
		is_example(s, length))
		return 0;
	if (length == enough)
		length += run_of(f->set, s + length, n - length);
	return skip + length;
}

#define BEGIN "-----BEGIN "
#define KIND_MAX 40

/* RFC 7468: a head, and at least one line of base64. The head alone stands in many a document. */
static size_t match_private_key(const char *s, size_t n)
{
	static const char end[] = "PRIVATE KEY";
	const char *newline = memchr(s, '\n', n < 120 ? n : 120), *head;
	size_t length;

	if (n < strlen(BEGIN) || memcmp(s, BEGIN, strlen(BEGIN)) != 0 || !newline)
		return 0;
	head = memmem(s, (size_t)(newline - s), end, strlen(end));
	if (!head || head - s > (ptrdiff_t)(strlen(BEGIN) + KIND_MAX))
		return 0;
	length = (size_t)(newline - s) + 1;
	/* "Proc-Type: 4,ENCRYPTED" and the like may stand before it. */
	for (int lines = 0; lines < 6 && length < n; lines++) {
		size_t run = run_of(ALNUM | BASE64, s + length, n - length);

		if (run >= 40)
			return length + run;
		newline = memchr(s + length, '\n', n - length);
		if (!newline || newline - (s + length) > 200)
			return 0;
		length = (size_t)(newline - s) + 1;
	}
	return 0;
}

static size_t match_any(const char *s, size_t n, const char **ret_what)
{
	size_t length;

	if (*s == '-') {
		*ret_what = "a private key";
		return match_private_key(s, n);
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (*s != forms[i].prefix[0])
			continue;
		length = match_form(&forms[i], s, n);
		if (length) {
			*ret_what = forms[i].what;
			return length;
		}
	}
	return 0;
}

bool secrets_next(const char *text, size_t n, struct secrets_cursor *c, struct secret *ret)
{
	bool inside = false; /* of a word, in the middle of which no secret begins */

	while (c->at < n) {
		char ch = text[c->at];
		const char *what = NULL;
		size_t length = inside ? 0 : match_any(text + c->at, n - c->at, &what);

		if (length) {
			*ret = (struct secret){.what = what, .line = c->line};
			for (size_t i = 0; i < length; i++)
				c->line += text[c->at + i] == '\n';
			c->at += length;
			return true;
		}
		c->line += ch == '\n';
		inside = isalnum((unsigned char)ch) || ch == '_';
		c->at++;
	}
	return false;
}
