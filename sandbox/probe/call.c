#include "sandbox/probe/call.h"

#include <setjmp.h>
#include <signal.h>

int probe_mark;
char probe_page[4096] __attribute__((aligned(4096)));

static sigjmp_buf before_fault;

static void on_fault(int signo)
{
	(void)signo;
	siglongjmp(before_fault, 1);
}

long probe_faulting(long (*try)(void *data), void *data)
{
	struct sigaction sa = {.sa_handler = on_fault}, old;
	long r;

	(void)sigaction(SIGSEGV, &sa, &old);
	r = sigsetjmp(before_fault, 1) ? -EFAULT : try(data);
	(void)sigaction(SIGSEGV, &old, NULL);
	return r;
}
