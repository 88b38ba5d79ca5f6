/*
 * vitrine-picture: strangers' pictures made into pixels, for the gateway.
 *
 * I hold: nothing. Who may talk to me: the gateway that started me, over fd 3: each message brings
 * one end of a stream, and a child of mine reads one picture from it. What I never see: a file, the
 * network, another picture. What a child gives up before it reads: every system call but read,
 * write, memory that cannot be run, and exit.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "picture/job.h"
#include "picture/picture.h"

#define CONTROL_FD 3
#define CHILDREN_MAX 4
#define CHILD_SEC 20
#define CHILD_BYTES (512ull << 20) /* picture.h: what its limits need */
#define ROWS 256

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "no filter is known for this machine"
#endif

/* clang-format off */
#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, what))
#define ALLOW(call) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
/* clang-format on */

static int seal(void)
{
	struct sock_filter code[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		ALLOW(read),
		ALLOW(write),
		ALLOW(brk),
		ALLOW(munmap),
		ALLOW(exit_group),
		ALLOW(exit),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mremap, 3, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		LOAD(args[2]), /* of mmap: its protection */
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	const struct sock_fprog program = {.len = sizeof(code) / sizeof(*code), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

/* What a supervisor of ours has set narrower stays so. */
static void limit(int what, rlim_t most)
{
	const struct rlimit l = {most, most};

	(void)setrlimit((__rlimit_resource_t)what, &l);
}

static bool read_all(int fd, void *bytes, size_t n)
{
	char *at = bytes;

	while (n > 0) {
		ssize_t got = read(fd, at, n);

		if (got <= 0)
			return false;
		at += got;
		n -= (size_t)got;
	}
	return true;
}

static void write_all(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0) {
		ssize_t took = write(fd, at, n);

		if (took <= 0)
			_exit(1);
		at += took;
		n -= (size_t)took;
	}
}

static void answer(int fd, int r, const void *bytes, size_t n)
{
	const int32_t status = r;

	write_all(fd, &status, sizeof(status));
	write_all(fd, bytes, n);
	_exit(0);
}

static void decode(int fd, const uint8_t *bytes, size_t n, const struct picture_form *form)
{
	struct picture *p = NULL;
	struct err e = {0};
	int r = picture_open(bytes, n, form, &p, &e);

	while (r == 0)
		r = picture_read(p, ROWS, &e);
	if (r < 0)
		answer(fd, r, e.text, strlen(e.text));
	answer(fd, 0, picture_rgb(p), (size_t)form->width * form->height * 3);
}

/* Never returns. */
static void serve(int fd)
{
	struct picture_job job;
	struct picture_form form;
	uint8_t *bytes;

	(void)close(CONTROL_FD); /* other programs' pictures */
	(void)alarm(CHILD_SEC);
	limit(RLIMIT_AS, CHILD_BYTES);
	limit(RLIMIT_CPU, CHILD_SEC);
	if (seal() < 0)
		_exit(1);
	if (!read_all(fd, &job, sizeof(job)) || job.n == 0 || job.n > PICTURE_BYTES_MAX)
		_exit(1);
	bytes = malloc(job.n);
	if (!bytes || !read_all(fd, bytes, job.n))
		_exit(1);
	form = (struct picture_form){.width = job.width,
		.height = job.height,
		.shortest = job.shortest,
		.filter = (enum resample_filter)job.filter};
	decode(fd, bytes, job.n, &form);
	_exit(1);
}

/* The stream that the next message brings; -1: the gateway has gone. */
static int next_stream(void)
{
	char byte, control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	const struct cmsghdr *c;
	int fd;

	if (recvmsg(CONTROL_FD, &m, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	c = CMSG_FIRSTHDR(&m);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

int main(void)
{
	unsigned int children = 0;
	int fd;

	limit(RLIMIT_FSIZE, 0);
	limit(RLIMIT_CORE, 0);
	while ((fd = next_stream()) >= 0) {
		pid_t pid;

		while (children > 0 && waitpid(-1, NULL, children < CHILDREN_MAX ? WNOHANG : 0) > 0)
			children--;
		pid = fork();
		if (pid == 0)
			serve(fd);
		children += pid > 0;
		close(fd);
	}
	return 0;
}
