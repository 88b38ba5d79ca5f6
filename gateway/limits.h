/*
 * How much one network address may have of the gateway: sockets at a time, and things begun per
 * second. An IPv6 address counts as its /64, because that is what one subscriber holds. Refusals
 * are the caller's to word. Knows no socket.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define LIMITS_ADDRESSES_MAX 65536

enum limit_kind { LIMIT_SESSION, LIMIT_UPLOAD, LIMIT_MODEL, LIMIT_HANDSHAKE, LIMIT_KINDS };

struct limits;
struct address;
struct rate;

/* sockets: at a time per address; sockets_total: of all addresses together. */
int limits_new(size_t sockets, size_t sockets_total, struct limits **ret);
struct limits *limits_free(struct limits *l);
DEFINE_CLEANUP(struct limits *, limits_free)

#define LIMITS_PROXIES_MAX 8

/*
 * Connections from this address carry other people's: whom they name in X-Forwarded-For is
 * believed, and the limit on sockets is not for them. -EINVAL: no address. -ENOSPC: too many.
 */
int limits_trust(struct limits *l, const char *proxy);

/*
 * Counts a socket of this peer. NULL: the address, or everyone, has too many. The result is
 * given back with limits_leave.
 */
struct address *limits_enter(struct limits *l, const struct sockaddr *peer);

/*
 * The address that is behind this one: itself, unless it is a trusted proxy that names another in
 * the last place of list, an X-Forwarded-For of n bytes that is not a proxy of ours. Counted as by
 * limits_enter. NULL: it, or everyone, has too many.
 */
struct address *limits_enter_behind(
	struct limits *l, struct address *a, const char *list, size_t n);
bool address_is_proxy(const struct address *a);

/* Counts one more of an address that is counted already: what outlives its socket. False: as above.
 */
bool limits_enter_again(struct limits *l, struct address *a);
void limits_leave(struct limits *l, struct address *a);

/* Takes one token; false: too many in too short a time. now_usec: monotonic. */
bool limits_take(struct address *a, enum limit_kind kind, uint64_t now_usec);

/* For what is counted request by request: the address's own, or one by what it is called
 * ("token:HASH", "space:ID") in a table that forgets who has not come for a minute. NULL: it is
 * full; of tokens it is at half. */
struct rate *address_requests(struct address *a);
struct rate *limits_named(struct limits *l, const char *name, uint64_t now_usec);

/* Its network, for a table's key: an IPv6 address counts as its /64. Borrowed, *ret_n bytes. */
const uint8_t *address_network(const struct address *a, size_t *ret_n);
const char *address_text(const struct address *a); /* for people and X-Vitrine-Remote; borrowed */
