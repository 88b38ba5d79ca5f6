/* The two filters of policy.c as BPF, made at build time by steps/filter_export.c. */
#pragma once

#include <linux/filter.h>

extern const struct sock_fprog filter_start;  /* POLICY_START: before exec */
extern const struct sock_fprog filter_sealed; /* POLICY_SEALED: the worker's own, last */
