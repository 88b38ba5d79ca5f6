#include "cli/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/spawn.h"

static int find(const char *name, char ret[4096], struct err *e)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/')) {
		(void)snprintf(ret, 4096, "%s", name);
		return 0;
	}
	for (path = path ? path : "/usr/local/bin:/usr/bin:/bin"; *path;) {
		size_t n = strcspn(path, ":");

		(void)snprintf(ret, 4096, "%.*s/%s", (int)n, path, name);
		if (n && access(ret, X_OK) == 0)
			return 0;
		path += n + (path[n] == ':');
	}
	return err_set(e, -ENOENT, "%s: is not installed (nowhere in the PATH)", name);
}

static int leave_group(void *data)
{
	(void)data;
	return setpgid(0, 0) < 0 ? -errno : 0;
}

pid_t program_start(
	const struct program_plan *p, char *const argv[], int out, int death_signal, struct err *e)
{
	CLEANUP(closep) int dir = -1;
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	char path[4096];
	int r = find(argv[0], path, e);

	if (r < 0)
		return r;
	if (p->dir) {
		dir = open(p->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return err_set(e, -errno, "%s: %s", p->dir, strerror(errno));
	}
	plan.path = path;
	plan.argv = argv;
	plan.envp = p->envp ? p->envp : environ;
	plan.cwd_fd = dir;
	plan.fds[0] = p->in > 0 ? p->in : -1;
	plan.fds[1] = out;
	plan.fds[2] = p->aloud ? STDERR_FILENO : out;
	plan.death_signal = death_signal;
	plan.before_exec = p->apart ? leave_group : NULL;
	return spawn_program(&plan, e);
}

/* What is over the ceiling is read and dropped: the program must not wait for us. */
static void read_all(int fd, struct buf *said)
{
	char bytes[4096];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			(void)buf_add(said, bytes, (size_t)n);
}

int program_end(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int program_run(const struct program_plan *plan, char *const argv[], struct err *e)
{
	CLEANUP(closep) int in = -1;
	CLEANUP(closep) int out = -1;
	int fds[2];
	pid_t pid;

	if (plan->said) {
		if (pipe2(fds, O_CLOEXEC) < 0)
			return err_set(e, -errno, "cannot make a pipe: %s", strerror(errno));
		in = fds[0];
		out = fds[1];
	}
	pid = program_start(plan, argv, out, 0, e);
	if (pid < 0)
		return pid;
	if (plan->said) {
		close(TAKE_FD(out));
		read_all(in, plan->said);
	}
	return program_end(pid);
}
