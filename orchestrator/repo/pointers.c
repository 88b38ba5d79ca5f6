#include "orchestrator/repo/pointers.h"

#include <errno.h>
#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "orchestrator/repo/git.h"
#include "orchestrator/repo/library.h"

#define ID_HEX 40
#define LINE_MAX_BYTES 4400 /* an id and a path; longer paths are cut in words */
#define PIECE 16384         /* of git's list in one turn of the loop: some hundred small files */

struct pointer_scan {
	struct loop *loop; /* borrowed */
	const struct pointer_scan_ops *ops;
	void *data;
	struct git *git;      /* owned */
	git_repository *repo; /* owned */
	git_odb *odb;         /* owned */
	struct source *later; /* owned; more to read in the next turn */
	char *tips;           /* owned; what git still has to be told */
	size_t tips_at, tips_n;
	char line[LINE_MAX_BYTES];
	size_t n;
	bool listed, ended; /* git's list is read whole; git itself is gone */
	bool unreadable;    /* a file of the list, so what it points to is not known */
	int status;
};

struct pointer_scan *pointer_scan_free(struct pointer_scan *s)
{
	if (!s)
		return NULL;
	git_free(s->git);
	(void)source_free(s->later);
	git_odb_free(s->odb);
	git_repository_free(s->repo);
	free(s->tips);
	free(s);
	return NULL;
}

static void finish_when_over(struct pointer_scan *s)
{
	const struct pointer_scan_ops *ops = s->ops;
	void *data = s->data;
	int outcome;

	if (!s->listed || !s->ended)
		return;
	outcome = WIFEXITED(s->status) && WEXITSTATUS(s->status) == 0 && !s->unreadable ? 0 : -EIO;
	(void)pointer_scan_free(s);
	ops->on_done(outcome, data);
}

/* "ID PATH": commits, which a filter spares, have no path. */
static void take_line(struct pointer_scan *s)
{
	git_odb_object *object = NULL;
	char named[SHA256_HEX + 1];
	git_object_t type;
	git_oid oid;
	size_t size, at = 0;

	s->line[s->n] = '\0';
	if (s->n < ID_HEX + 1 || s->line[ID_HEX] != ' ' ||
		git_oid_fromstrn(&oid, s->line, ID_HEX) < 0)
		return;
	if (git_odb_read_header(&size, &type, s->odb, &oid) < 0) {
		s->unreadable = true;
		return;
	}
	if (type != GIT_OBJECT_BLOB || size >= POINTER_NAMES_MAX)
		return;
	if (git_odb_read(&object, s->odb, &oid) < 0) {
		s->unreadable = true;
		return;
	}
	while (pointer_next_name(
		git_odb_object_data(object), git_odb_object_size(object), &at, named))
		s->ops->on_pointer(named, s->line + ID_HEX + 1, s->data);
	git_odb_object_free(object);
}

static void take_bytes(struct pointer_scan *s, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n') {
			take_line(s);
			s->n = 0;
		} else if (s->n < sizeof(s->line) - 1) {
			s->line[s->n++] = bytes[i];
		}
	}
}

static void read_more(void *data)
{
	struct pointer_scan *s = data;
	char bytes[PIECE];
	ssize_t n = git_read(s->git, bytes, sizeof(bytes));

	s->later = NULL;
	if (n > 0) {
		take_bytes(s, bytes, (size_t)n);
		if (loop_defer(s->loop, read_more, s, &s->later) < 0)
			git_want_output(s->git);
		return;
	}
	if (n == -EAGAIN) {
		git_want_output(s->git);
		return;
	}
	s->listed = true;
	finish_when_over(s);
}

static void write_tips(void *data)
{
	struct pointer_scan *s = data;

	while (s->tips_at < s->tips_n) {
		ssize_t n = git_write(s->git, s->tips + s->tips_at, s->tips_n - s->tips_at);

		if (n == -EAGAIN) {
			git_want_input(s->git);
			return;
		}
		if (n < 0)
			break; /* its exit tells why */
		s->tips_at += (size_t)n;
	}
	git_end_input(s->git);
}

static void on_exit_of_git(int status, void *data)
{
	struct pointer_scan *s = data;

	s->ended = true;
	s->status = status;
	finish_when_over(s);
}

static const struct git_ops git_ops = {
	.on_output = read_more, .on_input = write_tips, .on_exit = on_exit_of_git};

static int open_objects(struct pointer_scan *s, const struct pointer_scan_plan *plan, struct err *e)
{
	int r = library_init(e);

	if (r < 0)
		return r;
	if (git_repository_open_bare(&s->repo, plan->repo) < 0 ||
		git_repository_odb(&s->odb, s->repo) < 0)
		return err_set(e, -EIO, "cannot open the repository: %s", library_words());
	if (plan->quarantine && git_odb_add_disk_alternate(s->odb, plan->quarantine) < 0)
		return err_set(e, -EIO, "cannot open the quarantine: %s", library_words());
	return 0;
}

static int keep_tips(struct pointer_scan *s, const struct pointer_scan_plan *plan)
{
	s->tips = malloc(plan->n_tips * (ID_HEX + 1) + 1);
	if (!s->tips)
		return -ENOMEM;
	for (size_t i = 0; i < plan->n_tips; i++)
		s->tips_n +=
			(size_t)snprintf(s->tips + s->tips_n, ID_HEX + 2, "%.40s\n", plan->tips[i]);
	return 0;
}

int pointer_scan_start(struct loop *loop, const struct pointer_scan_plan *plan,
	const struct pointer_scan_ops *ops, void *data, struct pointer_scan **ret, struct err *e)
{
	const struct git_plan git = {.service = GIT_SMALL_BLOBS,
		.repo = plan->repo,
		.quarantine = plan->quarantine,
		.news = plan->tips,
		.small_max = POINTER_NAMES_MAX,
		.hook_fd = -1};
	struct pointer_scan *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	*s = (struct pointer_scan){.loop = loop, .ops = ops, .data = data};
	r = open_objects(s, plan, e);
	if (r == 0 && plan->tips && keep_tips(s, plan) < 0)
		r = err_set(e, -ENOMEM, "out of memory");
	if (r == 0)
		r = git_start(loop, &git, &git_ops, s, &s->git, e);
	if (r < 0) {
		(void)pointer_scan_free(s);
		return r;
	}
	write_tips(s);
	git_want_output(s->git);
	*ret = s;
	return 0;
}
