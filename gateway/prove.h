/*
 * Whether a host that an owner has brought leads here. vitrine-fetch asks it over plain http for
 * /.well-known/vitrine-domain/TOKEN, follows no redirect, and must be told what only this process
 * can say of that host and that token: so whoever answered is this gateway, and the host's address
 * in DNS is ours. It is said while the question is under way, for that very host alone.
 *
 * Knows no Space and no owner.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/frame.h"
#include "gateway/hosts.h"
#include "gateway/visitor.h"

#define PROOF_PATH "/.well-known/vitrine-domain/"
#define PROOF_LEN 64
#define PROOFS_MAX 64         /* under way */
#define PROOF_SEQ 0x80000000u /* in seq of the fetch link: it is one of these */

struct proofs;

struct proofs_config {
	const struct visitor_key *key;
	const struct hosts *hosts;
	int (*fetch)(const struct frame *f, void *data); /* a REQUEST; -errno: it is away */
	/* words: why it is not proved; NULL: it is. Everything is borrowed. */
	void (*done)(const char *host, const char *token, const char *words, void *data);
	void *data;
};

int proofs_new(const struct proofs_config *config, struct proofs **ret);
struct proofs *proofs_free(struct proofs *p);
DEFINE_CLEANUP(struct proofs *, proofs_free)

/* host: as host_name_read gives it. done follows, at once or later. */
void proofs_ask(struct proofs *p, const char *host, const char *token);

/* What is said at that path of that host; false: nothing. */
bool proofs_answer(
	const struct proofs *p, const char *host, const char *token, char ret[PROOF_LEN + 1]);

/* ANSWER or FAILED of a question; one that nobody waits for is ignored. */
void proofs_result(struct proofs *p, const struct frame *f);

/* The link has ended: those under way are over. */
void proofs_down(struct proofs *p);
