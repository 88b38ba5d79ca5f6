/* Loading a finished call filter. Kernel: Documentation/userspace-api/seccomp_filter.rst */
#pragma once

#include <linux/filter.h>

/* Puts the filter on this process, for good. Needs no_new_privs. -EINVAL: the kernel has no
 * seccomp filters or refuses the program. */
int seccomp_load(const struct sock_fprog *program);
