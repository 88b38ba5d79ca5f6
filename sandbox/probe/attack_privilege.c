/* 69, 70, 72, 76, 84: privileges, and what would weaken the process's own walls. */
#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "sandbox/probe/attack.h"
#include "sandbox/probe/call.h"

#define PLAIN (MAP_PRIVATE | MAP_ANONYMOUS)
#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#ifndef SYS_map_shadow_stack
#define SYS_map_shadow_stack 453
#endif
#ifndef SYS_lsm_set_self_attr
#define SYS_lsm_get_self_attr 459
#define SYS_lsm_set_self_attr 460
#endif

/* --- namespaces --- */

CALL(unshare_user, SYS_unshare, CLONE_NEWUSER)
CALL(unshare_mount, SYS_unshare, CLONE_NEWNS)
CALL(unshare_pid, SYS_unshare, CLONE_NEWPID)
CALL(unshare_net, SYS_unshare, CLONE_NEWNET)
CALL(unshare_ipc, SYS_unshare, CLONE_NEWIPC)
CALL(unshare_uts, SYS_unshare, CLONE_NEWUTS)
CALL(unshare_cgroup, SYS_unshare, CLONE_NEWCGROUP)
CALL(unshare_time, SYS_unshare, CLONE_NEWTIME)
CALL(unshare_files, SYS_unshare, CLONE_FILES)
CALL(setns, SYS_setns, 0, 0)

long attack_setns_of_process(void)
{
	long fd = call(SYS_pidfd_open, 1, 0);

	return fd < 0 ? fd : call(SYS_setns, fd, CLONE_NEWNS);
}

/* A user namespace inside gives every capability over what it then makes. */
long attack_nested_mount(void)
{
	long r = call(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNS);

	return r < 0 ? r : call(SYS_mount, "x", "/", "tmpfs", 0, NULL);
}

/* The subsystem that most escapes of the last years went through, by its own capability. */
long attack_nested_netfilter(void)
{
	long r = call(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNET);

	return r < 0 ? r : call(SYS_socket, 16 /* AF_NETLINK */, 3 /* SOCK_RAW */, 12);
}

/* --- ids and capabilities --- */

static struct __user_cap_header_struct cap_head = {.version = _LINUX_CAPABILITY_VERSION_3};
static struct __user_cap_data_struct cap_sets[2] = {
	{.effective = 1u << CAP_SYS_ADMIN, .permitted = 1u << CAP_SYS_ADMIN}};

CALL(setuid_0, SYS_setuid, 0)
CALL(setgid_0, SYS_setgid, 0)
CALL(setreuid, SYS_setreuid, 0, 0)
CALL(setregid, SYS_setregid, 0, 0)
CALL(setresuid, SYS_setresuid, 0, 0, 0)
CALL(setresgid, SYS_setresgid, 0, 0, 0)
CALL(setfsuid, SYS_setfsuid, 0)
CALL(setfsgid, SYS_setfsgid, 0)
CALL(setgroups, SYS_setgroups, 0, NULL)
CALL(getgroups, SYS_getgroups, 0, NULL)
CALL(capset, SYS_capset, &cap_head, cap_sets)
CALL(capget, SYS_capget, &cap_head, probe_page)

/* Whether a program with file capabilities could still bring it back. */
long attack_read_bounding_set(void)
{
	long r = call(SYS_prctl, PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0);

	return r == 0 ? -EPERM : r;
}

CALL(drop_bounding_set, SYS_prctl, PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0)
CALL(raise_ambient, SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0)
CALL(set_securebits, SYS_prctl, PR_SET_SECUREBITS, 0, 0, 0, 0)
CALL(keep_capabilities, SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0)

/* --- its own attributes --- */

