/* Landlock: no file, no port, no foreign abstract socket or signal. Kernel: landlock(7). */
#pragma once

/* ABI of this kernel; 0 where it has none or keeps it off. */
int landlock_abi(void);

/*
 * Handles every right of the probed ABI and grants none. Needs no_new_privs. Returns the ABI now
 * in force, 0 where the kernel has no Landlock, or -errno when a kernel that has it refuses.
 */
int landlock_deny_all(void);
