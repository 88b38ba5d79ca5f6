/* Reading back the call filters of another process. Kernel: ptrace(2), PTRACE_SECCOMP_GET_FILTER.
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <sys/types.h>

#define FILTER_MAX 4096 /* BPF_MAXINSNS */

/*
 * The filter of that number, 0: the first one, as it was loaded. Stops the process meanwhile.
 * Returns its instructions, or -ENOENT when it has not so many.
 */
long filter_of(pid_t pid, unsigned int number, struct sock_filter code[FILTER_MAX]);

/* Whether this process may: root, without a filter of its own, on a kernel with
 * CONFIG_CHECKPOINT_RESTORE. Says loudly why not. */
bool filter_can_be_read(void);
