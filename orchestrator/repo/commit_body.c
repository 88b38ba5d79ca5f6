#include "orchestrator/repo/commit_body.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "orchestrator/repo/commit_lines.h"

struct commit_body {
	struct draft *draft; /* borrowed */
	const struct commit_body_ops *ops;
	void *data;
	struct commit_lines *lines; /* owned */
	struct spool content;
	struct buf message;
	bool has_header;
};

static int take_header(struct commit_body *b, const struct commit_line *l, struct err *e)
{
	int r;

	if (b->has_header)
		return err_set(e, -EBADMSG, "header: stands there twice");
	if (!*l->summary)
		return err_set(e, -EBADMSG, "summary: is missing");
	if (*l->parent && strcmp(l->parent, draft_parent(b->draft)) != 0)
		return err_set(e, -ESTALE,
			"parentCommit: the branch is at %.12s now; fetch it and try again",
			*draft_parent(b->draft) ? draft_parent(b->draft) : "no commit");
	b->has_header = true;
	r = buf_add_str(&b->message, l->summary);
	if (r == 0 && *l->description)
		r = buf_addf(&b->message, "\n\n%s", l->description);
	if (r == 0 && b->message.data[b->message.len - 1] != '\n')
		r = buf_add_str(&b->message, "\n"); /* as git ends its own */
	return r < 0 ? err_set(e, r, "out of memory") : 0;
}

static int take_pointer(struct commit_body *b, const struct commit_line *l, struct err *e)
{
	struct pointer p = {.size = 0};
	int r;

	if (!oid_is_valid(l->oid))
		return err_set(e, -EBADMSG, "oid: must be the SHA-256 in lower-case hexadecimal");
	memcpy(p.oid, l->oid, sizeof(p.oid));
	r = b->ops->find_lfs(p.oid, &p.size, b->data);
	if (r == -ENOENT)
		return err_set(e, -EINVAL,
			"%s: its content has not been uploaded; send it to git-lfs first", l->path);
	if (r < 0)
		return err_set(e, r, "%s: cannot be looked up now", l->path);
	if (l->size >= 0 && (uint64_t)l->size != p.size)
		return err_set(e, -EINVAL, "%s: has %llu bytes, not %lld", l->path,
			(unsigned long long)p.size, (long long)l->size);
	return draft_put_pointer(b->draft, l->path, &p, e);
}

static int on_line(const struct commit_line *l, void *data, struct err *e)
{
	struct commit_body *b = data;
	int r;

	if (l->key != COMMIT_HEADER && !b->has_header)
		return err_set(e, -EBADMSG, "header: must be the first line");
	switch (l->key) {
	case COMMIT_HEADER:
		r = take_header(b, l, e);
		break;
	case COMMIT_FILE:
		r = draft_put(b->draft, l->path, &b->content, l->base64, e);
		break;
	case COMMIT_LFS_FILE:
		r = take_pointer(b, l, e);
		break;
	default:
		r = draft_delete(b->draft, l->path, l->key == COMMIT_DELETED_FOLDER, e);
	}
	spool_clear(&b->content);
	return r;
}

/* Base64 takes a third more; the exact size is draft_put's to check. */
#define CONTENT_MAX (DRAFT_FILE_MAX / 3 * 4 + 8)

static int on_content(const char *bytes, size_t n, void *data, struct err *e)
{
	struct commit_body *b = data;

	if (b->content.bytes + n > CONTENT_MAX)
		return err_set(e, -EFBIG,
			"content: a file is over %u MiB; a file of that size is kept in git-lfs",
			DRAFT_FILE_MAX >> 20);
	return spool_add(&b->content, bytes, n, e);
}

static const struct commit_lines_ops line_ops = {.on_content = on_content, .on_line = on_line};

int commit_body_new(struct draft *d, const struct commit_body_ops *ops, void *data,
	struct commit_body **ret, struct err *e)
{
	CLEANUP(commit_body_freep) struct commit_body *b = calloc(1, sizeof(*b));

	if (!b)
		return err_set(e, -ENOMEM, "out of memory");
	*b = (struct commit_body){.draft = d, .ops = ops, .data = data};
	spool_init(&b->content, draft_quarantine(d));
	buf_init(&b->message, COMMIT_SUMMARY_MAX + COMMIT_DESCRIPTION_MAX + 3);
	if (commit_lines_new(&line_ops, b, &b->lines) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	*ret = TAKE_PTR(b);
	return 0;
}

struct commit_body *commit_body_free(struct commit_body *b)
{
	if (!b)
		return NULL;
	(void)commit_lines_free(b->lines);
	spool_done(&b->content);
	buf_done(&b->message);
	free(b);
	return NULL;
}

int commit_body_feed(struct commit_body *b, const char *bytes, size_t n, struct err *e)
{
	return commit_lines_feed(b->lines, bytes, n, e);
}

int commit_body_end(struct commit_body *b, struct err *e)
{
	int r = commit_lines_end(b->lines, e);

	if (r == 0 && !b->has_header)
		r = err_set(e, -EBADMSG, "header: is missing");
	return r;
}

const char *commit_body_message(const struct commit_body *b)
{
	return buf_str(&b->message);
}
