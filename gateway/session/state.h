/*
 * What the log says about one session. Every change of these fields is one record applied by one
 * of these functions, live and in replay alike; so a replay ends where the live gateway was.
 *
 *	BEGIN   JSON: id, space, visitor, user, query, time       the session exists
 *	IN n    frames VALUE* EVENT                               event n is accepted
 *	IN n    empty                                             interrupted event n is wanted
 *again OUT seq frames of one group, COMMIT last                  a group of a worker MOVE    bundle
 *NUL replica                                open on that worker; no replica: on none FORGET  n = 0:
 *the session; otherwise interrupted event n is dismissed, or with a byte of value event n, which no
 *worker has seen, is withdrawn STATE   all of it at once (compaction);
 *session 0: n is the next session number
 *
 * Knows no socket, no worker and no clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/random.h"
#include "gateway/session/image.h"
#include "gateway/session/outbox.h"
#include "gateway/session/overlay.h"
#include "proto/constants.h"

#define SESSION_PENDING_BYTES_MAX (4u << 20) /* of one session's unfinished events */
#define SESSION_INTERRUPTED_MAX 32           /* undecided; with more, no new event is taken */
#define SESSION_STATE_MAX (20u << 20)        /* of a snapshot */
#define SESSION_VALUE_MAX (8u << 20)         /* of one joined value in a record */

/*
 *	accepted ──▶ HELD ──(a worker has the session)──▶ SENT ──(COMMIT_FINISH)──▶ gone
 *	              ▲                                    │
 *	              └──────────(RETRY)── INTERRUPTED ◀───┘ (its worker is lost)
 */
enum event_state { EVENT_HELD, EVENT_SENT, EVENT_INTERRUPTED };

struct pending {
	struct pending *next;
	uint32_t n;
	uint32_t node;
	uint8_t kind;
	enum event_state state;
	bool retried; /* wanted again after an interruption, or overtaken while it waited: older
		       * than what the worker has seen */
	uint64_t taken_usec; /* when, monotonic; 0: before the last start. Not in the log. */
	bool cancelled; /* CANCEL came while held; goes out behind the event. Not in the log. */
	bool call;      /* a CALL: runs beside the session's other events, in no order */
	void *ticket;   /* borrowed; a call's place in the Space's row, queue.c's; NULL: none */
	size_t secret_length; /* bytes at the start that are not in the log but in a file (secret.h)
			       */
	size_t length;
	uint8_t frames[];
};

struct session {
	/* --- from the log --- */
	uint32_t number; /* > 0; the channel */
	char id[ID_LEN + 1];
	char space[33];
	char visitor[ID_LEN + 1];
	char user[41];       /* "": began anonymous */
	char bundle[65];     /* "": not opened yet */
	char replica_id[33]; /* "": on no worker */
	char *query;         /* owned; JSON text or NULL */
	int64_t begun_sec;   /* wall clock */
	uint32_t last_event; /* highest accepted n */
	uint32_t last_seq;   /* last group in the log */
	struct overlay overlay;
	struct image image;
	struct pending *pending; /* owned; by n */
	size_t pending_bytes;

	/* --- live --- */
	struct outbox outbox;
	struct session_live *live; /* owned by session.c; NULL in a replay */
};

int session_new(uint32_t number, struct session **ret);
struct session *session_free(struct session *s);
DEFINE_CLEANUP(struct session *, session_free)

struct pending *session_pending(const struct session *s, uint32_t n); /* NULL: none */
size_t session_count_pending(const struct session *s, enum event_state state);

/* First letter of the visitor that a program is; no random_id has it. */
#define SESSION_PROGRAM 'u'
bool session_is_program(const struct session *s);

/* True while nothing in it is worth keeping: no event was accepted and no group came. */
bool session_is_untouched(const struct session *s);

/* Bytes that a snapshot of it takes, about. */
size_t session_weight(const struct session *s);

/* --- records; -EBADMSG: the value is not what it should be; -ENOMEM --- */

int session_write_begin(const struct session *s, struct buf *b);
int session_apply_begin(struct session *s, const uint8_t *value, size_t n, struct err *e);

int session_apply_in(
	struct session *s, uint32_t n, const uint8_t *frames, size_t length, struct err *e);

/* Puts password values, which are not in the record, back in front of event n. -ENOENT. */
int session_add_secret(struct session *s, uint32_t n, const uint8_t *frames, size_t length);

/*
 * Tries a group without changing the session. -EMSGSIZE: image or overlay would pass its limit.
 * -EBADMSG: a malformed frame. On 0 ret holds what session_apply_out takes.
 */
struct out_trial {
	bool has_image, has_overlay;
	struct image image;
	struct overlay overlay;
};
int session_try_out(const struct session *s, const uint8_t *image, size_t image_length,
	const uint8_t *visible, size_t visible_length, struct out_trial *ret, struct err *e);
void out_trial_done(struct out_trial *t);

/* Applies a group that was tried. node and op as in its COMMIT. */
int session_apply_out(struct session *s, uint32_t seq, uint32_t event, uint8_t op,
	const uint8_t *visible, size_t visible_length, struct out_trial *trial, struct err *e);

/* Applies an OUT record in replay: as much of it as makes sense. */
int session_replay_out(
	struct session *s, uint32_t seq, const uint8_t *frames, size_t n, struct err *e);

int session_write_move(const char *bundle, const char *replica, struct buf *b);
int session_apply_move(struct session *s, const uint8_t *value, size_t n, struct err *e);
void session_apply_retry(struct session *s, uint32_t n);
void session_apply_dismiss(struct session *s, uint32_t n);
void session_apply_withdraw(struct session *s, uint32_t n);

int session_write_state(const struct session *s, struct buf *b);
int session_apply_state(struct session *s, const uint8_t *value, size_t n, struct err *e);
