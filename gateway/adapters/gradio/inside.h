/*
 * What the files of this room share: session.c has the whole, talk.c the clients' sessions, event.c
 * their calls, reader.c their streams.
 */
#pragma once

#include "gateway/adapters/gradio/session.h"
#include "gateway/map.h"

#define GRADIO_LOG_MAX (19u << 20)      /* of one event: its largest result, and what came before */
#define GRADIO_BYTES_MAX (512ull << 20) /* of all that is kept for clients */

struct gradio {
	struct gateway *gateway;
	struct map sessions; /* space, user, hash → owned */
	struct map events;   /* id → owned */
	struct map shares;   /* Space → owned, while it has an event */
	uint64_t bytes;      /* that are kept for clients */
	bool stopping;
};

/* A Space's part of the events. */
struct share {
	size_t n;
	struct gradio_event *ended; /* first to end first */
	struct gradio_event **tail;
};

struct gradio_event {
	struct gradio_event *next, **at;             /* of the session, oldest first */
	struct gradio_event *next_ended, **at_ended; /* of the share; at_ended NULL: not there */
	struct share *share;                         /* borrowed; NULL: it has none yet */
	struct gradio *gradio;
	struct gradio_session *session; /* NULL: it has none, or a call of its own form */
	struct caller *caller;          /* owned */
	struct call *call;              /* NULL: it has ended */
	enum gradio_form form;
	char id[GRADIO_EVENT_ID_LEN + 1];
	char space[33];
	char function[65];
	char *api, *hash; /* owned; hash may be NULL */
	uint64_t fn_index, seq;
	size_t n_outputs;
	uint64_t begun_usec, done_usec;
	bool estimated, concluded, failed;
	bool forgotten;               /* log holds no longer all of it */
	struct buf log;               /* what was said, for a stream that opens later */
	struct buf last;              /* the last yield's values; of GRADIO_QUEUE */
	struct buf held;              /* what it said before noted_usec */
	uint64_t noted_usec;          /* when its client knows of it; 0: at once */
	struct gradio_reader *reader; /* of GRADIO_CALL and GRADIO_RUN; borrowed */
	struct source *timer;         /* owned; of those: it goes; of others: held is said */
};

struct gradio_session {
	struct gradio *gradio;
	struct caller *caller;       /* owned */
	struct gradio_event *events; /* of GRADIO_QUEUE */
	struct gradio_event **tail;
	struct gradio_reader *readers;
	size_t pending, closing; /* events; readers that have not told their end yet */
	uint64_t joins, opened; /* number of the last event; the one at the last stream's opening */
	uint64_t closed_usec;   /* when a stream was last ended; 0: never */
	uint64_t grace_usec;    /* deadlines; 0: not set */
	uint64_t alone_usec, idle_usec;
	struct source *timer; /* owned */
	size_t key_length;
	char key[33 + 41 + GRADIO_HASH_MAX];
};

/* --- reader.c --- */
int gradio_keep(struct gradio *g, struct buf *b, const void *bytes, size_t n);
void gradio_release(struct gradio *g, struct buf *b);
void gradio_reader_add(struct gradio_reader *r, const void *bytes, size_t n);
/* Takes it out of its session. */
void gradio_reader_unhook(struct gradio_reader *r);

/* --- event.c --- */
/* False: the Space has all it may have, and nothing of it can be spared. */
bool gradio_has_room(struct gradio *g, const char *space);
struct gradio_event *gradio_event_new(struct gradio *g, const struct gradio_ask *ask,
	enum gradio_form form, const struct function *f, uint64_t fn_index);
void gradio_event_free(struct gradio_event *ev);
int gradio_event_begin(struct gradio_event *ev, struct caller *c, const struct function *f,
	struct slice data, struct err *e);
void gradio_event_fail(struct gradio_event *ev, const char *message, const char *title);
/* Timer; data: the event. */
void gradio_event_due(void *data);

/* --- talk.c --- */
/* Sets the deadlines that follow from what there is, and the timer for the first of them. */
void gradio_talk_arm(struct gradio_session *s);
struct gradio_session *gradio_talk_find(struct gradio *g, const struct gradio_ask *ask);
int gradio_talk_open(
	struct gradio *g, const struct gradio_ask *ask, struct gradio_session **ret, struct err *e);
void gradio_talk_free(struct gradio_session *s);
/* A client that was told takes no more on this stream; what it was told need not be said again. */
void gradio_talk_close_streams(struct gradio_session *s);
int gradio_open_caller(
	struct gradio *g, const struct gradio_ask *ask, struct caller **ret, struct err *e);