CALL(clear_death_signal, SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0)
CALL(become_dumpable, SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)
CALL(rename_self, SYS_prctl, PR_SET_NAME, "x", 0, 0, 0)
CALL(set_memory_map, SYS_prctl, PR_SET_MM, PR_SET_MM_BRK, probe_page, 0, 0)
CALL(become_reaper, SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
CALL(allow_speculation, SYS_prctl, PR_SET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, PR_SPEC_ENABLE, 0,
	0)
CALL(allow_tracer, SYS_prctl, PR_SET_PTRACER, -1, 0, 0, 0)
CALL(set_timer_slack, SYS_prctl, PR_SET_TIMERSLACK, 1, 0, 0, 0)
CALL(set_tsc, SYS_prctl, PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0)
CALL(dispatch_calls, SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0)
CALL(core_scheduling, SYS_prctl, PR_SCHED_CORE, PR_SCHED_CORE_GET, 0, 0, probe_page)
CALL(allow_executable_memory, SYS_prctl, PR_SET_MDWE, 0, 0, 0, 0)
CALL(set_thread_area, SYS_arch_prctl, ARCH_SET_GS, probe_page)
CALL(get_thread_area, SYS_arch_prctl, ARCH_GET_FS, probe_page)

long attack_read_death_signal(void)
{
	int signo = 0;
	long r = call(SYS_prctl, PR_GET_PDEATHSIG, &signo, 0, 0, 0);

	return r < 0 ? r : signo == SIGKILL ? 0 : -ESRCH;
}

/* Refused is the good answer: nothing it executes may gain a privilege. */
long attack_read_no_new_privileges(void)
{
	long r = call(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);

	return r == 1 ? -EPERM : r;
}

/* --- memory that is executed --- */

CALL(mmap_executable, SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, PLAIN, -1, 0)
CALL(mmap_executable_high_bits, SYS_mmap, 0, 4096, HIGH | PROT_READ, PLAIN, -1, 0)
CALL(mmap_writable_executable, SYS_mmap, 0, 4096, RWX, PLAIN, -1, 0)
CALL(mprotect_executable, SYS_mprotect, probe_page, sizeof(probe_page), PROT_READ | PROT_EXEC)
CALL(mprotect_high_bits, SYS_mprotect, probe_page, sizeof(probe_page), HIGH | PROT_READ)
CALL(pkey_mprotect, SYS_pkey_mprotect, probe_page, sizeof(probe_page), PROT_READ, -1)
CALL(pkey_alloc, SYS_pkey_alloc, 0, 0)
CALL(remap_file_pages, SYS_remap_file_pages, probe_page, sizeof(probe_page), 0, 0, 0)
CALL(shadow_stack, SYS_map_shadow_stack, 0, 4096, 0)
CALL(personality, SYS_personality, 0x0400000) /* READ_IMPLIES_EXEC */

static const unsigned char return_at_once[] = {0xc3};

/* Alone on its page, so that nothing else loses its right to run. */
static void __attribute__((noinline, aligned(4096), section(".text.victim"))) victim(void)
{
	__asm__ volatile(".skip 4095, 0x90");
}

static long store(void *where)
{
	*(volatile unsigned char *)where = return_at_once[0];
	return 0;
}

static long run(void *where)
{
	((void (*)(void))where)();
	return 0;
}

long attack_write_text(void)
{
	return probe_faulting(store, (void *)victim);
}

long attack_rewrite_text(void)
{
	long r = call(SYS_mprotect, victim, 4096, PROT_READ | PROT_WRITE);

	if (r < 0)
		return r;
	(void)store((void *)victim);
	return call(SYS_mprotect, victim, 4096, PROT_READ | PROT_EXEC);
}

long attack_run_data(void)
{
	(void)store(probe_page);
	return probe_faulting(run, probe_page);
}

/* --- walls of its own making, to trick us with --- */

CALL(second_filter, SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL)
CALL(strict_mode, SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL)
CALL(seccomp_listener, SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
	BAD_POINTER)
CALL(seccomp_actions, SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, probe_page)
CALL(seccomp_by_prctl, SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, BAD_POINTER, 0, 0)
CALL(landlock_ruleset, SYS_landlock_create_ruleset, probe_page, 8, 0)
CALL(landlock_rule, SYS_landlock_add_rule, 0, LANDLOCK_RULE_PATH_BENEATH, probe_page, 0)
CALL(landlock_restrict, SYS_landlock_restrict_self, 0, 0)
CALL(security_label, SYS_lsm_set_self_attr, 100, probe_page, 32, 0)
