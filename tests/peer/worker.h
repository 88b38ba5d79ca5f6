/* A real vitrine-worker whose links this process holds: what the peer test and the bench share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/frame.h"

struct peer {
	pid_t pid;
	int app, infer, log; /* our ends */
	struct frame_joiner joiner;
	uint8_t packet[FRAME_PACKET_MAX]; /* being read */
	size_t at, length;
	uint64_t sealed_usec; /* from the start to SEALED */
};

/* Starts the program and waits for SEALED. Ends the test where that fails. */
void peer_start(struct peer *p, const char *program);

/* Gives it a bundle of one app.lua; *ret is its answer. False: it closed the link. */
bool peer_give(struct peer *p, const char *app, struct frame *ret);

/* The same where the answer has to be HELLO; returns µs. */
uint64_t peer_load(struct peer *p, const char *app);

/* Sends one message with at most one file (-1: none). */
void peer_send(struct peer *p, const struct frame *f, int fd);

/* Next whole message, waiting at most 10 s; false: the worker closed the link. */
bool peer_receive(struct peer *p, struct frame *ret);

/* Opens session channel 7 and acknowledges nothing. */
void peer_open(struct peer *p);

/* Sends the click n on that component and waits for the COMMIT that finishes it. */
void peer_click(struct peer *p, uint32_t node, uint32_t n);

/* Closes our ends, waits for the end; returns the status of waitpid. */
int peer_end(struct peer *p);
