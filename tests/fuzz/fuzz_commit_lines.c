/*
 * The body of a commit by a stranger: whole and in pieces it means the same, and every text that
 * comes out keeps its limit. Input: the size of a piece, then the body.
 */
#include <string.h>

#include "base/buf.h"
#include "orchestrator/repo/commit_lines.h"
#include "tests/support/fuzz.h"

static int on_content(const char *bytes, size_t n, void *data, struct err *e)
{
	(void)e;
	return buf_add(data, bytes, n);
}

static int on_line(const struct commit_line *l, void *data, struct err *e)
{
	(void)e;
	MUST(strlen(l->summary) <= COMMIT_SUMMARY_MAX);
	MUST(strlen(l->description) <= COMMIT_DESCRIPTION_MAX);
	MUST(strlen(l->path) <= COMMIT_PATH_MAX && strlen(l->oid) <= 64);
	MUST(l->key == COMMIT_HEADER || *l->path);
	return buf_addf(data, "\n%d %s %s %s %s %s %lld %d\n", l->key, l->summary, l->description,
		l->parent, l->path, l->oid, (long long)l->size, l->base64);
}

static const struct commit_lines_ops ops = {.on_content = on_content, .on_line = on_line};

static int read_all(const char *body, size_t n, size_t piece, struct buf *ret, struct err *e)
{
	CLEANUP(commit_lines_freep) struct commit_lines *c = NULL;
	int r = 0;

	buf_init(ret, 1 << 24);
	MUST(commit_lines_new(&ops, ret, &c) == 0);
	for (size_t at = 0; r == 0 && at < n; at += piece)
		r = commit_lines_feed(c, body + at, piece < n - at ? piece : n - at, e);
	return r < 0 ? r : commit_lines_end(c, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, pieces;
	struct err a = {0}, b = {0};
	int r;

	if (size < 1)
		return 0;
	r = read_all((const char *)data + 1, size - 1, size, &whole, &a);
	MUST(read_all((const char *)data + 1, size - 1, 1 + data[0] % 16, &pieces, &b) == r);
	MUST(!strcmp(a.text, b.text));
	MUST(r < 0 || (whole.len == pieces.len && !strcmp(buf_str(&whole), buf_str(&pieces))));
	buf_done(&whole);
	buf_done(&pieces);
	return 0;
}
