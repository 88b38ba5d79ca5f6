/*
 * What main points to (of a preview: its branch), built anew with nobody pushing: a build like that
 * of a push, at whose end the Space goes live with it. A build that is refused leaves what is live
 * as it is.
 */
#pragma once

#include "orchestrator/space/space.h"
#include "orchestrator/world.h"

/* -EEXIST: a build of this Space runs already; -ENOENT: nothing has been pushed. */
int rebuild_start(struct world *w, const struct space *space, struct err *e);

/*
 * The same where no build is of what main points to: after a backup that was taken between a push
 * and its rows. 1: it has begun, 0: there is a build. -EAGAIN: nothing can be built yet.
 */
int rebuild_missed(struct world *w, const char *space_id, struct err *e);

/* When the process ends: those under way end. */
void rebuild_end_all(void);
