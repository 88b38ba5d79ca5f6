/*
 * Who pays for what an event makes models do: seals a grant for each gesture (proto/grant.h), tells
 * inference the keys, and takes back what an event that has ended may still hold.
 *
 * The keys are made here, live in memory only, and change each hour; inference alone is told them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/frame.h"
#include "base/loop.h"
#include "base/random.h"
#include "gateway/classes.h"
#include "gateway/session/state.h"
#include "gateway/visitor.h"
#include "proto/grant.h"

#define GRANT_BUDGET_MSEC 600000 /* of device time, where the payer's tier does not say less */
#define GRANT_LIFE_SEC 600       /* longer than any handler runs */
#define GRANT_KEY_SEC 3600       /* until there is another key */

struct grants;
struct costs;

/* Whose event it is, and of which handler. */
struct event_of {
	uint32_t session, n, node;
	uint8_t kind;
	char space[ID_LEN + 1];
};

/* send: to inference, where it is there; what it cannot take is lost. visitors: names them. */
struct grants_config {
	struct loop *loop;                  /* borrowed */
	const struct visitor_key *visitors; /* borrowed */
	const struct classes *classes;      /* of their networks; borrowed */
	const struct costs *costs;          /* what events are expected to take; may be NULL */
	void (*spent)(const struct event_of *event, uint64_t nsec, void *gateway); /* has ended */
	void *gateway;
	void (*send)(const struct frame *f, void *data);
	void *data;
};

int grants_new(const struct grants_config *config, struct grants **ret);
struct grants *grants_free(struct grants *t);
DEFINE_CLEANUP(struct grants *, grants_free)

/* Inference has just been reached: it is told every key that may still be in use. */
void grants_greet(struct grants *t);

/* Who pays for what the session causes, as in models.WANT. ret holds n bytes. */
void grants_payer(const struct grants *t, const struct session *s, char *ret, size_t n);

/* The grant of event f of the session (EVENT or CALL) on that worker. False: none can be had. t may
 * be NULL. */
bool grants_mint(struct grants *t, const struct session *s, const char *replica,
	const struct frame *f, char ret[GRANT_MAX + 1]);

/* models.SPENT: what events that were revoked have used. -EBADMSG. */
int grants_spent(struct grants *t, const struct frame *f, struct err *e);

/* The event has ended there; inference hears it in a moment, with others. t may be NULL. */
void grants_revoke(struct grants *t, const char *replica, uint32_t session, uint32_t n);
