/*
 * What the rooms of the host share: the worker itself, its handlers, its sessions. Each struct is
 * changed only by the file of its name.
 */
#pragma once

#include <jansson.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/link.h"
#include "base/loop.h"
#include "base/random.h"
#include "proto/constants.h"
#include "proto/messages.h"
#include "sdk-lua/host/heap.h"
#include "sdk-lua/host/preempt.h"
#include "sdk-lua/host/value.h"
#include "sdk-lua/host/worker.h"

#define SESSION_BUCKETS 256
#define FILES_OPEN_MAX 16            /* boxes have 32 file descriptors */
#define INPUT_SESSION_MAX (4u << 20) /* bytes of events of one session that wait */
#define INPUT_WORKER_MAX (16u << 20)
#define GROUP_MAX (7u << 20)                    /* the gateway takes 8 MiB */
#define GROUP_SPARE ((1u << 20) + (128u << 10)) /* beyond it, for the session table and a FAIL */
#define GROUP_RECORDS_MAX 4096
#define SHOWN_WORKER_MAX (16u << 20) /* of all sessions, until the gateway has it */
#define LINK_QUEUE (32u << 20)

struct session;
struct call;
struct service_call;
struct stage;

enum worker_state { WORKER_BLANK, WORKER_LOADING, WORKER_RUNNING, WORKER_ENDED };

/* --- handlers that run --- */

/* What an event may spend on models, as the gateway has written it: of no meaning here. */
struct grant {
	uint32_t n; /* of the event; 0: none */
	char text[GRANT_MAX + 1];
};

enum task_state { TASK_FREE, TASK_READY, TASK_RUNNING, TASK_WAITING };
enum task_wait {
	WAIT_NOTHING,
	WAIT_TIME,
	WAIT_CALL,
	WAIT_ACK,
	WAIT_STAGE,
	WAIT_TURN,
	WAIT_SERVICE
};

enum task_end {
	END_RETURNED,
	END_ERROR,     /* the app raised; the words are on the thread's stack */
	END_LIMIT,     /* words say which */
	END_CANCELLED, /* by the visitor */
	END_DROPPED,   /* its session has left: nobody is told */
};

struct task {
	struct worker *worker;
	enum task_state state;
	lua_State *thread; /* anchored by thread_ref; used again after END_RETURNED */
	int thread_ref;
	int emit_key;            /* its address is the registry key of what coroutine.yield calls */
	struct session *session; /* borrowed; NULL while the app loads */
	uint32_t n, node;        /* event; 0: load, upgrade */
	struct grant grant;      /* of that event; n is 0 where the Space's owner pays */
	const struct handler *handler; /* borrowed; NULL: none declared */
	bool parallel;
	bool called;           /* serves a CALL: see reply.h */
	bool ordered;          /* counted in session->in_order */
	bool shown;            /* a call: its outputs changed since the last RESULT_YIELD */
	uint64_t yielded_usec; /* that one, monotonic */
	int state_key;         /* its address: registry key of a call's own SDK table */
	struct buf result;     /* of RESULT_FINAL, from when the handler gave it to its end */
	int n_args;            /* on the thread's stack for the next resume */
	uint64_t cpu_usec;
	uint64_t wall_usec;                /* what it may take */
	uint64_t deadline_usec, wake_usec; /* monotonic; 0: none */
	struct source *timer;              /* owned; the earlier of the two */
	enum task_wait wait;
	struct call *wait_call;       /* borrowed */
	struct call *calls;           /* owned; running or with something left to read */
	struct service_call *service; /* owned; what it waits for, NULL: nothing */
	struct task *next;            /* in the queue that state says */
	char words[160];              /* END_LIMIT */
};

struct task_queue {
	struct task *head, **tail;
};

/* What the page declared of one event of one component. */
struct handler {
	uint32_t node;
	uint8_t kind;
	bool parallel;
	bool leave;               /* ends when the visitor has left */
	uint32_t group;           /* handlers that share concurrency; 0: it has its own */
	unsigned int concurrency; /* 0: only TASKS_MAX limits it */
	unsigned int running;     /* of the whole group */
	size_t n_cancels;
	uint32_t *cancels; /* owned: nodes */
};

/* --- sessions --- */

struct kept_key {
	char *name;    /* owned */
	uint64_t hash; /* of its JSON */
	uint64_t stem; /* of its JSON without the last byte: a grown list or string begins so */
	size_t length;
	bool whole; /* the gateway's bytes may differ from ours: send all of it next time */
	bool seen;
	size_t at, new_length; /* in the scratch buffer, while comparing */
};

struct image {
	struct kept_key *keys; /* owned; sorted by name */
	size_t n, cap;
};

/* One group as it was sent, kept until the gateway has it. */
struct group {
	struct group *next;
	uint32_t seq, node;
	uint8_t op;
	bool sent;
	size_t length;
	uint8_t bytes[]; /* records, see group.c */
};

/* Of a component that ticks. See ticker.h. */
struct ticker {
	struct ticker *next;
	uint32_t node;
	uint64_t every_usec, due_usec; /* monotonic */
	bool late;                     /* due, and not started yet */
};

