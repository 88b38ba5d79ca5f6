/*
 * The link to the orchestrator: routes come, questions about sign-in cookies and notes of activity
 * go. While it is down the last known world stays, and a visitor is nobody in particular.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/frame.h"
#include "gateway/gateway.h"
#include "gateway/identity.h"

struct identify;
typedef void (*identify_fn)(const struct identity *who, void *data);

int edge_new(struct gateway *g, const char *run_dir, struct edge **ret);
struct edge *edge_free(struct edge *e);
DEFINE_CLEANUP(struct edge *, edge_free)

bool edge_is_up(const struct edge *e);

/*
 * Who holds the sign-in cookie of n bytes? Returns 1 and the answer when it is known now (also
 * "not known" while the link is down), 0 when fn will be called, within half a second, *ret_wait
 * naming the question until then. -EMSGSIZE: no cookie of ours is that long. -ENOMEM.
 */
int edge_identify(struct edge *e, const char *cookie, size_t n, struct identity *ret,
	identify_fn fn, void *data, struct identify **ret_wait);

/* fn will not be called. NULL is fine. Returns NULL. */
struct identify *identify_cancel(struct identify *i);

/* What has the payer left? price_balance hears the answer. -ENOTCONN: the link is down; -ENOBUFS.
 */
int edge_balance_of(struct edge *e, uint32_t session, const char *payer);

/* What came of PROVE; words: why not, NULL: it is proved. While the link is down nobody hears it.
 */
void edge_proved(struct edge *e, const char *host, const char *token, const char *words);

/* Sends the gateway's numbers; while the link is down they are dropped. */
void edge_metrics(struct edge *e, const struct buf *text);
/* Those of vitrine-tls, as it told them. */
void edge_tls_metrics(struct edge *e, const struct buf *text);

/* A worker serves visitors; wake_usec: since it was wanted, 0: not known. */
void edge_worker_up(struct edge *e, const char *space, const char *replica, uint64_t wake_usec);

/* A message of the host room (host.h). -ENOTCONN: the link is down; -ENOBUFS. */
int edge_host_send(const struct frame *f, void *edge);

void edge_activity(
	struct edge *e, const char *space, const char *phase, size_t sessions, uint64_t visits);
