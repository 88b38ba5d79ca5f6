/* 78, 79, 81, 82, 83, 85: large or old parts of the kernel, and other ways into it. */
#include <linux/futex.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <time.h>

#include "sandbox/probe/attack.h"
#include "sandbox/probe/call.h"

#define IO_URING_REGISTER_PROBE_ 8
#define KEXEC_ON_CRASH_ 1
#define UNKNOWN_CALL 599
#define X32 0x40000000

#ifndef SYS_futex_wake
#define SYS_futex_wake 454
#define SYS_futex_wait 455
#define SYS_futex_requeue 456
#endif

/* --- subsystems --- */

CALL(bpf, SYS_bpf, 0, probe_page, 64)
CALL(perf_event_open, SYS_perf_event_open, probe_page, 0, -1, -1, 0)
CALL(userfaultfd, SYS_userfaultfd, 1)
CALL(io_uring_setup, SYS_io_uring_setup, 1, probe_page)
CALL(io_uring_enter, SYS_io_uring_enter, 0, 0, 0, 0, NULL, 0)
CALL(io_uring_register, SYS_io_uring_register, -1, IO_URING_REGISTER_PROBE_, NULL, 0)
CALL(io_setup, SYS_io_setup, 1, probe_page)
CALL(io_submit, SYS_io_submit, 0, 0, NULL)
CALL(io_getevents, SYS_io_getevents, 0, 0, 0, NULL, NULL)
CALL(io_pgetevents, SYS_io_pgetevents, 0, 0, 0, NULL, NULL, NULL)
CALL(io_cancel, SYS_io_cancel, 0, NULL, NULL)
CALL(io_destroy, SYS_io_destroy, 0)

/* --- the machine; each would need the host's own privilege --- */

CALL(reboot, SYS_reboot, 0, 0, 0, 0)
CALL(kexec, SYS_kexec_load, 0, 0, NULL, KEXEC_ON_CRASH_)
CALL(kexec_file, SYS_kexec_file_load, 0, 0, 0, NULL, 0)
CALL(init_module, SYS_init_module, BAD_POINTER, 1, "")
CALL(init_module_of_file, SYS_finit_module, 0, "", 0)
CALL(delete_module, SYS_delete_module, "vitrine-probe", 0)
CALL(swapon, SYS_swapon, NO_PATH, 0)
CALL(swapoff, SYS_swapoff, NO_PATH)
CALL(acct, SYS_acct, NO_PATH)
CALL(quotactl, SYS_quotactl, QCMD(Q_GETINFO, 0), NO_PATH, 0, probe_page)
CALL(quotactl_file, SYS_quotactl_fd, 0, QCMD(Q_GETINFO, 0), 0, probe_page)
CALL(iopl, SYS_iopl, 3)
CALL(ioperm, SYS_ioperm, 0x80, 1, 1)
CALL(modify_ldt, SYS_modify_ldt, 1, probe_page, 16)
CALL(settimeofday, SYS_settimeofday, NULL, NULL)
CALL(clock_settime, SYS_clock_settime, CLOCK_REALTIME, BAD_POINTER)
CALL(adjtimex, SYS_adjtimex, probe_page)
CALL(clock_adjtime, SYS_clock_adjtime, CLOCK_REALTIME, probe_page)
CALL(sethostname, SYS_sethostname, "x", 1)
CALL(setdomainname, SYS_setdomainname, "x", 1)
CALL(vhangup, SYS_vhangup)
CALL(sysfs, SYS_sysfs, 3)
CALL(ustat, SYS_ustat, 0, probe_page)
CALL(sync, SYS_syncfs, 0)

/* --- futexes beyond a private wait and wake --- */

CALL(futex_lock_pi, SYS_futex, probe_page, FUTEX_LOCK_PI_PRIVATE, 0, 0, 0, 0)
CALL(futex_lock_pi2, SYS_futex, probe_page, FUTEX_LOCK_PI2_PRIVATE, 0, 0, 0, 0)
CALL(futex_trylock_pi, SYS_futex, probe_page, FUTEX_TRYLOCK_PI_PRIVATE, 0, 0, 0, 0)
CALL(futex_unlock_pi, SYS_futex, probe_page, FUTEX_UNLOCK_PI_PRIVATE, 0, 0, 0, 0)
CALL(futex_requeue, SYS_futex, probe_page, FUTEX_REQUEUE_PRIVATE, 0, 0, probe_page + 4, 0)
CALL(futex_requeue_pi, SYS_futex, probe_page, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, 0, probe_page + 4, 0)
CALL(futex_wait_requeue_pi, SYS_futex, probe_page, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 1, 0,
	probe_page + 4, 0)
CALL(futex_wake_op, SYS_futex, probe_page, FUTEX_WAKE_OP_PRIVATE, 0, 0, probe_page + 4, 0)
CALL(futex_shared, SYS_futex, probe_page, FUTEX_WAIT, 1, 0, 0, 0)
CALL(futex_high_bits, SYS_futex, probe_page, HIGH | FUTEX_WAKE_PRIVATE, 1, 0, 0, 0)
CALL(futex_waitv, SYS_futex_waitv, NULL, 0, 0, NULL, 0)
CALL(futex2_wake, SYS_futex_wake, probe_page, -1, 1, 0x82)
CALL(futex2_wait, SYS_futex_wait, probe_page, 1, -1, 0x82, NULL, 0)
CALL(futex2_requeue, SYS_futex_requeue, NULL, 0, 0, 0)

/* --- other ways into the kernel --- */

long attack_i386_call(void)
{
	long r;

	/* 20 is getpid there, and writev here. */
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory");
	return r;
}

static long call_vsyscall(void *at)
{
	long (*time_of_day)(long *) = (long (*)(long *))at;

	return time_of_day(NULL);
}

/* time() at its address of old, which the kernel emulates; the plain call where it does not. */
long attack_vsyscall(void)
{
	long r = probe_faulting(call_vsyscall, (void *)0xffffffffff600400);

	return r == -EFAULT ? call(SYS_time, NULL) : r;
}

CALL(x32_call, X32 | SYS_getpid)
CALL(x32_only_call, X32 | 512)
/* The kernel looks at 32 bits of the number only: this is getpid, with or without us. */
CALL(call_with_high_bits, HIGH | SYS_getpid)
CALL(unknown_call, UNKNOWN_CALL)
CALL(call_below_0, -1)

/* --- ioctl --- */

CALL(ioctl_tiocsti, SYS_ioctl, 1, TIOCSTI, "x")
CALL(ioctl_tiocsti_high_bits, SYS_ioctl, 1, HIGH | TIOCSTI, "x")
CALL(ioctl_tioclinux, SYS_ioctl, 1, TIOCLINUX, "x")
CALL(ioctl_set_line, SYS_ioctl, 1, TIOCSETD, probe_page)
CALL(ioctl_namespace, SYS_ioctl, 0, NS_GET_USERNS, 0)
CALL(ioctl_namespace_parent, SYS_ioctl, 0, NS_GET_PARENT, 0)
CALL(ioctl_notification, SYS_ioctl, 0, SECCOMP_IOCTL_NOTIF_RECV, probe_page)
CALL(ioctl_nonblocking, SYS_ioctl, 1, FIONBIO, probe_page)
CALL(ioctl_interfaces, SYS_ioctl, APP_FD, 0x8912 /* SIOCGIFCONF */, probe_page)
CALL(ioctl_fionread_high_bits, SYS_ioctl, 3, HIGH | FIONREAD, probe_page)
