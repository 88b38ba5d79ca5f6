/*
 * Groups: what changes for one visitor, all or nothing. Records gather in session->pending; a
 * commit closes them, sends them in shared packets and keeps them until the gateway's ACK.
 */
#pragma once

#include "sdk-lua/host/inside.h"

/* In front of each record's value, in pending and in a group. */
struct group_record {
	uint8_t type, op;
	uint16_t unused;
	uint32_t node;
	uint32_t length;
};

/*
 * Adds one record: the value is head (n_head bytes) followed by tail. An APPEND to the path of the
 * last record grows that record. -EFBIG: the group would be over GROUP_MAX. -ENOBUFS: all groups
 * together would be over SHOWN_WORKER_MAX. -ENOMEM.
 */
int group_add(struct session *s, uint8_t type, uint8_t op, uint32_t node, const void *head,
	size_t n_head, const void *tail, size_t n_tail);

/*
 * Closes the pending records as group s->seq + 1 of event n and sends it. -ENOMEM: nothing
 * happened.
 */
int group_commit(struct session *s, uint32_t n, uint8_t op);

/* The gateway has everything up to seq. */
void groups_acked(struct session *s, uint32_t seq);

/* Sends again every group after seq. */
void groups_resend(struct session *s, uint32_t seq);

/* Sends what did not fit into the link's queue. */
void groups_send_rest(struct session *s);

void groups_free(struct session *s);
