/*
 * What a row of the audit log is, and the chain that its rows make: each holds the hash of the one
 * before, so that none can be changed, taken out or put in between without all behind it saying so.
 * Knows no database; whoever has the rows can check them.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"

/* The hash before the first row. */
#define AUDIT_NOTHING "0000000000000000000000000000000000000000000000000000000000000000"
#define AUDIT_ROW_MAX 16384 /* bytes of a row as JSON, as one line of an export */
/* Of what is hashed of it: the hash itself and the line's end come on top. */
#define AUDIT_HASHED_MAX (AUDIT_ROW_MAX - SHA256_HEX - 16)
/* Of the detail; the rest is for the other fields, and for its quotes, which the row escapes. */
#define AUDIT_DETAIL_MAX (AUDIT_ROW_MAX - 2048)

struct audit_row {
	int64_t n; /* from 1 */
	int64_t at_usec;
	const char *who;     /* the user; "": nobody, or a service */
	const char *action;  /* as "POST /api/tokens" */
	const char *subject; /* what it was done to */
	const char *detail;  /* a JSON object, as text */
	const char *prev;    /* hash of the row before */
	const char *hash;
};

/*
 * SHA-256, in hexadecimal, of the JSON object {"n","time","who","action","subject","detail","prev"}
 * with the keys in this order, no spaces, time in µs since 1970. -ENOMEM, -ENOSPC: too long.
 */
int audit_hash(const struct audit_row *row, char ret[SHA256_HEX + 1]);

/* The row as GET /api/audit has it, and back; texts are borrowed from o. -EBADMSG with words. */
json_t *audit_row_json(const struct audit_row *row);
int audit_row_read(const json_t *o, struct audit_row *ret, struct err *e);

/* The action of a row that says which rows were taken out in front of what is left (prune.h):
 * "upto" and "hash" of its detail are those of the last of them. */
#define AUDIT_PRUNED "audit prune"

/* Where a walk through the rows stands. */
struct audit_walk {
	int64_t n; /* the last row that was seen, or that went before the first; 0: none */
	char hash[SHA256_HEX + 1];
	int64_t begins; /* the last row that went; 0: none, the log begins with row 1 */
	char begin_hash[SHA256_HEX + 1];
	bool vouched; /* a row says that these were taken out */
};

void audit_walk_begin(struct audit_walk *w);
/* The next row. -EBADMSG: words say which row does not belong there, and why. */
int audit_walk_step(struct audit_walk *w, const struct audit_row *row, struct err *e);
/* Behind the last one. -EBADMSG: the beginning is missing, and no row says that it was taken out.
 */
int audit_walk_end(const struct audit_walk *w, struct err *e);
