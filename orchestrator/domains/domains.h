/*
 * Hosts that owners bring for their Spaces: rows. A *claim* is anybody's and worth nothing; a
 * proved one is one Space's alone. Who proves it, and how, is prove.h's. Knows no request.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "orchestrator/store/store.h"
#include "proto/space_host.h"

#define DOMAIN_CLAIM_USEC ((int64_t)7 * 86400 * 1000000) /* then it is forgotten */
#define DOMAIN_WORDS_MAX 200
#define OWNER_DOMAINS_MAX 32 /* of all an owner's Spaces, claims too; as ACME_OWNER_MAX */

struct domain {
	char host[DOMAIN_NAME_MAX + 1];
	char space[ID_LEN + 1]; /* its id */
	char token[ID_LEN + 1];
	char words[DOMAIN_WORDS_MAX + 1]; /* why it is not proved; "": nobody has looked yet */
	int64_t asked_usec;               /* wall clock */
	int64_t proved_usec;              /* 0: not yet */
};

/*
 * The Space's claim to a host that custom_host_check let pass; what was claimed before stays as it
 * is, with its time anew. -EEXIST: it is another Space's, or that of one which was deleted and can
 * be restored. -ENOSPC: over SPACE_DOMAINS_MAX or OWNER_DOMAINS_MAX.
 */
int domain_claim(struct store *s, const char *space_id, const char *host, int64_t now_usec,
	struct domain *ret, struct err *e);

/* The Space has it from now on. -EEXIST: another one does. -ENOENT: there is no such claim. */
int domain_prove(
	struct store *s, const char *space_id, const char *host, int64_t now_usec, struct err *e);
/* Takes the host from a Space that was deleted: where an administrator says whose it is now. */
int domain_unbind_deleted(struct store *s, const char *host, struct err *e);

int domain_refuse(
	struct store *s, const char *space_id, const char *host, const char *words, struct err *e);

/* The claim with that token. -ENOENT. */
int domain_by_token(
	struct store *s, const char *host, const char *token, struct domain *ret, struct err *e);

/* -ENOENT. */
int domain_remove(struct store *s, const char *space_id, const char *host, struct err *e);

/* Of a Space, claims too, in order of hosts; claims that are over are forgotten before. ret: room
 * for SPACE_DOMAINS_MAX. Returns how many. */
int domain_list(struct store *s, const char *space_id, int64_t now_usec,
	struct domain ret[SPACE_DOMAINS_MAX], struct err *e);
