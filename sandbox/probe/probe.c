/*
 * A worker that is native hostile code, for tests. It obeys one packet at a time from fd 3:
 *
 *	seal            seal_self, answers "sealed ABI" or words
 *	look            answers what it sees of itself: pid, ids, environment, clock
 *	layout          answers where its memory lies and its secret values, one number each
 *	eat MIB         touches that much memory, answers "ate"
 *	spin            burns CPU for ever
 *	call N          that system call with six zeros, answers its result as a number
 *	exit N          ends
 *	segv | abort    ends
 *	anything else   that attack (attacks.def), answers its result as a number
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/probe/attack.h"
#include "sandbox/probe/call.h"
#include "sandbox/seal.h"

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)!send(APP_FD, text, (size_t)n, MSG_NOSIGNAL);
}

static void ignore_tick(int signo)
{
	(void)signo;
}

/* As a real worker does: the timer is armed before the seal, its signal arrives after it. */
static void arm_timer(void)
{
	const struct itimerval every = {{0, 4000}, {0, 4000}};
	struct sigaction sa = {.sa_handler = ignore_tick, .sa_flags = SA_RESTART};

	(void)sigaction(SIGVTALRM, &sa, NULL);
	(void)setitimer(ITIMER_VIRTUAL, &every, NULL);
}

static void seal(void)
{
	struct err e = {0};
	int abi;

	arm_timer();
	if (seal_self(&abi, &e) < 0)
		say("%s", e.text);
	else
		say("sealed %d", abi);
}

static void look(char **argv)
{
	struct timespec up;
	int env = 0;

	while (environ[env])
		env++;
	/* Not CLOCK_BOOTTIME: where the vDSO cannot answer it is a call that the filter kills. */
	(void)clock_gettime(CLOCK_MONOTONIC, &up);
	say("pid %d uid %u gid %u env %d argv0 %s uptime %ld", getpid(), getuid(), getgid(), env,
		argv[0], (long)up.tv_sec);
}

/* By the psABI: glibc keeps both in the thread's control block. */
static unsigned long stack_canary(void)
{
	unsigned long v;

	__asm__("mov %%fs:0x28, %0" : "=r"(v));
	return v;
}

static unsigned long pointer_guard(void)
{
	unsigned long v;

	__asm__("mov %%fs:0x30, %0" : "=r"(v));
	return v;
}

static void layout(void)
{
	int here;
	void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	say("text %lx stack %lx heap %lx map %lx vdso %lx canary %lx guard %lx",
		(unsigned long)(void *)layout, (unsigned long)&here, (unsigned long)sbrk(0),
		(unsigned long)map, getauxval(AT_SYSINFO_EHDR), stack_canary(), pointer_guard());
	(void)munmap(map, 4096);
}

static void eat(const char *text)
{
	size_t n = strtoul(text, NULL, 10) << 20;
	volatile char *p =
		mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		say("%d", -errno);
		return;
	}
	for (size_t i = 0; i < n; i += 4096)
		p[i] = 1;
	say("ate");
}

static void die_of_segv(void)
{
	volatile char *volatile nowhere = NULL;

	*nowhere = 1;
}

static void obey(const char *order, char **argv)
{
	const struct attack *a = attack_find(order);

	if (a)
		say("%ld", attack_run(a));
	else if (strcmp(order, "seal") == 0)
		seal();
	else if (strcmp(order, "look") == 0)
		look(argv);
	else if (strcmp(order, "layout") == 0)
		layout();
	else if (strncmp(order, "eat ", 4) == 0)
		eat(order + 4);
	else if (strcmp(order, "spin") == 0)
		for (volatile unsigned int i = 0;; i++)
			;
	else if (strncmp(order, "call ", 5) == 0)
		say("%ld", call(strtol(order + 5, NULL, 10), 0, 0, 0, 0, 0, 0));
	else if (strncmp(order, "exit ", 5) == 0)
		_exit((int)strtol(order + 5, NULL, 10));
	else if (strcmp(order, "segv") == 0)
		die_of_segv();
	else if (strcmp(order, "abort") == 0)
		abort();
	else
		say("no such order: %s", order);
}

int main(int argc, char **argv)
{
	char order[64];

	(void)argc;
	for (;;) {
		ssize_t n = recv(APP_FD, order, sizeof(order) - 1, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		order[n] = '\0';
		obey(order, argv);
	}
}
