/*
 * Every other second the numbers and last warnings of vitrine-tls (base/tell.h), to the gateway,
 * over a connection of its own to front.sock; the gateway passes them on. One that cannot be
 * delivered is dropped: the next one says more.
 */
#pragma once

#include "base/cleanup.h"
#include "tls/stream.h"

struct report;

/* streams: borrowed. -ENOMEM. */
int report_new(struct streams *streams, struct report **ret);
struct report *report_free(struct report *r);
DEFINE_CLEANUP(struct report *, report_free)
