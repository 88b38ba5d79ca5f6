#include "orchestrator/serving.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "orchestrator/hub/lfs.h"
#include "orchestrator/repo/model_files.h"
#include "orchestrator/repo/readers.h"

#define TREE_ENTRIES_MAX 5000
#define TREE_TEXT_MAX (4u << 20)
#define FOLDER_MAX 1024

struct serving {
	struct world *world; /* borrowed */
	serving_fn fn;
	void *data;
	char repo_id[ID_LEN + 1], commit[COMMIT_HEX + 1];
	char folder[FOLDER_MAX];
	char digest[SHA256_HEX + 1]; /* of the files that are served now, then of these */
	struct reading *reading;     /* owned */
	json_t *files;               /* owned; NULL: the tree is being listed */
	size_t file;                 /* that is being written */
};

static void end(struct serving *s, int outcome, const struct err *e)
{
	char digest[SHA256_HEX + 1];
	serving_fn fn = s->fn;
	void *data = s->data;

	memcpy(digest, s->digest, sizeof(digest));
	(void)serving_free(s);
	fn(outcome, digest, e, data);
}

/* Ours are read by inference, whatever our umask. */
int serving_make_folder(const char *path, struct err *e)
{
	if ((mkdir(path, 0755) < 0 && errno != EEXIST) || chmod(path, 0755) < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

/* --- files --- */

static const json_t *file_at(const struct serving *s)
{
	return json_array_get(s->files, s->file);
}

/* Of the fresh folder; those above it are made. */
static int make_way(
	const struct serving *s, const char *path, char ret[2 * FOLDER_MAX], struct err *e)
{
	size_t top;
	int r = 0;

	top = (size_t)snprintf(ret, FOLDER_MAX, "%s/", s->folder);
	if (snprintf(ret + top, 2 * FOLDER_MAX - top, "%s", path) >= (int)(FOLDER_MAX - 64))
		return err_set(e, -ENAMETOOLONG, "%.100s…: the path is too long", path);
	for (char *slash = strchr(ret + top, '/'); r == 0 && slash;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = serving_make_folder(ret, e);
		*slash = '/';
	}
	return r;
}

static int copy_bytes(int from, int to)
{
	static char bytes[1 << 20]; /* single-threaded */
	off_t at = 0;
	ssize_t n;

	while ((n = pread(from, bytes, sizeof(bytes), at)) > 0) {
		int r = fs_write_all(to, bytes, (size_t)n);

		if (r < 0)
			return r;
		at += n;
	}
	return n < 0 ? -errno : 0;
}

static int write_file(struct serving *s, int from, struct err *e)
{
	const char *path = json_string_value(json_object_get(file_at(s), "path"));
	CLEANUP(closep) int to = -1;
	char full[2 * FOLDER_MAX];
	int r = make_way(s, path, full, e);

	if (r < 0)
		return r;
	to = open(full, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	r = to < 0 ? -errno : copy_bytes(from, to);
	if (r == 0 && fchmod(to, 0444) < 0)
		r = -errno;
	return r < 0 ? err_set(e, r, "%.150s: %s", path, strerror(-r)) : 0;
}

static int link_file(struct serving *s, const json_t *lfs, struct err *e)
{
	const char *path = json_string_value(json_object_get(file_at(s), "path"));
	const char *oid = json_string_value(json_object_get(lfs, "oid"));
	json_int_t size = json_integer_value(json_object_get(lfs, "size"));
	char full[2 * FOLDER_MAX];
	uint64_t have;
	int r = oid ? lfs_size(s->world->store, s->repo_id, oid, &have, e) : -ENOENT;

	if (r == 0 && (json_int_t)have != size)
		r = err_set(e, -ENOENT, "its pointer says another size");
	if (r == 0)
		r = make_way(s, path, full, e);
	if (r == 0)
		r = blob_link(s->world->blobs, oid, full, e);
	return r < 0 ? err_wrap(e, "%.150s", path) : 0;
}

static void next_file(struct serving *s);

/* What became of a job; 0: head and body are there. */
static int check_answer(const struct reading_answer *a, struct err *e)
{
	const char *words = json_string_value(json_object_get(a->head, "words"));

	if (!a->head)
		return err_set(e, a->e->code, "%s", a->e->text);
	if (json_object_get(a->head, "error"))
		return err_set(e, -EIO, "%s", words && *words ? words : "it cannot be read");
	return 0;
}

static void on_content(struct reading_answer *a, void *data)
{
	struct serving *s = data;
	struct err e = {0};
	int r = check_answer(a, &e);

	s->reading = NULL;
	if (r == 0)
		r = write_file(s, a->body, &e);
	if (r < 0) {
		end(s, r, &e);
		return;
	}
	s->file++;
	next_file(s);
}

static int ask_reader(struct serving *s, json_t *args, bool tree, reading_fn fn, struct err *e)
{
	char path[REPO_PATH_MAX];
	const struct reading_plan plan = {
		.repo = path, .args = args, .heavy = tree, .content = !tree, .input = -1};

	repo_path(&s->world->repos, s->repo_id, path);
	return readers_ask(s->world->readers, &plan, fn, s, &s->reading, e);
}

static int ask_content(struct serving *s, struct err *e)
{
	const char *path = json_string_value(json_object_get(file_at(s), "path"));

	return ask_reader(s,
		json_pack("{s:s, s:o}", "op", "content", "rest",
			json_sprintf("%s/%s", s->commit, path)),
		false, on_content, e);
}

static void next_file(struct serving *s)
{
	struct err e = {0};
	int r = 0;

	while (r == 0 && s->file < json_array_size(s->files)) {
		const json_t *lfs = json_object_get(file_at(s), "lfs");

		if (!lfs) {
			r = ask_content(s, &e);
			if (r == 0)
				return;
			break;
		}
		r = link_file(s, lfs, &e);
		s->file++;
	}
	if (r < 0)
		end(s, r, &e);
	else
		end(s, SERVING_READY, &e);
}

/* --- the tree --- */

static int read_tree(const struct reading_answer *a, json_t **ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	int r;

	buf_init(&text, TREE_TEXT_MAX);
	if (json_object_get(a->head, "next"))
		return err_set(e, -E2BIG, "over %d files and folders", TREE_ENTRIES_MAX);
	if (lseek(a->body, 0, SEEK_SET) < 0)
		return err_set(e, -errno, "cannot read the answer: %s", strerror(errno));
	r = fs_read_fd(a->body, &text, e);
	return r < 0 ? r : json_parse(text.data, text.len, TREE_TEXT_MAX, ret, e);
}

/* 0: its files are to be written; 1: there is nothing to do, the outcome is in *ret. */
static int take_tree(
	struct serving *s, const struct reading_answer *a, enum serving_outcome *ret, struct err *e)
{
	CLEANUP(json_unrefp) json_t *tree = NULL;
	char digest[SHA256_HEX + 1];
	int r = read_tree(a, &tree, e);

	if (r == 0)
		r = model_files_pick(tree, &s->files, e);
	if (r < 0)
		return r;
	*ret = SERVING_NONE;
	if (json_array_size(s->files) == 0)
		return 1;
	r = model_files_digest(s->files, digest);
	if (r < 0)
		return err_set(e, r, "out of memory");
	*ret = SERVING_SAME;
	if (!strcmp(digest, s->digest))
		return 1;
	memcpy(s->digest, digest, sizeof(digest));
	(void)fs_remove_tree(s->folder);
	return serving_make_folder(s->folder, e);
}

static void on_tree(struct reading_answer *a, void *data)
{
	enum serving_outcome outcome = SERVING_READY;
	struct serving *s = data;
	struct err e = {0};
	int r = check_answer(a, &e);

	s->reading = NULL;
	if (r == 0)
		r = take_tree(s, a, &outcome, &e);
	if (r < 0)
		end(s, r, &e);
	else if (r > 0)
		end(s, outcome, &e);
	else
		next_file(s);
}

/* --- life --- */

int serving_start(struct world *w, const struct serving_plan *plan, serving_fn fn, void *data,
	struct serving **ret, struct err *e)
{
	struct serving *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	*s = (struct serving){.world = w, .fn = fn, .data = data};
	(void)snprintf(s->repo_id, sizeof(s->repo_id), "%s", plan->repo_id);
	(void)snprintf(s->commit, sizeof(s->commit), "%s", plan->commit);
	(void)snprintf(s->folder, sizeof(s->folder), "%s", plan->folder);
	(void)snprintf(s->digest, sizeof(s->digest), "%s", plan->digest);
	r = ask_reader(s,
		json_pack("{s:s, s:s, s:b, s:b, s:i}", "op", "tree", "rest", s->commit, "recursive",
			1, "expand", 0, "limit", TREE_ENTRIES_MAX),
		true, on_tree, e);
	if (r < 0)
		(void)serving_free(s);
	else
		*ret = s;
	return r;
}

struct serving *serving_free(struct serving *s)
{
	if (!s)
		return NULL;
	reading_cancel(s->reading);
	json_decref(s->files);
	free(s);
	return NULL;
}
