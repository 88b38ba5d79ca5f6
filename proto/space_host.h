/*
 * Spaces at hosts of their own: what such a host is called, and which names an owner may bring.
 *
 *	ada/mood        ada-mood.DOMAIN
 *	my-team/mood    my--team-mood.DOMAIN     a '-' of the owner's is doubled
 *	…               space--HASH.DOMAIN       what would be over 63 bytes, or look like a name
 *	                                         in another alphabet (xn--, RFC 5890)
 *
 * The first single '-' ends the owner, so no two Spaces have one label; a hashed one has no single
 * '-'. One home for all of it; knows no route, no request and no database.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define HOST_LABEL_MAX 63
#define DOMAIN_NAME_MAX 253
#define SPACE_DOMAINS_MAX 16 /* of one Space */

/* Names as names.h has them, and previews'. */
void space_host_label(const char *owner, const char *name, char ret[HOST_LABEL_MAX + 1]);

/*
 * The name in a Host header of n bytes: in lower case, without a port and a final dot. False: it is
 * no DNS name (an address in brackets, an empty or too long label, other characters).
 */
bool host_name_read(const char *host, size_t n, char ret[DOMAIN_NAME_MAX + 1]);

/* Whether name is domain or below it; both as host_name_read gives them. */
bool host_name_below(const char *name, const char *domain);

/* The label of a host directly below domain; NULL: it is none. Borrowed from name, label_n bytes.
 */
const char *host_name_label(const char *name, const char *domain, size_t *ret_n);

/* What a URL ("https://NAME:PORT/…") names as its host, as host_name_read gives it. */
bool host_name_of_url(const char *url, char ret[DOMAIN_NAME_MAX + 1]);

/*
 * Whether somebody may bring this host: a name with at least two labels that is not an address, not
 * local ("localhost", "….local", "….internal"), not the platform's (platform, a name; or whatever
 * is above or below it), and not below spaces_domain ("": there is none) or above it. -EINVAL with
 * words.
 */
int custom_host_check(
	const char *host, const char *platform, const char *spaces_domain, struct err *e);
