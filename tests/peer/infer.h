/*
 * A real vitrine-inference, and whoever talks to it as blocking sockets: what its peer tests share.
 */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "base/frame.h"

#define PATIENCE_MS 20000

/* One end of a link, blocking. */
struct peer {
	int fd;
	uint8_t packet[FRAME_PACKET_MAX];
	size_t length, at; /* of the packet being read */
	struct frame_joiner joiner;
	struct frame f;     /* the newest message */
	json_t *value;      /* owned; of the newest message, where it is JSON */
	unsigned loadings;  /* times it was told how far a model is */
	json_int_t percent; /* the last of them */
	uint32_t loading;   /* its call */
	char *metrics;      /* owned; the newest METRICS; NULL: none */
};

/* Starts it with so many MiB for models; data: where it accounts for usage, NULL: nowhere. */
void inference_start(const char *memory, const char *data);
pid_t inference_pid(void);
/* As kill -9, and another one behind the same socket. */
void inference_kill_and_start(void);
/* It has lived until now, and ends well. */
void inference_stop(void);

/* A control link; its first LIST has been read. */
void dial(struct peer *p);

/* A worker of this Space, whose other end the agent hands over. */
void attach_as(struct peer *agent, struct peer *w, const char *replica, const char *space);
/* Each replica is a Space of its own. */
void attach(struct peer *agent, struct peer *w, const char *replica);

void peer_init(struct peer *p, int fd);
void peer_done(struct peer *p);

/* Sends one message as packets of one frame, of session 7 and event 3; file -1: none. */
void send_message(struct peer *p, uint8_t type, uint32_t seq, const char *value, int file);
/* The same of what the head says. */
void send_frame(struct peer *p, const struct frame *head, const void *value, size_t n, int file);

/* The next message's type; -1: the other side closed. LOADING and METRICS, which come by
 * themselves, are noted. */
int next_message(struct peer *p);
/* The same, or 0 where what came was noted or only a part. */
int next_frame(struct peer *p);
/* next_frame would not wait. */
bool has_message(struct peer *p);

const char *text_of(const struct peer *p, const char *key);
