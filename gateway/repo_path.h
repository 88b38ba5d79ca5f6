/*
 * Addresses of repos' pages: /OWNER/NAME… of a model, /datasets/… and /spaces/… of the others.
 * Knows no request and no route.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct repo_path {
	const char *kind; /* as the API has it: "models", "datasets", "spaces" */
	const char *name; /* "OWNER/NAME" in the target; borrowed */
	size_t name_n;
	const char *rest; /* what follows without its '/', up to the query; borrowed */
	size_t rest_n;
};

/* False: the target names no repo. */
bool repo_path_parse(const char *target, struct repo_path *ret);

/* Where the API says whether a repo is there for whoever asks. -ENOSPC: it does not fit. */
int repo_path_question(const struct repo_path *p, char *ret, size_t size);

/*
 * The same page of the repo that location, the API's redirect of that question, leads to.
 * -EINVAL: it leads elsewhere. -ENOSPC: it does not fit.
 */
int repo_path_moved(const struct repo_path *p, const char *location, char *ret, size_t size);
