/*
 * An orchestrator as inference sees it, which keeps exact accounts: what its peer tests of quotas
 * share. One at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/peer/infer.h"

#define N_ACCOUNTS 8
#define AGAIN "there will be some again at 14:05 UTC"

struct row {
	int64_t call;
	uint64_t nsec;
	uint32_t session, event;
	char payer[40], outcome[16];
};

extern struct bank {
	struct peer link;
	char journal[40];
	int64_t n; /* the last row that is in the ledger */
	struct {
		char name[40];
		uint64_t budget_nsec, used_nsec;
	} accounts[N_ACCOUNTS];
	char payers[N_ACCOUNTS * 2][40]; /* with a lease */
	size_t n_accounts, n_payers;
	struct row *rows; /* owned; one for each call, the last word on it */
	size_t n_rows;
	unsigned int again; /* rows that came once more */
	bool dies;          /* before it answers what it has taken */
} bank;

/* A new link; what is in the ledger stays. */
void bank_begin(void);
/* Takes a message of that type from its link. */
void bank_take(int type);

/* What a Space does by itself is its owner's, and one owner has them all. */
size_t account_of(const char *payer);
/* So much is left of it from now on, as its payers hear. */
void set_left(const char *account, uint64_t nsec);
uint64_t charged_nsec(void); /* to all, ever */

/* What the newest METRICS says, name with the space behind it; -1: nothing. */
double metric(const char *name);
/* No step took longer, as far as the newest METRICS tells. */
double longest_step_sec(void);
