/*
 * Build-time tool: compiles a policy with libseccomp and prints its filters as C, those of workers
 * (sandbox/policy.c) or those of services (sandbox/confine_policy.c). The programs then carry the
 * finished BPF, and no privileged, sealed or confined process needs libseccomp.
 */
#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sandbox/confine_policy.h"
#include "sandbox/policy.h"

#ifdef VITRINE_SANITIZED
#define SANITIZER FILTER_SANITIZER
#else
#define SANITIZER 0
#endif

struct set {
	const char *name, *header;
	const struct policy_rule *rules;
	const size_t *n_rules;
	struct {
		const char *name;
		unsigned int bits; /* of policy_rule.filters; one of them is enough */
	} filters[12];
};

static const struct set sets[] = {
	{"worker", "filters.h", policy_rules, &policy_n_rules,
		{{"filter_start", POLICY_START}, {"filter_sealed", POLICY_SEALED}}},
	{"service", "confine_filters.h", confine_rules, &confine_n_rules,
		{{"filter_gateway", FILTER_GATEWAY | SANITIZER},
			{"filter_orchestrator", FILTER_ORCHESTRATOR | SANITIZER},
			{"filter_agent", FILTER_AGENT | SANITIZER},
			{"filter_loader", FILTER_LOADER | SANITIZER},
			{"filter_tls", FILTER_TLS | SANITIZER},
			{"filter_inference", FILTER_INFERENCE},
			{"filter_git", FILTER_GIT | SANITIZER},
			{"filter_fetch", FILTER_FETCH | SANITIZER},
			{"filter_gpu_loader", FILTER_LOADER | FILTER_GPU | SANITIZER},
			{"filter_gpu_inference", FILTER_INFERENCE | FILTER_GPU}}},
};

static void die(const char *what, int code)
{
	fprintf(stderr, "filter_export: %s: %s\n", what, strerror(-code));
	exit(1);
}

static void add_rule(scmp_filter_ctx ctx, const struct policy_rule *rule)
{
	uint32_t action = rule->verdict == POLICY_ALLOW ? SCMP_ACT_ALLOW
							: SCMP_ACT_ERRNO((uint32_t)rule->verdict);
	struct scmp_arg_cmp args[POLICY_ARGS_MAX];
	int r;

	for (size_t i = 0; i < rule->n_args; i++)
		args[i] = (struct scmp_arg_cmp){.arg = rule->args[i].index,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = rule->args[i].mask,
			.datum_b = rule->args[i].value};
	r = seccomp_rule_add_exact_array(ctx, action, rule->call, (unsigned int)rule->n_args, args);
	if (r < 0)
		die(rule->name, r);
}

static void print_program(const char *name, const struct sock_filter *code, size_t n)
{
	printf("static const struct sock_filter %s_code[] = {\n", name);
	for (size_t i = 0; i < n; i++)
		printf("\t{0x%02x, %u, %u, 0x%08x},\n", code[i].code, code[i].jt, code[i].jf,
			code[i].k);
	printf("};\nconst struct sock_fprog %s = {%zu, (struct sock_filter *)%s_code};\n\n", name,
		n, name);
}

static void export_filter(const struct set *set, const char *name, unsigned int bits)
{
	static struct sock_filter code[BPF_MAXINSNS];
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int fd = memfd_create(name, MFD_CLOEXEC);
	ssize_t n;
	int r;

	if (!ctx || fd < 0)
		die(name, -ENOMEM);
	/* i386 and x32 calls end the process too, not just the thread. Level 2: a binary tree. */
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r < 0)
		die("set an attribute", r);
	for (size_t i = 0; i < *set->n_rules; i++)
		if (set->rules[i].filters & bits)
			add_rule(ctx, &set->rules[i]);
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		die("export", r);
	n = pread(fd, code, sizeof(code), 0);
	if (n <= 0 || (size_t)n % sizeof(code[0]) != 0)
		die("read back", -EIO);
	print_program(name, code, (size_t)n / sizeof(code[0]));
	seccomp_release(ctx);
	close(fd);
}

int main(int argc, char **argv)
{
	for (size_t s = 0; argc == 2 && s < sizeof(sets) / sizeof(sets[0]); s++) {
		if (strcmp(argv[1], sets[s].name) != 0)
			continue;
		printf("/* Made by filter_export. */\n#include \"sandbox/%s\"\n\n", sets[s].header);
		for (size_t i = 0; sets[s].filters[i].name; i++)
			export_filter(&sets[s], sets[s].filters[i].name, sets[s].filters[i].bits);
		return 0;
	}
	(void)fputs("usage: filter_export worker|service\n", stderr);
	return 2;
}
