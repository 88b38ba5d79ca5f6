#include "orchestrator/repo/git.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/spawn.h"
#include "orchestrator/repo/repo.h"
#include "sandbox/confine.h"

#define WORDS_MAX 512
/* Progress that a push sends before its input has ended waits in the pipe, as no answer can begin
 * earlier; the largest pipe an unprivileged program may have is hours of it: pipe(7). */
#define OUTPUT_PIPE (1 << 20)
#define PROGRAM "/usr/bin/git"
#define ENV_MAX 80
#define ARGUMENTS_MAX 16
/* A pack may ask for as much as its largest file, by making it a difference to another. */
#define MEMORY_MAX (512ul << 20)

struct git {
	struct git *next;
	struct loop *loop; /* borrowed */
	const struct git_ops *ops;
	void *data;
	enum git_service service;
	pid_t pid;
	struct source *child;                                 /* owned */
	int in, out, words_fd;                                /* owned; -1 once closed */
	struct source *in_source, *out_source, *words_source; /* owned */
	bool released;                                        /* git_free was called */
	bool exiting;          /* on_exit is running: git_free must leave the rest to it */
	char words[WORDS_MAX]; /* the last of its stderr */
	git_tidied_fn *tidied;
};

static struct git *running;      /* so that git_end_all finds them */
static const struct git *tidies; /* the one of them that does; NULL: none */
static unsigned int n_running;

int git_protocol_check(const char *value)
{
	if (strlen(value) > 64)
		return -EACCES;
	return strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789=:-") == strlen(value) ? 0
											 : -EACCES;
}

static void close_fd(int *fd, struct source **source)
{
	*source = source_free(*source);
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void destroy(struct git *g)
{
	for (struct git **p = &running; *p; p = &(*p)->next)
		if (*p == g) {
			*p = g->next;
			n_running--;
			break;
		}
	if (tidies == g)
		tidies = NULL;
	close_fd(&g->in, &g->in_source);
	close_fd(&g->out, &g->out_source);
	close_fd(&g->words_fd, &g->words_source);
	g->child = source_free(g->child);
	free(g);
}

void git_end_all(void)
{
	while (running) {
		(void)kill(running->pid, SIGTERM);
		destroy(running);
	}
}

/* --- events --- */

static void on_in_ready(int fd, uint32_t events, void *data)
{
	struct git *g = data;

	(void)fd;
	(void)events;
	(void)source_set_events(g->in_source, 0);
	if (events & (EPOLLERR | EPOLLHUP))
		g->in_source = source_free(g->in_source); /* it would be reported for ever */
	if (!g->released)
		g->ops->on_input(g->data);
}

static void throw_away(struct git *g)
{
	char bytes[16384];
	ssize_t n;

	while ((n = read(g->out, bytes, sizeof(bytes))) > 0)
		;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_fd(&g->out, &g->out_source);
}

static void on_out_ready(int fd, uint32_t events, void *data)
{
	struct git *g = data;

	(void)fd;
	(void)events;
	if (g->released) {
		throw_away(g);
		return;
	}
	/* Not merely muted: a hang-up is reported even then. */
	g->out_source = source_free(g->out_source);
	g->ops->on_output(g->data);
}

/* git's words may quote what a stranger sent; only their end is kept, printable, for the log. */
static void on_words(int fd, uint32_t events, void *data)
{
	struct git *g = data;
	char bytes[WORDS_MAX];
	ssize_t n = read(fd, bytes, sizeof(bytes) - 1);
	size_t have = strlen(g->words);

	(void)events;
	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			close_fd(&g->words_fd, &g->words_source);
		return;
	}
	for (ssize_t i = 0; i < n; i++)
		if ((unsigned char)bytes[i] < 0x20 || (unsigned char)bytes[i] >= 0x7f)
			bytes[i] = ' ';
	if (have + (size_t)n >= sizeof(g->words)) {
		size_t keep = sizeof(g->words) - 1 - (size_t)n;
		size_t drop = have > keep ? have - keep : 0;

		memmove(g->words, g->words + drop, have - drop);
		have -= drop;
	}
	memcpy(g->words + have, bytes, (size_t)n);
	g->words[have + (size_t)n] = '\0';
}

static void end_tidying(struct git *g, int status)
{
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	if (!g->words[0])
		(void)snprintf(g->words, sizeof(g->words), "git ended with status %d", status);
	g->tidied(well ? NULL : g->words, g->data);
	destroy(g);
}

