/* The filters of confine_policy.c as BPF, made at build time by steps/filter_export.c. */
#pragma once

#include <linux/filter.h>

extern const struct sock_fprog filter_gateway;
extern const struct sock_fprog filter_orchestrator;
extern const struct sock_fprog filter_agent;
extern const struct sock_fprog filter_loader;
extern const struct sock_fprog filter_tls;
extern const struct sock_fprog filter_inference;
extern const struct sock_fprog filter_git;
extern const struct sock_fprog filter_fetch;
extern const struct sock_fprog filter_gpu_loader;
extern const struct sock_fprog filter_gpu_inference;
