#include "orchestrator/reader/jobs.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "orchestrator/reader/job.h"
#include "orchestrator/reader/lists.h"
#include "orchestrator/reader/overview.h"
#include "orchestrator/repo/diff.h"
#include "orchestrator/repo/safetensors.h"

static void set_error(struct job *j, const char *code)
{
	(void)json_object_set_new(j->head, "error", json_string(code));
}

/* --- one file --- */

static int write_content(struct job *j, const git_oid *oid, struct err *e)
{
	git_odb_object *object;
	int r = look_read(&j->look, oid, CONTENT_MAX, &object, e);
	size_t n;

	if (r < 0)
		return r == -EFBIG ? err_wrap(e, "a file this large belongs into LFS") : r;
	n = git_odb_object_size(object);
	if (fwrite(git_odb_object_data(object), 1, n, j->body) != n)
		r = err_set(e, -errno, "cannot write the answer: %s", strerror(errno));
	git_odb_object_free(object);
	return r;
}

/* {rest, raw, known, bodiless}: the file's content, unless it is known by its oid or lies
 * elsewhere. Head: {path, oid, size, lfs?: {oid, size}}. */
static int content(struct job *j, struct err *e)
{
	const char *known = json_string_value(json_object_get(j->args, "known"));
	bool raw = json_is_true(json_object_get(j->args, "raw"));
	bool bodiless = json_is_true(json_object_get(j->args, "bodiless"));
	struct entry en;
	char oid[41];
	int r = look_find(&j->look, &j->root, j->path, &en, e);

	if (r == 0 && entry_is_folder(&en))
		r = err_set(e, -ENOENT, "'%.150s' is a folder", j->path);
	if (r < 0) {
		if (r == -ENOENT)
			set_error(j, "EntryNotFound");
		return r;
	}
	(void)git_oid_tostr(oid, sizeof(oid), &en.oid);
	(void)json_object_set_new(j->head, "oid", json_string(oid));
	(void)json_object_set_new(j->head, "path", look_words(j->path, strlen(j->path)));
	(void)json_object_set_new(j->head, "size",
		json_integer((json_int_t)(raw && en.lfs ? en.pointer_size : en.size)));
	if (en.lfs)
		(void)json_object_set_new(j->head, "lfs",
			json_pack("{s:s, s:I}", "oid", en.pointer.oid, "size",
				(json_int_t)en.pointer.size));
	if (bodiless || (en.lfs && !raw) || (known && !strcmp(known, oid)))
		return 0;
	return write_content(j, &en.oid, e);
}

/* {rest, from?}: what a commit changed; from its first parent where nothing else is said. */
static int diff(struct job *j, struct err *e)
{
	const char *from = json_string_value(json_object_get(j->args, "from"));
	struct revision base = {0};
	json_t *changes = NULL;
	int r;

	if (from) {
		char path[REVISION_PATH_MAX];

		r = revision_split(j->look.repo, from, &base, path, e);
		if (r == 0 && *path)
			r = err_set(e, -ENOENT, "there is no revision '%.100s'", from);
		if (r == -ENOENT || r == -EINVAL)
			set_error(j, "RevisionNotFound");
	} else {
		r = diff_parent(&j->look, j->revision.commit, base.commit, e);
	}
	if (r == 0)
		r = diff_commits(&j->look, base.commit, j->revision.commit, &changes, e);
	if (r < 0)
		return r;
	(void)json_object_set_new(
		changes, "parent", *base.commit ? json_string(base.commit) : json_null());
	(void)json_object_set_new(changes, "commit", list_commit_json(j));
	return list_write(j, changes, e);
}

