#include "sandbox/confine.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sandbox/confine_filters.h"
#include "sandbox/steps/caps.h"
#include "sandbox/steps/lockdown.h"
#include "sandbox/steps/seccomp.h"

#define PATHS_MAX 24

static const struct sock_fprog *const filters[] = {
	[CONFINE_GATEWAY] = &filter_gateway,
	[CONFINE_ORCHESTRATOR] = &filter_orchestrator,
	[CONFINE_AGENT] = &filter_agent,
	[CONFINE_LOADER] = &filter_loader,
	[CONFINE_TLS] = &filter_tls,
	[CONFINE_INFERENCE] = &filter_inference,
	[CONFINE_GIT] = &filter_git,
	[CONFINE_FETCH] = &filter_fetch,
	[CONFINE_GPU_LOADER] = &filter_gpu_loader,
	[CONFINE_GPU_INFERENCE] = &filter_gpu_inference,
};

/* Granted to everybody. */
static const struct landlock_path common[] = {
	{"/dev/urandom", LANDLOCK_READ}, /* libraries seed their tables from it */
#ifdef VITRINE_SANITIZED
	/*
	 * All that a sanitized build may do more, beside FILTER_SANITIZER: the leak checker reads
	 * /proc/self, a report reads programs and starts a symbolizer. See docs/THREATS.md.
	 */
	{"/", LANDLOCK_EXECUTE},
#endif
};

#define N_COMMON (sizeof(common) / sizeof(common[0]))

/* Returns the ABI in force. */
static int restrict_paths(const struct landlock_path *paths, size_t n, struct err *e)
{
	struct landlock_path all[PATHS_MAX];
	const char *failed = NULL;
	int abi;

	if (n + N_COMMON > PATHS_MAX)
		return err_set(e, -E2BIG, "over %zu paths", PATHS_MAX - N_COMMON);
	memcpy(all, common, sizeof(common));
	if (n)
		memcpy(all + N_COMMON, paths, n * sizeof(*paths));
	abi = landlock_restrict(all, n + N_COMMON, &failed);
	if (abi < 0)
		return err_set(e, abi, "cannot put on Landlock: %s%s%s", failed ? failed : "",
			failed ? ": " : "", strerror(-abi));
	return abi;
}

static int put_on_filter(enum confine_profile profile, struct err *e)
{
	int r = seccomp_load(filters[profile]);

	return r < 0 ? err_set(e, r, "cannot put on the filter of system calls: %s", strerror(-r))
		     : 0;
}

int confine_self(enum confine_profile profile, const struct landlock_path *paths, size_t n_paths,
	struct err *e)
{
	/* A service manager's filter may forbid to change what is empty already. */
	int r = caps_none() ? 0 : caps_keep(0);

	if (r < 0)
		return err_set(e, r, "cannot give up capabilities: %s", strerror(-r));
	r = lockdown_self();
	if (r < 0)
		return err_set(e, r, "cannot give up new privileges: %s", strerror(-r));
	r = restrict_paths(paths, n_paths, e);
	if (r < 0)
		return r;
	if (r == 0)
		log_warn("not enforced: which files may be opened; this kernel's Landlock is off "
			 "or older than Linux 5.19");
	if (geteuid() == 0)
		log_warn("not enforced: a uid of its own; started as root, without capabilities");
	return put_on_filter(profile, e);
}

int confine_further(enum confine_profile profile, const struct landlock_path *paths, size_t n_paths,
	struct err *e)
{
	int r;

#ifdef VITRINE_SANITIZED
	if (profile == CONFINE_INFERENCE || profile == CONFINE_GPU_INFERENCE)
		return 0; /* the leak checker opens files when the process ends */
#endif
	r = restrict_paths(paths, n_paths, e);
	return r < 0 ? r : put_on_filter(profile, e);
}
