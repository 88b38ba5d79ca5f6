#include "base/spawn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

/* What the child tells its parent when a step fails; on success exec closes the pipe. */
struct failure {
	int code;
	char step[24];
};

static void fail(int report_fd, const char *step)
{
	struct failure f = {.code = -errno};

	memcpy(f.step, step, strnlen(step, sizeof(f.step) - 1));
	(void)!write(report_fd, &f, sizeof(f));
	_exit(127);
}

/* Moves every fd out of the way first, so that no dup2 overwrites one still needed. */
static void place_fds(const struct spawn_plan *plan, int *report_fd, int *exec_fd, int *cwd_fd)
{
	int high[SPAWN_FDS_MAX];

	*report_fd = fcntl(*report_fd, F_DUPFD_CLOEXEC, SPAWN_FDS_MAX);
	if (*exec_fd >= 0)
		*exec_fd = fcntl(*exec_fd, F_DUPFD_CLOEXEC, SPAWN_FDS_MAX);
	if (*cwd_fd >= 0)
		*cwd_fd = fcntl(*cwd_fd, F_DUPFD_CLOEXEC, SPAWN_FDS_MAX);
	for (size_t i = 0; i < plan->n_fds; i++) {
		int from = plan->fds[i];

		if (from < 0)
			from = open("/dev/null", O_RDWR | O_CLOEXEC);
		high[i] = fcntl(from, F_DUPFD_CLOEXEC, SPAWN_FDS_MAX);
		if (high[i] < 0)
			fail(*report_fd, "keep a file");
	}
	for (size_t i = 0; i < plan->n_fds; i++)
		if (dup2(high[i], (int)i) < 0)
			fail(*report_fd, "place a file");
	/* Everything above is close-on-exec by the kernel's mark, whoever forgot to set it. */
	if (close_range((unsigned int)plan->n_fds, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		fail(*report_fd, "close files");
}

/* capabilities(7): the permitted set survives setresuid only under PR_SET_KEEPCAPS, and reaches
 * the new program only through the ambient set, which needs permitted and inheritable. */
static void keep_caps(const struct spawn_plan *plan, int report_fd)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2] = {0};

	for (size_t i = 0; i < plan->n_keep_caps; i++) {
		unsigned int cap = (unsigned int)plan->keep_caps[i];

		sets[cap / 32].permitted |= 1u << cap % 32;
		sets[cap / 32].effective |= 1u << cap % 32;
		sets[cap / 32].inheritable |= 1u << cap % 32;
	}
	if (syscall(SYS_capset, &head, sets) < 0)
		fail(report_fd, "set capabilities");
	for (size_t i = 0; i < plan->n_keep_caps; i++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, plan->keep_caps[i], 0, 0) < 0)
			fail(report_fd, "raise a capability");
}

static void change_user(const struct spawn_plan *plan, int report_fd)
{
	if (plan->uid == (uid_t)-1)
		return;
	if (prctl(PR_SET_KEEPCAPS, plan->n_keep_caps > 0, 0, 0, 0) < 0)
		fail(report_fd, "keep capabilities");
	if (setgroups(0, NULL) < 0)
		fail(report_fd, "drop groups");
	if (setresgid(plan->gid, plan->gid, plan->gid) < 0)
		fail(report_fd, "set the group");
	if (setresuid(plan->uid, plan->uid, plan->uid) < 0)
		fail(report_fd, "set the user");
	if (plan->n_keep_caps > 0)
		keep_caps(plan, report_fd);
}

static void run_child(const struct spawn_plan *plan, int report_fd, pid_t parent)
{
	static char *const no_env[] = {NULL};
	int exec_fd = plan->exec_fd, cwd_fd = plan->cwd_fd;
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	place_fds(plan, &report_fd, &exec_fd, &cwd_fd);
	if (cwd_fd >= 0 && fchdir(cwd_fd) < 0)
		fail(report_fd, "change the folder");
	change_user(plan, report_fd);
	/* After the change of uid, which clears it: prctl(2). */
	if (plan->death_signal) {
		if (prctl(PR_SET_PDEATHSIG, plan->death_signal) < 0)
			fail(report_fd, "set the death signal");
		if (getppid() != parent)
			_exit(127);
	}
	if (plan->before_exec) {
		int r = plan->before_exec(plan->before_exec_data);

		errno = r < 0 ? -r : 0;
		if (r < 0)
			fail(report_fd, "prepare itself");
	}
	if (exec_fd >= 0)
		(void)fexecve(exec_fd, plan->argv, plan->envp ? plan->envp : no_env);
	else
		(void)execve(plan->path, plan->argv, plan->envp ? plan->envp : no_env);
	fail(report_fd, "exec");
}

pid_t spawn_program(const struct spawn_plan *plan, struct err *e)
{
	CLEANUP(closep) int read_end = -1;
	CLEANUP(closep) int write_end = -1;
	struct failure f;
	pid_t parent = getpid(), pid;
	int pipe_fds[2];
	ssize_t n;

	assert(plan->n_fds >= 3 && plan->n_fds <= SPAWN_FDS_MAX);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_set(e, -errno, "cannot make a pipe: %s", strerror(errno));
	read_end = pipe_fds[0];
	write_end = pipe_fds[1];

	pid = fork();
	if (pid < 0)
		return err_set(e, -errno, "cannot fork: %s", strerror(errno));
	if (pid == 0)
		run_child(plan, write_end, parent);

	close(TAKE_FD(write_end));
	do
		n = read(read_end, &f, sizeof(f));
	while (n < 0 && errno == EINTR);
	if (n != sizeof(f))
		return pid;

	(void)waitpid(pid, NULL, 0);
	f.step[sizeof(f.step) - 1] = '\0';
	return err_set(e, f.code, "cannot start %s: %s: %s",
		plan->path ? plan->path : plan->argv[0], f.step, strerror(-f.code));
}
