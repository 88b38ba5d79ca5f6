#include "gateway/adapters/gradio/value.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "gateway/session/json_text.h"

struct converting {
	struct buf *b;
	gradio_file_fn find;
	void *data;
	const char *api; /* NULL: a client's value is read */
	struct err *e;
};

static int convert(struct converting *c, struct slice value);

static bool holds(struct slice s, const char *text)
{
	return s.n > 0 && memmem(s.at, s.n, text, strlen(text)) != NULL;
}

/* --- paths --- */

bool gradio_path_id(const char *path, size_t n, char ret_id[ID_LEN + 1])
{
	const size_t skip = strlen(GRADIO_FILES);

	if (n < skip + ID_LEN || memcmp(path, GRADIO_FILES, skip) != 0 ||
		(n > skip + ID_LEN && path[skip + ID_LEN] != '/') ||
		!file_id_is_valid(path + skip, ID_LEN))
		return false;
	memcpy(ret_id, path + skip, ID_LEN);
	ret_id[ID_LEN] = '\0';
	return true;
}

int gradio_write_path(struct buf *b, const struct file_info *info)
{
	size_t n = strlen(info->name);
	const char *name = n > GRADIO_NAME_MAX ? info->name + n - GRADIO_NAME_MAX : info->name;
	char clean[GRADIO_NAME_MAX + 1];
	size_t at = 0;

	/* The end is kept: it says what kind of file it is. */
	for (; *name; name++) {
		bool plain = isascii((unsigned char)*name) &&
			     (isalnum((unsigned char)*name) || strchr("-_.", *name));

		if (plain && !(at == 0 && *name == '.'))
			clean[at++] = *name;
		else if (at == 0 || clean[at - 1] != '_')
			clean[at++] = '_';
	}
	clean[at] = '\0';
	return buf_addf(b, GRADIO_FILES "%s/%s", info->id, at ? clean : "file");
}

/* --- files --- */

static int add_quoted(struct buf *b, const char *key, const char *text)
{
	int r = buf_addf(b, ",\"%s\":", key);

	return r < 0 ? r : json_text_quote(b, text, strlen(text));
}

static int write_file(struct converting *c, const struct file_info *info)
{
	struct buf *b = c->b;
	int r = buf_add_str(b, "{\"path\":\"");

	if (r == 0)
		r = gradio_write_path(b, info);
	if (r == 0)
		r = buf_addf(b, "\",\"url\":\"%s/file=", c->api);
	if (r == 0)
		r = gradio_write_path(b, info);
	if (r == 0)
		r = buf_addf(b, "\",\"size\":%llu", (unsigned long long)info->size);
	if (r == 0)
		r = add_quoted(b, "orig_name", info->name);
	if (r == 0)
		r = add_quoted(b, "mime_type", info->type);
	return r < 0 ? r
		     : buf_add_str(b, ",\"is_stream\":false,\"meta\":{\"_type\":"
				      "\"gradio.FileData\"}}");
}

static int read_file(struct converting *c, struct slice object)
{
	char path[GRADIO_NAME_MAX + ID_LEN + 16], id[ID_LEN + 1];
	struct file_info info;
	int r;

	if (!slice_text(slice_member(object, "path"), path, sizeof(path)) ||
		!gradio_path_id(path, strlen(path), id) || !c->find(id, &info, c->data))
		return err_set(c->e, -EINVAL,
			"a file's path is not one that this Space has given out; upload the file "
			"first");
	r = buf_addf(c->b, "{\"file\":\"%s\"", info.id);
	if (r == 0)
		r = add_quoted(c->b, "name", info.name);
	if (r == 0)
		r = add_quoted(c->b, "type", info.type);
	return r < 0 ? r : buf_addf(c->b, ",\"size\":%llu}", (unsigned long long)info.size);
}

/* 1: it was a file and has been written. */
static int try_file(struct converting *c, struct slice object)
{
	struct file_info info;
	char id[64];
	int r;

	if (!c->api) {
		struct slice meta = slice_member(object, "meta");

		if (!slice_is_string(slice_member(meta, "_type"), "gradio.FileData"))
			return 0;
		r = read_file(c, object);
		return r < 0 ? r : 1;
	}
	if (!slice_text(slice_member(object, "file"), id, sizeof(id)) ||
		!file_id_is_valid(id, strlen(id)) || !c->find(id, &info, c->data))
		return 0;
	r = write_file(c, &info);
	return r < 0 ? r : 1;
}

