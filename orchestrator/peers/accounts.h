/*
 * What inference asks and tells about usage: WANT is answered with a LEASE, USAGE goes into the
 * ledger and is answered with TAKEN, and with a new LEASE for those whose budget it came off.
 */
#pragma once

#include "base/cleanup.h"
#include "base/link.h"
#include "base/loop.h"
#include "orchestrator/store/store.h"
#include "orchestrator/usage/policies.h"
#include "orchestrator/usage/usage.h"

struct accounts_peer;

/* Borrows loop and store. quota: as policies_load takes it, what stands until a policy is applied.
 */
int accounts_peer_new(struct loop *loop, struct store *store, const char *quota,
	struct accounts_peer **ret, struct err *e);
struct accounts_peer *accounts_peer_free(struct accounts_peer *p);
DEFINE_CLEANUP(struct accounts_peer *, accounts_peer_free)

/* Its link cannot take what has to be told, and must end: all is told with the next. Never called
 * from inside the link's callbacks. */
typedef void accounts_behind_fn(const char *why, void *data);
void accounts_peer_watch(struct accounts_peer *p, accounts_behind_fn *fn, void *data);

#define ACCOUNTS_QUEUE_MAX (1u << 20) /* of the link */

/* Inference is there: tells it what Spaces have, and then that the ledger is kept here, so that it
 * begins. */
int accounts_peer_greet(struct accounts_peer *p, struct link *link, struct err *e);

/* The link's on_drained. */
void accounts_peer_drained(struct accounts_peer *p);

/* Its link is gone. */
void accounts_peer_leave(struct accounts_peer *p);

/* WANT and USAGE; negative with words: the link must end, and all comes again with the next. */
int accounts_peer_take(
	struct accounts_peer *p, struct link *link, const struct frame *f, struct err *e);

/* The policy that counts, borrowed until another does; its version, 0: none was applied. */
const struct usage_policy *accounts_peer_policy(const struct accounts_peer *p);
int64_t accounts_peer_version(const struct accounts_peer *p);
const char *accounts_peer_quota(const struct accounts_peer *p); /* as it was given; borrowed */

/* What a payer has left, as edge.BALANCE says it; words: room for its words. -ENOENT: there is no
 * such payer. */
int accounts_peer_balance(const struct accounts_peer *p, const char *payer,
	struct edge_balance *ret, char words[BUDGET_WORDS_MAX]);

/* As edge.NETWORKS has them; the caller's. */
json_t *accounts_peer_networks(const struct accounts_peer *p);

/* Another policy has been applied (an error: it is not in force), or somebody was given something:
 * who has a lease gets a new one.
 */
int accounts_peer_reload(struct accounts_peer *p, struct err *e);
void accounts_peer_renew(struct accounts_peer *p);

/* A Space's flavour, or its owner, may be another one. */
void accounts_peer_space(struct accounts_peer *p, const char *space_id);
