/*
 * New values for refs of a repo, on their way in, by a push or by the API: one way for both.
 *
 *	            policy               builds, of a Space's branches     the refs move
 *	 JUDGING ----------> BUILDING ----------------------> PENDING row ..............> live
 *	    | refused            | refused                        (accepted)
 *
 * A Space's main is built for the Space, every other branch for a preview (previews.h), one after
 * the other; one that is refused refuses all.
 *
 * The objects lie in a quarantine meanwhile, and the refs stay where they are: who started it moves
 * them once it is accepted, and says so. What happens when this process dies between any two of
 * them is decided by the PENDING row and by where main points; see live.h.
 */
#pragma once

#include "orchestrator/build/build.h"
#include "orchestrator/hub/hub.h"
#include "orchestrator/repo/hooks.h"
#include "orchestrator/space/space.h"
#include "orchestrator/world.h"

struct change;

struct change_plan {
	const struct hub_repo *repo; /* a copy is kept */
	const char *path;            /* of its folder */
	const char *quarantine;      /* NULL: nothing is new */
	const struct ref_update *updates;
	size_t n;
	uint64_t started_usec; /* monotonic: since when somebody waits for it */
};

struct change_ops {
	/* A line for who makes the change. */
	void (*on_line)(const char *line, void *data);
	/* From the loop, once: NULL: the refs may move now; or why not, "FILE:LINE: …" where there
	 * is one. Lines before it have said so, and more. */
	void (*on_judged)(const char *refusal, void *data);
};

/* Everything of the plan is copied. Negative errno: it cannot begin, on_judged will not come. */
int change_start(struct world *w, const struct change_plan *plan, const struct change_ops *ops,
	void *data, struct change **ret, struct err *e);

/*
 * Of an accepted one: these refs have moved. What was built goes live now, or in a moment. The
 * lines that tell so come from inside this call.
 */
void change_moved(struct change *c, const struct ref_update *updates, size_t n);

/* The row of what a build came to; name: the Space's, for one without a title. Borrows both. */
struct build_new build_new_of(
	const struct build_result *result, const char *commit, const char *name);

/* What is live runs here: then a push that would leave nothing to run is refused. */
bool space_serves_app(struct store *s, const struct space *space);

/* At any time: what is under way ends, and the reconciler settles what is pending. NULL is fine. */
struct change *change_free(struct change *c);
DEFINE_CLEANUP(struct change *, change_free)
