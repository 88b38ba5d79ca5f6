/* What is left of a process's own state: session, mask, name, death. Kernel: prctl(2). */
#pragma once

/* A session of its own, umask 077, no blocked signal, host name "space". -errno. */
int process_settle(void);

/*
 * SIGKILL when boxd dies. After the change of uid, which clears it. parent_fd: a pidfd of boxd;
 * -EPIPE when it has died before this call.
 */
int process_die_with_parent(int parent_fd);

/* Speculation that one process can use to read another's memory: off for good where the kernel
 * lets a process choose. Never fails: most kernels choose themselves. */
void process_limit_speculation(void);
