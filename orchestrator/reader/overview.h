/* A repo at one commit, as its info object tells it. */
#pragma once

#include "orchestrator/reader/lists.h"

/*
 * {rest, object, siblings, blobs, card, storage, weights}: the orchestrator's own fields with those
 * that lie in git put in: sha, siblings, cardData with the fields that clients expect to be taken
 * from it, usedStorage. Head {weights: [{path, oid?, sum?, size}]}: the safetensors files of the
 * root folder. Without rest, a repo that has no commit yet is one with no files.
 */
int overview(struct job *j, struct err *e);
