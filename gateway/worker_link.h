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

/*
 * For a worker that was handed over: it is heard again from the HELLO that answers a RESUME on
 * channel 0 with this number, and all there is to say about sessions came before the one that
 * answers the next number. Other HELLOs answer gateways before this one.
 */
uint32_t worker_link_listen(struct replica *r);

/* Sends; a worker that does not read is ended from the loop. */
void worker_link_send(struct replica *r, const struct frame *f, const int *fds, size_t n);
/* The same as what the host room (host.h) answers a worker with. */
void worker_link_answer(void *replica, const struct frame *f);
/* A line for the log of its Space. */
void worker_link_note(void *replica, const char *line);
/* Bytes that it has not read yet. */
size_t worker_link_untaken(void *replica);
void worker_link_cork(struct replica *r, bool on);
