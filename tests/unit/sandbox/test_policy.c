#include "sandbox/policy.h"

#include <linux/audit.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "sandbox/filters.h"
#include "tests/support/test.h"
#include "tests/unit/sandbox/bpf.h"

#define HIGH 0x100000000ull
#define CALLS_SWEPT 600
#define X32_BIT 0x40000000u

#ifdef __x86_64__
#define NATIVE AUDIT_ARCH_X86_64
#else
#define NATIVE AUDIT_ARCH_AARCH64
#endif

static const struct {
	unsigned int stage;
	const struct sock_fprog *filter;
} stages[] = {{POLICY_START, &filter_start}, {POLICY_SEALED, &filter_sealed}};

#define STAGES 2

static uint32_t action_of(int verdict)
{
	return verdict == POLICY_ALLOW ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | (uint32_t)verdict;
}

static bool rule_holds(const struct policy_rule *rule, const struct seccomp_data *d)
{
	if (rule->call != d->nr)
		return false;
	for (size_t i = 0; i < rule->n_args; i++)
		if ((d->args[rule->args[i].index] & rule->args[i].mask) != rule->args[i].value)
			return false;
	return true;
}

/* What the table says, read the slow and obvious way. */
static uint32_t expected(unsigned int stage, const struct seccomp_data *d)
{
	for (size_t i = 0; i < policy_n_rules; i++)
		if ((policy_rules[i].stages & stage) && rule_holds(&policy_rules[i], d))
			return action_of(policy_rules[i].verdict);
	return SECCOMP_RET_KILL_PROCESS;
}

static void check(size_t s, const struct seccomp_data *d)
{
	uint32_t want = expected(stages[s].stage, d), got = bpf_run(stages[s].filter, d);

	if (want == got)
		return;
	fprintf(stderr, "stage %u call %d args %llx %llx %llx %llx %llx: filter %08x, table %08x\n",
		stages[s].stage, d->nr, (unsigned long long)d->args[0],
		(unsigned long long)d->args[1], (unsigned long long)d->args[2],
		(unsigned long long)d->args[3], (unsigned long long)d->args[4], got, want);
	exit(1);
}

static struct seccomp_data satisfying(const struct policy_rule *rule)
{
	struct seccomp_data d = {.nr = rule->call, .arch = NATIVE};

	for (size_t i = 0; i < rule->n_args; i++)
		d.args[rule->args[i].index] = rule->args[i].value;
	return d;
}

TEST(every_rule_gives_its_verdict_where_its_arguments_hold)
{
	for (size_t s = 0; s < STAGES; s++)
		for (size_t i = 0; i < policy_n_rules; i++) {
			struct seccomp_data d = satisfying(&policy_rules[i]);

			if (!(policy_rules[i].stages & stages[s].stage))
				continue;
			CHECK(expected(stages[s].stage, &d) == action_of(policy_rules[i].verdict));
			check(s, &d);
		}
}

/* One bit flipped in each checked argument, all 64 of them: the upper half counts (catalogue 83).
 */
TEST(every_bit_of_a_checked_argument_counts)
{
	for (size_t s = 0; s < STAGES; s++)
		for (size_t i = 0; i < policy_n_rules; i++)
			for (size_t a = 0; a < policy_rules[i].n_args; a++)
				for (int bit = 0; bit < 64; bit++) {
					struct seccomp_data d = satisfying(&policy_rules[i]);

					d.args[policy_rules[i].args[a].index] ^= 1ull << bit;
					check(s, &d);
				}
}

TEST(upper_halves_never_pass_an_equality)
{
	for (size_t i = 0; i < policy_n_rules; i++)
		for (size_t a = 0; a < policy_rules[i].n_args; a++) {
			struct seccomp_data d = satisfying(&policy_rules[i]);

			d.args[policy_rules[i].args[a].index] |= HIGH;
			if (policy_rules[i].stages & POLICY_SEALED)
				CHECK(bpf_run(&filter_sealed, &d) == expected(POLICY_SEALED, &d) &&
					bpf_run(&filter_sealed, &d) != SECCOMP_RET_ALLOW);
		}
}

