#include "orchestrator/hub/note.h"

#include <errno.h>
#include <git2.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "orchestrator/repo/card.h"
#include "orchestrator/repo/library.h"
#include "orchestrator/repo/repo.h"

#define README_READ_MAX (1u << 20)
#define SOURCES_MAX 64 /* files */
#define MISSED_LOOK 32 /* repos in one go */

struct note {
	git_repository *git; /* owned */
	git_tree *tree;      /* owned; NULL: nothing on main */
	char head[41];
	json_t *card; /* owned; an object */
	json_t *tags; /* owned; an array of strings */
	struct buf text, source, words;
};

static void note_done(struct note *n)
{
	git_tree_free(n->tree);
	git_repository_free(n->git);
	json_decref(n->card);
	json_decref(n->tags);
	buf_done(&n->text);
	buf_done(&n->source);
	buf_done(&n->words);
}

/* --- reading --- */

static int open_main(struct note *n, const char *path, struct err *e)
{
	git_commit *commit = NULL;
	git_oid oid;
	int rc = git_repository_open_bare(&n->git, path);

	if (rc == 0)
		rc = git_reference_name_to_id(&oid, n->git, REPO_MAIN);
	if (rc == GIT_ENOTFOUND)
		return 0;
	if (rc == 0)
		rc = git_commit_lookup(&commit, n->git, &oid);
	if (rc == 0)
		rc = git_commit_tree(&n->tree, commit);
	git_commit_free(commit);
	if (rc < 0)
		return err_set(e, -EIO, "cannot read main: %s", library_words());
	(void)git_oid_tostr(n->head, sizeof(n->head), &oid);
	return 0;
}

/* A file's bytes, cut off after max; false: there is no such file, or it is too large to be text.
 */
static bool add_blob(struct note *n, const git_oid *oid, size_t max, struct buf *to)
{
	git_blob *blob = NULL;
	git_odb *odb = NULL;
	git_object_t type;
	size_t size = 0;
	bool small = git_repository_odb(&odb, n->git) == 0 &&
		     git_odb_read_header(&size, &type, odb, oid) == 0 && type == GIT_OBJECT_BLOB &&
		     size <= README_READ_MAX;

	git_odb_free(odb);
	if (!small || git_blob_lookup(&blob, n->git, oid) < 0)
		return false;
	if (size > max)
		size = max;
	if (to->len + size > to->max)
		size = to->max - to->len;
	small = !memchr(git_blob_rawcontent(blob), '\0', size) &&
		buf_add(to, git_blob_rawcontent(blob), size) == 0;
	git_blob_free(blob);
	return small;
}

static void read_card(struct note *n)
{
	const git_tree_entry *entry = git_tree_entry_byname(n->tree, "README.md");
	const char *readme, *yaml;
	size_t len = 0;

	if (!entry || !add_blob(n, git_tree_entry_id(entry), README_READ_MAX, &n->text))
		return;
	readme = buf_str(&n->text);
	(void)card_read(readme, n->text.len, &n->card, &(struct err){0});
	yaml = card_find(readme, n->text.len, &len);
	if (yaml && len < n->text.len) {
		size_t skip = (size_t)(yaml - readme) + len;

		memmove(n->text.data, n->text.data + skip, n->text.len - skip);
		n->text.len -= skip;
	}
	if (n->text.len > NOTE_TEXT_MAX)
		n->text.len = NOTE_TEXT_MAX;
}

static bool is_source(const char *name)
{
	static const char *const endings[] = {".lua", ".py", ".js", ".html"};
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (n > strlen(endings[i]) && !strcmp(name + n - strlen(endings[i]), endings[i]))
			return true;
	return false;
}

/* The app's own files lie at the top; what is below is seldom looked for by its text. */
static void read_source(struct note *n)
{
	size_t count = git_tree_entrycount(n->tree), files = 0;

	for (size_t i = 0; i < count && files < SOURCES_MAX && n->source.len < NOTE_TEXT_MAX; i++) {
		const git_tree_entry *entry = git_tree_entry_byindex(n->tree, i);

		if (git_tree_entry_type(entry) != GIT_OBJECT_BLOB ||
			!is_source(git_tree_entry_name(entry)))
			continue;
		files++;
		(void)add_blob(n, git_tree_entry_id(entry), NOTE_TEXT_MAX, &n->source);
		(void)buf_add_str(&n->source, "\n");
	}
}

/* --- tags --- */

static void add_tag(struct note *n, const char *prefix, const json_t *value)
{
	const char *text = json_string_value(value);
	char tag[NOTE_TAG_MAX + 1];

	if (!text || !*text || json_array_size(n->tags) >= NOTE_TAGS_MAX)
		return;
	if (snprintf(tag, sizeof(tag), "%s%s", prefix, text) >= (int)sizeof(tag))
		return;
	(void)json_array_append_new(n->tags, json_string(tag));
	(void)buf_add_str(&n->words, tag);
	(void)buf_add_str(&n->words, " ");
}

/* One word or a list of them, as cards have it. */
static void add_tags(struct note *n, const char *key, const char *prefix)
{
	const json_t *value = json_object_get(n->card, key), *one;
	size_t i;

	add_tag(n, prefix, value);
	json_array_foreach(value, i, one) add_tag(n, prefix, one);
}

