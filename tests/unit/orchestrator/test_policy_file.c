#include "orchestrator/usage/policy_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/test.h"

#define TIERS "tiers:\n  free: {seconds: 60}\n  staff:\n    seconds: 7200\n    weight: 4\n"
#define DEFAULT "  default: {user: free, owner: free, network: free}\n"

static struct usage_policy *read_it(const char *text)
{
	struct usage_policy *p = NULL;
	struct err e = {0};

	if (usage_policy_read(text, strlen(text), &p, &e) < 0)
		fprintf(stderr, "%s\n", e.text);
	CHECK(p);
	return p;
}

/* It is refused with these words, which begin with its place. */
static void refused(const char *text, const char *words)
{
	struct usage_policy *p = NULL;
	struct err e = {0};

	CHECK(usage_policy_read(text, strlen(text), &p, &e) == -EINVAL && !p);
	if (!strstr(e.text, words))
		fprintf(stderr, "expected: %s\ngot: %s\n", words, e.text);
	CHECK(strstr(e.text, words));
	CHECK(!strncmp(e.text, "policy.yaml:", 12));
}

TEST(a_whole_file_is_read)
{
	struct usage_policy *p =
		read_it(TIERS "bind:\n" DEFAULT "  users: {ada: staff}\n"
			      "  organizations: {lab: staff}\n"
			      "  owners:\n    bob: staff\n"
			      "  spaces: {ada/draw: staff}\n"
			      "  networks: {10.0.0.0/8: staff, \"2001:db8::/32\": free}\n");

	CHECK(p->n_tiers == 2 && p->n_binds == 4 && p->n_networks == 2);
	CHECK(p->tiers[0].day_sec == 60 && p->tiers[0].weight == 1 && p->tiers[0].concurrent == 32);
	CHECK(p->tiers[0].call_sec == 60 && p->tiers[0].memory_mib == 256);
	CHECK(p->tiers[1].day_sec == 7200 && p->tiers[1].weight == 4);
	CHECK(usage_policy_bound(p, BIND_USER, "ada") == &p->tiers[1]);
	CHECK(!usage_policy_bound(p, BIND_OWNER, "ada"));
	CHECK(usage_policy_bound(p, BIND_SPACE, "ada/draw") == &p->tiers[1]);
	CHECK(!strcmp(p->networks[1].cidr, "2001:db8::/32") && p->networks[1].tier == 0);
	CHECK(usage_policy_default_tier(p, BUDGET_SPACE) == &p->tiers[0]);
	CHECK(p->binds[0].place.line == 8 && p->binds[0].place.column == 11);
	(void)usage_policy_free(p);
}

TEST(the_order_of_the_sections_does_not_matter)
{
	(void)usage_policy_free(read_it("bind:\n" DEFAULT TIERS));
}

TEST(what_is_not_known_is_refused_with_its_place)
{
	refused("", "1:1: the file is empty");
	refused("tiers: {}\nbind: {}\nflavors: {}\n", "3:1: flavors: unknown key");
	refused(TIERS "    wait: 3\nbind:\n" DEFAULT,
		"6:5: wait: unknown key; a tier takes seconds");
	refused(TIERS "bind:\n" DEFAULT "  people: {}\n", "8:3: people: unknown key");
	refused(TIERS "bind:\n  default: {user: free, owner: free, network: free, gpu: free}\n",
		"7:53: gpu: unknown key; default takes user, owner, network, flavour");
	refused(TIERS "bind:\n  default: {gpu: free}\n", "7:13: gpu: unknown key");
	refused("- a\n", "must be a mapping");
	refused(TIERS "bind: [free]\n", "6:7: bind: must be a mapping");
	refused("tiers: [1\n", "policy.yaml:2:");
	refused(TIERS "bind:\n" DEFAULT "---\ntiers: {}\n", "a second document");
}

