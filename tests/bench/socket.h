/*
 * The thinnest WebSocket client that is still one: what is measured is the server. Knows binary
 * messages over a plain TCP connection to loopback; no extension, no fragments, no TLS.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct web_socket {
	int fd;        /* owned; -1 while closed */
	struct buf in; /* bytes received and not yet taken */
	size_t taken;  /* bytes at the front of in that were handed out */
};

/*
 * Connects to 127.0.0.1:port and sends the upgrade request; cookie may be "". The answer is read
 * by ws_finish. *ret_usec: when the request left (monotonic), may be NULL. -errno with words.
 */
int ws_start(struct web_socket *s, int port, const char *path, const char *cookie,
	uint64_t *ret_usec, struct err *e);

/* Reads the answer to the upgrade request; blocks. -EPROTO: it was no 101, the words hold it. */
int ws_finish(struct web_socket *s, struct err *e);
void ws_done(struct web_socket *s);

/* Sends one binary message; blocks until the kernel has it all. */
int ws_send(struct web_socket *s, const void *bytes, size_t n);

/*
 * The next whole message. wait: block for it; otherwise 0 when there is none yet. Returns 1 with
 * *ret borrowed until the next call; -ECONNRESET: closed by the server.
 */
int ws_next(struct web_socket *s, bool wait, const uint8_t **ret, size_t *ret_len);
