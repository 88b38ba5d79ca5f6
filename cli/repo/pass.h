/*
 * A token for as long as one command talks to the platform by several programs: the caller's own,
 * or, where the control key is what it has, one that is made for it and revoked at the end. One
 * that a kill leaves behind ends by itself within a day. Knows no repo.
 */
#pragma once

#include "cli/client.h"

struct pass {
	const struct client_options *client; /* borrowed; who asks for it */
	char id[64];                         /* "": it is the caller's own */
	char token[128];
};

/* name: what it is listed as. 0, or ASK_FAILED after saying why. */
int pass_get(struct pass *ret, const char *name);
void pass_drop(struct pass *pass); /* revokes what was made */

/* git sends it to that address from now on, and no list of processes shows it. */
void pass_show_git(const struct pass *pass, const char *base);
