/*
 * What is tried in the lab's boxes: the limits, the attacks of sandbox/probe/attacks.def, and the
 * real worker. Each function notes what came of it in the layers.
 */
#pragma once

#include "cli/doctor/lab.h"
#include "cli/doctor/layers.h"

/* The program that runs in boxes for the first two of these. */
#define PROBE_PROGRAM "vitrine-probe"
#define WORKER_PROGRAM "vitrine-worker"

/* One sealed box, looked at from outside. -EINTR, -EPIPE with words: the lab is gone. */
int trials_look(struct lab *lab, struct layer all[LAYERS], struct err *e);

/* A memory hog and a busy loop, where boxd says that it limits them. */
int trials_limits(struct lab *lab, struct layer all[LAYERS], struct err *e);

/* Each attack in a box of its own, after the seal and before it; outcomes are appended to list. */
int trials_attacks(struct lab *lab, struct layer all[LAYERS], json_t *list, struct err *e);

/* In a lab of WORKER_PROGRAM: it says SEALED, and looks so. */
int trials_worker(struct lab *lab, struct layer all[LAYERS], struct err *e);
