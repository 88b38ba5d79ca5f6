/* 34, 73, 74, 75: other processes and other programs. */
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "sandbox/probe/attack.h"
#include "sandbox/probe/call.h"

#define THREAD_FLAGS (CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_FS)

static struct iovec whole_page = {probe_page, sizeof(probe_page)};
static siginfo_t forged = {.si_code = SI_QUEUE};

/*
 * A call that makes a process. What it makes ends at once, in registers alone: it may share our
 * memory and our stack.
 */
static long breed(long nr, long a, long b)
{
	register long zero10 __asm__("r10") = 0;
	register long zero8 __asm__("r8") = 0;
	long r;

	__asm__ volatile(
		"syscall\n\t"
		"test %%rax, %%rax\n\t"
		"jnz 1f\n\t"
		"mov %[exit], %%eax\n\t"
		"xor %%edi, %%edi\n\t"
		"syscall\n"
		"1:"
		: "=a"(r)
		: "a"(nr), "D"(a), "S"(b), "d"(0L), "r"(zero10), "r"(zero8), [exit] "i"(SYS_exit)
		: "rcx", "r11", "memory", "cc");
	return r;
}

long attack_fork(void)
{
	return breed(SYS_fork, 0, 0);
}

long attack_vfork(void)
{
	return breed(SYS_vfork, 0, 0);
}

long attack_clone(void)
{
	return breed(SYS_clone, SIGCHLD, 0);
}

long attack_clone_thread(void)
{
	return breed(SYS_clone, THREAD_FLAGS, 0);
}

long attack_clone_new_user(void)
{
	return breed(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0);
}

long attack_clone3(void)
{
	static struct clone_args args = {.exit_signal = SIGCHLD};

	return breed(SYS_clone3, (long)(intptr_t)&args, sizeof(args));
}

/* --- memory and files of others; process 1 is the one that is always there --- */

CALL(ptrace, SYS_ptrace, PTRACE_TRACEME, 0, 0, 0)
CALL(ptrace_attach, SYS_ptrace, PTRACE_ATTACH, 1, 0, 0)
CALL(ptrace_seize, SYS_ptrace, PTRACE_SEIZE, 1, 0, 0)
CALL(process_vm_readv, SYS_process_vm_readv, 1, &whole_page, 1, &whole_page, 1, 0)
CALL(process_vm_writev, SYS_process_vm_writev, 1, &whole_page, 1, &whole_page, 1, 0)
CALL(process_madvise, SYS_process_madvise, 0, &whole_page, 1, MADV_COLD, 0)
CALL(process_mrelease, SYS_process_mrelease, 0, 0)
CALL(pidfd_open, SYS_pidfd_open, 1, 0)
CALL(pidfd_getfd, SYS_pidfd_getfd, 3, 0, 0)
CALL(get_robust_list, SYS_get_robust_list, 1, probe_page, probe_page)
CALL(kcmp, SYS_kcmp, 1, 1, KCMP_FILE, 0, 1)

/* --- signals --- */

CALL(kill_first, SYS_kill, 1, 0)
CALL(kill_all, SYS_kill, -1, 0)
CALL(kill_group, SYS_kill, 0, 0)
CALL(tkill, SYS_tkill, 1, 0)
CALL(tgkill_other, SYS_tgkill, 1, 1, 0)
CALL(queue_signal, SYS_rt_sigqueueinfo, 1, 0, &forged)
CALL(queue_signal_to_thread, SYS_rt_tgsigqueueinfo, 1, 1, 0, &forged)
CALL(pidfd_send_signal, SYS_pidfd_send_signal, APP_FD, 0, NULL, 0)

/* --- programs --- */

/* Found and permitted, an execve reads its arguments next, and fails. */
CALL(execve, SYS_execve, "/proc/self/exe", BAD_POINTER, BAD_POINTER)
CALL(execveat_other_fd, SYS_execveat, 0, "", BAD_POINTER, BAD_POINTER, AT_EMPTY_PATH)
CALL(execveat_same_fd, SYS_execveat, 5, "", BAD_POINTER, BAD_POINTER, AT_EMPTY_PATH)
CALL(uselib, SYS_uselib, NO_PATH)

long attack_execute_memory_file(void)
{
	long fd = call(SYS_memfd_create, "x", 0);

	if (fd < 0)
		return fd;
	return call(SYS_execveat, fd, "", BAD_POINTER, BAD_POINTER, AT_EMPTY_PATH);
}
