/*
 * A folder for objects that are not part of a repo yet, inside it, as git makes one for each push.
 * What a crash leaves of it is swept away with git's own (repo.h).
 */
#pragma once

#include "base/err.h"
#include "orchestrator/repo/repo.h"

#define QUARANTINE_PATH_MAX (REPO_PATH_MAX + 80)

/* Under a lock of repo_lock_shared. -ENOSPC. */
int quarantine_make(const char *repo_path, char ret[QUARANTINE_PATH_MAX], struct err *e);

/* Moves loose objects into the repo; when it returns 0 they survive power loss. -ENOSPC, -EIO. */
int quarantine_keep(const char *quarantine, const char *repo_path, struct err *e);
