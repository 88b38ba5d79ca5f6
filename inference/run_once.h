/* One call from the command line, for people: vitrine-inference --run MODEL TEXT. */
#pragma once

#include "inference/engine/engine.h"
#include "inference/engine/shelf.h"

/* Prints labels, or the text as it is written, and what it took. Returns an exit status. */
int run_once(struct engine *engine, struct shelf *shelf, const char *model, const char *text);
