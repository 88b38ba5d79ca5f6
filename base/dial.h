/*
 * Who connects to whom, and again after a death: a listener that admits known uids, and a dialer
 * that keeps trying. The supervisor makes every listening socket and holds it across restarts,
 * so a dial finds a queue to wait in, never "connection refused".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/loop.h"

struct listener;
struct dialer;

/* fd: a connected SOCK_SEQPACKET socket, owned by the callback. uid: the peer's, by SO_PEERCRED. */
typedef void (*listener_fn)(int fd, uid_t uid, void *data);

/*
 * Accepts on fd (a listening SOCK_SEQPACKET unix socket; owned). Peers of a uid other than the n
 * named ones, root, and this process's own are closed and logged.
 */
int listener_new(struct loop *loop, int fd, const uid_t *uids, size_t n, listener_fn fn, void *data,
	struct listener **ret);
struct listener *listener_free(struct listener *l);
DEFINE_CLEANUP(struct listener *, listener_free)

/* fd: connected, owned by the callback. */
typedef void (*dialer_fn)(int fd, void *data);

/*
 * Connects to the SEQPACKET socket at path; calls back from the loop when connected. While it
 * fails it tries again after 20 ms, doubling up to 1 s. dialer_again: the link is gone, connect
 * anew.
 */
int dialer_new(struct loop *loop, const char *path, dialer_fn fn, void *data, struct dialer **ret);
void dialer_again(struct dialer *d);
struct dialer *dialer_free(struct dialer *d);
DEFINE_CLEANUP(struct dialer *, dialer_free)

/*
 * Binds and listens at path, replacing a stale socket. type: SOCK_SEQPACKET or SOCK_STREAM.
 * Returns the fd (CLOEXEC, non-blocking; caller's). -ENAMETOOLONG: path is over 107 bytes.
 */
int listen_unix(const char *path, int type, struct err *e);
