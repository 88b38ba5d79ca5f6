/* Who somebody is, as the orchestrator answered, and which private Spaces exist for them. */
#pragma once

#include <stdbool.h>

struct identity {
	bool known;    /* the orchestrator has answered */
	char user[41]; /* "": nobody */
	bool admin;
	char knows[701]; /* as IDENTITY has it */
};

/* Whether a private Space of that owner, with that id, exists for this person. */
bool identity_knows(const struct identity *who, const char *owner, const char *space);
