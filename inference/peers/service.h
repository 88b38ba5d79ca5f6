/*
 * Inference's links: control peers (agent, orchestrator, gateway) that hand over workers' links
 * and learn what is served, and the workers with their calls. The gateway has such a link too, for
 * programs that call over HTTP.
 *
 * A worker's Space is known by the link it was attached with, never by what it says. A link that
 * breaks a rule is ended, with its calls, and nothing else.
 */
#pragma once

#include "base/cleanup.h"
#include "base/loop.h"
#include "inference/engine/engine.h"
#include "inference/engine/shelf.h"

#define SERVICE_CONTROLS_MAX 16
#define SERVICE_WORKERS_MAX 4096
#define SERVICE_CALLS_MAX 32 /* at a time: of a Space over all of its workers, or of a payer */

#define SERVICE_HOLD_SEC 300ull      /* that a call waits for its model to be loaded */
#define SERVICE_HELD_MAX (64u << 20) /* bytes of all calls that wait so */
#define SERVICE_HELD_SHARE (SERVICE_HELD_MAX / 16) /* of one Space's or payer's */

struct gpus;
struct ledger;
struct service;

/* Borrows all three. -ENOMEM. Caller owns *ret. */
int service_new(
	struct loop *loop, struct engine *engine, struct shelf *shelf, struct service **ret);
struct service *service_free(struct service *s);
DEFINE_CLEANUP(struct service *, service_free)

/* From now on calls are paid for; it outlives the service. */
void service_set_ledger(struct service *s, struct ledger *ledger);

/* From now on what is said of GPUs is told too; it outlives the service. */
void service_set_gpus(struct service *s, const struct gpus *gpus);

/* For the ledger: calls that wait for a lease may be tried again. */
void service_lease_came(struct service *s);

/* For the shelf (struct shelf_ops): what is served has changed; may the model be unloaded? */
void service_models_changed(struct service *s);
bool service_release_model(struct service *s, struct model *m);
void service_strand_model(struct service *s, const struct model *m, const struct err *why);

/* Takes a control peer's connection (owned from now on). */
void service_add_control(struct service *s, int fd);
