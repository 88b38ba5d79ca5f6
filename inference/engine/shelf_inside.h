/*
 * Inside the shelf: what its files share. shelf.c knows what there is and what is loaded next,
 * shelf_room.c the devices' memory: what goes for others, and what moves when a device goes.
 */
#pragma once

#include "inference/engine/shelf.h"

#include "inference/engine/loading.h"
#include "inference/engine/shelf_look.h"

enum state { NEW, COLD, WAITING, LOADING, READY, FAILED };

struct slot {
	struct model *model; /* owned; stays where it is, since requests point to it */
	struct found at;
	enum state state;
	struct bay *bay;              /* that it is loaded for, or on; borrowed; NULL: none */
	struct bay *prefer;           /* that it was called for; borrowed; NULL: any */
	bool moving;                  /* requests wait that have its tokenizer; it has no network */
	uint64_t used_usec;           /* when it was last called */
	bool wanted;                  /* a call waits for it */
	uint64_t claimed_until_usec;  /* loaded for a call that has not come back yet; 0: no */
	uint64_t stays_until_usec;    /* or tries to come to, the device it was called for */
	uint64_t elsewhere_usec;      /* since when calls want it on another one; 0: none does */
	uint64_t elsewhere_last_usec; /* when one said so last */
	bool gone;                    /* its folder is no more */
	bool stale;                   /* its folder has changed since */
};

struct shelf {
	struct rack rack;
	struct guard *guard;      /* borrowed; NULL: none */
	int dirs[SHELF_DIRS_MAX]; /* owned; -1: cannot be read */
	size_t n_dirs;
	struct slot slots[SHELF_MODELS_MAX];
	size_t n;
	/* Once started. */
	struct loading *loading; /* owned */
	struct source *room;     /* owned; timer */
	struct slot *at;         /* the one being examined or loaded */
	struct shelf_ops ops;
	void *data;
	struct found_all *seen; /* owned; the thread's between two looks */
	uint64_t stay_usec;     /* SHELF_STAY_USEC, but for tests */
};

/* --- shelf.c --- */

/* The only writer of a state. */
void slot_set(struct slot *s, enum state to);
void shelf_tell(struct shelf *s);

/* --- shelf_room.c --- */

/* Where it may be loaded: on the device that it was called for, where that may hold it, else on the
 * first one. NULL: nowhere. */
struct bay *slot_place(struct shelf *s, const struct slot *slot);

/* What is there of it, or was set aside for it, on its device is no more. */
void slot_leave_bay(struct slot *slot);
void slot_unload(struct slot *slot);

/* Requests wait for it in vain; none where nobody does. */
void slot_strand(struct shelf *s, struct slot *slot, const struct err *why);
/* What was moving is an ordinary model again, once those who waited have ended. False: they have
 * not. */
bool slot_end_moving(struct shelf *s, struct slot *slot, const struct err *why);

/* It is on a device that is not in service. */
bool slot_is_leaving(const struct slot *slot);
/* It makes way for itself on another device, if nobody uses it now. */
void slot_leave(struct shelf *s, struct slot *slot);
/* Whoever waits for one that no device in service may hold hears so, at once or when asking again.
 */
void slot_refuse_homeless(struct shelf *s, struct slot *slot);

/* A call wants it on that device. Where it is loaded on another one it moves as soon as nobody uses
 * it, or is about to; while it is on its way, it goes where it was called for first. */
void slot_follow(struct shelf *s, struct slot *slot, struct bay *on);
/* Calls have waited for it on another device for so long that it ends here what it has begun. */
bool slot_is_due_elsewhere(const struct shelf *s, const struct slot *slot);

/* Unloads the least recently used until there is room where it may go. False: the others are in
 * use, or there is no such place. */
bool shelf_make_room(struct shelf *s, const struct slot *for_slot);
/* There is room without that. */
bool slot_fits(struct shelf *s, const struct slot *slot);
