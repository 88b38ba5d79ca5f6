/*
 * A framed link between two processes: SOCK_SEQPACKET packets of whole frames, files beside them.
 *
 * Never a stream: a killed peer tears a stream in the middle of a frame, a packet arrives whole
 * or not at all. Sending never blocks; what the peer does not take waits in a queue with a
 * ceiling. A frame of unknown type, over its declared size, or truncated ends this link and
 * nothing else.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/frame.h"
#include "base/loop.h"

struct link;

#define LINK_FILES_MAX 4

/* Files that came with a message. What the receiver does not take is closed after its callback. */
struct link_files {
	int fd[LINK_FILES_MAX]; /* -1 where taken */
	size_t n;
};

/* Takes file i: the caller owns it from now on. -1: there is none. */
int link_files_take(struct link_files *files, size_t i);

struct link_ops {
	/*
	 * One whole message and the files of its packet. A negative return closes the link
	 * (on_closed follows, with e as the reason).
	 */
	int (*on_frame)(struct link *l, const struct frame *f, struct link_files *files,
		struct err *e, void *data);

	/* The peer is gone (reason->code 0) or the link was ended here, and why. Last call; the
	 * owner calls link_free, now or later. Never called from inside link_send or link_free. */
	void (*on_closed)(struct link *l, const struct err *reason, void *data);

	/* Largest joined value of this type in bytes; < 0: this type is not legal on this link. */
	long (*value_max)(uint8_t type, void *data);

	/* The queue went from over half of its ceiling to empty. May be NULL. */
	void (*on_drained)(struct link *l, void *data);
};

struct link_limits {
	size_t queue_max;    /* bytes waiting for the peer; link_send fails beyond */
	bool files;          /* accept files; otherwise they are refused and counted */
	uint64_t round_usec; /* a peer is heard this long in one round of the loop, then the others
				have their turn; 0: 32 packets */
};

/* Takes fd (SOCK_SEQPACKET, made non-blocking; owned from now on, also on failure). */
int link_new(struct loop *loop, int fd, const struct link_ops *ops,
	const struct link_limits *limits, void *data, struct link **ret);

/* Closes. NULL is fine. Returns NULL. No callback follows. */
struct link *link_free(struct link *l);
DEFINE_CLEANUP(struct link *, link_free)

/*
 * Sends or queues one message, split where it is long. fds: n files (at most LINK_FILES_MAX) that
 * go along, still the caller's (they are duplicated while they wait). -ENOBUFS: the queue is at
 * its ceiling, nothing was taken. -EPIPE: the link is closed. -ENOMEM.
 */
int link_send(struct link *l, const struct frame *f);
int link_send_files(struct link *l, const struct frame *f, const int *fds, size_t n);

/* Between cork and uncork frames gather into shared packets, one system call for many. */
void link_cork(struct link *l);
void link_uncork(struct link *l);

/*
 * A held link hears nothing more until it is released: the peer's socket fills, and it waits. What
 * its owner has not heard of a packet yet is kept. May be called from on_frame. The end of a peer
 * is heard all the same.
 */
void link_hold(struct link *l);
void link_release(struct link *l);

size_t link_queued(const struct link *l); /* bytes not yet taken by the kernel */
/* µs since the kernel last took something of what waits; 0: nothing waits. now_usec: monotonic. */
uint64_t link_stalled_usec(const struct link *l, uint64_t now_usec);
int link_unread(const struct link *l); /* bytes, as the kernel counts, not yet read by the peer */
int link_fd(const struct link *l);     /* borrowed */

/* Files that links of this process did not accept, since it began; those that came in one packet
 * where none may come count as one. */
uint64_t links_files_refused(void);

/*
 * Sends one message of at most FRAME_VALUE_MAX bytes on a bare fd that no struct link reads: for
 * the holder of a duplicate. -EAGAIN: the peer's buffer is full. -EPIPE: it is gone.
 */
int link_post(int fd, const struct frame *f, const int *fds, size_t n);

/* A connected pair: SOCK_SEQPACKET, CLOEXEC, non-blocking. 0 or -errno. */
int link_pair(int ret[2]);
