#include "gateway/paint/out.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void out_markup(struct out *o, const char *html)
{
	if (o->error == 0)
		o->error = buf_add_str(o->html, html);
}

void out_markupf(struct out *o, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	out_markup(o, text);
}

static const char *escape_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void out_text_n(struct out *o, const char *text, size_t n)
{
	size_t plain = 0;

	if (n > PAINT_TEXT_MAX) {
		n = PAINT_TEXT_MAX;
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
	}
	for (size_t i = 0; i < n && o->error == 0; i++) {
		const char *escape = escape_of(text[i]);

		if (!escape)
			continue;
		o->error = buf_add(o->html, text + plain, i - plain);
		plain = i + 1;
		out_markup(o, escape);
	}
	if (o->error == 0 && n > plain)
		o->error = buf_add(o->html, text + plain, n - plain);
}

void out_text(struct out *o, const char *text)
{
	if (text)
		out_text_n(o, text, strlen(text));
}

void out_attribute(struct out *o, const char *name, const char *value)
{
	if (!value)
		return;
	out_markupf(o, " %s=\"", name);
	out_text(o, value);
	out_markup(o, "\"");
}