TEST(random_arguments_agree_with_the_table)
{
	static const uint64_t interesting[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 22, 32, 128, 1034, 0x541b,
		0x800, 0x4022, 0x1000, ~0ull, HIGH, HIGH | 1};
	const size_t n = sizeof(interesting) / sizeof(interesting[0]);

	srandom(7);
	for (int round = 0; round < 200000; round++) {
		const struct policy_rule *rule = &policy_rules[(size_t)random() % policy_n_rules];
		struct seccomp_data d = satisfying(rule);

		for (int a = 0; a < 6; a++)
			if (random() % 3 == 0)
				d.args[a] = interesting[(size_t)random() % n];
		for (size_t s = 0; s < STAGES; s++)
			check(s, &d);
	}
}

/* Catalogue 85, 88. */
TEST(every_call_number_from_0_to_600_agrees_with_the_table)
{
	for (size_t s = 0; s < STAGES; s++)
		for (int nr = 0; nr <= CALLS_SWEPT; nr++) {
			const struct seccomp_data zero = {.nr = nr, .arch = NATIVE};
			const struct seccomp_data ones = {.nr = nr,
				.arch = NATIVE,
				.args = {~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull}};

			check(s, &zero);
			check(s, &ones);
		}
}

/* Catalogue 82. */
TEST(other_architectures_are_killed_whatever_they_call)
{
	static const uint32_t foreign[] = {AUDIT_ARCH_I386, AUDIT_ARCH_ARM, 0, 0xffffffff};

	for (size_t s = 0; s < STAGES; s++)
		for (size_t f = 0; f < sizeof(foreign) / sizeof(foreign[0]); f++)
			for (int nr = 0; nr <= CALLS_SWEPT; nr++) {
				const struct seccomp_data d = {.nr = nr, .arch = foreign[f]};

				CHECK(bpf_run(stages[s].filter, &d) == SECCOMP_RET_KILL_PROCESS);
			}
}

#ifdef __x86_64__
TEST(x32_is_killed_whatever_it_calls)
{
	for (size_t s = 0; s < STAGES; s++)
		for (int nr = 0; nr <= CALLS_SWEPT; nr++) {
			const struct seccomp_data d = {
				.nr = (int)(X32_BIT | (unsigned int)nr), .arch = NATIVE};

			CHECK(bpf_run(stages[s].filter, &d) == SECCOMP_RET_KILL_PROCESS);
		}
}
#endif

/* A worker that seals itself loses; nothing may appear. */
TEST(the_seal_only_narrows)
{
	for (size_t i = 0; i < policy_n_rules; i++) {
		struct seccomp_data d = satisfying(&policy_rules[i]);

		if (expected(POLICY_SEALED, &d) == SECCOMP_RET_ALLOW)
			CHECK(expected(POLICY_START, &d) == SECCOMP_RET_ALLOW);
	}
}

/* The calls that a review has to argue for; none may be allowed once sealed. */
TEST(no_dangerous_call_is_allowed_after_the_seal)
{
	static const int dangerous[] = {SYS_clone, SYS_mount, SYS_umount2, SYS_setns, SYS_unshare,
		SYS_kill, SYS_execve, SYS_execveat, SYS_bpf, SYS_socket, SYS_ptrace, SYS_prctl,
		SYS_sendmsg, SYS_sendmmsg, SYS_connect, SYS_bind, SYS_io_uring_setup,
		SYS_process_vm_writev, SYS_pidfd_getfd, SYS_memfd_create, SYS_openat, SYS_openat2,
		SYS_open_by_handle_at, SYS_keyctl, SYS_userfaultfd, SYS_perf_event_open,
		SYS_seccomp, SYS_setuid, SYS_capset, SYS_chroot, SYS_pivot_root, SYS_setitimer,
		SYS_timer_create, SYS_dup, SYS_dup3, SYS_socketpair, SYS_accept4, SYS_splice};

	for (size_t i = 0; i < policy_n_rules; i++)
		for (size_t k = 0; k < sizeof(dangerous) / sizeof(dangerous[0]); k++)
			CHECK(policy_rules[i].call != dangerous[k] ||
				!(policy_rules[i].stages & POLICY_SEALED) ||
				policy_rules[i].verdict != POLICY_ALLOW);
}

TEST_MAIN()