TEST(what_is_out_of_range_or_missing_is_refused)
{
	refused("tiers: {a: {seconds: 9000000}}\nbind: {}\n",
		"1:22: seconds: 9000000 is not from 0");
	refused("tiers: {a: {seconds: 1, weight: 0}}\nbind: {}\n",
		"weight: 0 is not from 1 to 1000");
	refused("tiers: {a: {seconds: -1}}\nbind: {}\n", "must be a whole number");
	refused("tiers: {a: {seconds: 1.5}}\nbind: {}\n", "must be a whole number");
	refused("tiers: {a: {seconds: 99999999999999999999}}\nbind: {}\n",
		"must be a whole number");
	refused("tiers: {a: {seconds: [1]}}\nbind: {}\n", "must be a whole number");
	refused("tiers: {a: {weight: 1}}\nbind: {}\n", "1:9: a: 'seconds' is missing");
	refused("tiers: {A: {seconds: 1}}\nbind: {}\n", "small letters");
	refused("tiers: {aaaaaaaaaaaaaaaaaaaaaaaaa: {seconds: 1}}\nbind: {}\n", "small letters");
	refused("tiers: {a: {seconds: 1, seconds: 2}}\nbind: {}\n", "a second time");
	refused("tiers: {a: {seconds: 1}, a: {seconds: 2}}\nbind: {}\n", "a second time");
	refused("tiers: {a: {seconds: 1}}\n", "'bind' is missing");
	refused(TIERS "bind: {default: {user: free, owner: free}}\n", "no tier of 'network'");
	refused(TIERS "bind: {}\n", "no tier of 'user'");
}

TEST(a_tier_that_is_not_there_and_a_name_that_is_none_are_refused)
{
	refused(TIERS "bind:\n" DEFAULT "  users: {ada: gold}\n",
		"8:16: ada: there is no tier 'gold'");
	refused(TIERS "bind:\n" DEFAULT "  users: {ada: [free]}\n", "must be the name of a tier");
	refused(TIERS "bind:\n" DEFAULT "  users: {ada/x: free}\n", "without '/'");
	refused(TIERS "bind:\n" DEFAULT "  spaces: {ada: free}\n", "must be owner/name");
	refused(TIERS "bind:\n" DEFAULT "  users: {\"a b\": free}\n", "a key must be");
	refused(TIERS "bind:\n" DEFAULT "  users: {? [a] : free}\n", "a key must be");
	refused(TIERS "bind:\n" DEFAULT "  networks: {10.0.0.1/8: free}\n",
		"no block of addresses");
	refused(TIERS "bind:\n" DEFAULT "  networks: {10.0.0.0/8: gold}\n", "no tier 'gold'");
	refused(TIERS "bind:\n" DEFAULT "  networks: {\"fd00::/65\": free}\n", "to /64");
}

TEST(an_alias_that_contains_itself_ends)
{
	refused("tiers: &a {b: *a}\nbind: {}\n", "unknown key");
	refused("&a {tiers: *a, bind: *a}\n", "");
}

#define POOLS "pools:\n  research: {share: 60}\n  course: {share: 30, borrow: false, lend: false}\n"
#define BIND "bind:\n" DEFAULT

TEST(pools_and_flavours_are_read_and_are_named_by_tiers_flavours_and_the_default)
{
	struct usage_policy *p = read_it(POOLS
		"tiers:\n  free: {seconds: 60}\n  staff: {seconds: 7200, pool: research}\n"
		"flavours:\n  gpu: {class: medium, device: cuda0, pool: course, tiers: [staff]}\n"
		"  cpu-basic: {}\n"
		"bind:\n  default: {user: free, owner: free, network: free, flavour: gpu}\n");
	const struct flavour *gpu = usage_policy_flavour(p, "gpu");

	CHECK(p->n_pools == 2 && p->n_flavours == 2);
	CHECK(p->pools[0].percent == 60 && p->pools[0].lend && p->pools[0].borrow);
	CHECK(p->pools[1].percent == 30 && !p->pools[1].lend && !p->pools[1].borrow);
	CHECK(p->tiers[0].pool == POLICY_NONE && p->tiers[1].pool == 0);
	CHECK(usage_policy_percent(p, 1) == 30 && usage_policy_percent(p, POLICY_NONE) == 10);
	CHECK(!strcmp(usage_policy_pool(p, 1), "course") && !*usage_policy_pool(p, POLICY_NONE));
	CHECK(gpu && !strcmp(gpu->class, "medium") && !strcmp(gpu->device, "cuda0"));
	CHECK(gpu->pool == 1 && gpu->for_some && gpu->tiers == 2 && p->flavour == 0);
	CHECK(!p->flavours[1].for_some && p->flavours[1].pool == POLICY_NONE);
	(void)usage_policy_free(p);
	p = read_it(TIERS BIND);
	CHECK(p->n_pools == 0 && p->n_flavours == 0 && p->flavour == POLICY_NONE);
	CHECK(usage_policy_percent(p, POLICY_NONE) == 100);
	(void)usage_policy_free(p);
}

