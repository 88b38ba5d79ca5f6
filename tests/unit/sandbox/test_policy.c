#include "sandbox/policy.h"

#include <linux/audit.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "sandbox/confine_filters.h"
#include "sandbox/confine_policy.h"
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

#ifdef VITRINE_SANITIZED
#define SANITIZER FILTER_SANITIZER
#else
#define SANITIZER 0
#endif

static const struct filter {
	const char *name;
	const struct policy_rule *rules;
	const size_t *n_rules;
	unsigned int bits; /* one of them is enough */
	const struct sock_fprog *program;
} filters[] = {
	{"start", policy_rules, &policy_n_rules, POLICY_START, &filter_start},
	{"sealed", policy_rules, &policy_n_rules, POLICY_SEALED, &filter_sealed},
	{"gateway", confine_rules, &confine_n_rules, FILTER_GATEWAY | SANITIZER, &filter_gateway},
	{"orchestrator", confine_rules, &confine_n_rules, FILTER_ORCHESTRATOR | SANITIZER,
		&filter_orchestrator},
	{"agent", confine_rules, &confine_n_rules, FILTER_AGENT | SANITIZER, &filter_agent},
	{"loader", confine_rules, &confine_n_rules, FILTER_LOADER | SANITIZER, &filter_loader},
	{"inference", confine_rules, &confine_n_rules, FILTER_INFERENCE, &filter_inference},
	{"git", confine_rules, &confine_n_rules, FILTER_GIT | SANITIZER, &filter_git},
	{"fetch", confine_rules, &confine_n_rules, FILTER_FETCH | SANITIZER, &filter_fetch},
};

#define FILTERS (sizeof(filters) / sizeof(filters[0]))
#define SEALED (&filters[1])

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
static uint32_t expected(const struct filter *f, const struct seccomp_data *d)
{
	for (size_t i = 0; i < *f->n_rules; i++)
		if ((f->rules[i].filters & f->bits) && rule_holds(&f->rules[i], d))
			return action_of(f->rules[i].verdict);
	return SECCOMP_RET_KILL_PROCESS;
}

static void check(const struct filter *f, const struct seccomp_data *d)
{
	uint32_t want = expected(f, d), got = bpf_run(f->program, d);

	if (want == got)
		return;
	fprintf(stderr, "%s: call %d args %llx %llx %llx %llx %llx: filter %08x, table %08x\n",
		f->name, d->nr, (unsigned long long)d->args[0], (unsigned long long)d->args[1],
		(unsigned long long)d->args[2], (unsigned long long)d->args[3],
		(unsigned long long)d->args[4], got, want);
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
	for (const struct filter *f = filters; f < filters + FILTERS; f++)
		for (size_t i = 0; i < *f->n_rules; i++) {
			struct seccomp_data d = satisfying(&f->rules[i]);

			if (!(f->rules[i].filters & f->bits))
				continue;
			CHECK(expected(f, &d) == action_of(f->rules[i].verdict));
			check(f, &d);
		}
}

static void check_each_bit(const struct filter *f, const struct policy_rule *rule)
{
	for (size_t a = 0; a < rule->n_args; a++)
		for (int bit = 0; bit < 64; bit++) {
			struct seccomp_data d = satisfying(rule);

			d.args[rule->args[a].index] ^= 1ull << bit;
			check(f, &d);
		}
}

/* One bit flipped in each checked argument, all 64 of them: the upper half counts (catalogue 83).
 */
TEST(every_bit_of_a_checked_argument_counts)
{
	for (const struct filter *f = filters; f < filters + FILTERS; f++)
		for (size_t i = 0; i < *f->n_rules; i++)
			check_each_bit(f, &f->rules[i]);
}

TEST(upper_halves_never_pass_an_equality)
{
	for (size_t i = 0; i < policy_n_rules; i++)
		for (size_t a = 0; a < policy_rules[i].n_args; a++) {
			struct seccomp_data d = satisfying(&policy_rules[i]);

			d.args[policy_rules[i].args[a].index] |= HIGH;
			if (policy_rules[i].filters & POLICY_SEALED)
				CHECK(bpf_run(&filter_sealed, &d) == expected(SEALED, &d) &&
					bpf_run(&filter_sealed, &d) != SECCOMP_RET_ALLOW);
		}
}

TEST(random_arguments_agree_with_the_table)
{
	static const uint64_t interesting[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 22, 32, 128, 1034, 0x541b,
		0x800, 0x4022, 0x1000, ~0ull, HIGH, HIGH | 1};
	const size_t n = sizeof(interesting) / sizeof(interesting[0]);

	srandom(7);
	for (int round = 0; round < 600000; round++) {
		const struct filter *f = &filters[(size_t)random() % FILTERS];
		struct seccomp_data d = satisfying(&f->rules[(size_t)random() % *f->n_rules]);

		for (int a = 0; a < 6; a++)
			if (random() % 3 == 0)
				d.args[a] = interesting[(size_t)random() % n];
		check(f, &d);
	}
}

/* Catalogue 85, 88. */
TEST(every_call_number_from_0_to_600_agrees_with_the_table)
{
	for (const struct filter *f = filters; f < filters + FILTERS; f++)
		for (int nr = 0; nr <= CALLS_SWEPT; nr++) {
			const struct seccomp_data zero = {.nr = nr, .arch = NATIVE};
			const struct seccomp_data ones = {.nr = nr,
				.arch = NATIVE,
				.args = {~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull}};

			check(f, &zero);
			check(f, &ones);
		}
}

