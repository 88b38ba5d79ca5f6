/* What is left of a process's own state: session, mask, name, death. Kernel: prctl(2). */
#pragma once

/* A session of its own, umask 077, no blocked signal, host name "space". -errno. */
int process_settle(void);

/*
 * SIGKILL when boxd dies. After the change of uid, which clears it. sync_fd: the socket to boxd;
 * closed already means boxd died before this call. -EPIPE then.
 */
int process_die_with_parent(int sync_fd);

/* Speculation that one process can use to read another's memory: off for good where the kernel
 * lets a process choose. Never fails: most kernels choose themselves. */
void process_limit_speculation(void);
