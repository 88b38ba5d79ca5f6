#include "tests/peer/filter_of.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test.h"

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif

long filter_of(pid_t pid, unsigned int number, struct sock_filter code[FILTER_MAX])
{
	long n;

	CHECK(ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0);
	CHECK(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0);
	CHECK(waitpid(pid, NULL, __WALL) == pid);
	n = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, number, code);
	if (n < 0)
		n = -errno;
	CHECK(ptrace(PTRACE_DETACH, pid, NULL, NULL) == 0);
	return n;
}

/* A process with the smallest of all filters, to try it on. */
static pid_t start_filtered(int *ret_pipe)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	const struct sock_fprog program = {1, &allow};
	int ready[2];
	pid_t pid;

	CHECK(pipe(ready) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		(void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
		(void)!write(ready[1], "", 1);
		for (;;)
			(void)pause();
	}
	close(ready[1]);
	*ret_pipe = ready[0];
	return pid;
}

bool filter_can_be_read(void)
{
	struct sock_filter code[FILTER_MAX];
	pid_t pid;
	char go;
	int fd;
	long n;

	if (geteuid() != 0) {
		fprintf(stderr, "SKIPPED: only root may read a filter back\n");
		return false;
	}
	pid = start_filtered(&fd);
	CHECK(read(fd, &go, 1) == 1);
	close(fd);
	n = filter_of(pid, 0, code);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	if (n < 0)
		fprintf(stderr,
			"SKIPPED: this kernel, or who started us, forbids reading a "
			"filter back: %s\n",
			strerror((int)-n));
	return n > 0;
}
