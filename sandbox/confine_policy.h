/*
 * Which system calls each service may make once it is confined, as data (struct policy_rule).
 *
 * One table for all of them, in groups by what the calls are for; each rule says who carries it.
 * The filters kill the process for everything else. Like policy.h: no libseccomp, no BPF.
 */
#pragma once

#include "sandbox/policy.h"

/* The bits of struct policy_rule.filters in this table. */
enum confine_filter {
	FILTER_GATEWAY = 1 << 0,
	FILTER_ORCHESTRATOR = 1 << 1,
	FILTER_AGENT = 1 << 2,
	FILTER_LOADER = 1 << 3, /* inference while it reads its models */
	FILTER_INFERENCE = 1 << 4,
	FILTER_GIT = 1 << 5, /* git and the hook, on top of the orchestrator's */
	FILTER_TLS = 1 << 8,
	FILTER_FETCH = 1 << 7, /* the only one with a network */
	FILTER_GPU = 1 << 6,   /* beside FILTER_LOADER and FILTER_INFERENCE: what a driver does */
	/* With VITRINE_SANITIZE, carried by all but FILTER_INFERENCE: what the sanitizers'
	 * runtime does. */
	FILTER_SANITIZER = 1 << 16,
};

extern const struct policy_rule confine_rules[];
extern const size_t confine_n_rules;
