#include "sandbox/probe/burden.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "sandbox/probe/call.h"

#define PAGE 4096
#define POLLED 32
#define MAPPED (1 << 20)
#define PACKET 1024

long burden_eat(size_t bytes, int kind)
{
	volatile char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < bytes; i += PAGE)
		p[i] = 1;
	return 0;
}

long burden_fill(void)
{
	/* Not the link that the answer goes over. */
	static const int fds[] = {STDOUT_FILENO, INFER_FD};
	static const char bytes[PACKET];
	long sum = 0;

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		ssize_t n;

		(void)fcntl(fds[i], F_SETFL, O_NONBLOCK);
		while ((n = write(fds[i], bytes, sizeof(bytes))) > 0)
			sum += n;
	}
	return sum;
}

/* --- storms --- */

static void futex(void)
{
	static int word;

	(void)call(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1000, NULL, NULL, 0);
	(void)call(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
}

static void epoll(void)
{
	struct epoll_event e = {.events = EPOLLOUT};
	int fd = epoll_create1(0);

	(void)epoll_ctl(fd, EPOLL_CTL_ADD, INFER_FD, &e);
	(void)epoll_wait(fd, &e, 1, 0);
	(void)close(fd);
}

static void poll_all(void)
{
	struct pollfd fds[POLLED];

	for (int i = 0; i < POLLED; i++)
		fds[i] = (struct pollfd){.fd = i, .events = POLLOUT};
	(void)poll(fds, POLLED, 0);
}

static void switch_stacks(void)
{
	static char stack[4 * PAGE];
	const stack_t alternative = {.ss_sp = stack, .ss_size = sizeof(stack)};
	const stack_t none = {.ss_flags = SS_DISABLE};

	(void)sigaltstack(&alternative, NULL);
	(void)sigaltstack(&none, NULL);
}

static void map(void)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
	void *p = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (p != MAP_FAILED)
		(void)munmap(p, MAPPED);
}

static void yield(void)
{
	(void)sched_yield();
}

static void spin(void)
{
	for (volatile unsigned int i = 0; i < 1000; i++)
		;
}

static const struct {
	const char *kind;
	void (*once)(void);
} storms[] = {
	{"futex", futex},
	{"epoll", epoll},
	{"poll", poll_all},
	{"sigaltstack", switch_stacks},
	{"mmap", map},
	{"yield", yield},
	{"spin", spin},
};

long burden_storm(const char *kind)
{
	for (size_t i = 0; i < sizeof(storms) / sizeof(storms[0]); i++)
		while (strcmp(storms[i].kind, kind) == 0)
			storms[i].once();
	return -EINVAL;
}
