/*
 * One client: its handshake, and then its bytes to the gateway and the gateway's back, with nothing
 * read on one side that the other has no room for. Knows no HTTP.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/loop.h"
#include "gateway/limits.h"
#include "tls/shelf.h"

#define HANDSHAKE_SEC 10    /* from the connection to the end of the handshake */
#define FIRST_BYTE_SEC 10   /* from there to the first byte */
#define HANDSHAKES_MAX 4096 /* at a time; beyond it the oldest ends */

struct stream;

/* What all of them share. */
struct streams {
	struct loop *loop;          /* borrowed */
	const struct shelf *shelf;  /* borrowed */
	struct limits *limits;      /* borrowed */
	struct sockaddr_un gateway; /* where the gateway listens */
	/* Those without a finished handshake, the oldest first, and the others. */
	struct stream *first, *last, *others;
	size_t shaking;
	size_t open;   /* all of them */
	uint8_t *room; /* borrowed; STREAM_ROOM bytes, one read's */
};

#define STREAM_ROOM (16 * 1024) /* what a TLS record holds at most */

/*
 * Serves a connected socket, which is taken, also on failure. address: counted, given back at the
 * end. -EAGAIN: there is no certificate yet. -ENOMEM.
 */
int stream_new(struct streams *all, int fd, const struct sockaddr *peer, struct address *address);

/* Ends all of them. */
void streams_end(struct streams *all);
