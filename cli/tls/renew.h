/*
 * Certificates that end are replaced well before: those of an authority over ACME (acme.h) and the
 * one of the platform's own authority (ca.h). Run by a timer of systemd, or by vitrine up.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "cli/host/layout.h"
#include "cli/tls/acme.h"

/*
 * Does what is due, logs each, and remembers when to try again what failed. now: also what failed a
 * moment ago. Waits for another one that is at it. Returns how many hosts are without what they
 * should have, or -errno with words.
 */
int renew_all(const struct layout *l, bool now, struct err *e);
