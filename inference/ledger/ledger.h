/*
 * Who pays for a call, and what it has cost: admission against the payer's lease, charging step by
 * step, a row in the journal before the caller hears of the end, and the rows to the orchestrator.
 *
 *	ledger_admit ──▶ charge_begin ──▶ charge_add* ──▶ charge_end
 *
 * A call that takes long has a row for each 50 ms on the device, each with all so far: what a kill
 * costs is less than that, and nothing is charged that was not done. Since calls share the device,
 * these are 20 rows a second of it, however many run.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/link.h"
#include "base/loop.h"
#include "inference/engine/engine.h"
#include "inference/ledger/accounts.h"

struct ledger;

struct ledger_ops {
	void (*on_lease)(
		void *data); /* calls that wait for one may be tried again; from the link */
};

/* dir: of the journal. device: what calls run on, by its name, static. What calls of a journal
 * before this start had spent is given its last row.
 */
int ledger_new(struct loop *loop, const char *dir, const char *device, const struct ledger_ops *ops,
	void *data, struct ledger **ret, struct err *e);
struct ledger *ledger_free(struct ledger *l);
DEFINE_CLEANUP(struct ledger *, ledger_free)

/* The orchestrator is there, over this link; NULL: it is gone. Borrowed. */
void ledger_serve(struct ledger *l, struct link *link);
const struct link *ledger_link(const struct ledger *l);

/* What it sends. -EINVAL and the like: its link must end. */
int ledger_on_lease(struct ledger *l, const struct frame *f, struct err *e);
int ledger_on_taken(struct ledger *l, const struct models_taken *m, struct err *e);

/* As account_admit, and -ENOSPC: the journal is full. *ret is good until the loop goes on. */
int ledger_admit(struct ledger *l, const char *payer, struct account **ret, struct err *e);

/* The platform's own account, for work that is nobody's: what gave way and is computed again. It
 * has no budget. NULL: out of memory. *ret as of ledger_admit. */
struct account *ledger_platform(struct ledger *l);

uint64_t ledger_waiting(const struct ledger *l); /* rows that the orchestrator has not taken */

/* One call. What the strings point to lives as long as the charge. */
struct charge {
	struct ledger *ledger; /* borrowed; NULL: nobody counts */
	struct account *account;
	const char *space, *model, *task;
	uint32_t session, event;
	uint64_t call;               /* number of its first row; 0: none yet */
	const char *device;          /* borrowed; that it ran on last; NULL: the ledger's */
	uint64_t nsec, written_nsec; /* on the device; of that in its last row */
};

void charge_begin(struct charge *c, struct ledger *l, struct account *a);

/* False: nothing is left for it. */
bool charge_add(struct charge *c, uint64_t nsec);

/* outcome: as in models.USAGE. Its row is written when this returns. */
void charge_end(struct charge *c, const struct usage *u, const char *outcome);
