/*
 * An app link: checks what a worker says against what it may say, and hands sessions' messages to
 * the session room. A worker that breaks the protocol loses its link and nothing else.
 */
#pragma once

#include "base/err.h"
#include "base/frame.h"

struct replica;
struct session;

/* Takes fd (owned from now on, also on failure). */
int worker_link_open(struct replica *r, int fd);

/* Sends; a worker that does not read is ended from the loop. */
void worker_link_send(struct replica *r, const struct frame *f, const int *fds, size_t n);
void worker_link_cork(struct replica *r, bool on);
