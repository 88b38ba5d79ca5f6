/* The file system of a box: nothing. Kernel: mount_namespaces(7), pivot_root(2). */
#pragma once

/*
 * Makes an empty read-only tmpfs (64 KiB, 32 inodes, nosuid nodev noexec) the root and detaches
 * everything else. In a mount namespace of its own, as the mapped uid. -EACCES: an AppArmor
 * profile forbids mounting. -errno of the mount calls otherwise.
 */
int root_empty(void);