/* An event that waits for its turn. */
struct input {
	struct input *next;
	uint32_t n, node;
	uint8_t kind;
	bool call;           /* a CALL: the payload is name, NUL, arguments */
	uint64_t arrival;    /* counts the worker's events */
	struct grant grant;  /* n is 0: none came */
	const char *refusal; /* static words; NULL: it can run */
	size_t length;       /* of the payload */
	size_t values;       /* bytes of value records behind it */
	uint8_t bytes[];     /* payload, then value records {u32 node, u32 length, JSON} */
};

struct upload {
	struct upload *next;
	char id[33], name[256], type[101];
	uint64_t size;
	int fd;        /* owned; -1: not here, or closed for newer ones */
	uint8_t *held; /* owned; a test's file: its bytes instead of an fd */
};

struct session {
	struct session *next; /* of its bucket */
	struct worker *worker;
	uint32_t channel;
	char id[33];
	char reference[9]; /* in the log: of the id, and does not give it away */
	int state_ref;     /* the SDK's table: session table, overlay */
	uint32_t seq;      /* last group */
	uint32_t last_n;   /* last event taken */
	struct image image;
	struct buf pending; /* records of the group being filled */
	size_t pending_records;
	size_t last_append; /* offset + 1 of an APPEND record at the end of pending; 0: none */
	struct group *groups, **groups_tail;
	size_t unacked;
	uint64_t flushed_usec, kept_usec;
	bool flush_due;
	bool moving;       /* upgrade runs: events wait, failure ends the session */
	struct buf values; /* value records of the next event */
	const char *values_refusal;
	struct grant grant; /* of an event to come */
	struct input *inputs, **inputs_tail;
	size_t n_inputs, inputs_bytes;
	unsigned int
		in_order; /* handlers that run and have the session table for themselves: 0, 1 */
	unsigned int running;
	uint64_t served_usec; /* of the processor, against worker->served_usec: see task.c */
	struct upload *uploads;
	struct ticker *tickers; /* owned */
	bool present, left;     /* as the gateway said last */
	bool unload_due;
};

/* --- the worker --- */

struct worker {
	struct worker_options options;
	struct loop *loop;
	struct heap heap;
	lua_State *L;
	enum worker_state state;
	int exit_code;
	struct link *app, *infer;

	/* the app */
	const uint8_t *bundle; /* mapped read-only */
	size_t bundle_length;
	char entry[BUNDLE_PATH_MAX + 1];
	bool check;
	json_t *settings; /* owned: {variables, secrets}; NULL: none came */
	uint64_t load_began_usec;
	struct buf hello;         /* value of HELLO, for RESUME 0 */
	uint32_t hello_seq;       /* of the last RESUME 0 */
	bool opened;              /* a session was, once */
	struct handler *handlers; /* owned */
	size_t n_handlers;
	int sdk_ref; /* the SDK's entry functions */
	int run_ref, call_ref;
	int object_ref; /* the metatable of object_mark */
	const void *object_mark;

	struct task tasks[TASKS_MAX];
	struct task_queue quick, busy;
	uint64_t served_usec; /* what the session had that was served last */
	uint64_t arrivals;
	struct task *current; /* that runs right now */

	struct session *buckets[SESSION_BUCKETS];
	size_t n_sessions;
	struct source *settle_timer; /* owned */
	struct source *flush_timer;  /* owned */
	uint64_t flush_at;           /* when it fires; 0: not armed */
	struct source *tick_timer;   /* owned */
	uint64_t tick_at;            /* likewise */
	bool pump_all; /* a task slot or a place in a handler's concurrency became free */
	size_t inputs_bytes;
	size_t shown_bytes; /* pending and groups of all sessions */
	unsigned int files_open;
	struct buf scratch;

	struct stage *stage; /* owned; from the beginning of test.lua on, NULL without it */

	uint32_t next_call, next_service;
	json_t *service_value; /* owned; while it becomes a Lua value */
	unsigned int log_dropped;
};

static inline struct worker *worker_of(lua_State *L)
{
	return (struct worker *)(*(uintptr_t *)lua_getextraspace(L) & ~(uintptr_t)1);
}

/* worker.c */
void worker_end(struct worker *w, int exit_code);
/* A frame as if from the gateway; -EPROTO, -EINVAL with words: it would have ended the link. */
int worker_take(struct worker *w, const struct frame *f, struct err *e);
void worker_loaded(struct worker *w, struct task *t, enum task_end how);
const struct handler *worker_handler(struct worker *w, uint32_t node, uint8_t kind);

/*
 * After something ended because of memory, or may have: when Lua collects on its own for want of
 * memory it does not close what must be closed first, and that alone can fill the heap.
 */
void worker_collect(struct worker *w);

/* Calls a C function in protected mode with one light userdata. Returns LUA_OK or the status, the
 * error on top of the stack then; nothing on the stack otherwise. */
int worker_protect(struct worker *w, lua_CFunction fn, void *argument);

/* Pushes the SDK's entry function of that name. [-0, +1, m] */
void worker_push_entry(lua_State *L, const char *name);
