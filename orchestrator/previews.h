/*
 * Previews while they come and go: the rows first (space/preview.h), then the gateway, as live.h
 * does for Spaces. A preview ends with its branch, its parent, PREVIEW_KEPT_USEC after the last
 * push, or when its Space has PREVIEWS_MAX newer ones.
 */
#pragma once

#include "orchestrator/space/preview.h"
#include "orchestrator/world.h"

/*
 * The Space that a push to this branch is built for: found, or made, in which case *ret_fresh is
 * true and another preview may have ended for it. The parent is read anew: since the push began it
 * may have another owner, name or visibility. -EINVAL: the branch cannot have one, with words;
 * -ENOENT: the Space is deleted; -EBUSY: there is no room, as all there are are being built.
 */
int previews_open(struct world *w, const char *parent_id, const char *branch, struct space *ret,
	bool *ret_fresh, struct err *e);

/* Ends one at once, with its builds, logs and sessions. What fails is logged, and swept later. */
void previews_end(struct world *w, const char *id);

/* The branch is gone; it may have had no preview. */
void previews_end_branch(struct world *w, const char *parent_id, const char *branch);
void previews_end_all_of(struct world *w, const char *parent_id);

/* The parent's owner, name, visibility, settings or state has changed: they are told. */
void previews_follow(struct world *w, const char *parent_id);

/*
 * Ends those whose time is over, and once after the start what a crash left: a preview without its
 * branch, or with nothing live. One with a name that its Space had before gets the new one. That
 * goes through all of them in the order of ids: after is "" at first, and kept between calls. True:
 * there is more to do.
 */
bool previews_sweep(struct world *w, char after[ID_LEN + 1]);
