/*
 * The whole route table: which Spaces there are and what is live of each. One writer, the edge
 * link; many readers. Kept on disk too (one file per Space in routes/), so that a gateway that
 * starts while the orchestrator is away serves from its last known world.
 *
 * Knows no worker, no session and no HTTP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "gateway/page.h"

#define ROUTE_TABLE_MAX 100000

struct route_table;

struct route {
	char space[33];
	char owner[41];
	char name[97];
	char bundle[65]; /* "": nothing has been built yet, or it is static */
	char entry[256];
	char title[201];
	char class[17];
	int64_t epoch;
	int64_t sleep_sec; /* 0: never */
	uint64_t replicas; /* most workers at a time; 0: as the operator's limit */
	bool private;
	bool stopped;
	char of[97]; /* a preview: the Space it shows a branch of; "": it is none */
	char branch[201];
	int64_t ends_sec;    /* wall clock */
	int64_t settings;    /* version of what its workers are told at their start */
	char *http;          /* owned; hosts that its app may speak with, with spaces; NULL: none */
	char label[64];      /* of its own host, below --spaces-domain */
	char *domains;       /* owned; hosts that its owner has brought, with spaces; NULL: none */
	char *was;           /* owned; labels of its former names, with spaces; NULL: none */
	struct page *page;   /* owned reference; NULL: no tree was recorded */
	uint32_t generation; /* of the synchronisation that last named it */
	uint32_t checksum;   /* of the message, to see that nothing changed */
};

/* Files for the visitor's browser, or only a card: no worker ever serves it. */
bool route_is_static(const struct route *r);
bool route_is_card(const struct route *r);

/* Loads the routes in dir, which is created when missing. A file that makes no sense is skipped. */
int route_table_new(const char *dir, struct route_table **ret, struct err *e);
struct route_table *route_table_free(struct route_table *t);
DEFINE_CLEANUP(struct route_table *, route_table_free)

/*
 * Takes the value of a ROUTE message. Returns 1 and the route when something changed, 0 when the
 * message is old or says nothing new (the route is named either way when it is known). The same
 * pointer stays good for the Space's life. -EINVAL, -EBADMSG with words; -ENOSPC: table full.
 */
int route_table_put(
	struct route_table *t, const uint8_t *value, size_t n, struct route **ret, struct err *e);

/* Removes a Space here and on disk. The route is freed; NULL is fine. */
void route_table_drop(struct route_table *t, struct route *r);

struct route *route_by_name(const struct route_table *t, const char *owner, const char *name);
struct route *route_by_space(const struct route_table *t, const char *space);
/* By the label of its own host, present or former, or by a host that its owner has brought. */
struct route *route_by_host(const struct route_table *t, const char *host, size_t n);
size_t route_table_count(const struct route_table *t);

/* Between begin and end every live Space is named again; end calls gone for those that were not,
 * which may drop them. */
void route_table_sync_begin(struct route_table *t);
void route_table_sync_end(
	struct route_table *t, void (*gone)(struct route *r, void *data), void *data);