static void list_tags(struct note *n)
{
	static const struct {
		const char *key, *prefix;
	} from[] = {{"tags", ""}, {"pipeline_tag", ""}, {"library_name", ""}, {"sdk", ""},
		{"license", "license:"}, {"language", "language:"}, {"datasets", "dataset:"},
		{"models", "model:"}, {"base_model", "base_model:"},
		{"task_categories", "task_categories:"}};

	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++)
		add_tags(n, from[i].key, from[i].prefix);
}

/* --- storing --- */

static const char *text_of(const json_t *card, const char *key)
{
	const char *text = json_string_value(json_object_get(card, key));

	return text ? text : "";
}

static const char *title_of(const struct note *n, const struct hub_repo *repo)
{
	const char *title = text_of(n->card, "title");

	if (repo->kind == REPO_SPACE)
		return ""; /* its page says it */
	return *title ? title : text_of(n->card, "pretty_name");
}

static int store_tags(
	struct store *s, const struct note *n, const struct hub_repo *repo, struct err *e)
{
	int r = store_run(s, "repo_tags_clear", NULL, NULL, e, "s", repo->id);
	const json_t *tag;
	size_t i;

	json_array_foreach(n->tags, i, tag)
	{
		if (r >= 0)
			r = store_run(s, "repo_tag_add", NULL, NULL, e, "ss", repo->id,
				json_string_value(tag));
	}
	return r;
}

static int store_note(struct store *s, struct note *n, const struct hub_repo *repo, struct err *e)
{
	CLEANUP(buf_done) struct buf card;
	int r;

	buf_init(&card, CARD_MAX * 2);
	if (json_write(&card, n->card) < 0) {
		buf_clear(&card);
		(void)buf_add_str(&card, "{}");
	}
	r = store_begin(s, e);
	if (r == 0)
		r = store_run(s, "repo_note", NULL, NULL, e, "sssssi", repo->id, n->head,
			text_of(n->card, "sdk"), buf_str(&card), title_of(n, repo),
			(int64_t)clock_wall_usec());
	if (r >= 0)
		r = store_tags(s, n, repo, e);
	if (r >= 0)
		r = store_run(s, "repo_text_delete", NULL, NULL, e, "s", repo->id);
	if (r >= 0)
		r = store_run(s, "repo_text_add", NULL, NULL, e, "ssss", repo->id,
			buf_str(&n->words), buf_str(&n->text), buf_str(&n->source));
	if (r >= 0)
		r = store_commit(s, e);
	store_rollback(s);
	return r < 0 ? r : 0;
}

int hub_note_push(struct store *s, const char *path, const struct hub_repo *repo, struct err *e)
{
	CLEANUP(note_done) struct note n = {.head = ""};
	int r;

	buf_init(&n.text, README_READ_MAX + 1);
	buf_init(&n.source, NOTE_TEXT_MAX + 1);
	buf_init(&n.words, NOTE_TEXT_MAX);
	r = open_main(&n, path, e);
	if (r < 0)
		return r;
	if (n.tree) {
		read_card(&n);
		read_source(&n);
	}
	if (!n.card)
		n.card = json_object();
	n.tags = json_array();
	if (!n.card || !n.tags)
		return err_set(e, -ENOMEM, "out of memory");
	list_tags(&n);
	return store_note(s, &n, repo, e);
}

/* --- after a crash --- */

struct noted {
	struct hub_repo repo; /* id, kind, owner and name */
	char head[41];
	int64_t number;
};

struct noted_list {
	struct noted rows[MISSED_LOOK];
	size_t n;
};

static int append_noted(const struct store_row *row, void *data)
{
	struct noted_list *l = data;
	struct noted *one = &l->rows[l->n++];

	one->repo = (struct hub_repo){.kind = (enum repo_kind)store_int(row, 1)};
	(void)snprintf(one->repo.id, sizeof(one->repo.id), "%s", store_text(row, 0));
	(void)snprintf(one->repo.owner, sizeof(one->repo.owner), "%s", store_text(row, 2));
	(void)snprintf(one->repo.name, sizeof(one->repo.name), "%s", store_text(row, 3));
	(void)snprintf(one->head, sizeof(one->head), "%s", store_text(row, 4));
	one->number = store_int(row, 5);
	return l->n == MISSED_LOOK ? 1 : 0;
}

/* True: it was missed. */
static bool note_if_missed(struct store *s, const struct repos *repos, const struct noted *one)
{
	char path[REPO_PATH_MAX], head[41] = "";
	struct err e = {0};
	int r;

	repo_path(repos, one->repo.id, path);
	if (!repo_exists(path)) /* nothing was ever put into it */
		return false;
	r = repo_main(path, head, &e);
	if (r == 0 && !strcmp(head, one->head))
		return false;
	if (r == 0)
		r = hub_note_push(s, path, &one->repo, &e);
	if (r < 0)
		log_warn("repo=%s/%s: lists do not know yet what it says: %s", one->repo.owner,
			one->repo.name, e.text);
	return r == 0;
}

int hub_note_missed(struct store *s, const struct repos *repos, int64_t *number, hub_missed_fn fn,
	void *data, struct err *e)
{
	struct noted_list l = {.n = 0};
	int r = store_run(
		s, "repo_heads", append_noted, &l, e, "ii", *number, (int64_t)MISSED_LOOK);

	if (r < 0)
		return r;
	for (size_t i = 0; i < l.n; i++)
		if (note_if_missed(s, repos, &l.rows[i]))
			fn(&l.rows[i].repo, data);
	if (l.n)
		*number = l.rows[l.n - 1].number;
	return l.n == MISSED_LOOK;
}
