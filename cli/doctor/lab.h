/*
 * A boxd of the doctor's own, and boxes to try things in.
 *
 * It is started as `vitrine up` starts it, with uids, cgroup folders and a socket that no platform
 * uses, and it leaves nothing behind. Knows no attack and draws no conclusion.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/loop.h"

#define LAB_SLOTS 8 /* boxes at a time */
#define LAB_SLOT_UIDS 1879044096u

struct lab;

/* A box that runs one program of orders, and what came of it. */
enum trial_end {
	TRIAL_NONE,    /* it has not run */
	TRIAL_LIVED,   /* every order was answered; we ended it */
	TRIAL_DIED,    /* it ended by itself: status, words */
	TRIAL_OVERDUE, /* no answer within limit_ms; we ended it */
	TRIAL_REFUSED, /* boxd could not build it: words */
};

#define TRIAL_ORDERS 3
#define TRIAL_ANSWER 512

struct trial {
	const char *orders[TRIAL_ORDERS + 1]; /* each is sent after the answer to the one before */
	bool greets;                          /* the program in the box speaks first */
	unsigned int limit_ms;                /* for each answer; 0: 30 s */

	/* Called while the box lives: after each answer (NULL: none), and when one is overdue. */
	void (*on_answer)(struct trial *t, size_t order);
	void (*on_overdue)(struct trial *t);
	void *data; /* the caller's */

	enum trial_end end;
	pid_t pid;
	unsigned int slot;
	size_t answers; /* the greeting counts */
	char answer[TRIAL_ANSWER + 1];
	size_t answer_length;
	int status;      /* as from waitpid(2) */
	char words[256]; /* of boxd */
};

struct lab_options {
	struct loop *loop;                 /* borrowed */
	const char *bin;                   /* borrowed: folder of the programs */
	const char *program;               /* borrowed: what runs in the boxes, a name in bin */
	const volatile sig_atomic_t *stop; /* borrowed: not 0: give up with -EINTR */
};

/*
 * Starts boxd and waits for its HOST message. -EINTR: told to stop. Other errnos with words, those
 * of boxd where it had any.
 */
int lab_start(const struct lab_options *options, struct lab **ret, struct err *e);

/* Runs n trials, several at a time, until each has its end. -EINTR, -EPIPE: boxd ended. */
int lab_run(struct lab *lab, struct trial *trials, size_t n, struct err *e);

/* Ends boxd and every box, and removes what they had. NULL is fine. Returns NULL. */
struct lab *lab_free(struct lab *lab);
DEFINE_CLEANUP(struct lab *, lab_free)

const char *lab_host(const struct lab *lab); /* the HOST message; borrowed */
pid_t lab_pid(const struct lab *lab);        /* of boxd */
