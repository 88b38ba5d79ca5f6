/*
 * Networks that the policy gives a tier of their own, as the orchestrator says; the class of a
 * visitor without a name goes with who pays. Knows no link.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/net_block.h"

#define CLASSES_MAX 256
#define CLASS_NAME_LEN 20

struct classes {
	struct {
		struct net_block block;
		char tier[CLASS_NAME_LEN + 1];
	} of[CLASSES_MAX];
	size_t n;
};

/* Takes an array of [network, tier] instead of what there was. -EINVAL: it is none, and the old
 * one stays. */
int classes_set(struct classes *c, const json_t *networks, struct err *e);

/* The tier of the longest network that has the address (address_network's bytes); "": none has.
 * Borrowed until the next set. */
const char *classes_find(const struct classes *c, const uint8_t *address, size_t n);
