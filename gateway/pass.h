/*
 * Who is signed in at a Space's own host, where the platform's cookie never comes: a *pass*, that
 * sign-in sealed for one host with a key that only this process has. It is worth nothing elsewhere
 * and nothing once the sign-in has ended, since whoever shows it is looked up by what is inside.
 *
 * It gets there by a *handover*: a code in a redirect, sealed for one host, for the browser that
 * asked (state) and for its network, good once, for HANDOVER_SEC, and only while this process
 * lives. The network is for a Space's owner: a script of theirs may choose the browser's secret,
 * and read the code on its way, but takes it nowhere else.
 *
 * Knows no request and no route.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "gateway/visitor.h"

#define HANDOVER_SEC 60
#define PASS_SEC (30 * 86400)
#define SIGN_IN_MAX 512                   /* bytes of a sign-in cookie */
#define PASS_MAX (2 * (SIGN_IN_MAX + 48)) /* characters of a pass or a code */

struct passes;

int passes_new(const struct visitor_key *key, struct passes **ret);
struct passes *passes_free(struct passes *p);
DEFINE_CLEANUP(struct passes *, passes_free)

/* The sign-in cookie of n bytes for that host. False: it is too long. */
bool pass_seal(const struct passes *p, const char *host, const char *sign_in, size_t n,
	uint64_t now_sec, char ret[PASS_MAX + 1]);

/* What pass_seal was given, *ret_n bytes. False: not ours, of another host, or over. */
bool pass_open(const struct passes *p, const char *host, const char *pass, size_t n,
	uint64_t now_sec, char ret[SIGN_IN_MAX + 1], size_t *ret_n);

/* Whom a code is for; all borrowed. */
struct handover {
	const char *host;
	const char *state; /* what the browser that is to come with the code can show the hash of */
	const uint8_t *network; /* its address begins so; HANDOVER_NETWORK_MAX bytes count */
	size_t network_n;
};

#define HANDOVER_NETWORK_MAX 8

bool handover_seal(const struct passes *p, const struct handover *to, const char *sign_in, size_t n,
	uint64_t now_sec, char ret[PASS_MAX + 1]);

/* The same of handover_seal, once: a code that was opened is no more. */
bool handover_take(struct passes *p, const struct handover *to, const char *code, uint64_t now_sec,
	char ret[SIGN_IN_MAX + 1], size_t *ret_n);
