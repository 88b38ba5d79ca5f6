#include "cli/repo/bundle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "cli/program.h"

#define REFS_TEXT_MAX (16u << 20)

void bundle_name(char ret[TAR_NAME_MAX], size_t number, const char *what)
{
	(void)snprintf(ret, TAR_NAME_MAX, "%zu/%s", number, what);
}

void bundle_large_name(char ret[TAR_NAME_MAX], size_t number, const char *oid)
{
	(void)snprintf(ret, TAR_NAME_MAX, "%zu/large/%.64s", number, oid);
}

int bundle_work_begin(struct bundle_work *w, struct err *e)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(
		w->dir, sizeof(w->dir), "%.400s/vitrine-repo-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(w->dir))
		return err_set(e, -errno, "%s: %s", w->dir, strerror(errno));
	(void)snprintf(w->repo, sizeof(w->repo), "%s/repo.git", w->dir);
	(void)snprintf(w->bundle, sizeof(w->bundle), "%s/" BUNDLE_HISTORY, w->dir);
	return 0;
}

void bundle_work_end(struct bundle_work *w)
{
	if (strlen(w->dir) > 6 && strcmp(w->dir + strlen(w->dir) - 6, "XXXXXX") != 0)
		(void)fs_remove_tree(w->dir);
}

int bundle_git(const char *dir, char *const argv[], struct err *e)
{
	const struct program_plan plan = {.dir = dir, .aloud = true};
	pid_t pid = program_start(&plan, argv, STDERR_FILENO, 0, e);
	int status = pid < 0 ? pid : program_end(pid);

	return status > 0 ? err_set(e, -EIO, "git %s failed; what it said is above", argv[1])
			  : status;
}

int bundle_refs(const char *dir, json_t **ret, struct err *e)
{
	char *const argv[] = {"git", "for-each-ref", "--format=%(objectname) %(refname)",
		"refs/heads", "refs/tags", NULL};
	CLEANUP(json_unrefp) json_t *refs = json_object();
	CLEANUP(buf_done) struct buf said;
	const struct program_plan plan = {.dir = dir, .said = &said};
	int r;

	buf_init(&said, REFS_TEXT_MAX);
	r = program_run(&plan, argv, e);
	if (r != 0)
		return r < 0 ? r : err_set(e, -EIO, "git: %.200s", buf_str(&said));
	for (const char *line = buf_str(&said); *line;) {
		size_t n = strcspn(line, "\n"), id = strcspn(line, " ");
		char ref[1024];

		if (id >= n || n - id > sizeof(ref))
			return err_set(e, -EIO, "git: a ref is no ref");
		(void)snprintf(ref, sizeof(ref), "%.*s", (int)(n - id - 1), line + id + 1);
		if (json_object_set_new(refs, ref, json_stringn(line, id)) < 0)
			return err_set(e, -EINVAL, "the name of a ref is no text (UTF-8)");
		line += n + (line[n] == '\n');
	}
	*ret = TAKE_PTR(refs);
	return 0;
}