/* --- all of a value --- */

static int convert_members(struct converting *c, struct slice value)
{
	struct slice_walk w;
	struct slice key, member;
	bool first = true;
	int r;

	(void)slice_walk_begin(value, &w);
	r = buf_add(c->b, value.at, 1);
	while (r == 0 && slice_walk_next(&w, &key, &member)) {
		if (!first)
			r = buf_add(c->b, ",", 1);
		first = false;
		if (r == 0 && w.object)
			r = buf_add(c->b, key.at, key.n);
		if (r == 0 && w.object)
			r = buf_add(c->b, ":", 1);
		if (r == 0)
			r = convert(c, member);
	}
	return r < 0 ? r : buf_add(c->b, w.object ? "}" : "]", 1);
}

/* Its depth is bounded: the text was found well formed. */
static int convert(struct converting *c, struct slice value)
{
	struct slice_walk w;
	int r;

	if (!slice_walk_begin(value, &w) || !holds(value, c->api ? "\"file\"" : "gradio.FileData"))
		return buf_add(c->b, value.at, value.n);
	r = w.object ? try_file(c, value) : 0;
	if (r != 0)
		return r < 0 ? r : 0;
	return convert_members(c, value);
}

int gradio_read_value(
	struct buf *b, struct slice value, gradio_file_fn find, void *data, struct err *e)
{
	struct converting c = {.b = b, .find = find, .data = data, .e = e};

	return convert(&c, value);
}

int gradio_write_value(
	struct buf *b, struct slice value, const char *api, gradio_file_fn find, void *data)
{
	struct converting c = {.b = b, .find = find, .data = data, .api = api};

	return convert(&c, value);
}

/* --- arrays of outputs --- */

/* The next one; null where there is none. */
static struct slice next_of(struct slice_walk *w, bool walks)
{
	struct slice value;

	return walks && slice_walk_next(w, NULL, &value) ? value : slice_of("null", 4);
}

int gradio_write_values(struct buf *b, struct slice values, size_t n)
{
	struct slice_walk w;
	bool walks = slice_walk_begin(values, &w);
	int r = buf_add(b, "[", 1);

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct slice value = next_of(&w, walks);

		if (i > 0)
			r = buf_add(b, ",", 1);
		if (r == 0)
			r = buf_add(b, value.at, value.n);
	}
	return r < 0 ? r : buf_add(b, "]", 1);
}

/* The old text, without its closing quote, begins the new one. */
static bool grows(struct slice old, struct slice new)
{
	return old.n > 2 && new.n > old.n &&*old.at == '"' && *new.at == '"' &&
	       !memcmp(old.at, new.at, old.n - 1);
}

static int write_edits(struct buf *b, struct slice old, struct slice new)
{
	int r;

	if (old.n == new.n && !memcmp(old.at, new.at, old.n))
		return buf_add_str(b, "[]");
	if (grows(old, new)) {
		r = buf_add_str(b, "[[\"append\",[],\"");
		if (r == 0)
			r = buf_add(b, new.at + old.n - 1, new.n - (old.n - 1));
	} else {
		r = buf_add_str(b, "[[\"replace\",[],");
		if (r == 0)
			r = buf_add(b, new.at, new.n);
	}
	return r < 0 ? r : buf_add_str(b, "]]");
}

int gradio_write_diff(struct buf *b, struct slice old, struct slice new, size_t n)
{
	struct slice_walk was, is;
	bool had = slice_walk_begin(old, &was), has = slice_walk_begin(new, &is);
	int r = buf_add(b, "[", 1);

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct slice before = next_of(&was, had), now = next_of(&is, has);

		if (i > 0)
			r = buf_add(b, ",", 1);
		if (r == 0)
			r = write_edits(b, before, now);
	}
	return r < 0 ? r : buf_add(b, "]", 1);
}
