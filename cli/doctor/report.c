#include "cli/doctor/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/utf8.h"

#define INDENT 30 /* of the words; mark and title stand before them */
#define WIDTH 100
#define WIDTH_LEAST 60

static const struct {
	const char *name, *title;
} sections[SECTIONS] = {
	[SECTION_HOST] = {"host", "This host"},
	[SECTION_BOX] = {"box", "A box, built here by vitrine-boxd"},
	[SECTION_ATTACKS] = {"attacks", "Hostile native code in boxes"},
	[SECTION_WORKER] = {"worker", "The worker"},
	[SECTION_PLATFORM] = {"platform", "The platform on this machine"},
};

static const struct {
	const char *name, *mark, *colour;
} states[] = {
	[FINDING_OK] = {"ok", "ok", "32"},
	[FINDING_NOTE] = {"note", "note", "33"},
	[FINDING_MISSING] = {"missing", "no", "33"},
	[FINDING_UNSEEN] = {"unseen", "", ""},
};

#define BROKEN_COLOUR "31;1"

struct finding *report_add(struct report *r, enum finding_section section, const char *name,
	const char *title, enum finding_state state, const char *fmt, ...)
{
	struct finding *f;
	va_list ap;

	if (r->n == FINDINGS_MAX)
		abort(); /* somebody added a kind of finding and did not count */
	f = &r->findings[r->n++];
	*f = (struct finding){.section = section, .name = name, .title = title, .state = state};
	va_start(ap, fmt);
	(void)vsnprintf(f->says, sizeof(f->says), fmt, ap);
	va_end(ap);
	/* Some words come out of boxes, and some were cut in the middle of a character. */
	utf8_scrub(f->says, strlen(f->says));
	return f;
}

static bool is_broken(const struct finding *f)
{
	return f->required && f->state != FINDING_OK && f->state != FINDING_NOTE;
}

bool report_holds(const struct report *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (is_broken(&r->findings[i]))
			return false;
	return true;
}

/* --- for people --- */

struct page {
	FILE *out;
	bool coloured;
	int width;
};

static void print_coloured(const struct page *p, const char *colour, const char *text)
{
	if (p->coloured)
		fprintf(p->out, "\033[%sm%s\033[0m", colour, text);
	else
		fputs(text, p->out);
}

/* Words from the column on, the next lines below the first. */
static void print_words(const struct page *p, const char *text)
{
	int at = INDENT;

	while (*text) {
		int n = (int)strcspn(text, " ");

		if (at > INDENT && at + 1 + n > p->width) {
			fprintf(p->out, "\n%*s", INDENT, "");
			at = INDENT;
		}
		at += fprintf(p->out, "%s%.*s", at > INDENT ? " " : "", n, text);
		text += n + (text[n] == ' ');
	}
	fputc('\n', p->out);
}

/* Neighbours with the same remedy share it: it stands below the last of them. */
static bool is_remedy_due(const struct report *r, size_t i)
{
	const struct finding *f = &r->findings[i], *next = f + 1;

	if (f->state == FINDING_OK || !f->remedy)
		return false;
	return i + 1 == r->n || next->state != f->state || next->remedy != f->remedy;
}

static void print_finding(const struct page *p, const struct report *r, size_t i)
{
	const struct finding *f = &r->findings[i];
	const char *mark = is_broken(f) ? "NO" : states[f->state].mark;

	fputs("  ", p->out);
	print_coloured(p, is_broken(f) ? BROKEN_COLOUR : states[f->state].colour, mark);
	fprintf(p->out, "%*s%-*s", 6 - (int)strlen(mark), "", INDENT - 8, f->title);
	print_words(p, f->says);
	if (is_remedy_due(r, i)) {
		fprintf(p->out, "%*s", INDENT, "");
		print_words(p, f->remedy);
	}
}

static void print_section(const struct page *p, const struct report *r, int section)
{
	bool any = false;

	for (size_t i = 0; i < r->n; i++) {
		/* What nobody could look at has its reason in what is missing. */
		if ((int)r->findings[i].section != section ||
			r->findings[i].state == FINDING_UNSEEN)
			continue;
		if (!any)
			fprintf(p->out, "\n%s\n", sections[section].title);
		any = true;
		print_finding(p, r, i);
	}
}

static const char *word(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static void print_attacks(const struct page *p, const struct report *r, bool all)
{
	const json_t *a;
	size_t i;

	json_array_foreach(r->attacks, i, a)
	{
		bool holds = json_is_true(json_object_get(a, "holds"));

		if (holds && !all)
			continue;
		fputs("  ", p->out);
		print_coloured(
			p, holds ? states[FINDING_OK].colour : BROKEN_COLOUR, holds ? "ok" : "NO");
		fprintf(p->out, "  %4lld %-26s %-8s %s",
			(long long)json_integer_value(json_object_get(a, "number")),
			word(a, "name"), word(a, "stage"), word(a, "got"));
		fprintf(p->out, holds ? "\n" : ", must be: %s\n", word(a, "expected"));
	}
}

static void print_verdict(const struct page *p, const struct report *r)
{
	const char *sep = "";
	size_t unseen = 0;

	if (report_holds(r)) {
		fprintf(p->out, "\nThis host keeps the promise \"%s\".\n", r->promise);
		return;
	}
	fprintf(p->out, "\nThis host does not keep the promise \"%s\": ", r->promise);
	for (size_t i = 0; i < r->n; i++) {
		const struct finding *f = &r->findings[i];

		if (f->state == FINDING_UNSEEN)
			unseen++;
		else if (is_broken(f))
			sep = fprintf(p->out, "%s%s", sep, f->title) > 0 ? ", " : sep;
	}
	fputs(".\n", p->out);
	if (unseen)
		fprintf(p->out, "%zu more could not be looked at.\n", unseen);
}

static int width_of(FILE *out)
{
	struct winsize size;

	if (ioctl(fileno(out), TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_col > WIDTH)
		return WIDTH;
	return size.ws_col < WIDTH_LEAST ? WIDTH_LEAST : size.ws_col;
}

void report_print(const struct report *r, bool verbose, FILE *out)
{
	const struct page p = {.out = out,
		.coloured = isatty(fileno(out)) && !getenv("NO_COLOR"),
		.width = width_of(out)};

	fprintf(out, "vitrine %s doctor: what keeps a Space in its box here\n", VITRINE_VERSION);
	for (int i = 0; i < SECTIONS; i++) {
		print_section(&p, r, i);
		if (i == SECTION_ATTACKS)
			print_attacks(&p, r, verbose);
	}
	print_verdict(&p, r);
}

/* --- for programs --- */

void report_print_json(const struct report *r, FILE *out)
{
	json_t *findings = json_array();
	json_t *all;

	for (size_t i = 0; i < r->n; i++) {
		const struct finding *f = &r->findings[i];
		json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:s}", "section",
			sections[f->section].name, "name", f->name, "state", states[f->state].name,
			"required", f->required, "says", f->says);

		if (o && f->remedy && (f->state == FINDING_NOTE || f->state == FINDING_MISSING))
			(void)json_object_set_new(o, "remedy", json_string(f->remedy));
		(void)json_array_append_new(findings, o);
	}
	all = json_pack("{s:s, s:s, s:b, s:o, s:O}", "version", VITRINE_VERSION, "promise",
		r->promise, "holds", report_holds(r), "findings", findings, "attacks", r->attacks);
	(void)json_dumpf(all, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(all);
}

void report_done(struct report *r)
{
	json_decref(r->attacks);
	r->attacks = NULL;
}
