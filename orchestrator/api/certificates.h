/*
 * How it stands with the certificates that an authority is asked for (cli/tls/acme.h), from the
 * file that `vitrine tls renew` leaves in run/tls. Knows no key and no certificate.
 */
#pragma once

#include <jansson.h>

#include "orchestrator/world.h"

/* [{host, custom, until, words, next}], and to problems what is wrong. The caller's. */
json_t *list_certificates(const struct world *w, json_t *problems);
