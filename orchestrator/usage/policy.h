/*
 * Who may use how much compute: tiers, and who has which. One text file says it (docs/policy.md);
 * policy_file.h reads it. Knows no database: who is a member of what is asked elsewhere (tiers.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

#define TIER_NAME_LEN 20
#define TIERS_MAX 64
#define BINDS_MAX 2000
#define NETWORKS_MAX 256
#define BIND_NAME_LEN 140 /* owner/name */
#define USAGE_POOLS_MAX 16
#define FLAVOURS_MAX 64
#define FLAVOUR_NAME_LEN 32
#define DEVICE_NAME_LEN 31
#define POLICY_NONE SIZE_MAX /* of an index */

/* Those that pay, by the beginning of their account's name. */
enum budget_kind {
	BUDGET_USER,  /* user:NAME, of what a visitor who is signed in does */
	BUDGET_OWNER, /* owner:NAME, of what their Spaces do by themselves, all of them together */
	BUDGET_NETWORK, /* network:KEY, of all anonymous visitors of one network */
	BUDGETS_DEFAULT,
	BUDGET_SPACE = BUDGETS_DEFAULT, /* space:ID, of what a Space with a tier does by itself */
	BUDGETS,
};

/* Where something stands in the file, from 1. */
struct policy_place {
	int line, column;
};

struct tier {
	char name[TIER_NAME_LEN + 1];
	int64_t day_sec;    /* of device time in any 24 hours */
	int64_t weight;     /* beside others who wait */
	int64_t concurrent; /* calls at once */
	int64_t call_sec;   /* of device time, for one click or one call */
	int64_t memory_mib; /* that texts may keep on the device at a time */
	size_t pool;        /* whose time it is; POLICY_NONE: what no pool was given */
	struct policy_place place;
};

/* A fraction of the device's time (inference/schedule/pools.h). */
struct usage_pool {
	char name[TIER_NAME_LEN + 1];
	int64_t percent;
	bool lend, borrow;
};

/* What a Space may ask for. */
struct flavour {
	char name[FLAVOUR_NAME_LEN + 1];
	char class[8];                    /* of its box; "": as without */
	char device[DEVICE_NAME_LEN + 1]; /* that its models run on; "": any */
	size_t pool;                      /* POLICY_NONE: that of who pays */
	bool for_some;                    /* only for Spaces of these tiers, or of people in them */
	uint64_t tiers;                   /* a bit each */
	struct policy_place place;        /* of the device */
};

enum bind_kind { BIND_USER, BIND_ORGANISATION, BIND_OWNER, BIND_SPACE, BIND_KINDS };

struct bind {
	enum bind_kind kind;
	char name[BIND_NAME_LEN + 1]; /* of a Space: owner/name */
	size_t tier;
	struct policy_place place;
};

struct network_class {
	char cidr[64]; /* as written */
	size_t tier;
};

struct usage_policy {
	struct tier tiers[TIERS_MAX];
	size_t n_tiers;
	size_t defaults[BUDGETS_DEFAULT]; /* tiers, by budget_kind */
	struct bind *binds;               /* owned */
	size_t n_binds;
	struct network_class networks[NETWORKS_MAX];
	size_t n_networks;
	struct usage_pool pools[USAGE_POOLS_MAX];
	size_t n_pools;
	struct flavour flavours[FLAVOURS_MAX];
	size_t n_flavours;
	size_t flavour; /* of Spaces that ask for none; POLICY_NONE: a small box */
};

struct usage_policy *usage_policy_free(struct usage_policy *p);
DEFINE_CLEANUP(struct usage_policy *, usage_policy_free)

/* The names in the file: "users", "organizations", "owners", "spaces"; "user", "owner", "network".
 */
extern const char *const usage_policy_bind_names[BIND_KINDS];
extern const char *const usage_policy_budget_names[BUDGETS];

/* The tier of that name; NULL: there is none. */
const struct tier *usage_policy_tier(const struct usage_policy *p, const char *name);

/* What the file gives somebody by name; NULL: nothing, the default stands. */
const struct tier *usage_policy_bound(
	const struct usage_policy *p, enum bind_kind kind, const char *name);
const struct tier *usage_policy_default_tier(const struct usage_policy *p, enum budget_kind kind);

/* The flavour of that name; NULL: the file has none. */
const struct flavour *usage_policy_flavour(const struct usage_policy *p, const char *name);

/* The pool's name; "" of POLICY_NONE. */
const char *usage_policy_pool(const struct usage_policy *p, size_t pool);
/* Of the whole, in percent; of POLICY_NONE what no pool was given. */
int64_t usage_policy_percent(const struct usage_policy *p, size_t pool);

/* False: no account has such a name. */
bool account_kind(const char *account, enum budget_kind *ret);

/*
 * What stands where no policy has been applied, as a file: KIND=SECONDS[,KIND=SECONDS]… of `quota`,
 * kind: user, owner, network; "": the usual seconds. -EINVAL with words.
 */
#define POLICY_USUAL_MAX 2048
int usage_policy_usual(const char *quota, char ret[POLICY_USUAL_MAX], struct err *e);
