/*
 * The session simulation: the gateway's own code for Spaces, visits and sessions, with everything
 * around it played by models on a fake clock. One seeded generator decides everything, so a seed
 * is a whole history and plays the same each time.
 *
 *	tabs (tab.c) ── wire ──▶ gateway (space.c, visit.c, worker_link.c, session/) ── app ──▶
 *workers │ log on a real file system                       (worker.c) └── wake ──▶ agent (agent.c)
 *
 * The gateway is killed at effects: a record it appends (also in the middle of one), a frame it
 * sends to a worker, bytes it sends to a page. What it held in memory is left behind, as a killed
 * process leaves it, and a new one starts from the log.
 */
#pragma once

#include <jansson.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/random.h"
#include "gateway/gateway.h"
#include "gateway/session/sessions.h"
#include "gateway/space.h"
#include "gateway/visit.h"

#define TABS 3
#define WORKERS_MAX 256
#define EVENTS_MAX 1024
#define GROUPS_SEEN_MAX 8192
#define BUNDLES_MAX 32

/* The app's components. */
enum node {
	NODE_ADD = 101, /* button: counts */
	NODE_STREAM,    /* button: writes a text piece by piece */
	NODE_SAFE,      /* button: counts, declared retry = true */
	NODE_ECHO,      /* button: shows what was typed */
	NODE_FAIL,      /* button: raises */
	NODE_PASSWORD,  /* textbox: its text is a password */
	NODE_LIST_ADD,  /* button: one more item, or cuts the list */
	NODE_COUNT,     /* number */
	NODE_TEXT,      /* textbox that the stream writes */
	NODE_SAID,      /* textbox that the visitor types in */
	NODE_HEARD,     /* textbox */
	NODE_LIST,      /* list of texts */
};

/* A packet of whole frames on its way. */
struct packet {
	struct packet *next;
	size_t n;
	uint8_t bytes[];
};

struct queue {
	struct packet *first, *last; /* owned */
	size_t n, bytes;
};

void queue_put(struct queue *q, const uint8_t *bytes, size_t n);
struct packet *queue_take(struct queue *q); /* NULL: empty; the caller frees it */
void queue_clear(struct queue *q);

/* --- time and chance (outside.c) --- */

extern uint64_t sim_now; /* µs */
void sim_seed(uint32_t seed);
uint32_t dice(uint32_t sides); /* 0 to sides - 1 */

