/*
 * One build: from a commit's files to a bundle that an agent has found to load. Tells the pusher
 * each phase with its milliseconds. Knows no hook and no row of the database; the models and the
 * agent are asked through what it is given.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/loop.h"
#include "orchestrator/blob/blob.h"
#include "orchestrator/build/front_matter.h"
#include "orchestrator/peers/agent.h"
#include "orchestrator/peers/models.h"
#include "orchestrator/repo/tree.h"
#include "proto/box_class.h"

struct build;

struct build_request {
	struct blob_store *blobs; /* borrowed, like all of these, until the build is done */
	struct agent_peer *agent;
	const struct models_peer *models;
	const char *space_id, *owner, *name;
	int64_t settings;                            /* of the Space, as it is checked with */
	const char *repo_path, *quarantine, *commit; /* quarantine may be NULL */
	struct tree_large large;                     /* the Space's large files */
	bool serves; /* something is live, which a commit without an app must not end */
};

struct build_result {
	bool ok;
	bool no_app;         /* ok, and there is nothing to run: no bundle, and so on */
	const char *message; /* why not: the first line said */
	const char *bundle;  /* SHA-256; "": there is none, as its class says */
	const char *class;   /* of its box; or NO_BOX_STATIC, NO_BOX_CARD */
	const char *entry;   /* the app file, the first page, or the card */
	const struct front_matter *front_matter;
	const char *title;      /* of the front matter, or the app's */
	const char *tree, *api; /* JSON text, as recorded in the box; NULL when missing */
	const char *phases;     /* JSON text: [{name, ms}] */
	const char *log;        /* every line said, with newlines */
};

struct build_ops {
	void (*on_line)(const char *line, void *data);
	void (*on_phase)(const char *name, double ms, void *data); /* has ended well */
	/* From the loop, once; the result is borrowed until it returns. */
	void (*on_done)(const struct build_result *result, void *data);
};

int build_start(struct loop *loop, const struct build_request *request, const struct build_ops *ops,
	void *data, struct build **ret);

/* One of this Space is under way. */
bool build_runs(const char *space_id);

/* Before on_done: it will not come. */
struct build *build_free(struct build *b);
