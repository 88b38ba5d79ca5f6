/*
 * Inside the engine: what becomes of requests when the device that they are on is taken from them.
 *
 * What had begun in the step that failed ends with words; what an administrator's order interrupts
 * does too. All others are as one that was put back: they wait until their model is there again, on
 * whichever device, read what they had said, and go on.
 */
#pragma once

#include "inference/engine/inside.h"

/* A step's own result r, or -EIO where the lane's device failed in it. */
int lane_outcome(const struct lane *lane, int r);
/* Ends those of a step that came to nothing, with words for r. */
void lane_fail(const struct lane *lane, struct request *const *of, size_t m, int r);

/* The model has a network, and the lane's requests may be stepped. */
bool lane_is_there(const struct lane *lane);
/* After its model came back: what pointed into the old network points into the new one. In a step.
 */
void lane_settle(struct lane *lane);
/* Ends the requests of lanes whose model will not come back. In a step. */
void engine_end_stranded(struct engine *e);
