/*
 * What is live, told to everybody: the row first, then the agent and the gateway. And the other
 * way round: a pending build found after a crash, judged by where main points.
 */
#pragma once

#include "orchestrator/space/space.h"
#include "orchestrator/world.h"

/* Makes a stored build live. STORE_CONFLICT and other errors of the store: nothing has changed. */
int live_set(struct world *w, struct space *space, const char *build_id, const char *bundle,
	struct err *e);

/* How a Space is served has changed in its row: the gateway hears it, of its previews too. */
void live_tell(struct world *w, const char *space_id);

/* From now on only its owner and administrators know of it, or everybody does. */
int live_set_private(struct world *w, struct hub_repo *repo, bool private, struct err *e);

/* It has another owner or name from now on; the old ones lead to it. */
int live_rename(
	struct world *w, struct hub_repo *repo, const char *owner, const char *name, struct err *e);

/*
 * Nobody finds it any more. It is kept for DELETED_KEPT_USEC with all it has, so that live_restore
 * can bring it back; then the reconciler removes it.
 */
#define DELETED_KEPT_USEC (7 * 86400ull * 1000000)
int live_delete(struct world *w, struct hub_repo *repo, struct err *e);
int live_restore(struct world *w, struct hub_repo *repo, struct err *e);

enum pending_fate {
	PENDING_LIVE,   /* its branch points to it: it is live now */
	PENDING_PASSED, /* git accepted it, and a later push has moved the branch on: a rollback can
			   reach it */
	PENDING_DROPPED, /* it does not, and no push is at work */
	PENDING_WAITS,   /* a push is at work, or the store failed: ask again */
};

/* accepted: git is known to have moved the branch to this commit, by the word of its post-receive.
 */
enum pending_fate live_settle(struct world *w, const struct pending_build *b, bool accepted);

/*
 * Settles every pending build that no push in this process is working on, now and as long as
 * there are any; and removes what was deleted long ago, and previews whose time is over.
 */
int reconciler_new(struct world *w, struct reconciler **ret);
struct reconciler *reconciler_free(struct reconciler *r);

/* There is, or may be, something to settle. */
void reconciler_wake(struct reconciler *r);
