/* Blocks of addresses, as in 10.1.0.0/16, fd00::/8 or 127.0.0.1. Knows no socket and no name. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct net_block {
	int family;        /* AF_INET, AF_INET6 */
	uint8_t bytes[16]; /* of IPv4 the first four */
	unsigned int bits;
};

/* -EINVAL with words: it is none, or its address has bits beyond its length. */
int net_block_read(const char *text, struct net_block *ret, struct err *e);

/* bytes: an address of that family. */
bool net_block_has(const struct net_block *b, int family, const uint8_t *bytes);
