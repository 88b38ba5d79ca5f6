#include "gateway/paint/prose.h"

#include <ctype.h>
#include <string.h>

/* A line without its end. */
struct line {
	const char *at;
	size_t n;
};

enum block { NONE, PARAGRAPH, BULLETS, NUMBERS, QUOTE, CODE };

static const char *const begins[] = {"", "<p>", "<ul><li>", "<ol><li>", "<blockquote><p>",
	"<figure class=\"code\"><figcaption><span></span></figcaption><pre><code>"};
static const char *const ends[] = {
	"", "</p>", "</li></ul>", "</li></ol>", "</p></blockquote>", "</code></pre></figure>"};

static bool starts_with(const struct line *l, const char *words)
{
	return l->n >= strlen(words) && !memcmp(l->at, words, strlen(words));
}

static void skip(struct line *l, size_t n)
{
	l->at += n;
	l->n -= n;
}

/* --- inside a line --- */

/* Where the text between two marks ends; NULL: it does not on this line, or it is empty. */
static const char *closing(const char *from, const char *end, const char *mark)
{
	size_t n = strlen(mark);

	for (const char *at = from; at + n <= end; at++)
		if (!memcmp(at, mark, n))
			return at > from ? at : NULL;
	return NULL;
}

static const struct {
	const char *mark, *tag;
} marks[] = {
	{"**", "strong"},
	{"__", "strong"},
	{"~~", "del"},
	{"*", "em"},
	{"`", "code"},
};

/* Words inside a line that are more than plain. */
struct span {
	const char *tag, *at;
	size_t n, taken; /* bytes of its words, and with its marks */
};

/* Emphasis that begins here; what is inside it is text. */
static bool find_emphasis(const char *at, const char *end, struct span *ret)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		size_t n = strlen(marks[i].mark);
		const char *stop;

		if ((size_t)(end - at) < n || memcmp(at, marks[i].mark, n) != 0)
			continue;
		stop = isspace((unsigned char)at[n]) ? NULL : closing(at + n, end, marks[i].mark);
		if (!stop)
			return false;
		*ret = (struct span){
			marks[i].tag, at + n, (size_t)(stop - at) - n, (size_t)(stop - at) + n};
		return true;
	}
	return false;
}

/* [words](address). */
static bool find_link(const char *at, const char *end, struct span *ret)
{
	const char *words_end = *at == '[' ? closing(at + 1, end, "](") : NULL;
	const char *address_end = words_end ? closing(words_end + 2, end, ")") : NULL;

	if (!address_end)
		return false;
	*ret = (struct span){
		"u", at + 1, (size_t)(words_end - at) - 1, (size_t)(address_end - at) + 1};
	return true;
}

static void paint_inline(struct out *o, const struct line *l)
{
	const char *end = l->at + l->n, *plain = l->at;
	unsigned misses = 0; /* each has looked at the rest of the line */

	for (const char *at = l->at; at < end && misses < 32; at++) {
		struct span s;

		if (!memchr("*_~`[", *at, 5))
			continue;
		if (!find_emphasis(at, end, &s) && !find_link(at, end, &s)) {
			misses++;
			continue;
		}
		out_text_n(o, plain, (size_t)(at - plain));
		out_markupf(o, "<%s>", s.tag);
		out_text_n(o, s.at, s.n);
		out_markupf(o, "</%s>", s.tag);
		plain = at + s.taken;
		at = plain - 1;
	}
	out_text_n(o, plain, (size_t)(end - plain));
}

/* --- blocks --- */

static size_t heading_level(const struct line *l)
{
	size_t n = 0;

	while (n < l->n && l->at[n] == '#')
		n++;
	return n >= 1 && n <= 6 && n < l->n && l->at[n] == ' ' ? n : 0;
}

static bool is_rule(const struct line *l)
{
	return l->n >= 3 && (starts_with(l, "---") || starts_with(l, "***")) &&
	       strspn(l->at, l->at[0] == '-' ? "-" : "*") >= l->n;
}

/* Bytes of a list item's mark; 0: it is none. */
static size_t item_mark(const struct line *l, enum block *ret)
{
	size_t n = 0;

	if (l->n > 2 && strchr("-*+", l->at[0]) && l->at[1] == ' ') {
		*ret = BULLETS;
		return 2;
	}
	while (n < l->n && n < 9 && isdigit((unsigned char)l->at[n]))
		n++;
	if (n == 0 || n + 1 >= l->n || l->at[n] != '.' || l->at[n + 1] != ' ')
		return 0;
	*ret = NUMBERS;
	return n + 2;
}

static void enter(struct out *o, enum block *now, enum block next)
{
	if (*now == next)
		return;
	out_markup(o, ends[*now]);
	out_markup(o, begins[next]);
	*now = next;
}

static void paint_heading(struct out *o, struct line *l, size_t level)
{
	/* The page has its h1; what an app writes stands below it. */
	size_t tag = level < 6 ? level + 1 : 6;

	skip(l, level + 1);
	out_markupf(o, "<h%zu>", tag);
	paint_inline(o, l);
	out_markupf(o, "</h%zu>", tag);
}

/* A line of text: of the block that it begins, or of the one that goes on. */
static void paint_words(struct out *o, enum block *now, struct line *l)
{
	enum block wanted = *now == NONE ? PARAGRAPH : *now, was = *now;
	size_t mark = item_mark(l, &wanted);

	if (mark)
		skip(l, mark);
	else if (starts_with(l, ">"))
		wanted = QUOTE, skip(l, l->n > 1 && l->at[1] == ' ' ? 2 : 1);
	enter(o, now, wanted);
	if (was == wanted)
		out_markup(o, mark ? "</li><li>" : "\n");
	paint_inline(o, l);
}

static void paint_line(struct out *o, enum block *now, struct line *l)
{
	size_t level;

	if (starts_with(l, "```")) {
		enter(o, now, *now == CODE ? NONE : CODE);
		return;
	}
	if (*now == CODE) {
		out_text_n(o, l->at, l->n);
		out_markup(o, "\n");
		return;
	}
	while (l->n > 0 && isspace((unsigned char)*l->at))
		skip(l, 1);
	level = heading_level(l);
	if (l->n == 0 || level || is_rule(l))
		enter(o, now, NONE);
	if (level)
		paint_heading(o, l, level);
	else if (is_rule(l))
		out_markup(o, "<hr>");
	else if (l->n > 0)
		paint_words(o, now, l);
}

void prose_paint(struct out *o, const char *markdown)
{
	const char *at = markdown, *end = markdown + strnlen(markdown, PAINT_TEXT_MAX);
	enum block now = NONE;

	if (*at == '\0')
		return;
	while (end > at && ((unsigned char)*end & 0xc0) == 0x80)
		end--;
	out_markup(o, "<div class=\"prose\">");
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		struct line l = {at, (size_t)((stop ? stop : end) - at)};

		if (l.n > 0 && l.at[l.n - 1] == '\r')
			l.n--;
		paint_line(o, &now, &l);
		at = stop ? stop + 1 : end;
	}
	out_markup(o, ends[now]);
	out_markup(o, "</div>");
}
