#include "cli/dev/desk.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "cli/program.h"

#define READY_USEC (60 * USEC_PER_SEC)
#define READY_POLL_NSEC 10000000L
#define LOG_MAX (1u << 20)
#define ENV_MAX 1024
#define SAID_MAX (1u << 20)
#define LAST_WORDS 160 /* bytes of the platform's log in an error */

/* What an editor leaves beside a file while it is open; and what is for this machine alone. */
static const char not_pushed[] = "*~\n.*.sw?\n4913\n.#*\n#*#\n.DS_Store\n.env\n";

/* A Space's name of a folder's: what no name may have becomes '-'. */
static void name_space(const char *dir, char ret[SPACE_NAME_MAX + 1])
{
	const char *slash = strrchr(dir, '/');
	size_t n = 0;

	for (const char *p = slash ? slash + 1 : dir; *p && n < SPACE_NAME_MAX; p++) {
		char c = (char)tolower((unsigned char)*p);
		bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (good)
			ret[n++] = c;
		else if (n && ret[n - 1] != '-')
			ret[n++] = '-';
	}
	while (n && ret[n - 1] == '-')
		n--;
	ret[n] = '\0';
	if (!n)
		(void)snprintf(ret, SPACE_NAME_MAX + 1, "app");
}

static int make_work(struct desk *d, struct err *e)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(
		d->work, sizeof(d->work), "%s/vitrine-dev-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(d->work)) {
		int code = -errno;

		(void)err_set(e, code, "cannot make %s: %s", d->work, strerror(-code));
		d->work[0] = '\0';
		return code;
	}
	/* Services reach their own folders below it and can list nothing. */
	if (chmod(d->work, 0711) < 0)
		return err_set(e, -errno, "%s: %s", d->work, strerror(errno));
	(void)snprintf(d->data, sizeof(d->data), "%s/data", d->work);
	return 0;
}

/* --- the platform --- */

/* vitrine up would take two for the two addresses of localhost. */
static int find_port(char ret[8], struct err *e)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CLEANUP(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(a);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 ||
		getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return err_set(e, -errno, "no free port: %s", strerror(errno));
	(void)snprintf(ret, 8, "%u", ntohs(a.sin_port));
	return 0;
}

static int read_work(const struct desk *d, const char *name, struct buf *b)
{
	char path[DESK_PATH + 32];

	buf_clear(b);
	(void)snprintf(path, sizeof(path), "%s/%s", d->work, name);
	return fs_read(AT_FDCWD, path, b, NULL);
}

/* 1: it is; 0: not yet. */
static int is_ready(struct desk *d, struct buf *b)
{
	const char *ready;

	if (read_work(d, "up.log", b) < 0)
		return 0;
	ready = strstr(buf_str(b), "vitrine: ready on ");
	if (!ready || !strchr(ready, '\n'))
		return 0;
	ready += strlen("vitrine: ready on ");
	(void)snprintf(d->url, sizeof(d->url), "%.*s", (int)strcspn(ready, "\n"), ready);
	if (read_work(d, "token", b) < 0)
		return 0;
	(void)snprintf(
		d->token, sizeof(d->token), "%.*s", (int)strcspn(buf_str(b), "\n"), buf_str(b));
	return 1;
}

static int explain_end(struct desk *d, const char *what, struct buf *b, struct err *e)
{
	const char *words = "";

	if (read_work(d, "up.log", b) == 0 && b->len)
		words = buf_str(b) + (b->len > LAST_WORDS ? b->len - LAST_WORDS : 0);
	return err_set(e, -EIO, "the platform %s:\n%s", what, words);
}

