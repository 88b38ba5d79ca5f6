/*
 * The desk where agents ask for boxes: the box link of proto/messages.def, and the table of slots.
 *
 * When the last agent leaves, every box ends; one that connects is told of those that are there.
 * Kill and spawn are obeyed for any admitted link, exits go to the newest. Parses frame headers,
 * never a value.
 */
#pragma once

#include "base/loop.h"
#include "sandbox/host.h"

struct desk;

/* Takes fd (listening SOCK_SEQPACKET; owned). agent_uid beside root and our own may connect. The
 * host is borrowed. -ENOMEM, or the errno of epoll. */
int desk_new(struct loop *loop, int fd, uid_t agent_uid, struct host *host, struct desk **ret);

/* Kills every box and waits for it, closes every link. NULL is fine. Returns NULL. */
struct desk *desk_free(struct desk *d);
DEFINE_CLEANUP(struct desk *, desk_free)