TEST(pools_that_do_not_add_up_or_say_what_is_unknown_are_refused)
{
	refused("pools: {a: {share: 60}, b: {share: 50}}\n" TIERS BIND,
		"1:25: b: 50 percent are more than the 40 that the pools before it leave");
	refused("pools: {a: {share: 0}}\n" TIERS BIND, "1:20: share: 0 is not from 1 to 100");
	refused("pools: {a: {lend: true}}\n" TIERS BIND, "1:9: a: 'share' is missing");
	refused("pools: {a: {share: 1, lend: maybe}}\n" TIERS BIND,
		"1:29: lend: must be true or false");
	refused("pools: {a: {share: 1, devices: x}}\n" TIERS BIND,
		"1:23: devices: unknown key; a pool takes share, lend, borrow");
	refused("pools: {a: {share: 1}, a: {share: 1}}\n" TIERS BIND, "a second time");
	refused("pools: {A: {share: 1}}\n" TIERS BIND, "small letters");
	refused("pools: {a: {share: 100}}\n" TIERS BIND,
		"3:3: free: is in no pool, and the pools have all of the device");
	refused("tiers: {free: {seconds: 1, pool: lab}}\n" BIND,
		"1:34: pool: there is no pool 'lab'");
	(void)usage_policy_free(read_it("pools: {a: {share: 100}}\n"
					"tiers: {free: {seconds: 1, pool: a}}\n" BIND));
}

TEST(flavours_that_name_what_is_not_there_are_refused)
{
	refused("flavours: {gpu: {pool: lab}}\n" TIERS BIND, "1:24: pool: there is no pool 'lab'");
	refused("flavours: {gpu: {class: huge}}\n" TIERS BIND,
		"1:25: class: must be small, medium or large");
	refused("flavours: {gpu: {tiers: [gold]}}\n" TIERS BIND,
		"1:26: tiers: there is no tier 'gold'");
	refused("flavours: {gpu: {tiers: free}}\n" TIERS BIND, "tiers: must be a list of tiers");
	refused("flavours: {gpu: {tiers: [[free]]}}\n" TIERS BIND, "there is no tier ''");
	refused("flavours: {gpu: {device: [cuda0]}}\n" TIERS BIND,
		"device: must be a device's name");
	refused("flavours: {gpu: {memory: 1}}\n" TIERS BIND,
		"1:18: memory: unknown key; a flavour takes class, device, pool, tiers");
	refused("flavours: {GPU: {}}\n" TIERS BIND, "small letters");
	refused(TIERS "bind:\n  default: {user: free, owner: free, network: free, flavour: gpu}\n",
		"7:62: flavour: there is no such flavour");
}

TEST(the_usual_tiers_have_the_seconds_of_quota)
{
	char text[POLICY_USUAL_MAX];
	struct usage_policy *p;
	struct err e = {0};

	CHECK(usage_policy_usual("", text, &e) == 0);
	p = read_it(text);
	CHECK(usage_policy_default_tier(p, BUDGET_USER)->day_sec == 14400);
	(void)usage_policy_free(p);
	CHECK(usage_policy_usual("network=7,owner=0", text, &e) == 0);
	p = read_it(text);
	CHECK(usage_policy_default_tier(p, BUDGET_NETWORK)->day_sec == 7);
	CHECK(usage_policy_default_tier(p, BUDGET_OWNER)->day_sec == 0);
	(void)usage_policy_free(p);
	CHECK(usage_policy_usual("user=", text, &e) == -EINVAL);
	CHECK(usage_policy_usual("user=-1", text, &e) == -EINVAL);
	CHECK(usage_policy_usual("user=1,", text, &e) == -EINVAL);
	CHECK(usage_policy_usual("users=1", text, &e) == -EINVAL);
}

TEST_MAIN()
