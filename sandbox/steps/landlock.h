/* Landlock: which files, and no port, no foreign abstract socket or signal. Kernel: landlock(7). */
#pragma once

#include <stddef.h>

/* What a path, and for a folder everything below it, may be used for. */
enum landlock_use {
	LANDLOCK_READ,    /* files read, folders listed */
	LANDLOCK_WRITE,   /* read; files and folders made, written, renamed, removed */
	LANDLOCK_EXECUTE, /* read; programs started */
	LANDLOCK_CONNECT, /* path is NULL: connections to any TCP port */
};

struct landlock_path {
	const char *path;
	enum landlock_use use;
};

/* ABI of this kernel; 0 where it has none or keeps it off. */
int landlock_abi(void);

/*
 * Handles every right of the probed ABI and grants none. Needs no_new_privs. Returns the ABI now
 * in force, 0 where the kernel has no Landlock, or -errno when a kernel that has it refuses.
 */
int landlock_deny_all(void);

/*
 * The same, and grants these paths; one that does not exist grants nothing. Nothing is put on, and
 * 0 returned, where a path is to be written and the ABI is 1 (before Linux 5.19): it forbids to
 * move a file to another folder. *ret_failed: the path at which a negative errno arose, or as it
 * was.
 */
int landlock_restrict(const struct landlock_path *paths, size_t n, const char **ret_failed);
