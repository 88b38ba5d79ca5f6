/* The gateway's way to tell inference of grants: a control link that only speaks. */
#pragma once

#include "base/cleanup.h"
#include "base/frame.h"
#include "base/loop.h"

struct grant_link;
struct grants;

int grant_link_new(struct loop *loop, const char *run_dir, struct grant_link **ret);
struct grant_link *grant_link_free(struct grant_link *l);
DEFINE_CLEANUP(struct grant_link *, grant_link_free)

/* Who is greeted when inference is reached; borrowed. */
void grant_link_serve(struct grant_link *l, struct grants *grants);

/* As grants_config.send; data is the grant_link. */
void grant_link_send(const struct frame *f, void *data);
