/* The worker program as a file nobody can change. Kernel: memfd_create(2), execveat(2). */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/*
 * Copies the program at fd into a sealed memfd that may be executed and not read (so a worker is
 * not dumpable from its first instruction). Returns the memfd (CLOEXEC, caller's). -ENOEXEC: fd
 * holds no ELF program. -EACCES: vm.memfd_noexec forbids it.
 */
int program_seal(int fd, struct err *e);

/*
 * Becomes the program at fd, without environment. Its arguments are its name and, when there is
 * time, "--rehearse". Returns -errno.
 */
int program_exec(int fd, bool rehearse);
