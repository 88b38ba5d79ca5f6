/*
 * Inside the links of inference: what their files share. service.c keeps the service and its
 * tenants, worker.c the workers' links, control.c those of agent, orchestrator and gateway,
 * worker_calls.c what workers call, and worker_pays.c who pays for that.
 */
#pragma once

#include "base/link.h"
#include "inference/ledger/ledger.h"
#include "inference/peers/call.h"
#include "inference/peers/grants.h"
#include "inference/peers/places.h"
#include "inference/peers/service.h"

#define REPLICA_MAX 32
#define READING_BURST_USEC 400000.0
#define TENANT_MAX 72 /* a Space's id, or PAYER_PREFIX and a payer */
#define PAYER_PREFIX "user/"
#define MODELS_USEC 500000ull /* between two LISTs while a model is loaded */

struct call {
	struct call *next;
	struct worker *worker;
	struct tenant *tenant;   /* counted in its calls */
	struct request *request; /* NULL while it is being started */
	struct job job;
	uint32_t seq;
	uint32_t channel, node;          /* session and event it serves, for the account */
	struct event *event;             /* borrowed, counted in its calls; NULL: it has no grant */
	char payer[GRANT_PAYER_MAX + 1]; /* "": not found out yet */
	struct charge charge;            /* begun with the request */
	struct charge again;             /* begun when it is first read again */
	bool unpaid;                     /* it waits to know whether the payer may */
	bool crowded;                    /* it waits for another of the payer's to end */
	/* While that is so, or its model is being loaded: the message, to begin with then. */
	uint8_t *held; /* owned; NULL: it has begun */
	size_t held_n;
	uint64_t held_until_usec;
	uint64_t since_usec; /* it came */
	uint64_t told_usec;  /* the gateway heard that it waits; 0: it did not */
	uint32_t told_place;
	unsigned told_percent; /* of its model's loading, plus one; 0: nothing yet */
};

/*
 * Whose calls they are: a Space's, where a blank box is one of its own, or a payer's whom the
 * gateway names. It is there while it has workers or calls.
 */
struct tenant {
	struct tenant *next;
	uint32_t group; /* the engine's name for it */
	unsigned int workers;
	size_t calls;
	size_t held_bytes;          /* of its calls */
	char space[TENANT_MAX + 1]; /* or payer */
};

struct worker {
	struct worker *next;
	struct service *service;
	struct events events;  /* that it serves */
	bool caller;           /* the gateway, trusted to name who pays for each call */
	struct tenant *tenant; /* counted in its workers */
	double reading_usec;   /* left to read calls with, at most READING_BURST_USEC */
	uint64_t since_usec;   /* when that was true */
	struct source *held;   /* owned; armed while it is not read; NULL: never was */
	struct link *link;     /* owned */
	struct call *calls;    /* owned */
	char replica[REPLICA_MAX + 1];
};

struct control {
	struct control *next;
	struct service *service;
	struct link *link; /* owned */
	bool orchestrator; /* it keeps the ledger, and is told of what runs */
	bool gateway;      /* it has said a key, or handed over its own calls */
};

/* Pools as they were told last. */
struct pools_seen {
	struct pool_look of[2 * POOLS_MAX + 1];
	size_t n;
	uint64_t at_usec; /* 0: never */
};

struct service {
	struct loop *loop;          /* borrowed */
	struct engine *engine;      /* borrowed */
	struct shelf *shelf;        /* borrowed */
	struct source *step;        /* owned; armed while there is work */
	struct source *tell;        /* owned */
	struct source *models;      /* owned; armed while models or calls held for them change */
	bool step_due;              /* step is armed, or runs */
	uint64_t models_usec;       /* when models is due; 0: it is not armed */
	struct source *waits_timer; /* owned; armed while there are calls */
	bool waits_due;
	json_t *waits;            /* owned; rows for the gateway; NULL: none */
	bool models_changed;      /* since the last LIST */
	size_t held_bytes;        /* of all calls */
	struct control *controls; /* owned */
	struct worker *workers;   /* owned */
	struct tenant *tenants;   /* owned */
	uint32_t last_group;
	size_t n_controls, n_workers;
	struct grant_keys keys;
	struct places *places; /* owned */
	struct pools_seen pools_seen;
	struct ledger *ledger;   /* borrowed; NULL: nobody counts */
	const struct gpus *gpus; /* borrowed; NULL: nobody watches any */
};

/* --- service.c --- */

/* Those that a Space, or a payer, has; nothing is counted yet. space: "" for one that nobody else
 * is. NULL: out of memory. */
struct tenant *tenant_of(struct service *s, const char *space);

/* The same with a worker more. */
struct tenant *tenant_join(struct service *s, const char *space);

/* With a worker less; t may be NULL. */
void tenant_leave(struct service *s, struct tenant *t);

/* It is freed where it has neither workers nor calls. */
void tenant_settle(struct service *s, struct tenant *t);

/* The engine steps soon. */
void service_step(struct service *s);

/* Models and held calls are looked at in that time, or sooner where they would be anyway. */
void service_look_after(struct service *s, uint64_t usec);

/* --- pools.c --- */

/* As TOP has them: none where there is one only. The caller's. */
json_t *pools_describe(struct service *s);

/* --- worker_calls.c --- */

/* What a worker sends; negative with words ends its link. */
int worker_on_call(struct worker *w, const struct frame *f, struct err *e);
int worker_on_stop(struct worker *w, const struct frame *f, struct err *e);

/* The event has ended or was cancelled: what is called on its grant from now on is refused, what
 * runs on it stops. Returns what it has used, where it is told for the first time. */
uint64_t worker_end_event(struct worker *w, uint32_t session, uint32_t n);

/* Begins with those of its held calls whose model is there. May free the worker. */
void worker_resume_calls(struct worker *w);

/* Cancels all of its calls without a word to it. */
void worker_drop_calls(struct worker *w);

/* --- worker_pays.c --- */

/* Who pays, and whether they may. *ret: NULL where nobody counts. -EAGAIN: not known yet. -EDQUOT
 * and the like, with words. */
int call_find_account(
	struct call *c, const struct infer_call *m, struct account **ret, struct err *e);

/* Its request is there, and is paid for from now on. */
void call_begin_charge(struct call *c, struct account *account);

/* It has used the device; data: the call. False: it may not go on, nor may others that spend the
 * same, which end with this step too. */
bool call_spend(uint64_t nsec, void *data);
/* What was read again of it since it gave way to others: the platform's own use. */
void call_spend_again(uint64_t nsec, void *data);

/* Why it ended where call_spend said so. */
void call_say_quota(const struct call *c, struct err *e);

/* Its event has it no longer. */
void call_leave_event(struct call *c);

/* Whether it waits for another of the payer's to end, as before. Such a call is not read again:
 * it may be a mebibyte, and be looked at many times. */
bool call_is_crowded(const struct call *c);

/* --- worker.c --- */

/* Takes fd. caller: the gateway's. -ENOMEM and the like. */
int worker_add(struct service *s, const char *replica, const char *space, bool caller, int fd);
struct worker *worker_find(const struct service *s, const char *replica); /* NULL: none */

/* With its calls. Not from its own link's callbacks, but for on_closed. */
struct worker *worker_free(struct worker *w);

/* --- control.c --- */

struct control *control_free(struct control *c);
void control_send_list(struct control *c); /* of models */
