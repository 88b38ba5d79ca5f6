/*
 * The numbers that the other services told last, as text for whoever collects them. Each service
 * may only tell of names that begin with its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define TOLD_FRESH_USEC 10000000ull /* five times missed: it is away */

enum teller { TOLD_GATEWAY, TOLD_AGENT, TOLD_INFERENCE, TOLD_TLS, TELLERS };

/* Takes a service's METRICS. -EBADMSG with words: the link must end. -ENOMEM. */
int told_take(enum teller who, const uint8_t *text, size_t n, struct err *e);

/* What it told last; "": nothing, or too long ago. Borrowed until the next told_take. */
const char *told_text(enum teller who);

/* Its last warnings and errors, for tell_next_line; also of one that is away. */
const char *told_lines(enum teller who);

const char *teller_name(enum teller who);

void told_done(void);
