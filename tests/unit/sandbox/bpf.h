/* An interpreter of classic BPF over struct seccomp_data: the oracle that says what the kernel
 * would do with a filter. Knows only what seccomp allows (kernel: seccomp_check_filter). */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>

/* The filter's answer (SECCOMP_RET_…). Aborts on an instruction or jump that the kernel would
 * refuse, and on a program that does not end. */
uint32_t bpf_run(const struct sock_fprog *program, const struct seccomp_data *data);
