/*
 * One order at an authority, by uacme (Debian package of that name), which speaks ACME in a process
 * of its own user: it has the account's key, and of a certificate only the request. Its proof is an
 * answer over http, which the gateway gives. Waits until the order's end.
 */
#pragma once

#include "base/err.h"
#include "cli/host/layout.h"
#include "cli/tls/acme.h"

struct order_place {
	int account, challenges, hook; /* owned; folders, and a program */
	char client[64];               /* uacme */
	unsigned int limit_sec;        /* after which it is ended, and what it has started */
};

/* Opens what an order takes. -ENOENT with words: uacme or a folder is not there. */
int order_prepare(const struct layout *l, struct order_place *ret, struct err *e);
void order_done(struct order_place *p);

/* Makes us known to the authority of a, once; a->account says so. Errnos as of order_cert. */
int order_account(const struct order_place *p, struct acme *a, struct err *e);

/*
 * Orders a certificate for a host and puts it where vitrine-tls reads it. -EHOSTUNREACH with words:
 * the authority cannot be reached; -EACCES: it refuses, or cannot see the proof; -ENOKEY: it
 * does not know us (any more); -EBADMSG: what it gave is not to be served. The certificate that was
 * there stays then.
 */
int order_cert(const struct order_place *p, const struct layout *l, const struct acme *a,
	const char *host, struct err *e);

/* What of uacme's words a person is to read: the authority's own, or its last line. */
void order_words(const char *said, char *ret, size_t size);