static void on_end(pid_t pid, int status, void *data)
{
	struct git *g = data;

	g->child = NULL;
	if (g->words_fd >= 0)
		on_words(g->words_fd, 0, g);
	if (g->tidied) {
		end_tidying(g, status);
		return;
	}
	if (!(WIFEXITED(status) && WEXITSTATUS(status) == 0))
		log_info("git pid=%d status=%d %s", pid, status, g->words);
	g->pid = 0;
	g->exiting = true;
	if (!g->released || g->service != GIT_SMALL_BLOBS)
		g->ops->on_exit(status, g->data);
	g->exiting = false;
	if (g->released)
		destroy(g);
}

/* --- start --- */

struct start {
	char *envp[ENV_MAX];
	size_t n_env, n_settings;
	char words[ENV_MAX][REPO_PATH_MAX + 64];
	size_t n_words;
};

static void add_env(struct start *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add_env(struct start *s, const char *fmt, ...)
{
	va_list ap;

	if (s->n_words == ENV_MAX || s->n_env + 1 >= ENV_MAX)
		abort(); /* the lists below outgrew their table */
	va_start(ap, fmt);
	(void)vsnprintf(s->words[s->n_words], sizeof(s->words[0]), fmt, ap);
	va_end(ap);
	s->envp[s->n_env++] = s->words[s->n_words++];
	s->envp[s->n_env] = NULL;
}

/* git-config(1), GIT_CONFIG_COUNT: settings by environment, so that no repo has any of its own. */
static void set(struct start *s, const char *key, const char *value)
{
	add_env(s, "GIT_CONFIG_KEY_%zu=%s", s->n_settings, key);
	add_env(s, "GIT_CONFIG_VALUE_%zu=%s", s->n_settings++, value);
}

static void set_environment(struct start *s, const struct git_plan *plan)
{
	char number[32];

	add_env(s, "PATH=/usr/bin:/bin");
	add_env(s, "HOME=/nonexistent");
	add_env(s, "LANG=C.UTF-8");
	add_env(s, "GIT_CONFIG_NOSYSTEM=1");
	add_env(s, "GIT_CONFIG_GLOBAL=/dev/null");
	add_env(s, "GIT_TERMINAL_PROMPT=0");
	if (plan->protocol)
		add_env(s, "GIT_PROTOCOL=%s", plan->protocol);
	if (plan->quarantine) {
		add_env(s, "GIT_OBJECT_DIRECTORY=%s", plan->quarantine);
		add_env(s, "GIT_ALTERNATE_OBJECT_DIRECTORIES=%s/objects", plan->repo);
	}
	set(s, "safe.directory", "*");
	set(s, "core.hooksPath", plan->hooks ? plan->hooks : "/dev/null");
	/* What a push acknowledges survives power loss: objects and refs are synced, in one go. */
	set(s, "core.fsync", "committed");
	set(s, "core.fsyncMethod", "batch");
	set(s, "receive.fsckObjects", "true");
	set(s, "receive.autogc", "false");
	set(s, "receive.denyDeleteCurrent", "refuse");
	set(s, "transfer.hideRefs", "refs/vitrine");
	set(s, "uploadpack.allowFilter", "true");
	set(s, "gc.autoDetach", "false");
	/* What is large passes through instead of being held: a pack is kept as it comes, large
	 * files are neither read whole nor compared, and caches are small. git-config(1). */
	set(s, "receive.unpackLimit", "1");
	set(s, "fetch.unpackLimit", "1");
	set(s, "core.bigFileThreshold", "1m");
	set(s, "core.deltaBaseCacheLimit", "8m");
	set(s, "core.packedGitWindowSize", "1m");
	set(s, "core.packedGitLimit", "8m");
	set(s, "pack.windowMemory", "8m");
	set(s, "pack.deltaCacheSize", "4m");
	set(s, "pack.threads", "1");
	if (plan->input_max) {
		(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)plan->input_max);
		set(s, "receive.maxInputSize", number);
	}
	add_env(s, "GIT_CONFIG_COUNT=%zu", s->n_settings);
}

