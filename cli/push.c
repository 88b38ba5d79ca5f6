/* vitrine push: what a folder holds now as a git commit on its way to the platform. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/command.h"
#include "cli/program.h"
#include "cli/repo/pass.h"

struct plan {
	struct client_options client;
	const char *dir, *message, *type;
	const char *id; /* NULL: where the folder's remote leads */
};

static int git(const char *dir, char *const argv[], struct buf *said)
{
	const struct program_plan plan = {.dir = dir, .said = said};
	struct err e = {0};
	int r = program_run(&plan, argv, &e);

	if (r < 0)
		fprintf(stderr, "vitrine: %s\n", e.text);
	return r;
}

/* Its lines are the user's to read. */
static int git_aloud(const char *dir, char *const argv[])
{
	const struct program_plan plan = {.dir = dir};
	struct err e = {0};
	pid_t pid = program_start(&plan, argv, STDERR_FILENO, 0, &e);
	int status;

	if (pid < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		return -1;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* Settings for this machine alone, whose place on a platform is its secrets. True: it is told. */
static bool holds_env(const struct plan *p)
{
	char *const look[] = {"git", "ls-files", "--cached", "--", ".env", "**/.env", NULL};
	char *const unstage[] = {"git", "reset", "-q", "--", ".env", NULL};
	CLEANUP(buf_done) struct buf said;

	buf_init(&said, 64 << 10);
	if (git(p->dir, look, &said) != 0 || said.len == 0)
		return false;
	fprintf(stderr,
		"vitrine: %.*s would be pushed, and whoever reads the repo would have what is in "
		"it\n"
		"vitrine: add it to .gitignore (and git rm --cached it, if it is in a commit); "
		"what "
		"the app needs goes where vitrine secrets set puts it\n",
		(int)strcspn(buf_str(&said), "\n"), buf_str(&said));
	buf_clear(&said);
	(void)git(p->dir, unstage, &said);
	return true;
}

/* Everything that is new or changed, unless nothing is. */
static int commit(const struct plan *p)
{
	char *const inside[] = {"git", "rev-parse", "--git-dir", NULL};
	char *const init[] = {"git", "init", "-q", "-b", "main", NULL};
	char *const add[] = {"git", "add", "-A", NULL};
	char *const same[] = {"git", "diff", "--cached", "--quiet", NULL};
	char *const make_it[] = {"git", "commit", "-q", "-m", (char *)p->message, NULL};
	CLEANUP(buf_done) struct buf said;
	int r;

	buf_init(&said, 64 << 10);
	r = git(p->dir, inside, &said);
	if (r > 0)
		r = git(p->dir, init, &said);
	if (r == 0)
		r = git_aloud(p->dir, add);
	if (r != 0 || holds_env(p))
		return ASK_FAILED;
	r = git(p->dir, same, &said);
	return r > 0 && git_aloud(p->dir, make_it) != 0 ? ASK_FAILED : 0;
}

static int push_to(const struct plan *p)
{
	static const char *const prefixes[][2] = {
		{"space", "spaces/"}, {"model", ""}, {"dataset", "datasets/"}};
	struct pass pass = {.client = &p->client};
	const char *prefix = NULL;
	char base[512], url[1024];
	char *const argv[] = {"git", "push", url, "HEAD:refs/heads/main", NULL};
	int r;

	for (size_t i = 0; i < 3; i++)
		if (!strcmp(prefixes[i][0], p->type))
			prefix = prefixes[i][1];
	if (!prefix) {
		fprintf(stderr, "vitrine: --type: space, model or dataset\n");
		return ASK_USAGE;
	}
	r = ask_base(&p->client, base);
	if (r == 0)
		r = pass_get(&pass, "vitrine push");
	if (r != 0)
		return r;
	(void)snprintf(url, sizeof(url), "%s/%s%s", base, prefix, p->id);
	pass_show_git(&pass, base);
	r = git_aloud(p->dir, argv);
	pass_drop(&pass);
	return r == 0 ? 0 : ASK_FAILED;
}

int cmd_push(int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS,
		{"message", required_argument, NULL, 'm'}, {"type", required_argument, NULL, 't'},
		{"to", required_argument, NULL, 'o'}, {0}};
	char *const push[] = {"git", "push", NULL};
	struct plan p = {.dir = ".", .message = "Update", .type = "space"};
	int opt, r;

	while ((opt = getopt_long(argc, argv, "m:", known, NULL)) != -1) {
		if (opt == 'm')
			p.message = optarg;
		else if (opt == 't')
			p.type = optarg;
		else if (opt == 'o')
			p.id = optarg;
		else if (!client_option(&p.client, opt, optarg))
			return ASK_USAGE;
	}
	if (optind < argc)
		p.dir = argv[optind++];
	if (optind < argc) {
		fprintf(stderr, "usage: see vitrine help push\n");
		return ASK_USAGE;
	}
	if (p.id && !ask_repo_id(p.id))
		return ASK_USAGE;
	r = commit(&p);
	if (r != 0)
		return r;
	if (p.id)
		return push_to(&p);
	return git_aloud(p.dir, push) == 0 ? 0 : ASK_FAILED;
}