static int await_ready(struct desk *d, struct err *e)
{
	const struct timespec pause = {.tv_nsec = READY_POLL_NSEC};
	uint64_t until = clock_mono_usec() + READY_USEC;
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, LOG_MAX);
	while (!is_ready(d, &b)) {
		if (waitpid(d->up, NULL, WNOHANG) == d->up) {
			d->up = 0;
			return explain_end(d, "ended", &b, e);
		}
		if (clock_mono_usec() > until)
			return explain_end(d, "is not ready", &b, e);
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

/* A name of its own for the browser, localhost and not 127.0.0.1: cookies do not know ports, and
 * who is signed in to a platform of this machine is to stay so. */
static int start_up(struct desk *d, const char *port, const char *private, struct err *e)
{
	char self[4096], any[8], token[DESK_PATH + 32], log[DESK_PATH + 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *const argv[] = {self, "up", "--data", d->data, "--listen", "localhost", "--port", any,
		"--token-file", token, "--fetch-allow", "*:*",
		private ? "--fetch-allow-private" : NULL, (char *)private, NULL};
	struct program_plan plan = {.apart = true};
	CLEANUP(closep) int out = -1;
	int r = 0;

	self[n > 0 ? n : 0] = '\0';
	(void)snprintf(any, sizeof(any), "%s", port);
	if (!strcmp(port, "0"))
		r = find_port(any, e);
	if (r < 0)
		return r;
	(void)snprintf(token, sizeof(token), "%s/token", d->work);
	(void)snprintf(log, sizeof(log), "%s/up.log", d->work);
	out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (out < 0)
		return err_set(e, -errno, "%s: %s", log, strerror(errno));
	r = program_start(&plan, argv, out, SIGTERM, e);
	if (r < 0)
		return r;
	d->up = r;
	return await_ready(d, e);
}

/* --- git --- */

/* Our environment without what says where another repo is, as in a hook. */
static void leave_out_git(char *ret[ENV_MAX + 1])
{
	size_t n = 0;

	for (char **v = environ; *v && n < ENV_MAX; v++)
		if (strncmp(*v, "GIT_", 4) != 0)
			ret[n++] = *v;
	ret[n] = NULL;
}

/* argv[] is preceded by git and what makes the folder its work tree. */
static int git(struct desk *d, char *const argv[], struct buf *said, struct err *e)
{
	char git_dir[DESK_PATH + 32], tree[DESK_PATH + 16];
	char *env[ENV_MAX + 1];
	struct program_plan plan = {.dir = d->dir, .said = said, .envp = env};
	char *words[24] = {"git", git_dir, tree};
	size_t n = 3;

	leave_out_git(env);
	(void)snprintf(git_dir, sizeof(git_dir), "--git-dir=%s/git", d->work);
	(void)snprintf(tree, sizeof(tree), "--work-tree=%s", d->dir);
	while (*argv && n < 23)
		words[n++] = *argv++;
	return program_run(&plan, words, e);
}

static int write_work(struct desk *d, const char *name, const char *text, struct err *e)
{
	char path[DESK_PATH + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", d->work, name);
	return fs_write_durable(AT_FDCWD, path, text, strlen(text), 0600, e);
}

static int make_git(struct desk *d, struct err *e)
{
	char *const init[] = {"init", "-q", "-b", "main", NULL};
	CLEANUP(buf_done) struct buf said;
	char config[1024], path[DESK_PATH + 16];
	int r;

	buf_init(&said, SAID_MAX);
	(void)snprintf(path, sizeof(path), "%s/git", d->work);
	if (mkdir(path, 0700) < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	r = git(d, init, &said, e);
	if (r != 0)
		return r < 0 ? r : err_set(e, -EIO, "git init: %s", buf_str(&said));
	(void)snprintf(config, sizeof(config),
		"[core]\n\trepositoryformatversion = 0\n\tbare = false\n\thooksPath = /dev/null\n"
		"\tfsync = none\n"
		"[user]\n\tname = dev\n\temail = dev@localhost\n[commit]\n\tgpgSign = false\n"
		"[gc]\n\tauto = 0\n"
		"[remote \"desk\"]\n\turl = %s/spaces/admin/%s\n\tproxy =\n"
		/* At once: a password is only sent when a first answer has asked for it. */
		"[http]\n\textraHeader = Authorization: Bearer %s\n",
		d->url, d->space, d->token);
	r = write_work(d, "git/config", config, e);
	if (r == 0)
		r = write_work(d, "git/info/exclude", not_pushed, e);
	return r;
}

/* git's "remote: words        " as "words"; its other lines are its own affair. */
static void keep_lines(const char *text, struct buf *said)
{
	static const char prefix[] = "remote: vitrine: ";

	while (*text) {
		size_t n = strcspn(text, "\r\n");

		if (!strncmp(text, prefix, sizeof(prefix) - 1)) {
			size_t from = sizeof(prefix) - 1, to = n;

			while (to > from && text[to - 1] == ' ')
				to--;
			(void)buf_add(said, text + from, to - from);
			(void)buf_add_str(said, "\n");
		}
		text += n + (text[n] != '\0');
	}
}

static int git_failed(const char *what, int r, const struct buf *said, struct err *e)
{
	return r < 0 ? r : err_set(e, -EIO, "git %s: %.150s", what, buf_str(said));
}

int desk_push(struct desk *d, struct buf *said, enum desk_push *ret, struct err *e)
{
	char *const add[] = {"add", "-A", ".", NULL};
	char *const commit[] = {
		"commit", "-q", "-m", "as it is", d->pushed ? NULL : "--allow-empty", NULL};
	/* In place of the first version of a Space that was made for its settings. */
	char *const push[] = {"push", "desk", d->made ? "+main" : "main", NULL};
	CLEANUP(buf_done) struct buf all;
	int r;

	buf_init(&all, SAID_MAX);
	buf_clear(said);
	r = git(d, add, &all, e);
	if (r != 0)
		return git_failed("add", r, &all, e);
	r = git(d, commit, &all, e);
	if (r == 1 && d->pushed) {
		*ret = DESK_SAME; /* git-commit(1): nothing to commit */
		return 0;
	}
	if (r != 0)
		return git_failed("commit", r, &all, e);
	d->pushed = false; /* until it has arrived, or the same saved again would do nothing */
	buf_clear(&all);
	r = git(d, push, &all, e);
	keep_lines(buf_str(&all), said);
	if (r < 0 || (r > 0 && said->len == 0))
		return git_failed("push", r, &all, e);
	d->pushed = true;
	*ret = r == 0 ? DESK_LIVE : DESK_REFUSED;
	return 0;
}

/* --- life --- */

int desk_start(
	struct desk *d, const char *dir, const char *port, const char *private, struct err *e)
{
	char full[PATH_MAX];
	struct stat st;
	int r;

	*d = (struct desk){0};
	if (!realpath(dir, full) || stat(full, &st) < 0)
		return err_set(e, -errno, "%s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(e, -ENOTDIR, "%s: is no folder", dir);
	if (snprintf(d->dir, sizeof(d->dir), "%s", full) >= (int)sizeof(d->dir))
		return err_set(e, -ENAMETOOLONG, "%s: over %d bytes", full, DESK_PATH - 1);
	name_space(full, d->space);
	r = make_work(d, e);
	if (r == 0)
		r = start_up(d, port, private, e);
	if (r == 0)
		r = make_git(d, e);
	if (r < 0)
		desk_stop(d);
	return r;
}

void desk_stop(struct desk *d)
{
	if (d->up > 0) {
		(void)kill(d->up, SIGTERM);
		while (waitpid(d->up, NULL, 0) < 0 && errno == EINTR)
			continue;
		d->up = 0;
	}
	if (d->work[0])
		(void)fs_remove_tree(d->work);
	d->work[0] = '\0';
}
