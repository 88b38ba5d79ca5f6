/*
 * The public port for TLS: accepts, counts how many connections an address has, and hands on what
 * it lets in.
 */
#pragma once

#include "base/cleanup.h"
#include "tls/stream.h"

struct door;

/* fds: n listening TCP sockets, owned from now on. */
int door_new(struct streams *streams, const int *fds, size_t n, struct door **ret);
struct door *door_free(struct door *d);
DEFINE_CLEANUP(struct door *, door_free)
