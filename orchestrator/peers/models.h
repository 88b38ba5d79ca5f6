/* The link to inference: what models there are, and what they cost (accounts.h). The last list is
 * kept while the link is down. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/loop.h"
#include "orchestrator/peers/accounts.h"

struct models_peer;

/* Borrows loop and accounts. */
int models_peer_new(struct loop *loop, const char *run_dir, struct accounts_peer *accounts,
	struct models_peer **ret);
struct models_peer *models_peer_free(struct models_peer *m);
DEFINE_CLEANUP(struct models_peer *, models_peer_free)

bool models_peer_is_connected(const struct models_peer *m);

/* As in models.TOP, and when it came (monotonic); NULL: none has. Borrowed likewise. */
const json_t *models_peer_top(const struct models_peer *m, uint64_t *ret_usec);

/* As in models.LIST; NULL: none has come yet. Borrowed until the next round of the loop. */
const json_t *models_peer_list(const struct models_peer *m);

/*
 * An administrator's word about a device (models.DEVICE); on_done comes once, error "" where it is
 * so, code: its errno. Until then models_order_drop says that nobody listens any more. -ENOTCONN:
 * inference is away. -EBUSY: too many are under way. -ENOMEM. Caller owns *ret until on_done.
 */
struct models_order;
typedef void models_order_fn(int code, const char *error, void *data);
int models_peer_order(struct models_peer *m, const char *name, const char *act, const char *reason,
	models_order_fn *on_done, void *data, struct models_order **ret, struct err *e);
void models_order_drop(struct models_order *o);
