/*
 * An authority of the platform's own, for hosts that no public one can reach: its key and
 * certificate in DATA/ca, which belongs to root, and certificates that it gives for the platform's
 * names.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cli/host/layout.h"

#define CA_NAMES_MAX 32
#define CA_NAME "ca" /* of the certificate that it gives, among those of vitrine-tls */

struct ca_names {
	char of[CA_NAMES_MAX][254];
	size_t n;
};

/* A host's name or address. One that is there already is fine. -EINVAL, -E2BIG with words. */
int ca_names_add(struct ca_names *names, const char *name, struct err *e);
/* This host's own name, localhost and its addresses. */
int ca_names_add_own(struct ca_names *names, struct err *e);

/* Makes the authority when there is none yet. ret_path: its certificate, for people to trust. */
int ca_prepare(const struct layout *l, char ret_path[LAYOUT_PATH + 32], struct err *e);

/* Gives a certificate for these names and puts it where vitrine-tls reads it. The authority is
 * there. */
int ca_issue(const struct layout *l, const struct ca_names *names, struct err *e);

/* Gives the one that was given anew, for the same names, when a third of its life is left. 0: not
 * yet, or there never was one; 1: it has. */
int ca_renew(const struct layout *l, struct err *e);

/* Whether the one that was given is missing, is for other names, or has a third of its life left.
 */
bool ca_is_due(const struct layout *l, const struct ca_names *names);
