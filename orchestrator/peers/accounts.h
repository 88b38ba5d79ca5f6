/*
 * What inference asks and tells about usage: WANT is answered with a LEASE, USAGE goes into the
 * ledger and is answered with TAKEN, and with a new LEASE for those whose budget it came off.
 */
#pragma once

#include "base/cleanup.h"
#include "base/link.h"
#include "base/loop.h"
#include "orchestrator/store/store.h"
#include "orchestrator/usage/usage.h"

struct accounts_peer;

/* Borrows all but the policy. */
int accounts_peer_new(struct loop *loop, struct store *store, const struct usage_policy *policy,
	struct accounts_peer **ret);
struct accounts_peer *accounts_peer_free(struct accounts_peer *p);
DEFINE_CLEANUP(struct accounts_peer *, accounts_peer_free)

/* Inference is there: tells it that the ledger is kept here, so that it begins. */
int accounts_peer_greet(struct accounts_peer *p, struct link *link, struct err *e);

/* WANT and USAGE; negative with words: the link must end, and all comes again with the next. */
int accounts_peer_take(
	struct accounts_peer *p, struct link *link, const struct frame *f, struct err *e);

const struct usage_policy *accounts_peer_policy(const struct accounts_peer *p);