/* ret[0] is ours, non-blocking where it is a pipe that the loop watches. */
static int make_pipe(int ret[2], int ours)
{
	if (pipe2(ret, O_CLOEXEC) < 0)
		return -errno;
	return fcntl(ret[ours], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

struct ends {
	int in[2], out[2], words[2], lock, source_lock;
};

static void close_ends(struct ends *p)
{
	int *all[] = {&p->in[0], &p->in[1], &p->out[0], &p->out[1], &p->words[0], &p->words[1],
		&p->lock, &p->source_lock};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (*all[i] >= 0)
			close(*all[i]);
}

static int lock_one(const char *repo, int *ret, struct err *e)
{
	*ret = repo_lock_shared(repo);
	return *ret < 0 ? err_set(e, *ret, "the repository cannot be used now: %s", strerror(-*ret))
			: 0;
}

static int make_ends(struct ends *p, const struct git_plan *plan, struct err *e)
{
	int r;

	*p = (struct ends){
		.in = {-1, -1}, .out = {-1, -1}, .words = {-1, -1}, .lock = -1, .source_lock = -1};
	r = lock_one(plan->repo, &p->lock, e);
	if (r == 0 && plan->source)
		r = lock_one(plan->source, &p->source_lock, e);
	if (r < 0)
		return r;
	r = make_pipe(p->in, 1);
	if (r == 0)
		r = make_pipe(p->out, 0);
	if (r == 0)
		r = make_pipe(p->words, 0);
	if (r < 0)
		return err_set(e, r, "cannot make a pipe: %s", strerror(-r));
	(void)fcntl(p->out[1], F_SETPIPE_SZ, OUTPUT_PIPE);
	return 0;
}

static void limit_memory(void)
{
#ifndef __SANITIZE_ADDRESS__ /* then the hook sets aside terabytes of addresses */
	const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX};

	(void)setrlimit(RLIMIT_DATA, &memory);
#endif
}

/* In the child. git unpacks what strangers push, and parses it: one repo is all it may touch, the
 * hook all it may start beyond itself. */
static int confine(void *data)
{
	const struct git_plan *plan = data;
	char hook[REPO_PATH_MAX];
	const struct landlock_path paths[] = {
		{plan->repo, LANDLOCK_WRITE},
		{plan->source ? plan->source : plan->repo, LANDLOCK_READ},
		{hook, LANDLOCK_EXECUTE}, /* a link: the program behind it */
		GIT_NEEDS,
	};
	struct err e = {0};

	limit_memory();
	(void)snprintf(hook, sizeof(hook), "%s/pre-receive", plan->hooks ? plan->hooks : "");
	return confine_further(CONFINE_GIT, paths, sizeof(paths) / sizeof(paths[0]), &e);
}

static int launch(struct git *g, char *const *argv, const struct git_plan *plan, struct err *e)
{
	struct spawn_plan spawn = SPAWN_PLAN_INIT;
	CLEANUP(freep) struct start *s = calloc(1, sizeof(*s));
	struct ends p;
	int r;

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	set_environment(s, plan);
	r = make_ends(&p, plan, e);
	if (r < 0)
		goto out;
	spawn.path = PROGRAM;
	spawn.argv = argv;
	spawn.envp = s->envp;
	spawn.fds[0] = p.in[0];
	spawn.fds[1] = p.out[1];
	spawn.fds[2] = p.words[1];
	spawn.fds[3] = p.lock;
	spawn.fds[4] = plan->hook_fd;
	spawn.fds[5] = p.source_lock;
	spawn.n_fds = 6;
	/* In peace, so that git removes its lock files: no orphan goes on behind a successor's
	 * back. */
	spawn.death_signal = SIGTERM;
	spawn.before_exec = confine;
	spawn.before_exec_data = (void *)plan;
	g->pid = spawn_program(&spawn, e);
	if (g->pid < 0) {
		r = g->pid;
		goto out;
	}
	g->in = TAKE_FD(p.in[1]);
	g->out = TAKE_FD(p.out[0]);
	g->words_fd = TAKE_FD(p.words[0]);
	r = loop_add_fd(g->loop, g->words_fd, EPOLLIN, on_words, g, &g->words_source);
	if (r == 0)
		r = loop_add_child(g->loop, g->pid, on_end, g, &g->child);
	if (r < 0) {
		(void)kill(g->pid, SIGTERM);
		(void)err_set(e, r, "cannot watch git: %s", strerror(-r));
	}
out:
	close_ends(&p);
	return r;
}

/* The one at the other end does not inherit our settings. */
#define SOURCE_PROGRAM                                                                             \
	"--upload-pack=git -c pack.threads=1 -c pack.windowMemory=8m -c pack.deltaCacheSize=4m"    \
	" -c core.bigFileThreshold=1m -c core.packedGitLimit=8m upload-pack"

static void fill_copy(const struct git_plan *plan, char *argv[ARGUMENTS_MAX])
{
	const char *const all[] = {"git", "--git-dir", plan->repo, "fetch", "--quiet", "--no-tags",
		"--no-write-fetch-head", "--no-auto-gc", SOURCE_PROGRAM, plan->source,
		"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", NULL};

	memcpy(argv, all, sizeof(all));
}

static void fill_arguments(const struct git_plan *plan, char *argv[ARGUMENTS_MAX], char filter[64])
{
	size_t n = 0;

	if (plan->service == GIT_COPY) {
		fill_copy(plan, argv);
		return;
	}
	argv[n++] = "git";
	if (plan->service == GIT_IS_ANCESTOR) {
		argv[n++] = "--git-dir";
		argv[n++] = (char *)plan->repo;
		argv[n++] = "merge-base";
		argv[n++] = "--is-ancestor";
		argv[n++] = (char *)plan->ancestor;
		argv[n++] = (char *)plan->commit;
	} else if (plan->service == GIT_SMALL_BLOBS) {
		(void)snprintf(filter, 64, "--filter=combine:object:type=blob+blob:limit=%u",
			plan->small_max);
		argv[n++] = "--git-dir";
		argv[n++] = (char *)plan->repo;
		argv[n++] = "rev-list";
		argv[n++] = "--objects";
		argv[n++] = filter;
		if (plan->news) {
			argv[n++] = "--stdin";
			argv[n++] = "--not";
		}
		argv[n++] = "--all";
	} else {
		argv[n++] = plan->service == GIT_UPLOAD_PACK ? "upload-pack" : "receive-pack";
		argv[n++] = "--stateless-rpc";
		if (plan->advertise)
			argv[n++] = "--http-backend-info-refs";
		if (plan->service == GIT_UPLOAD_PACK)
			argv[n++] = "--strict";
		argv[n++] = (char *)plan->repo;
	}
	argv[n] = NULL;
}

int git_start(struct loop *loop, const struct git_plan *plan, const struct git_ops *ops, void *data,
	struct git **ret, struct err *e)
{
	struct git *g = calloc(1, sizeof(*g));
	char filter[64];
	char *argv[ARGUMENTS_MAX];
	int r;

	if (!g)
		return err_set(e, -ENOMEM, "out of memory");
	if (n_running >= GIT_PROGRAMS_MAX) {
		free(g);
		return err_set(e, -EBUSY, "too many pushes and fetches at once; try again");
	}
	*g = (struct git){.loop = loop,
		.ops = ops,
		.data = data,
		.service = plan->service,
		.in = -1,
		.out = -1,
		.words_fd = -1,
		.next = running};
	running = g;
	n_running++;
	fill_arguments(plan, argv, filter);
	r = launch(g, argv, plan, e);
	if (r < 0) {
		destroy(g);
		return r;
	}
	*ret = g;
	return 0;
}

void git_free(struct git *g)
{
	if (!g)
		return;
	close_fd(&g->in, &g->in_source);
	g->released = true;
	if (g->exiting)
		return;
	if (!g->pid) {
		destroy(g);
		return;
	}
	if (g->service != GIT_RECEIVE_PACK)
		(void)kill(g->pid, SIGTERM);
	if (g->out >= 0 && !g->out_source)
		(void)loop_add_fd(g->loop, g->out, EPOLLIN, on_out_ready, g, &g->out_source);
}

/* --- streams --- */

ssize_t git_write(struct git *g, const void *bytes, size_t n)
{
	ssize_t put;

	if (g->in < 0)
		return -EPIPE;
	put = write(g->in, bytes, n);
	if (put < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return put;
}

void git_end_input(struct git *g)
{
	close_fd(&g->in, &g->in_source);
}

ssize_t git_read(struct git *g, void *bytes, size_t n)
{
	ssize_t got = g->out < 0 ? 0 : read(g->out, bytes, n);

	if (got < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (got == 0)
		close_fd(&g->out, &g->out_source);
	return got;
}

void git_want_input(struct git *g)
{
	if (g->in < 0)
		return;
	if (g->in_source)
		(void)source_set_events(g->in_source, EPOLLOUT);
	else
		(void)loop_add_fd(g->loop, g->in, EPOLLOUT, on_in_ready, g, &g->in_source);
}

void git_want_output(struct git *g)
{
	if (g->out >= 0 && !g->out_source)
		(void)loop_add_fd(g->loop, g->out, EPOLLIN, on_out_ready, g, &g->out_source);
}

/* --- housekeeping --- */

int git_tidy(struct loop *loop, const char *repo, bool whole, git_tidied_fn *fn, void *data,
	struct err *e)
{
	const struct git_plan plan = {.repo = repo, .hook_fd = -1};
	char *argv[] = {"git", "--git-dir", (char *)repo, "gc", whole ? "--cruft" : "--auto",
		"--quiet", "--prune=2.weeks.ago", NULL};
	struct git *g;
	int r;

	if (tidies)
		return err_set(e, -EBUSY, "another repository is being tidied");
	g = calloc(1, sizeof(*g));
	if (!g)
		return err_set(e, -ENOMEM, "out of memory");
	*g = (struct git){.loop = loop,
		.data = data,
		.tidied = fn,
		.released = true,
		.in = -1,
		.out = -1,
		.words_fd = -1,
		.next = running};
	running = g;
	n_running++;
	r = launch(g, argv, &plan, e);
	if (r < 0) {
		destroy(g);
		return r;
	}
	tidies = g;
	close_fd(&g->in, &g->in_source);
	return loop_add_fd(loop, g->out, EPOLLIN, on_out_ready, g, &g->out_source);
}
