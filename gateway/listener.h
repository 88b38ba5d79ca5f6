/*
 * The public port: accepts, looks at each request's head without taking it from the socket, and
 * gives the socket to whoever speaks its protocol. A client gets HEAD_SEC for its head. On a
 * listening socket of this machine vitrine-tls passes on what it has decrypted, and says first
 * whose it is (proto/proxy.h); nobody else can open that socket's file.
 */
#pragma once

#include "base/cleanup.h"
#include "gateway/gateway.h"

#define HEAD_SEC 10

struct doorman;

/* fds: n listening sockets, owned from now on. */
int doorman_new(struct gateway *g, const int *fds, size_t n, struct doorman **ret);
struct doorman *doorman_free(struct doorman *d);
DEFINE_CLEANUP(struct doorman *, doorman_free)
