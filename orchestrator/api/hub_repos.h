/* What handlers that make repos share: a body's words about a new one, and what is answered. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "orchestrator/api/request.h"

#define WORD_MAX 256 /* bytes of a name, or of a choice, in a body */

/* "type", a model when it is not said, and the repo's name: "name" may have its owner before it. */
struct named {
	enum repo_kind kind;
	char owner[ARG_MAX_BYTES], name[ARG_MAX_BYTES + 64];
};

/* "OWNER/NAME", or "NAME" of owner's. -EINVAL. */
int named_split(const char *text, const char *owner, struct named *ret, struct err *e);

/* "visibility", or "private" of older clients. 1: said, 0: not, -EINVAL. */
int repo_take_private(const json_t *body, bool *ret, struct err *e);

/* Whether whoever asks may have a new repo there, and the disk room for it. */
int repo_may_make(struct request *r, const struct named *named, struct err *e);

/* A new Space's settings, as the body has them, and its first version. A setting that is refused
 * undoes it all. */
int repo_finish_space(struct request *r, struct hub_repo *repo, struct err *e);

void repo_write_url(struct request *r, const struct hub_repo *repo, char ret[512]);

/* 409 with its url, which clients that do not mind read. */
void repo_answer_taken(struct request *r, const struct hub_repo *repo);
