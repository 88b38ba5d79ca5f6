/*
 * Which system calls a worker may make, as data.
 *
 * One table for two filters. The START filter is put on by boxd before exec: a worker that never
 * seals itself is held by it. The SEALED filter is put on by the worker itself (seal.h) once its
 * Lua state and its timer are ready, and before one byte of a tenant arrives. Both kill the process
 * for everything the table does not name.
 *
 * Only "equal" and "masked equal" on the full 64 bits of an argument exist here: libseccomp 2.5.4
 * merges two range comparisons on one call wrongly, and an upper half left unchecked is how
 * filters were passed before (CVE-2019-10063). Knows no libseccomp and no BPF.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum policy_stage {
	POLICY_START = 1 << 0,  /* from boxd's last step to the seal */
	POLICY_SEALED = 1 << 1, /* for the rest of its life */
};

#define POLICY_ALLOW 0 /* struct policy_rule.verdict; any other value is the errno returned */

/* Holds when (argument & mask) == value. Equality is mask ~0. */
struct policy_arg {
	unsigned int index; /* 0 to 5 */
	uint64_t mask;
	uint64_t value;
};

#define POLICY_ARGS_MAX 2

/* clang-format off */
#define POLICY_EQ(i, v) {(i), ~0ull, (uint64_t)(v)}
#define POLICY_WITHIN(i, bits) {(i), ~(uint64_t)(bits), 0} /* no bit but these */
/* clang-format on */

struct policy_rule {
	int call; /* SYS_… */
	const char *name;
	int verdict;
	unsigned int filters; /* those that carry this rule; here POLICY_START | POLICY_SEALED */
	size_t n_args;
	struct policy_arg args[POLICY_ARGS_MAX]; /* all must hold */
};

extern const struct policy_rule policy_rules[];
extern const size_t policy_n_rules;
