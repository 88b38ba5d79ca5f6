/*
 * The last thing a worker does before tenant bytes may reach it: give up everything.
 *
 * Link `sandbox_seal` (needs libc only). Order in the worker: Lua state, handlers, timers
 * (setitimer ITIMER_VIRTUAL), epoll, every lazily allocated thing; then seal_self; then app.SEALED
 * on fd 3. After it these calls remain, everything else ends the process by SIGSYS:
 *
 *	read write readv writev pread64 close lseek recvfrom recvmsg shutdown, send() (sendto
 *	without an address), poll ppoll epoll_create1 epoll_ctl epoll_wait epoll_pwait, brk mmap
 *	munmap mremap mprotect (never executable), madvise NORMAL DONTNEED FREE, nanosleep
 *	clock_nanosleep sched_yield clock_gettime (ids 0 to 3), fcntl F_GETFL F_GETFD F_SETFL
 *	F_SETFD(FD_CLOEXEC) F_GET_SEALS, ioctl FIONREAD, private futex wait and wake, getrandom,
 *	rt_sig* sigaltstack, get*id, exit, abort()
 *
 * open, stat, fstat, readlink and the like fail with an errno instead (sandbox/policy.c). There is
 * no dup, no socket, no sendmsg, no timerfd. CLOCK_MONOTONIC in a box starts at a random value: it
 * measures spans and cannot be compared with another process's.
 */
#pragma once

#include "base/err.h"

/*
 * Landlock with every right handled and none granted, no executable memory (PR_SET_MDWE), not
 * dumpable, then the SEALED filter. *ret_landlock_abi: the ABI in force, 0 where the kernel has no
 * Landlock. Negative errno with words: nothing may be assumed, the worker must end.
 */
int seal_self(int *ret_landlock_abi, struct err *e);
