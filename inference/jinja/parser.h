/* Words to the nodes of a template. For this folder. */
#pragma once

#include "inference/jinja/lexer.h"
#include "inference/jinja/node.h"

/* Fills j->root and j->macros. -ENOTSUP: with words and the line. -EMSGSIZE. -ENOMEM. */
int parse(struct jinja *j, const struct words *words, struct err *e);
