/*
 * TLS under vitrine up: the certificates that its options name, put where vitrine-tls reads them
 * (DATA/tls/certs) and put there again when they have changed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "cli/host/layout.h"
#include "cli/tls/acme.h"
#include "cli/tls/ca.h"

#define FRONT_FILES_MAX 16
#define FRONT_LOOK_SEC 5
#define FRONT_HOST_MAX 254 /* with its NUL */

struct front_files {
	char cert[LAYOUT_PATH], key[LAYOUT_PATH];
	struct stat seen[2]; /* when they were put there */
};

struct front {
	struct front_files files[FRONT_FILES_MAX];
	size_t n_files;
	bool own_ca;           /* a certificate of an authority of our own, too */
	struct ca_names names; /* for which it is */
	struct acme acme;      /* hosts with certificates of an authority elsewhere */
	uint64_t looked_usec;  /* at that one */
	const char *host;      /* borrowed; as visitors write it; NULL: as the certificate says */
	const char *port;      /* borrowed; NULL: 443 beside 80, else 8443 */
};

/* --tls CERT,KEY. -EINVAL, -E2BIG with words. */
int front_add(struct front *f, const char *text, struct err *e);
bool front_wanted(const struct front *f);

/*
 * Puts the certificates there and takes away those of the last time. ret_host: the name by which
 * visitors reach the platform, "": that of the address where it listens. -EBADMSG with words: one
 * of them is not to be served.
 */
int front_prepare(
	struct front *f, const struct layout *l, char ret_host[FRONT_HOST_MAX], struct err *e);

/* Puts those there again that have changed; what is wrong with them is logged. */
void front_look(struct front *f, const struct layout *l);
