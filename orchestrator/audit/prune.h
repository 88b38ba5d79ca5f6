/*
 * The beginning of the audit log taken out, once it is kept elsewhere. What went is named by a row
 * of the log itself, so that the rest is a chain that can be checked from there on (chain.h). Knows
 * no request and no clock.
 */
#pragma once

#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "orchestrator/store/store.h"

#define AUDIT_PRUNE_MAX 5000 /* rows at once: nobody else writes meanwhile */

struct audit_prune {
	int64_t before_usec;    /* rows in front of the first one of this time or later */
	int64_t kept_n;         /* the last row that is kept elsewhere … */
	const char *kept_hash;  /* … and its hash: nothing behind it goes */
	const char *who, *from; /* for the row that tells of it; borrowed */
};

struct audit_pruned {
	int64_t removed;           /* rows; 0: nothing was done, and no row tells of it */
	int64_t upto;              /* the last row that went, by its number */
	char hash[SHA256_HEX + 1]; /* of it */
	bool more;                 /* AUDIT_PRUNE_MAX went and others may */
};

/*
 * In one transaction: rows go, at most AUDIT_PRUNE_MAX, and a row is appended that says which
 * (their number, the last one and its hash). The log's last row stays. -EBADMSG: row kept_n is not
 * there, or has another hash; otherwise as store_run.
 */
int audit_prune(
	struct store *s, const struct audit_prune *p, struct audit_pruned *ret, struct err *e);
