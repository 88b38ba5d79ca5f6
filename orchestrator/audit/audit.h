/*
 * The audit log: who did what to people, tokens, secrets and repos, in rows that no statement
 * changes, and that go from the beginning only (prune.h), in a chain (chain.h). Knows no request.
 */
#pragma once

#include "orchestrator/audit/chain.h"
#include "orchestrator/store/store.h"

/*
 * Appends a row. detail: a JSON object or NULL, borrowed. The store has one writer, so whatever
 * transaction the caller is in takes the row with it. STORE_CONFLICT: somebody else writes, too.
 */
int audit_add(struct store *s, const char *who, const char *action, const char *subject,
	const json_t *detail, struct err *e);

/* Up to limit rows behind row after, as a JSON array; after < 0: the last -after ones. */
int audit_list(struct store *s, int64_t after, int64_t limit, json_t **ret, struct err *e);
