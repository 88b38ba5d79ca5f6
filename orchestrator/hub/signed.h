/*
 * Addresses that carry their own permission: what may be done with which large file of which repo,
 * until when, under HMAC-SHA-256 (RFC 2104). Clients send no Authorization with them, so whoever
 * has one may use it. The key lies beside the database, not in it. Knows no HTTP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/random.h"

#define SIGNED_KEY_LEN 32

struct signed_key {
	uint8_t bytes[SIGNED_KEY_LEN];
};

enum signed_verb {
	SIGNED_GET,
	SIGNED_PUT,      /* the file */
	SIGNED_PART,     /* one part of it */
	SIGNED_COMPLETE, /* the parts are the file */
	SIGNED_VERBS,
};

struct signed_claim {
	enum signed_verb verb;
	char repo[ID_LEN + 1];
	char oid[SHA256_HEX + 1];
	uint64_t size;             /* of the whole file */
	int64_t expires_sec;       /* wall clock */
	char upload[ID_LEN + 1];   /* SIGNED_PART, SIGNED_COMPLETE; else "" */
	uint64_t chunk_size, part; /* the same; parts count from 1 */
};

/* Reads the key, or makes the file. */
int signed_key_load(const char *path, struct signed_key *ret, struct err *e);

/* Appends "VERB/OID?repo=…&sig=…". */
int signed_write(const struct signed_key *key, const struct signed_claim *c, struct buf *b);

/* The signature alone, in hexadecimal. */
void signed_tag(
	const struct signed_key *key, const struct signed_claim *c, char ret[SHA256_HEX + 1]);

/*
 * What the upload of a part is acknowledged with: whoever shows it did send the part's bytes into
 * that file (blob_parts_birth).
 */
void signed_receipt(const struct signed_key *key, const char *upload, uint64_t part,
	const char *birth, char ret[SHA256_HEX + 1]);

/*
 * The first part of a path below which a private static Space's files are readable for a while
 * without saying who reads: what they ask for comes from nowhere, so a browser sends no cookie.
 */
#define SIGNED_TICKET_SEC (12 * 3600)
#define SIGNED_TICKET_MAX 96
void signed_ticket(const struct signed_key *key, const char *repo, int64_t expires_sec,
	char ret[SIGNED_TICKET_MAX]);
bool signed_is_ticket(const char *part, size_t n);
/* False: it is of another repo, not ours, or over by now_sec. */
bool signed_ticket_check(const struct signed_key *key, const char *repo, const char *part, size_t n,
	int64_t now_sec);

/* -EACCES: it is not ours. -ETIME: it has expired by now_sec. Words for people. */
int signed_check(const struct signed_key *key, const struct signed_claim *c, const char *tag,
	int64_t now_sec, struct err *e);
