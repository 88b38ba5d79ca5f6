/*
 * How an attack is written, for the attack_*.c only.
 *
 * Tests also run attacks where layers are left out on purpose, so one that gets through may change
 * nothing outside of its box: signals are number 0, paths do not exist, pointers are bad. What the
 * kernel answers then (EFAULT, ENOENT) tells that it was reached.
 */
#pragma once

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#define APP_FD 3
#define INFER_FD 4          /* what is sent there, no test reads */
#define HIGH 0x100000000ull /* a bit that a 32-bit comparison misses */
#define BAD_POINTER ((void *)8)
#define NO_PATH "/vitrine-probe"

/* An attack that is one system call. glibc is left out: it refuses some of these itself. */
#define CALL(name, ...)                                                                            \
	long attack_##name(void)                                                                   \
	{                                                                                          \
		return call(__VA_ARGS__);                                                          \
	}

/* The result of a system call, or its negative errno. */
#define call(...)                                                                                  \
	__extension__({                                                                            \
		long r_ = syscall(__VA_ARGS__);                                                    \
		r_ < 0 ? -(long)errno : r_;                                                        \
	})

/* Tells things apart that tests make for the probe outside of its box; 0 but for those tests. */
extern int probe_mark;

/* 4 KiB of zeros for a call to read or to fill. */
extern char probe_page[4096];

/* try(data), or -EFAULT when that touches memory it may not (SIGSEGV). */
long probe_faulting(long (*try)(void *data), void *data);
