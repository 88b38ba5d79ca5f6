/*
 * The link with vitrine-fetch: requests of apps out, answers back to where they wait
 * (host_fetch.c). Dialled again when it ends.
 */
#pragma once

#include "base/cleanup.h"
#include "base/frame.h"
#include "base/loop.h"

struct fetch_link;
struct host;
struct proofs;

/* host: borrowed; outlives it. -ENOMEM, -ENAMETOOLONG. */
int fetch_link_new(
	struct loop *loop, const char *run_dir, struct host *host, struct fetch_link **ret);
struct fetch_link *fetch_link_free(struct fetch_link *l);
DEFINE_CLEANUP(struct fetch_link *, fetch_link_free)

/* Whose questions it carries too; borrowed, outlives it. */
void fetch_link_prove(struct fetch_link *l, struct proofs *proofs);

/* -ENOTCONN, or as link_send. */
int fetch_link_send(struct fetch_link *l, const struct frame *f);