/* Catalogue 82. */
TEST(other_architectures_are_killed_whatever_they_call)
{
	static const uint32_t foreign[] = {AUDIT_ARCH_I386, AUDIT_ARCH_ARM, 0, 0xffffffff};

	for (const struct filter *f = filters; f < filters + FILTERS; f++)
		for (size_t a = 0; a < sizeof(foreign) / sizeof(foreign[0]); a++)
			for (int nr = 0; nr <= CALLS_SWEPT; nr++) {
				const struct seccomp_data d = {.nr = nr, .arch = foreign[a]};

				CHECK(bpf_run(f->program, &d) == SECCOMP_RET_KILL_PROCESS);
			}
}

#ifdef __x86_64__
TEST(x32_is_killed_whatever_it_calls)
{
	for (const struct filter *f = filters; f < filters + FILTERS; f++)
		for (int nr = 0; nr <= CALLS_SWEPT; nr++) {
			const struct seccomp_data d = {
				.nr = (int)(X32_BIT | (unsigned int)nr), .arch = NATIVE};

			CHECK(bpf_run(f->program, &d) == SECCOMP_RET_KILL_PROCESS);
		}
}
#endif

/* Both must allow: a call that only the second allows would be a lie. */
static void check_narrows(
	unsigned int from, unsigned int to, const struct policy_rule *rules, size_t n)
{
	const struct filter before = {.rules = rules, .n_rules = &n, .bits = from};
	const struct filter after = {.rules = rules, .n_rules = &n, .bits = to};

	for (size_t i = 0; i < n; i++) {
		struct seccomp_data d = satisfying(&rules[i]);

		if (expected(&after, &d) == SECCOMP_RET_ALLOW)
			CHECK(expected(&before, &d) == SECCOMP_RET_ALLOW);
	}
}

TEST(a_second_filter_only_narrows)
{
	check_narrows(POLICY_START, POLICY_SEALED, policy_rules, policy_n_rules);
	check_narrows(FILTER_LOADER, FILTER_INFERENCE, confine_rules, confine_n_rules);
	check_narrows(FILTER_ORCHESTRATOR, FILTER_GIT, confine_rules, confine_n_rules);
}

/* No arguments meet both. */
static bool are_apart(const struct policy_rule *a, const struct policy_rule *b)
{
	for (size_t i = 0; i < a->n_args; i++)
		for (size_t k = 0; k < b->n_args; k++)
			if (a->args[i].index == b->args[k].index &&
				((a->args[i].value ^ b->args[k].value) & a->args[i].mask &
					b->args[k].mask))
				return true;
	return false;
}

/* A table that names one call with two verdicts for the same arguments means nothing. */
TEST(no_two_rules_of_a_filter_contradict)
{
	for (const struct filter *f = filters; f < filters + FILTERS; f++)
		for (size_t i = 0; i < *f->n_rules; i++)
			for (size_t k = 0; k < i; k++) {
				const struct policy_rule *a = &f->rules[i], *b = &f->rules[k];

				CHECK(a->call != b->call || !(a->filters & f->bits) ||
					!(b->filters & f->bits) || a->verdict == b->verdict ||
					are_apart(a, b));
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
				!(policy_rules[i].filters & POLICY_SEALED) ||
				policy_rules[i].verdict != POLICY_ALLOW);
}

#define STARTS (FILTER_ORCHESTRATOR | FILTER_GIT)
#define DIALS (FILTER_GATEWAY | FILTER_ORCHESTRATOR | FILTER_AGENT | FILTER_FETCH | FILTER_TLS)

/* No service has a use for these, nor git. Of the rest of this list, each has its reason. */
TEST(no_dangerous_call_is_allowed_to_a_service)
{
	static const int never[] = {SYS_mount, SYS_umount2, SYS_setns, SYS_unshare, SYS_execveat,
		SYS_bpf, SYS_ptrace, SYS_bind, SYS_listen, SYS_io_uring_setup, SYS_process_vm_readv,
		SYS_process_vm_writev, SYS_pidfd_getfd, SYS_openat2, SYS_open_by_handle_at,
		SYS_keyctl, SYS_userfaultfd, SYS_perf_event_open, SYS_setuid, SYS_setresuid,
		SYS_setgroups, SYS_capset, SYS_chroot, SYS_pivot_root, SYS_timer_create, SYS_splice,
		SYS_vmsplice, SYS_init_module, SYS_mknodat, SYS_personality, SYS_kcmp, SYS_add_key,
		SYS_shmget, SYS_mq_open, SYS_inotify_init1, SYS_fanotify_init, SYS_io_setup,
		SYS_quotactl, SYS_reboot, SYS_syslog};
	static const struct {
		int call;
		unsigned int but; /* these may */
	} seldom[] = {
		{SYS_execve, STARTS},
		{SYS_kill, STARTS},
		{SYS_clone,
			STARTS | FILTER_GATEWAY | FILTER_LOADER | FILTER_INFERENCE | FILTER_FETCH},
		{SYS_sendmmsg, FILTER_FETCH},
		{SYS_prctl, FILTER_ORCHESTRATOR | FILTER_LOADER},
		{SYS_seccomp, FILTER_LOADER | FILTER_ORCHESTRATOR},
		{SYS_socket, DIALS},
		{SYS_connect, DIALS},
		{SYS_openat, ~(unsigned int)FILTER_INFERENCE},
	};

	for (size_t i = 0; i < confine_n_rules; i++) {
		const struct policy_rule *rule = &confine_rules[i];
		unsigned int who = rule->filters & ~(unsigned int)FILTER_SANITIZER;

		if (rule->verdict != POLICY_ALLOW || !who)
			continue;
		for (size_t k = 0; k < sizeof(never) / sizeof(never[0]); k++)
			CHECK(rule->call != never[k]);
		for (size_t k = 0; k < sizeof(seldom) / sizeof(seldom[0]); k++)
			CHECK(rule->call != seldom[k].call || !(who & ~seldom[k].but));
	}
}

TEST_MAIN()
