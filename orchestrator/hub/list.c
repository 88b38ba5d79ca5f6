#include "orchestrator/hub/list.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Each goes through an index in its order, and ends when it has enough. */
static const char *const orders[LIST_SORTS] = {
	[LIST_UPDATED] = "repo_list by updated_usec",
	[LIST_CREATED] = "repo_list by created_usec",
	[LIST_LIKES] = "repo_list by likes",
	[LIST_TRENDING] = "repo_list by heat",
};

struct walk {
	int (*fn)(const struct list_row *row, void *data);
	void *data;
};

static int read_row(const struct store_row *row, void *data)
{
	const struct walk *w = data;
	struct list_row r = {.repo = {.kind = (enum repo_kind)store_int(row, 1),
				     .private = store_int(row, 4) != 0,
				     .likes = store_int(row, 5),
				     .created_usec = store_int(row, 6),
				     .updated_usec = store_int(row, 7)},
		.number = store_int(row, 8),
		.key = store_int(row, 9),
		.title = store_text(row, 10),
		.sdk = store_text(row, 11),
		.card = store_text(row, 12),
		.emoji = store_text(row, 13),
		.bundle = store_text(row, 14),
		.commit = store_text(row, 15)};

	(void)snprintf(r.repo.id, sizeof(r.repo.id), "%s", store_text(row, 0));
	(void)snprintf(r.repo.owner, sizeof(r.repo.owner), "%s", store_text(row, 2));
	(void)snprintf(r.repo.name, sizeof(r.repo.name), "%s", store_text(row, 3));
	return w->fn(&r, w->data);
}

/* The search text as a LIKE pattern: %text%, with its own wildcards escaped, in lower case. */
static void make_pattern(const char *text, char ret[2 * LIST_SEARCH_MAX + 3])
{
	char *p = ret;

	*p++ = '%';
	for (; *text; text++) {
		if (strchr("%_\\", *text))
			*p++ = '\\';
		*p++ = *text >= 'A' && *text <= 'Z' ? (char)(*text + 32) : *text;
	}
	*p++ = '%';
	*p = '\0';
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/*
 * All words of the text, each as the beginning of a word, in FTS5's syntax: quoted, so that nothing
 * of it is an operator. Without a word it matches nothing.
 */
static void make_match(const char *text, char ret[6 * LIST_SEARCH_MAX + 8])
{
	char *p = ret;

	while (*text) {
		size_t n = 0;

		while (text[n] && is_word(text[n]))
			n++;
		if (n) {
			*p++ = '"';
			memcpy(p, text, n);
			p += n;
			p = stpcpy(p, "\"* ");
			text += n;
		} else {
			text++;
		}
	}
	if (p == ret)
		p = stpcpy(p, "\"\"");
	*p = '\0';
}

int hub_list(struct store *s, const struct list_query *q,
	int (*fn)(const struct list_row *row, void *data), void *data, struct err *e)
{
	char pattern[2 * LIST_SEARCH_MAX + 3], match[6 * LIST_SEARCH_MAX + 8] = "\"\"";
	struct walk w = {.fn = fn, .data = data};
	const char *tags[LIST_TAGS_MAX] = {NULL};

	if (q->search && strlen(q->search) > LIST_SEARCH_MAX)
		return err_set(e, -EINVAL, "search: over the limit of %d bytes", LIST_SEARCH_MAX);
	if (q->search) {
		make_pattern(q->search, pattern);
		if (!strchr(q->search, '/')) /* part of OWNER/NAME is no words */
			make_match(q->search, match);
	}
	for (size_t i = 0; i < q->n_tags && i < LIST_TAGS_MAX; i++)
		tags[i] = q->tags[i];
	return store_run(s, orders[q->sort], read_row, &w, e, "isisssssssiii", (int64_t)q->kind,
		q->viewer, (int64_t)q->all, q->author, q->search ? pattern : NULL, match, tags[0],
		tags[1], tags[2], tags[3], q->paged ? q->after_key : INT64_MAX,
		q->paged ? q->after_number : INT64_MAX, q->limit);
}
