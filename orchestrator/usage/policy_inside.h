/* Inside the policy file: what its readers share. policy_file.c reads tiers and who has which,
 * policy_pools.c pools and flavours. */
#pragma once

#include <yaml.h>

#include "base/err.h"
#include "orchestrator/usage/policy.h"

struct reader {
	yaml_document_t *doc; /* borrowed */
	struct usage_policy *p;
	struct err *e;
};

struct pair {
	const char *key;
	const yaml_node_t *at, *value; /* of the key; what it says */
};

typedef int (*pair_fn)(struct reader *rd, const struct pair *pair, void *data);

struct policy_place policy_place_of(const yaml_node_t *node);

/* -EINVAL, with the node's place before the words. */
int policy_refuse(struct reader *rd, const yaml_node_t *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A scalar of 1 to max printable characters without spaces; policy_text gives them. */
bool policy_is_plain(const yaml_node_t *node, size_t max);
const char *policy_text(const yaml_node_t *node);

/* Calls fn with each pair of what must be a mapping of at most max. */
int policy_each_pair(struct reader *rd, const struct pair *in, size_t max, pair_fn fn, void *data);

int policy_read_number(
	struct reader *rd, const struct pair *pair, int64_t min, int64_t max, int64_t *ret);

/* Small letters, digits and '-', as the names of tiers and pools are. */
bool policy_is_name(const char *text);

/* --- policy_pools.c --- */

int policy_read_pools(struct reader *rd, const struct pair *pools);
int policy_read_flavours(struct reader *rd, const struct pair *flavours);
/* The value must be the name of one. */
int policy_read_pool_name(struct reader *rd, const struct pair *pair, size_t *ret);
int policy_read_flavour_name(struct reader *rd, const struct pair *pair, size_t *ret);
/* Pools and tiers are read: where pools have all of the device, every tier is in one. */
int policy_check_rest(struct reader *rd);
