/*
 * One model repo on its way into a folder that inference reads: its tree is listed by
 * vitrine-reader, then the files that make the model are written one by one, large ones as links to
 * their blobs. Whether and where it is served is its owner's affair (served.h).
 */
#pragma once

#include "base/digest.h"
#include "orchestrator/space/space.h"
#include "orchestrator/world.h"

struct serving;

struct serving_plan {
	const char *repo_id, *commit;
	const char *folder; /* is made; what is there already is removed */
	const char *digest; /* of the files that are served now; "": none are */
};

enum serving_outcome {
	SERVING_READY, /* the folder is whole */
	SERVING_SAME,  /* the files are those of plan->digest; there is no folder */
	SERVING_NONE,  /* the repo holds no model; there is no folder */
};

/* From the loop, once, as the last thing: an outcome and the digest of the files, or a negative
 * errno with words; the folder may be there in part then. */
typedef void (*serving_fn)(int outcome, const char *digest, const struct err *e, void *data);

/* The plan is copied. -EBUSY: too much is being read; try again. -ENOMEM and others of the reader.
 */
int serving_start(struct world *w, const struct serving_plan *plan, serving_fn fn, void *data,
	struct serving **ret, struct err *e);

/* At any time before fn: it will not be called. NULL is fine. */
struct serving *serving_free(struct serving *s);

/* As a folder of ours must be, whatever our umask: inference reads it. */
int serving_make_folder(const char *path, struct err *e);
