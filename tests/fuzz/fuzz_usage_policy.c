/* A policy from whoever may write one: read within its limits, or refused with its place. */
#include <string.h>

#include "orchestrator/usage/policy_file.h"
#include "tests/support/fuzz.h"

static void check_tier(const struct tier *t)
{
	MUST(t->name[0] && strlen(t->name) <= TIER_NAME_LEN);
	MUST(t->day_sec >= 0 && t->day_sec <= POLICY_DAY_SEC_MAX);
	MUST(t->weight >= 1 && t->concurrent >= 1 && t->call_sec >= 1 && t->memory_mib >= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct usage_policy *p = NULL;
	struct err e = {0};

	if (usage_policy_read((const char *)data, size, &p, &e) < 0) {
		MUST(!p);
		MUST(!strncmp(e.text, "policy.yaml:", 12) || !strcmp(e.text, "out of memory"));
		return 0;
	}
	MUST(p->n_tiers > 0 && p->n_tiers <= TIERS_MAX && p->n_binds <= BINDS_MAX);
	for (size_t i = 0; i < p->n_tiers; i++)
		check_tier(&p->tiers[i]);
	for (size_t i = 0; i < p->n_binds; i++)
		MUST(p->binds[i].tier < p->n_tiers && p->binds[i].place.line > 0);
	for (size_t i = 0; i < p->n_networks; i++)
		MUST(p->networks[i].tier < p->n_tiers);
	for (int i = 0; i < BUDGETS; i++)
		MUST(usage_policy_default_tier(p, (enum budget_kind)i) < p->tiers + p->n_tiers);
	(void)usage_policy_free(p);
	return 0;
}
