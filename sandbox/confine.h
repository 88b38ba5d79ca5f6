/*
 * What a service gives up right after its start, with one call.
 *
 * A profile names the service's filter of system calls (confine_policy.h, finished BPF); the paths
 * come from its arguments. Landlock (landlock(7)) then grants exactly those paths and no TCP port,
 * no abstract socket and no signal to anybody outside. Whoever is confined stays so, and so does
 * every program it starts. Knows no link, no loop and nothing of what the service does.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "sandbox/steps/landlock.h"

enum confine_profile {
	CONFINE_GATEWAY,
	CONFINE_ORCHESTRATOR,
	CONFINE_AGENT,
	CONFINE_LOADER, /* inference, while it reads its models */
	/* By confine_further only: */
	CONFINE_INFERENCE, /* for the rest of its life */
	CONFINE_GIT,       /* a child of the orchestrator's */
	CONFINE_FETCH,     /* by confine_self */
	/* The same two for inference with a GPU, whose driver is loaded and open before. */
	CONFINE_GPU_LOADER,
	CONFINE_GPU_INFERENCE, /* by confine_further only */
	CONFINE_TLS,
};

/*
 * Capabilities, new privileges, core dumps and being traced, executable memory, every path but
 * these, every system call but the profile's. Call it before the second thread and before the
 * first byte from outside. A path that does not exist grants nothing.
 *
 * What the kernel does not have is logged and left out, but for the filter: without it -ENOSYS or
 * -EINVAL with words, as for every other step that fails. Nothing may be assumed then; end.
 */
int confine_self(enum confine_profile profile, const struct landlock_path *paths, size_t n_paths,
	struct err *e);

/* A narrower profile on top of the first: its filter, and of the first one's paths those that are
 * below these. Errors as above; what the kernel lacks has been logged the first time. */
int confine_further(enum confine_profile profile, const struct landlock_path *paths, size_t n_paths,
	struct err *e);
