/*
 * The sockets that strangers knock at: found among the inherited descriptors, accepted from until
 * there is nobody left or descriptors run out. Knows no protocol and no limit of addresses.
 */
#pragma once

#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/loop.h"

#define ENTRY_SOCKETS_MAX 16

/* The fds from 3 on, for as long as they are listening sockets; made non-blocking. How many. */
size_t entry_inherited(int ret[ENTRY_SOCKETS_MAX]);

/* As many descriptors as the hard limit allows, most at the utmost: each knock takes one. */
void entry_raise_limit(rlim_t most);

struct entry;

/* fd: non-blocking, the callee's. peer: borrowed. */
typedef void (*entry_fn)(int fd, const struct sockaddr_storage *peer, socklen_t length, void *data);

/*
 * fds: n listening sockets, owned once this succeeds. Where descriptors run out, whoever knocks
 * waits a moment and nothing spins. -E2BIG: more than ENTRY_SOCKETS_MAX. Errnos of the loop.
 */
int entry_new(
	struct loop *loop, const int *fds, size_t n, entry_fn fn, void *data, struct entry **ret);
struct entry *entry_free(struct entry *e); /* also of NULL */
DEFINE_CLEANUP(struct entry *, entry_free)