extern bool sim_traces;
void trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Ends this history: a promise was broken. */
void broken(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
#define PROMISE(cond, ...)                                                                         \
	do {                                                                                       \
		if (!(cond))                                                                       \
			broken(__VA_ARGS__);                                                       \
	} while (0)

/* --- the gateway and its end (outside.c) --- */

extern jmp_buf gateway_death;
extern bool gateway_inside;       /* the gateway's code runs */
extern long gateway_effects_left; /* until it is killed; -1: not armed */

/* Runs the gateway's code; when it is killed in there, gateway_died follows. */
#define GATEWAY(call)                                                                              \
	do {                                                                                       \
		if (setjmp(gateway_death) == 0) {                                                  \
			gateway_inside = true;                                                     \
			call;                                                                      \
			gateway_inside = false;                                                    \
		} else {                                                                           \
			gateway_died();                                                            \
		}                                                                                  \
	} while (0)

void gateway_effect(void); /* something leaves the gateway: it may be killed before it */
void gateway_died(void);   /* world.c */
void timers_fire(void);
void timers_forget(void);
void *sim_malloc(size_t n);

/* --- components (comps.c): a JSON object of properties by node number --- */

json_t *comps_new(void); /* as the page has them */
void comps_apply(json_t *comps, uint32_t node, uint8_t op, const char *path, size_t path_length,
	const uint8_t *value, size_t n);
void comps_apply_frame(json_t *comps, const struct frame *patch);
json_t *comps_value(const json_t *comps, uint32_t node); /* borrowed */
json_t *tree_new(const char *bundle);

/* --- bundles --- */

struct bundle {
	char hash[65];
	bool upgrades; /* the app declares upgrade(old) … */
	bool refuses;  /* … which raises */
};

/* --- workers and their agent (worker.c) --- */

struct worker_group {
	struct worker_group *next;
	uint32_t seq;
	struct buf frames;
};

struct worker_input {
	struct worker_input *next;
	uint32_t n, node;
	uint8_t kind;
	char password[64];
	json_t *said; /* owned; what VALUE said of NODE_SAID, or NULL */
};

struct worker_session {
	struct worker_session *next;
	struct sim_worker *worker;
	uint32_t channel, seq, last_n;
	bool moving;
	struct worker_group *groups; /* owned; unacknowledged */
	struct worker_input *inputs; /* owned; the first one runs when step > 0 */
	struct worker_input *values; /* owned; gathers VALUEs ahead of the next event */
	unsigned step, steps;        /* of the running handler */
	json_t *comps;               /* owned */
	char *done;                  /* owned; text of the image's "done", without quotes */
	int64_t count;
	char upgrades[256];
	struct buf group; /* frames of the group being made */
};

struct sim_worker {
	bool alive, loading, opened;
	uint32_t hello_seq;
	bool gone_told;
	char id[16];
	const struct bundle *bundle;
	struct queue down, up; /* the app link, in packets */
	struct buf corked;     /* of the gateway */
	bool cork;
	struct link *reader;             /* the gateway's end; NULL: nobody reads */
	struct worker_session *sessions; /* owned */
};

extern struct sim_worker workers[WORKERS_MAX];
extern size_t n_workers;

struct sim_worker *worker_start(const struct bundle *b);
void worker_kill(struct sim_worker *w);
void worker_take(struct sim_worker *w); /* one packet from the gateway */
void worker_work(struct sim_worker *w); /* one step of one handler */
bool worker_is_idle(const struct sim_worker *w);
struct worker_session *worker_session_of(const char *replica, uint32_t channel);

/* One packet of a worker, or the end of its link, reaches the gateway. */
void worker_deliver(struct sim_worker *w);

/* --- the agent (agent.c) --- */

void agent_reset(void);
bool agent_has_work(void);
void agent_step(void); /* one request, or one message to the gateway */
void agent_kill(void); /* its boxes end with it */
void agent_gateway_died(void);
void agent_worker_died(struct sim_worker *w);

/* --- tabs (tab.c) --- */

void tabs_start(void);
void tabs_end(void);
void tab_act(unsigned i);       /* something a visitor does */
void tab_reconnect(unsigned i); /* joins when it is not connected */
void tab_cut(unsigned i);       /* its socket is lost */
void tab_reload(unsigned i);
bool conns_have_work(void);
void conns_step(void); /* one packet one way */
void conns_gateway_died(void);
bool tab_is_settled(unsigned i); /* nothing of it is open */
void tab_decide(unsigned i);     /* retries what was interrupted */
const char *tab_session(unsigned i);
const json_t *tab_comps(unsigned i);
bool tab_is_live(unsigned i);

/* --- what was promised, per session (truth.c) --- */

struct truth {
	char id[ID_LEN + 1];
	bool lost; /* with the power, when it had just begun */
	/* An event was cancelled before it ran, or wanted again after a later one: then its
	 * worker's idea of what is typed in a box may be older than the page's, until the next
	 * event. */
	bool typed_late;
	uint32_t accepted, seq;         /* highest that the gateway said */
	uint32_t done_shown;            /* most effects ever in a group that was shown */
	uint8_t may_miss[EVENTS_MAX];   /* dismissed or cancelled by the visitor */
	uint8_t failed[EVENTS_MAX];     /* its handler raised */
	uint32_t hash[GROUPS_SEEN_MAX]; /* of the group's bytes; 0: not seen */
};

struct truth *truth_of(const char *id); /* made on first use */
void truth_forget_all(void);
/* Bytes that the gateway has let out to the page of this session. */
void truth_shown(struct truth *t, const uint8_t *frames, size_t n);
/* After a start: whatever was said is in the log. */
void truth_check_log(struct sessions *t, bool power_lost);

/* --- the world (world.c) --- */

extern struct gateway *gateway; /* NULL: it does not run */
extern char world_dir[64];
extern const struct bundle *world_live;
extern bool world_loses_power; /* this history may lose what is not synced */

/* Plays a history. Returns when all is well; broken() otherwise. */
void world_play(uint32_t seed);

#define SECRET_MARK "s3cr3t-"
