/*
 * The large files that a repo's small files name: those that any ref reaches, or those that a push
 * brings. Rather one too many, see pointer_next_name: what is not told may be taken away.
 * Knows no blob and no row. git lists the files that are small enough, so nothing here grows with
 * a repo's history.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"
#include "orchestrator/repo/pointer.h"

struct pointer_scan;

struct pointer_scan_plan {
	const char *repo;        /* path */
	const char *quarantine;  /* where the objects of a push are, or NULL */
	const char *const *tips; /* commits that a push brings, hexadecimal; NULL: all refs */
	size_t n_tips;
};

struct pointer_scan_ops {
	/* Maybe more than once for the same object. path: one of the file's names; both borrowed.
	 */
	void (*on_pointer)(const char *oid, const char *path, void *data);
	/* Last call; the scan frees itself afterwards. outcome: 0, or -EIO: some may be missing. */
	void (*on_done)(int outcome, void *data);
};

/* Calls back from the loop. -EBUSY: too many git programs run already. */
int pointer_scan_start(struct loop *loop, const struct pointer_scan_plan *plan,
	const struct pointer_scan_ops *ops, void *data, struct pointer_scan **ret, struct err *e);

/* Nobody is called any more. NULL is fine. Returns NULL. */
struct pointer_scan *pointer_scan_free(struct pointer_scan *s);
