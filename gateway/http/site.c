#include "gateway/http/site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"

#define TEMPLATE_MAX (1u << 20)
#define TEMPLATES 2

struct template
{
	const char *name;
	struct buf text;
	struct timespec changed;
};

struct site {
	int dir_fd; /* owned; -1: the folder is missing */
	struct template templates[TEMPLATES];
};

int site_new(const char *dir, struct site **ret, struct err *e)
{
	struct site *s = calloc(1, sizeof(*s));

	(void)e;
	if (!s)
		return -ENOMEM;
	s->templates[0].name = "space.html";
	s->templates[1].name = "platform.html";
	for (int i = 0; i < TEMPLATES; i++)
		buf_init(&s->templates[i].text, TEMPLATE_MAX);
	s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		log_warn("the web UI's folder %s cannot be opened: %s", dir, strerror(errno));
	*ret = s;
	return 0;
}

struct site *site_free(struct site *s)
{
	if (!s)
		return NULL;
	for (int i = 0; i < TEMPLATES; i++)
		buf_done(&s->templates[i].text);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	free(s);
	return NULL;
}

int site_dir_fd(const struct site *s)
{
	return s->dir_fd;
}

static void load(struct site *s, struct template *t)
{
	struct err e = {0};
	struct stat st;

	if (s->dir_fd < 0 || fstatat(s->dir_fd, t->name, &st, 0) < 0)
		return;
	if (t->text.len > 0 && !memcmp(&st.st_mtim, &t->changed, sizeof(t->changed)))
		return;
	buf_clear(&t->text);
	if (fs_read(s->dir_fd, t->name, &t->text, &e) < 0)
		log_warn("%s: %s", t->name, e.text);
	else
		t->changed = st.st_mtim;
}

const struct buf *site_template(struct site *s, const char *name)
{
	for (int i = 0; i < TEMPLATES; i++) {
		struct template *t = &s->templates[i];

		if (strcmp(t->name, name))
			continue;
		load(s, t);
		return t->text.len > 0 ? &t->text : NULL;
	}
	return NULL;
}

static int add_html(struct buf *b, const char *text)
{
	int r = 0;

	for (; *text && r == 0; text++) {
		switch (*text) {
		case '&':
			r = buf_add_str(b, "&amp;");
			break;
		case '<':
			r = buf_add_str(b, "&lt;");
			break;
		case '>':
			r = buf_add_str(b, "&gt;");
			break;
		case '"':
			r = buf_add_str(b, "&quot;");
			break;
		default:
			r = buf_add(b, text, 1);
		}
	}
	return r;
}

/* Inside a script element "<" could end it; in JSON it occurs only in strings. */
static int add_data(struct buf *b, const struct buf *data)
{
	const char *at = buf_str(data), *end = at + data->len;
	int r = buf_add_str(b, "<script type=\"application/json\" id=\"vitrine-data\">");

	while (r == 0 && at < end) {
		const char *less = memchr(at, '<', (size_t)(end - at));
		const char *stop = less ? less : end;

		r = buf_add(b, at, (size_t)(stop - at));
		if (r == 0 && less)
			r = buf_add_str(b, "\\u003c");
		at = less ? less + 1 : end;
	}
	return r < 0 ? r : buf_add_str(b, "</script>");
}

/* Bytes of the hole that begins here; 0: it is a comment like any other. */
static size_t fill_hole(const char *at, const struct site_holes *holes, struct buf *b, int *ret)
{
	static const char title[] = "<!--vitrine:title-->", paint[] = "<!--vitrine:paint-->",
			  data[] = "<!--vitrine:data-->";

	if (!strncmp(at, title, sizeof(title) - 1)) {
		*ret = holes->title ? add_html(b, holes->title) : 0;
		return sizeof(title) - 1;
	}
	if (!strncmp(at, paint, sizeof(paint) - 1)) {
		*ret = holes->paint ? buf_add(b, holes->paint->data, holes->paint->len) : 0;
		return sizeof(paint) - 1;
	}
	if (!strncmp(at, data, sizeof(data) - 1)) {
		*ret = holes->data ? add_data(b, holes->data) : 0;
		return sizeof(data) - 1;
	}
	return 0;
}

int site_fill(const struct buf *template, const struct site_holes *holes, struct buf *ret)
{
	const char *at = buf_str(template), *end = at + template->len;
	int r = 0;

	while (r == 0 && at < end) {
		const char *mark = strstr(at, "<!--vitrine:");
		size_t hole;

		if (!mark)
			return buf_add(ret, at, (size_t)(end - at));
		r = buf_add(ret, at, (size_t)(mark - at));
		if (r < 0)
			return r;
		hole = fill_hole(mark, holes, ret, &r);
		at = mark + hole;
		if (hole == 0) {
			r = buf_add(ret, at, 4);
			at += 4;
		}
	}
	return r;
}

const char *site_type(const char *name)
{
	static const struct {
		const char *ending, *type;
	} types[] = {
		{".html", "text/html; charset=utf-8"},
		{".js", "text/javascript; charset=utf-8"},
		{".mjs", "text/javascript; charset=utf-8"},
		{".css", "text/css; charset=utf-8"},
		{".json", "application/json"},
		{".map", "application/json"},
		{".svg", "image/svg+xml"},
		{".png", "image/png"},
		{".jpg", "image/jpeg"},
		{".ico", "image/x-icon"},
		{".webp", "image/webp"},
		{".woff2", "font/woff2"},
		{".wasm", "application/wasm"},
		{".txt", "text/plain; charset=utf-8"},
		{".webmanifest", "application/manifest+json"},
	};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(dot, types[i].ending))
			return types[i].type;
	return "application/octet-stream";
}
