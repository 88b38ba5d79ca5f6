/* The process attributes that forbid a later gain. Kernel: prctl(2). */
#pragma once

/*
 * no_new_privs, not dumpable (no core, no ptrace by its own uid), and where the kernel has it
 * (6.3) no memory that is or becomes executable. -errno of a refused attribute.
 */
int lockdown_self(void);

/* 1 when the kernel has PR_SET_MDWE, else 0. */
int lockdown_has_mdwe(void);
