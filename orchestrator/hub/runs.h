/*
 * Which Spaces are used, for lists by what is on people's minds: sessions that the gateway reports
 * are added up here and go to the heat of their repos (likes.h) once in a while, so that a Space
 * costs a write an hour however many come. What is not written yet when the process is killed is
 * lost.
 */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "orchestrator/store/store.h"

struct runs;

int runs_new(struct loop *loop, struct store *store, struct runs **ret);
/* Writes what there is. */
struct runs *runs_free(struct runs *r);
DEFINE_CLEANUP(struct runs *, runs_free)

/*
 * The gateway says how many sessions of the Space have begun since it, the gateway, started. That
 * number may have been told to an earlier orchestrator: of the first one heard here only one
 * counts.
 */
void runs_told(struct runs *r, const char *space_id, int64_t begun);

/* Writes up to RUNS_AT_ONCE of them now. True: there are more. */
#define RUNS_AT_ONCE 256
bool runs_write(struct runs *r);
