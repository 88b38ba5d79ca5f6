/*
 * What payers may spend: the orchestrator's leases, and what has been spent since the last row that
 * a lease counted. Payers of one account (an owner's Spaces, a visitor in several of them) spend
 * from one pot: what one of them uses, the others have no more, whenever their leases came. Times
 * are monotonic. Knows no link and no file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "proto/grant.h"
#include "proto/messages.h"

#define ACCOUNTS_MAX 65536      /* the one that was used longest ago goes first */
#define ACCOUNT_WAIT_SEC 5      /* that a call waits for a lease */
#define LEASE_STALE_USEC 500000 /* an empty one is asked for again after this */
#define SPENT_MAX 64            /* rows that are told apart; of more, neighbours leave together */

/* Device time of rows up to n that no lease has counted yet. */
struct spent {
	uint64_t n, nsec;
};

/* An account, as those who spend from it share it. */
struct pot {
	struct pot *next;               /* in its bucket */
	char name[GRANT_PAYER_MAX + 1]; /* "": one payer's, who has no account yet */
	unsigned int payers;            /* it goes with the last */
	unsigned int calls;             /* that run on it */
	bool crowded;                   /* one waits until one of those that run has ended */
	uint64_t used_nsec;     /* in all, but of those who have left with what was in no row */
	uint64_t running_nsec;  /* of it, in no row yet */
	uint64_t reserved_nsec; /* that events under way are expected to take yet */
	struct spent spent[SPENT_MAX];
	size_t n_spent;
};

struct account {
	struct accounts *all; /* borrowed */
	struct account *next; /* in its bucket */
	struct pot *pot;      /* shared; never NULL */
	char payer[GRANT_PAYER_MAX + 1];
	uint64_t lease_nsec;
	uint64_t counted_nsec;            /* of what the pot had used, what the lease knew of */
	uint64_t leased_usec, until_usec; /* when; 0: there is none */
	uint64_t asked_usec;              /* WANT was sent; 0: not since the last lease */
	bool forgotten; /* whoever gave the lease may not remember it, so would not renew it */
	/* Its part of what the pot has, which it takes along to another one. */
	unsigned int calls; /* while there are some it stays */
	uint64_t running_nsec;
	uint64_t owed_nsec; /* of it, of calls that have ended: their row could not be written */
	uint64_t reserved_nsec;
	uint64_t used_usec;      /* when it last was */
	unsigned int weight;     /* beside others who wait; 1 until a lease says otherwise */
	char pool[21];           /* whose time it uses; "": what no pool was given */
	unsigned int concurrent; /* calls that may run at once; 0: as many as a Space may */
	uint64_t call_nsec;      /* that one event or call may use; 0: what its grant says */
	uint64_t memory_bytes;   /* that texts may keep on the device; 0: as a Space may */
	char refusal[513];
	char returns[257]; /* when what was used comes back */
};

struct accounts;

int accounts_new(struct accounts **ret);
struct accounts *accounts_free(struct accounts *t);
DEFINE_CLEANUP(struct accounts *, accounts_free)

/* The orchestrator is another one: each payer is asked for again with the next call. */
void accounts_forgotten(struct accounts *t);

/* The payer's account, made where it is new. NULL: out of memory, or too many have calls. */
struct account *accounts_get(struct accounts *t, const char *payer, uint64_t now_usec);

/* ret_ask: WANT is to be sent. 0: it may begin a call. -EAGAIN: that depends on a lease to come.
 * -EDQUOT: nothing is left, words say when there will be. */
int account_admit(struct account *a, uint64_t now_usec, bool *ret_ask, struct err *e);

/* The account's name; "": not known yet. */
const char *account_name(const struct account *a);

/* A call of it runs, or has ended. */
void account_begin_call(struct account *a);
void account_end_call(struct account *a);

/* A further call would be one more than may run at once, of all payers of the account. */
bool account_is_full(const struct account *a);

/* A call waits for that. */
void account_wait_for_room(struct account *a);

/* One of those that run has ended. True: others wait for that. */
bool account_calls_next(struct account *a);

/* What is left; a lease's end costs no call that runs. */
uint64_t account_left_nsec(const struct account *a);

/* So much is expected to be used beside what was; account_release: no longer. */
void account_reserve(struct account *a, uint64_t nsec);
void account_release(struct account *a, uint64_t nsec);

/* Whether so much more may be begun beside what is reserved in the account. -EDQUOT: words say what
 * is left, when more comes back, and what would fit. */
int account_afford(const struct account *a, uint64_t nsec, struct err *e);

/* A call on it has used the device. False: nothing is left. */
bool account_spend(struct account *a, uint64_t nsec);

/* Of what was spent, so much is in row n from now on. */
void account_book(struct account *a, uint64_t n, uint64_t nsec);

/* Takes a lease; journal: ours. What it counts is not counted here any more. Out of memory it is
 * not taken. */
void account_lease(
	struct account *a, const struct models_lease *m, const char *journal, uint64_t now_usec);
