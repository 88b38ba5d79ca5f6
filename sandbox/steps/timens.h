/* A clock that does not tell how long the host has been up. Kernel: time_namespaces(7). */
#pragma once

#include "base/err.h"

/*
 * From now on children live in a time namespace whose monotonic and boot clocks start at a random
 * value of up to 100 days. proc_fd: /proc. Needs CAP_SYS_ADMIN and CAP_SYS_TIME in the own user
 * namespace. -EPERM without them, -EINVAL where the kernel has no time namespaces.
 */
int timens_own(int proc_fd);
