/* Capabilities, by the raw calls. Kernel: capabilities(7). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CAPS_BIT(cap) (1ull << (cap))

/*
 * Gives up every capability: bounding set, ambient, permitted, effective, inheritable; and locks
 * the securebits, so that uid 0 means nothing from now on. Needs CAP_SETPCAP. -errno.
 */
int caps_drop_all(void);

/* Keeps exactly these, permitted and effective; the bounding set too where that is allowed. */
int caps_keep(uint64_t kept);

/* Whether none is permitted now, so that none can be gained under no_new_privs either. */
bool caps_none(void);

/* Whether all of these are effective now. */
bool caps_have(uint64_t wanted);
