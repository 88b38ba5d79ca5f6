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
#define ACME_CUSTOM_MAX 224 /* of them at most */
#define ACME_OWNER_MAX 32   /* of one owner's Spaces */
#define ACME_HOST_MAX 254   /* with its NUL */
#define ACME_PREFIX "acme-" /* of the names of its certificates among those of vitrine-tls */
#define ACME_WORDS_MAX 200

#define ACME_LOCK_MSEC 5000

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

/*
 * A host's whole name; no address, no star, which this kind of proof cannot have. -EINVAL, -E2BIG
 * with words. One that is there already is fine. Where all places are taken an operator's host has
 * that of a custom one.
 */
int acme_add(struct acme *a, const char *host, bool custom, struct err *e);
struct acme_host *acme_find(struct acme *a, const char *host);
void acme_remove(struct acme *a, size_t i);

/* The custom hosts are those of list from now on, as /api/domains has it. Returns how many are left
 * out: no host, or over ACME_OWNER_MAX or ACME_CUSTOM_MAX. */
size_t acme_set_custom(struct acme *a, const json_t *list);

/* --tls-acme-directory: https only. --tls-acme-contact: a mail address. -EINVAL with words. */
int acme_set_directory(struct acme *a, const char *url, struct err *e);
int acme_set_contact(struct acme *a, const char *mail, struct err *e);
/* A file with KEYID:KEY, by which an authority knows a customer. -EINVAL with words. */
int acme_set_eab(struct acme *a, const char *path, struct err *e);

/* -ENOENT: nobody has asked for any. Other errnos with words. */
int acme_load(const struct layout *l, struct acme *ret, struct err *e);
/* Durable, and the copy in run/tls when there is such a folder. */
int acme_save(const struct layout *l, const struct acme *a, struct err *e);

/*
 * Whoever changes what is kept loads and saves it under this lock, which nobody holds for longer
 * than that. ret: closing it unlocks. -ENOENT: there is no folder yet; -ETIMEDOUT with words after
 * ACME_LOCK_MSEC.
 */
int acme_lock(const struct layout *l, int *ret, struct err *e);

/* The hosts that the operator has named are those of wanted from now on, and so is the authority;
 * the certificates of the others go. None: of its hosts only custom ones stay. Locks. */
int acme_want(const struct layout *l, const struct acme *wanted, struct err *e);
/* The same for custom ones, of list; ret: what is kept now. Returns how many are left out. Locks.
 */
int acme_want_custom(const struct layout *l, const json_t *list, struct acme *ret, struct err *e);
/*
 * Keeps how it stands with the hosts of a and with its account. Which hosts are wanted, and of
 * which authority, is only read: somebody may have said otherwise since a was loaded. ret: what is
 * kept now; not a. Locks.
 */
int acme_note(const struct layout *l, const struct acme *a, struct acme *ret, struct err *e);

/* The name of a host's certificate among those of vitrine-tls. */
void acme_cert_name(const char *host, char ret[64]);
/* Whether NAME.pem is the certificate of one of its hosts. */
bool acme_has_cert(const struct acme *a, const char *name);
/* Removes those certificates of an authority that are of no host of a. */
void acme_remove_certs(const struct layout *l, const struct acme *a);

/* How long nobody asks an authority again after so many failures in a row. */
int64_t acme_wait_sec(unsigned int failures);

/* When a certificate is to be replaced: a third of its life before its end. */
int64_t acme_renew_at_sec(int64_t not_before_sec, int64_t not_after_sec);
