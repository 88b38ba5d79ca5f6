/* For tests: the real vitrine-boxd with the probe as its worker, and an agent's end of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/constants.h"
#include "proto/messages.h"

struct boxd {
	pid_t pid;
	uid_t uid;       /* 0: started by root, who gives it up; else as that ordinary user */
	int agent;       /* owned: connected, greeted */
	char host[4096]; /* the HOST message */
	char dir[64];    /* of the socket */
};

#define BOXD_SLOTS 16
#define BOXD_SLOT_UIDS 1879000000u

/* How it is started; all NULL: as the product is, with the probe as its worker. */
struct boxd_setup {
	uid_t uid;
	const char *program;  /* instead of vitrine-boxd */
	const char *worker;   /* instead of the probe */
	const char *without;  /* layers that tests/peer/leave_out.c leaves out, by that program */
	char *const *options; /* of boxd, behind ours (NULL-terminated) */
};

/* The uid that boxd starts with in the mode without privilege. */
uid_t boxd_plain_uid(void);

/* Starts it and waits for HOST. Exits with 77 where boxes cannot be built. */
void boxd_start(struct boxd *b, uid_t uid);
void boxd_stop(struct boxd *b);

/* Frees what belongs to a boxd that has ended and is reaped. */
void boxd_done(struct boxd *b);

/* The same in any other setup; false: no box can be built there. Still to be stopped. */
bool boxd_start_as(struct boxd *b, const struct boxd_setup *setup);

/* Starts without looking at HOST. worker_path: another file than the probe, or NULL. */
void boxd_start_unchecked(struct boxd *b, uid_t uid, const char *worker_path);

/* The same with options of boxd behind ours (NULL-terminated, or NULL). */
void boxd_start_with(struct boxd *b, uid_t uid, const char *worker_path, char *const *options);

/* Connects, waits for HOST. Exits with 77 where boxes cannot be built. */
void boxd_greet(struct boxd *b);

/* Starts it, runs fn, stops it: by root where we are, and as an ordinary user. */
void boxd_in_each_mode(void (*fn)(struct boxd *b));

/* One more agent. uid: whose the connection is. */
int boxd_connect(const struct boxd *b, uid_t uid);

struct message {
	uint8_t type;
	unsigned int slot;
	uint32_t seq;
	char words[4096];
};

void agent_send(int agent, uint8_t type, uint8_t op, uint32_t slot, const int *fds, size_t n);

/* Waits 5 s for a message. False: the link was closed. Fails the test when nothing comes. */
bool agent_receive(int agent, struct message *ret);

/* Whether the link is closed within 5 s, dropping what comes before. */
bool agent_is_closed(int agent);

struct worker {
	unsigned int slot;
	pid_t pid;
	int log, app, infer; /* owned: our ends */
};

/* SPAWN, and SPAWNED or the test fails. */
struct worker worker_start(const struct boxd *b, unsigned int slot, uint8_t class);

/* The same for a small one, and it has sealed itself. */
struct worker worker_sealed(const struct boxd *b, unsigned int slot);

/* KILL, and frees the slot. */
void worker_end(const struct boxd *b, struct worker *w);

/* SPAWN only. kind: BOX_NOW, BOX_REFILL. */
struct worker worker_request(int agent, unsigned int slot, uint8_t class);
struct worker worker_request_as(int agent, unsigned int slot, uint8_t class, uint32_t kind);
void worker_done(struct worker *w);

void worker_order(const struct worker *w, const char *order);
/* Sends an order; false: no answer, the worker ended. */
bool worker_ask(const struct worker *w, const char *order, char ret[512]);

/* Waits for EXITED of that slot; returns the status. */
int agent_wait_exit(int agent, unsigned int slot, char words[4096]);

/* Whether it lives in a cgroup of its slot in that controller's hierarchy ("memory"). */
bool worker_has_cgroup(const struct boxd *b, const struct worker *w, const char *controller);

/* A line of /proc/PID/FILE that begins with key, without it. Fails the test when there is none. */
void proc_line(pid_t pid, const char *file, const char *key, char ret[256]);
bool process_is_gone(pid_t pid, int within_ms);
uint64_t now_usec(void);
