/*
 * Under vitrine up: `vitrine tls renew` every minute, from the moment on that the gateway answers,
 * without which no authority could be shown that a host is ours. Knows no certificate.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"
#include "cli/host/layout.h"

struct renewer;

/* All borrowed; url: the platform's as it is reached from here, by http. -ENOMEM. */
int renewer_new(struct loop *loop, const struct layout *l, const char *url, struct renewer **ret);
struct renewer *renewer_free(struct renewer *r); /* ends one that runs */
DEFINE_CLEANUP(struct renewer *, renewer_free)
