/*
 * A worker that is native hostile code, for tests. It obeys one packet at a time from fd 3:
 *
 *	seal            seal_self, answers "sealed ABI" or words
 *	look            answers what it sees of itself: pid, ids, environment, clock
 *	layout          answers where its memory lies and its secret values, one number each
 *	eat MIB         touches that much memory, answers "ate"; share MIB: memory that is shared
 *	fill            sends where nobody reads until nothing takes more, answers the bytes
 *	storm KIND      makes one kind of call for ever (burden.h)
 *	call N          that system call with six zeros, answers its result as a number
 *	exit N          ends
 *	segv | abort | smash | recurse
 *			ends: a null pointer, by itself, a smashed stack, too deep a stack
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
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/probe/attack.h"
#include "sandbox/probe/burden.h"
#include "sandbox/probe/call.h"
#include "sandbox/seal.h"

#define SMASHED 64
#define DEEPEST (1 << 30)

static const char *own_name;

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

static void seal(const char *rest)
{
	struct err e = {0};
	int abi;

	(void)rest;
	arm_timer();
	if (seal_self(&abi, &e) < 0)
		say("%s", e.text);
	else
		say("sealed %d", abi);
}

/* --- what it sees --- */

static void look(const char *rest)
{
	struct timespec up;
	int env = 0;

	(void)rest;
	while (environ[env])
		env++;
	/* Not CLOCK_BOOTTIME: where the vDSO cannot answer it is a call that the filter kills. */
	(void)clock_gettime(CLOCK_MONOTONIC, &up);
	say("pid %d uid %u gid %u env %d argv0 %s uptime %ld", getpid(), getuid(), getgid(), env,
		own_name, (long)up.tv_sec);
}

/* glibc keeps both in the thread's control block: sysdeps/x86_64/nptl/tls.h. */
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

static void layout(const char *rest)
{
	int here;
	void *map = mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)rest;
	say("text %lx stack %lx heap %lx map %lx vdso %lx canary %lx guard %lx",
		(unsigned long)(void *)layout, (unsigned long)&here, (unsigned long)sbrk(0),
		(unsigned long)map, getauxval(AT_SYSINFO_EHDR), stack_canary(), pointer_guard());
	(void)munmap(map, 1);
}

/* --- what it burdens its host with --- */

static void eat_kind(const char *mib, int kind)
{
	long r = burden_eat(strtoul(mib, NULL, 10) << 20, kind);

	if (r < 0)
		say("%ld", r);
	else
		say("ate");
}

static void eat(const char *mib)
{
	eat_kind(mib, MAP_PRIVATE);
}

static void share(const char *mib)
{
	eat_kind(mib, MAP_SHARED);
}

static void fill(const char *rest)
{
	(void)rest;
	say("%ld", burden_fill());
}

static void storm(const char *kind)
{
	say("%ld", burden_storm(kind));
}

static void call_by_number(const char *number)
{
	say("%ld", call(strtol(number, NULL, 10), 0, 0, 0, 0, 0, 0));
}

/* --- how it ends --- */

static void end(const char *status)
{
	_exit((int)strtol(status, NULL, 10));
}

static void segv(const char *rest)
{
	volatile char *volatile nowhere = NULL;

	(void)rest;
	*nowhere = 1;
}

static void die_by_itself(const char *rest)
{
	(void)rest;
	abort();
}

/* Past the end, over the canary. */
static void __attribute__((noinline)) smash(const char *rest)
{
	volatile char here[8];
	volatile char *volatile at = here;

	(void)rest;
	for (size_t i = 0; i < SMASHED; i++)
		at[i] = 'x';
}

static int __attribute__((noinline)) descend(int depth)
{
	volatile char here[1024];

	here[depth % 1024] = (char)depth;
	return depth == DEEPEST ? 0 : descend(depth + 1) + here[0];
}

static void recurse(const char *rest)
{
	(void)rest;
	say("%d", descend(0));
}

/* A word that ends in a space is followed by what it is about. */
static const struct {
	const char *word;
	void (*obey)(const char *rest);
} orders[] = {
	{"seal", seal},
	{"look", look},
	{"layout", layout},
	{"eat ", eat},
	{"share ", share},
	{"fill", fill},
	{"storm ", storm},
	{"call ", call_by_number},
	{"exit ", end},
	{"segv", segv},
	{"abort", die_by_itself},
	{"smash", smash},
	{"recurse", recurse},
};

static void obey(const char *order)
{
	const struct attack *a = attack_find(order);

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		const char *word = orders[i].word;
		size_t n = strlen(word);

		if (word[n - 1] == ' ' ? strncmp(order, word, n) == 0 : strcmp(order, word) == 0) {
			orders[i].obey(order + n);
			return;
		}
	}
	if (a)
		say("%ld", attack_run(a));
	else
		say("no such order: %s", order);
}

int main(int argc, char **argv)
{
	char order[64];

	(void)argc;
	own_name = argv[0];
	for (;;) {
		ssize_t n = recv(APP_FD, order, sizeof(order) - 1, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		order[n] = '\0';
		obey(order);
	}
}
