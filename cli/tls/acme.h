/*
 * Certificates of an authority that speaks ACME (RFC 8555): for which hosts, from which authority,
 * and how it stands with each, in DATA/acme, which is root's. What the readers of run/tls are told
 * is a copy. Knows no network and no program.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/host/layout.h"

#define ACME_DIRECTORY "https://acme-v02.api.letsencrypt.org/directory"
#define ACME_HOSTS_MAX 256  /* those that an operator names and custom domains */
#define ACME_HOST_MAX 254   /* with its NUL */
#define ACME_PREFIX "acme-" /* of the names of its certificates among those of vitrine-tls */
#define ACME_WORDS_MAX 200

#define ACME_WAIT_SEC (15 * 60) /* after the first failure; twice as long after each */
#define ACME_WAIT_MAX_SEC (24 * 3600)

struct acme_host {
	char name[ACME_HOST_MAX];
	bool custom;                 /* a Space's; the orchestrator says which there are */
	int64_t until_sec;           /* since 1970: the certificate's end; 0: there is none */
	int64_t tried_sec, next_sec; /* of the last order, and before when there is no other */
	unsigned int failures;       /* in a row */
	char words[ACME_WORDS_MAX];  /* of the last one; "": all is well */
};

struct acme {
	char directory[512], contact[256], eab[512]; /* "": none */
	char account[512];                           /* directory where we are known; "" */
	struct acme_host hosts[ACME_HOSTS_MAX];
	size_t n;
};

/* A host's whole name; no address, no star, which this kind of proof cannot have. -EINVAL, -E2BIG
 * with words. One that is there already is fine. */
int acme_add(struct acme *a, const char *host, bool custom, struct err *e);
struct acme_host *acme_find(struct acme *a, const char *host);
void acme_remove(struct acme *a, size_t i);

/* --tls-acme-directory: https only. --tls-acme-contact: a mail address. -EINVAL with words. */
int acme_set_directory(struct acme *a, const char *url, struct err *e);
int acme_set_contact(struct acme *a, const char *mail, struct err *e);
/* A file with KEYID:KEY, by which an authority knows a customer. -EINVAL with words. */
int acme_set_eab(struct acme *a, const char *path, struct err *e);

/* -ENOENT: nobody has asked for any. Other errnos with words. */
int acme_load(const struct layout *l, struct acme *ret, struct err *e);
/* Durable, and the copy in run/tls when there is such a folder. */
int acme_save(const struct layout *l, const struct acme *a, struct err *e);
/* The hosts that the operator has named are those of wanted from now on, and so is the authority.
 */
int acme_want(const struct layout *l, const struct acme *wanted, struct err *e);

/* The name of a host's certificate among those of vitrine-tls. */
void acme_cert_name(const char *host, char ret[64]);

/* How long nobody asks an authority again after so many failures in a row. */
int64_t acme_wait_sec(unsigned int failures);

/* When a certificate is to be replaced: a third of its life before its end. */
int64_t acme_renew_at_sec(int64_t not_before_sec, int64_t not_after_sec);