/* {tensors}: the header of a file of weights: INPUT, or path in the repo. */
static int weights(struct job *j, struct err *e)
{
	json_int_t max = json_integer_value(json_object_get(j->args, "tensors"));
	git_odb_object *object = NULL;
	json_t *answer = NULL;
	struct stat st;
	struct entry en;
	int r;

	if (j->input >= 0) {
		if (fstat(j->input, &st) < 0)
			return err_set(e, -errno, "cannot read the file: %s", strerror(errno));
		r = safetensors_read(j->input, (uint64_t)st.st_size, (size_t)max, &answer, e);
	} else {
		r = look_find(&j->look, &j->root, j->path, &en, e);
		if (r == 0)
			r = look_read(&j->look, &en.oid, CONTENT_MAX, &object, e);
		if (r < 0)
			set_error(j, "EntryNotFound");
		else
			r = safetensors_parse(git_odb_object_data(object),
				git_odb_object_size(object), git_odb_object_size(object),
				(size_t)max, &answer, e);
		git_odb_object_free(object);
	}
	return r < 0 ? r : list_write(j, answer, e);
}

/* --- all of them --- */

static const struct {
	const char *op;
	int (*fn)(struct job *j, struct err *e);
	bool revision; /* {rest}: the rest of the URL, from the revision on */
	bool path;     /* a path may follow it */
} ops[] = {
	{"overview", overview, true, false}, {"refs", list_refs, false, false},
	{"tree", list_tree, true, true}, {"paths", list_paths, true, false},
	{"commits", list_commits, true, false}, {"content", content, true, true},
	{"diff", diff, true, false}, {"weights", weights, true, true},
	{"sum", weights, false, false}, /* of INPUT */
};

static int find_revision(struct job *j, bool path, struct err *e)
{
	const char *rest = json_string_value(json_object_get(j->args, "rest"));
	int r = revision_split(j->look.repo, rest ? rest : "HEAD", &j->revision, j->path, e);

	if (r == 0 && *j->path && !path)
		r = err_set(e, -ENOENT, "there is no revision '%.100s'", rest);
	if (r == -ENOENT) {
		j->revision.commit[0] = '\0';
		set_error(j, "RevisionNotFound");
	}
	if (r == 0 || r == -EINVAL)
		(void)json_object_set_new(j->head, "commit", json_string(j->revision.commit));
	if (r == -EINVAL)
		set_error(j, path ? "EntryNotFound" : "RevisionNotFound");
	return r < 0 ? r : look_root(&j->look, j->revision.commit, &j->root, e);
}

static int do_op(struct job *j, struct err *e)
{
	const char *op = json_string_value(json_object_get(j->args, "op"));

	for (size_t i = 0; op && i < sizeof(ops) / sizeof(ops[0]); i++) {
		int r = 0;

		if (strcmp(ops[i].op, op) != 0)
			continue;
		if (ops[i].revision)
			r = find_revision(j, ops[i].path, e);
		if (r == -ENOENT && ops[i].fn == overview && !json_object_get(j->args, "rest"))
			r = 0;
		if (r == 0)
			r = ops[i].fn(j, e);
		if (r == 0 && fflush(j->body) != 0)
			r = err_set(e, -errno, "cannot write the answer: %s", strerror(errno));
		return r;
	}
	return err_set(e, -EINVAL, "no such op");
}

void job_do(const json_t *args, FILE *body, int input_fd,
	int (*confine)(const char *repo, struct err *e), json_t **ret_head)
{
	struct job *j = calloc(1, sizeof(*j));
	const char *repo = json_string_value(json_object_get(args, "repo"));
	struct err e = {0};
	int r = -ENOMEM;

	*ret_head = json_object();
	if (j) {
		j->args = args;
		j->body = body;
		j->input = input_fd;
		j->head = *ret_head;
		r = repo ? confine(repo, &e) : err_set(&e, -EINVAL, "no repo");
	}
	if (r == 0)
		r = look_open(repo, &j->look, &e);
	if (r == 0)
		r = do_op(j, &e);
	if (r == 0)
		(void)json_object_del(*ret_head, "error");
	if (r < 0) {
		if (!json_object_get(*ret_head, "error"))
			(void)json_object_set_new(*ret_head, "error", json_string(""));
		(void)json_object_set_new(*ret_head, "code", json_integer(r));
		(void)json_object_set_new(*ret_head, "words", look_words(e.text, strlen(e.text)));
	}
	if (j)
		look_close(&j->look);
	free(j);
}
