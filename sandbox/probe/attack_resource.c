/* 35, 37, 39, 40, 41, 77: memory, files in memory, and what decides over resources. */
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "sandbox/probe/attack.h"
#include "sandbox/probe/call.h"

#define FILES_TRIED 64
#define RESERVED (64ul << 30)
#define PLAIN (MAP_PRIVATE | MAP_ANONYMOUS)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
static struct sched_param fifo = {.sched_priority = 1};

/* sched_setattr(2); linux/sched/types.h cannot be had beside sched.h. */
static struct {
	uint32_t size, policy;
	uint64_t flags;
	uint32_t nice, priority;
	uint64_t runtime, deadline, period; /* ns */
} deadline = {.size = 48, .policy = 6, .runtime = 1 << 20, .deadline = 1 << 21, .period = 1 << 21};

/* --- file descriptors --- */

CALL(dup, SYS_dup, 0)
CALL(dup2, SYS_dup2, 0, 9)
CALL(dup3, SYS_dup3, 0, 9, 0)
CALL(fcntl_dup, SYS_fcntl, 0, F_DUPFD, 0)
CALL(fcntl_dup_cloexec, SYS_fcntl, 0, F_DUPFD_CLOEXEC, 0)
CALL(eventfd, SYS_eventfd2, 0, 0)
CALL(timerfd, SYS_timerfd_create, 0, 0)
CALL(signalfd, SYS_signalfd4, -1, probe_page, 8, 0)
CALL(pipe, SYS_pipe2, probe_page, 0)
CALL(close_range, SYS_close_range, 100, 200, 0)

long attack_epoll_until_full(void)
{
	for (int i = 0; i < FILES_TRIED; i++)
		if (epoll_create1(0) < 0)
			return -errno;
	return 0;
}

/* --- address space --- */

CALL(reserve_64_gib, SYS_mmap, 0, RESERVED, PROT_READ | PROT_WRITE, PLAIN | MAP_NORESERVE, -1, 0)

/* brk answers with where the end is, moved or not. */
long attack_brk_64_gib(void)
{
	unsigned long now = (unsigned long)syscall(SYS_brk, 0);

	return (unsigned long)syscall(SYS_brk, now + RESERVED) >= now + RESERVED ? 0 : -ENOMEM;
}

long attack_mremap_64_gib(void)
{
	long at = call(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, PLAIN, -1, 0);

	return at < 0 ? at : call(SYS_mremap, at, 4096, RESERVED, MREMAP_MAYMOVE, 0);
}

CALL(mmap_page_0, SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, PLAIN | MAP_FIXED, -1, 0)

/* --- files in memory, the only ones there could be --- */

CALL(memfd_create, SYS_memfd_create, "x", 0)
CALL(memfd_secret, SYS_memfd_secret, 0)
CALL(open_unnamed, SYS_open, "/", O_TMPFILE | O_RDWR, 0600)
CALL(mkdir, SYS_mkdir, NO_PATH, 0700)
CALL(truncate, SYS_truncate, NO_PATH, 1 << 30)
CALL(ftruncate, SYS_ftruncate, 0, 1 << 30)
CALL(fallocate, SYS_fallocate, 1, 0, 0, 1 << 30)

/* --- memory that cannot be taken back --- */

CALL(mlock, SYS_mlock, probe_page, sizeof(probe_page))
CALL(mlock2, SYS_mlock2, probe_page, sizeof(probe_page), 1)
CALL(mlockall, SYS_mlockall, MCL_CURRENT)
CALL(mmap_hugetlb, SYS_mmap, 0, 2 << 20, PROT_READ, PLAIN | MAP_HUGETLB, -1, 0)
CALL(mmap_locked, SYS_mmap, 0, 4096, PROT_READ, PLAIN | MAP_LOCKED, -1, 0)
CALL(mmap_grows_down, SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, PLAIN | MAP_GROWSDOWN, -1, 0)
CALL(madvise_mergeable, SYS_madvise, probe_page, sizeof(probe_page), MADV_MERGEABLE)
CALL(madvise_hwpoison, SYS_madvise, probe_page, sizeof(probe_page), MADV_HWPOISON)
CALL(madvise_huge, SYS_madvise, probe_page, sizeof(probe_page), MADV_HUGEPAGE)
CALL(madvise_collapse, SYS_madvise, probe_page, sizeof(probe_page), MADV_COLLAPSE)
CALL(madvise_pageout, SYS_madvise, probe_page, sizeof(probe_page), MADV_PAGEOUT)

/* --- rights over the processor and over its own limits --- */

CALL(raise_rlimit, SYS_prlimit64, 0, RLIMIT_AS, &more, NULL)
CALL(raise_rlimit_of_first, SYS_prlimit64, 1, RLIMIT_AS, &more, NULL)
CALL(setrlimit, SYS_setrlimit, RLIMIT_CORE, &more)
CALL(setpriority, SYS_setpriority, PRIO_PROCESS, 0, -20)
CALL(ioprio_set, SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_CLASS_RT << IOPRIO_CLASS_SHIFT)
CALL(set_affinity, SYS_sched_setaffinity, 0, sizeof(probe_page), probe_page)
CALL(sched_realtime, SYS_sched_setscheduler, 0, SCHED_FIFO, &fifo)
CALL(sched_setparam, SYS_sched_setparam, 0, &fifo)
CALL(sched_deadline, SYS_sched_setattr, 0, &deadline, 0)
CALL(mbind, SYS_mbind, probe_page, sizeof(probe_page), 0, NULL, 0, 0)
CALL(set_mempolicy, SYS_set_mempolicy, 0, NULL, 0)
CALL(migrate_pages, SYS_migrate_pages, 0, 0, NULL, NULL)
CALL(move_pages, SYS_move_pages, 0, 0, NULL, NULL, NULL, 0)
