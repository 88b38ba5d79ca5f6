#include "orchestrator/space/preview.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/utf8.h"

#define SUM_HEX 6 /* digits of a branch's SHA-256 in its label */

/* --- names --- */

/* Letters and digits with single '-' between them. Returns the length; *ret_exact: nothing of the
 * branch is lost. */
static size_t slug(const char *branch, size_t max, char *ret, bool *ret_exact)
{
	size_t n = 0;

	*ret_exact = true;
	for (const char *p = branch; *p; p++) {
		char c = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		*ret_exact = *ret_exact && c == *p && (plain || c == '-');
		if (!plain && (n == 0 || ret[n - 1] == '-')) {
			*ret_exact = false;
			continue;
		}
		if (n == max) {
			*ret_exact = false;
			break;
		}
		ret[n++] = plain ? c : '-';
	}
	while (n > 0 && ret[n - 1] == '-') {
		n--;
		*ret_exact = false;
	}
	ret[n] = '\0';
	return n;
}

void preview_label(const char *branch, size_t max, char ret[PREVIEW_LABEL_MAX + 1])
{
	char sum[SHA256_HEX + 1], words[PREVIEW_LABEL_MAX + 1];
	bool exact;
	size_t n = slug(branch, max, words, &exact);

	if (exact && n > 0) {
		memcpy(ret, words, n + 1);
		return;
	}
	n = slug(branch, max - SUM_HEX - 1, words, &exact);
	sha256_hex(branch, strlen(branch), sum);
	(void)snprintf(ret, PREVIEW_LABEL_MAX + 1, "%.*s-%.*s", n ? (int)n : 1, n ? words : "b",
		SUM_HEX, sum);
}

int preview_name(const char *name, const char *branch, char ret[SPACE_NAME_MAX + 1], struct err *e)
{
	size_t n = strlen(name) + strlen(PREVIEW_MARK);
	size_t room = n < SPACE_NAME_MAX ? SPACE_NAME_MAX - n : 0;
	char label[PREVIEW_LABEL_MAX + 1];

	if (utf8_cut(branch, strlen(branch), strlen(branch)) != strlen(branch))
		return err_set(e, -EINVAL, "its name is not UTF-8");
	if (room < PREVIEW_LABEL_MIN)
		return err_set(e, -EINVAL,
			"a Space's name of over %zu characters leaves no room for the address of a "
			"preview",
			SPACE_NAME_MAX - strlen(PREVIEW_MARK) - PREVIEW_LABEL_MIN);
	preview_label(branch, room < PREVIEW_LABEL_MAX ? room : PREVIEW_LABEL_MAX, label);
	(void)snprintf(ret, SPACE_NAME_MAX + 1, "%s" PREVIEW_MARK "%s", name, label);
	return 0;
}

/* --- rows --- */

/* Columns as in preview_by_branch. */
static void read_preview(const struct store_row *row, struct preview *p)
{
	*p = (struct preview){.pushed_usec = store_int(row, 3), .pending = store_int(row, 5)};
	(void)snprintf(p->id, sizeof(p->id), "%s", store_text(row, 0));
	(void)snprintf(p->parent, sizeof(p->parent), "%s", store_text(row, 1));
	(void)snprintf(p->branch, sizeof(p->branch), "%s", store_text(row, 2));
	(void)snprintf(p->live_build, sizeof(p->live_build), "%s", store_text(row, 4));
	(void)snprintf(p->owner, sizeof(p->owner), "%s", store_text(row, 6));
	(void)snprintf(p->name, sizeof(p->name), "%s", store_text(row, 7));
}

struct list {
	struct preview *rows;
	size_t n, max;
};

static int append(const struct store_row *row, void *data)
{
	struct list *l = data;

	if (l->n == l->max)
		return 1;
	read_preview(row, &l->rows[l->n++]);
	return 0;
}

struct adding {
	struct store *store;
	const struct preview *preview;
};

static int add_row(void *data, struct err *e)
{
	const struct adding *a = data;
	const struct preview *p = a->preview;
	int r = store_run(a->store, "preview_add", NULL, NULL, e, "sssi", p->id, p->parent,
		p->branch, p->pushed_usec);

	return r < 0 ? r : 0;
}

int preview_add(struct store *s, const struct hub_repo *parent, const char *branch,
	int64_t now_usec, struct preview *ret, struct err *e)
{
	char name[SPACE_NAME_MAX + 1];
	struct adding a = {.store = s, .preview = ret};
	struct hub_repo repo;
	int r;

	*ret = (struct preview){.pushed_usec = now_usec};
	r = preview_name(parent->name, branch, name, e);
	if (r < 0)
		return r;
	hub_prepare(&repo, REPO_PREVIEW, parent->owner, name, parent->private);
	memcpy(repo.maker, parent->maker, sizeof(repo.maker));
	memcpy(ret->id, repo.id, sizeof(ret->id));
	memcpy(ret->parent, parent->id, sizeof(ret->parent));
	(void)snprintf(ret->branch, sizeof(ret->branch), "%s", branch);
	(void)snprintf(ret->owner, sizeof(ret->owner), "%s", parent->owner);
	memcpy(ret->name, name, sizeof(ret->name));
	return hub_add_with(s, &repo, add_row, &a, e);
}

int preview_by_branch(struct store *s, const char *parent_id, const char *branch,
	struct preview *ret, struct err *e)
{
	struct list l = {.rows = ret, .max = 1};
	int r = store_run(s, "preview_by_branch", append, &l, e, "ss", parent_id, branch);

	if (r < 0)
		return r;
	return l.n ? 0 : err_set(e, -ENOENT, "branch '%.80s' has no preview", branch);
}

int preview_list(
	struct store *s, const char *parent_id, struct preview *ret, size_t max, struct err *e)
{
	struct list l = {.rows = ret, .max = max};
	int r = store_run(s, "preview_list", append, &l, e, "si", parent_id, (int64_t)max);

	return r < 0 ? r : (int)l.n;
}

int preview_list_due(
	struct store *s, int64_t before_usec, struct preview *ret, size_t max, struct err *e)
{
	struct list l = {.rows = ret, .max = max};
	int r = store_run(s, "preview_due", append, &l, e, "ii", before_usec, (int64_t)max);

	return r < 0 ? r : (int)l.n;
}

int preview_list_after(
	struct store *s, const char *id, struct preview *ret, size_t max, struct err *e)
{
	struct list l = {.rows = ret, .max = max};
	int r = store_run(s, "preview_after", append, &l, e, "si", id, (int64_t)max);

	return r < 0 ? r : (int)l.n;
}

int preview_pushed(struct store *s, const char *id, int64_t now_usec, struct err *e)
{
	int r = store_run(s, "preview_pushed", NULL, NULL, e, "si", id, now_usec);

	return r < 0 ? r : 0;
}

int preview_follow(
	struct store *s, const struct preview *p, const struct hub_repo *parent, struct err *e)
{
	char name[SPACE_NAME_MAX + 1];
	int r = preview_name(parent->name, p->branch, name, e);

	if (r == 0)
		r = store_begin(s, e);
	if (r == 0)
		r = store_run(s, "preview_follow", NULL, NULL, e, "sssi", p->id, parent->owner,
			name, (int64_t)parent->private);
	if (r >= 0)
		r = store_run(s, "space_grow_epoch", NULL, NULL, e, "s", p->id);
	if (r >= 0)
		r = store_commit(s, e);
	store_rollback(s);
	return r < 0 ? r : 0;
}
