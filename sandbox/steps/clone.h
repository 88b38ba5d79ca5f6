/* One process in namespaces of its own. Kernel: clone(2) (clone3), namespaces(7). */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/*
 * Like fork, into new user, pid, mount, net, ipc, uts and cgroup namespaces (time comes by
 * timens_own, once). share_net: it stays in the caller's network namespace. Signal handlers are
 * cleared. cgroup_fd: a v2 folder to be born in, or -1. Parent: the pid, and *ret_pidfd (caller's,
 * CLOEXEC). Child: 0. -EPERM, -ENOSPC: the kernel or its administrator forbids user namespaces.
 * -ENOSYS: before Linux 5.7.
 */
pid_t clone_boxed(int cgroup_fd, bool share_net, int *ret_pidfd);
