/* What of an app's error a visitor may read. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * Copies frames, with each FAIL cut down to what somebody who does not own the Space may see: for
 * FAIL_ERROR a reference instead of the message, for the others the message without file, line
 * and traceback. -ENOSPC, -ENOMEM.
 */
int fail_redact(const uint8_t *frames, size_t n, struct buf *b);
