/*
 * Starting another program: fork followed at once by exec, with exactly the fds that are named.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

#define SPAWN_FDS_MAX 16

struct spawn_plan {
	const char *path;       /* program; used when exec_fd is -1 */
	int exec_fd;            /* -1, or the program itself: survives a closed folder above it */
	char *const *argv;      /* NULL-terminated */
	char *const *envp;      /* NULL-terminated; NULL: empty */
	int fds[SPAWN_FDS_MAX]; /* fds[i] becomes fd i in the child; -1: /dev/null */
	size_t n_fds;           /* at least 3 */
	int cwd_fd;             /* -1: as the parent */
	uid_t uid;              /* (uid_t)-1: as the parent, groups too */
	gid_t gid;
	int death_signal; /* to the child when its parent thread dies; 0: none */
	/* Called in the child, which has one thread, right before exec; negative errno: no exec. */
	int (*before_exec)(void *data);
	void *before_exec_data;
	const int *keep_caps; /* capabilities kept (ambient) over the change of uid; NULL: none */
	size_t n_keep_caps;
};

/* What a plan is before it is filled in: no fds, the parent's uid and folder. */
#define SPAWN_PLAN_INIT                                                                            \
	{                                                                                          \
		.exec_fd = -1,                                                                     \
		.fds = {-1, -1, 2, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},            \
		.n_fds = 3, .cwd_fd = -1, .uid = (uid_t)-1, .gid = (gid_t)-1                       \
	}

/*
 * Returns the child's pid, > 0. A failure before or in exec is reported here, not by a child that
 * ends: -ENOENT, -EACCES, -EPERM … with the step that failed in the words.
 */
pid_t spawn_program(const struct spawn_plan *plan, struct err *e);
