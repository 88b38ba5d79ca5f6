#include "inference/kernels/kernels.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool runs_always(void)
{
	return true;
}

#if defined(__x86_64__)
static bool runs_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
	       __builtin_cpu_supports("f16c");
}

static bool runs_avx512(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

static bool runs_avx512_vnni(void)
{
	return runs_avx512() && __builtin_cpu_supports("avx512vnni");
}

static bool runs_avx512_bf16(void)
{
	return runs_avx512_vnni() && __builtin_cpu_supports("avx512bf16");
}
#endif

static const struct build {
	const struct kernels *kernels;
	bool (*runs)(void);
} builds[] = {
#if defined(__x86_64__)
	{&kernels_avx512_bf16, runs_avx512_bf16},
	{&kernels_avx512_vnni, runs_avx512_vnni},
	{&kernels_avx512, runs_avx512},
	{&kernels_avx2, runs_avx2},
#endif
	{&kernels_scalar, runs_always},
};

/* Intel's take two cycles for what a multiplication of floats does in half a one: measured on a
 * Sapphire Rapids, half the products a second; AMD's do two of them in a cycle. */
static bool rounding_pays(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_is("amd");
#else
	return false;
#endif
}

int kernels_pick(const char *name, const struct kernels **ret, struct err *e)
{
	bool fast = name && !strcmp(name, "fast");

	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		if (name && !fast && strcmp(name, builds[i].kernels->name) != 0)
			continue;
		if ((!name || (fast && !rounding_pays())) && builds[i].kernels->rounds_bf16)
			continue;
		if (!builds[i].runs())
			continue;
		*ret = builds[i].kernels;
		return 0;
	}
	return err_set(e, -ENOTSUP, "kernels '%s' do not run on this processor", name);
}
