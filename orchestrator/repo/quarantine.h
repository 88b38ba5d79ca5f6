/*
 * A folder for objects that are not part of a repo yet, inside it, as git makes one for each push.
 * What a crash leaves of it is swept away with git's own (repo.h).
 */
#pragma once

#include <dirent.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "orchestrator/repo/repo.h"

#define QUARANTINE_PATH_MAX (REPO_PATH_MAX + 80)

/* Under a lock of repo_lock_shared. -ENOSPC. */
int quarantine_make(const char *repo_path, char ret[QUARANTINE_PATH_MAX], struct err *e);

/* Writes loose objects out, one a step: a disk may take its time for each of 10^5. */
struct quarantine_sync {
	DIR *top, *folder; /* owned */
	char path[QUARANTINE_PATH_MAX + 300];
	size_t top_len;
};

int quarantine_sync_init(struct quarantine_sync *s, const char *quarantine, struct err *e);
int quarantine_sync_step(struct quarantine_sync *s, struct err *e); /* 1: more; 0: that is all */
void quarantine_sync_done(struct quarantine_sync *s);

/* Moves loose objects that are written out into the repo; when it returns 0 they survive power
 * loss. -ENOSPC, -EIO. */
int quarantine_keep(const char *quarantine, const char *repo_path, struct err *e);
