/*
 * A model's folder, or its one GGUF file, as a commit to a model repo: large files by git-lfs, the
 * rest in git, and weights that the folder does not have gone from the repo. Needs neither git nor
 * git-lfs. Reads no format of weights.
 */
#pragma once

#include <stdbool.h>

#include "cli/client.h"

struct model_repo_plan {
	struct client_options client;
	const char *source; /* folder, or a path that ends in .gguf */
	const char *id;     /* OWNER/NAME; made where it is missing */
	bool private;       /* where it is made */
};

/* Whether a file of that name is a model's: pickles and other programs' weights are not. */
bool model_is_wanted(const char *name);

/* Returns the exit status, after saying what was done or why not. */
int model_to_repo(const struct model_repo_plan *plan);
