#include "orchestrator/domains/domains.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "orchestrator/hub/hub.h"
#include "tests/support/test.h"

#define NOW 1000000000000

struct fixture {
	char dir[64];
	struct store *store;
	struct hub_repo one, two;
};

static void setup(struct fixture *fx)
{
	char path[128];

	*fx = (struct fixture){.dir = "/tmp/vitrine-domains-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	(void)snprintf(path, sizeof(path), "%s/db", fx->dir);
	CHECK(store_open(path, &fx->store, NULL) == 0);
	CHECK(hub_create(fx->store, REPO_SPACE, "ada", "one", false, &fx->one, NULL) == 0);
	CHECK(hub_create(fx->store, REPO_SPACE, "bob", "two", false, &fx->two, NULL) == 0);
}

static void teardown(struct fixture *fx)
{
	(void)store_close(fx->store);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static int list(struct fixture *fx, const struct hub_repo *repo, int64_t now,
	struct domain ret[SPACE_DOMAINS_MAX])
{
	return domain_list(fx->store, repo->id, now, ret, &(struct err){0});
}

TEST(anybody_may_claim_and_one_space_has_it)
{
	struct domain mine, theirs, all[SPACE_DOMAINS_MAX];
	struct err e = {0};
	struct fixture fx;

	setup(&fx);
	CHECK(domain_claim(fx.store, fx.one.id, "a.b", NOW, &mine, &e) == 0);
	CHECK(domain_claim(fx.store, fx.two.id, "a.b", NOW, &theirs, &e) == 0);
	CHECK(strcmp(mine.token, theirs.token) != 0);
	CHECK(domain_prove(fx.store, fx.two.id, "a.b", NOW, &e) == 0);
	CHECK(domain_prove(fx.store, fx.one.id, "a.b", NOW, &e) == -EEXIST);
	CHECK(list(&fx, &fx.one, NOW, all) == 1 && all[0].proved_usec == 0);
	CHECK(list(&fx, &fx.two, NOW, all) == 1 && all[0].proved_usec == NOW);
	/* Taken away, it is free again. */
	CHECK(domain_remove(fx.store, fx.two.id, "a.b", &e) == 0);
	CHECK(domain_remove(fx.store, fx.two.id, "a.b", &e) == -ENOENT);
	CHECK(domain_prove(fx.store, fx.one.id, "a.b", NOW, &e) == 0);
	CHECK(domain_claim(fx.store, fx.two.id, "a.b", NOW, &theirs, &e) == -EEXIST);
	teardown(&fx);
}

TEST(a_claim_is_forgotten_in_a_week_and_a_proof_never)
{
	struct domain d, all[SPACE_DOMAINS_MAX];
	struct err e = {0};
	struct fixture fx;

	setup(&fx);
	CHECK(domain_claim(fx.store, fx.one.id, "a.b", NOW, &d, &e) == 0);
	CHECK(domain_claim(fx.store, fx.one.id, "c.d", NOW, &d, &e) == 0);
	CHECK(domain_prove(fx.store, fx.one.id, "c.d", NOW, &e) == 0);
	CHECK(list(&fx, &fx.one, NOW + DOMAIN_CLAIM_USEC, all) == 2);
	CHECK(list(&fx, &fx.one, NOW + DOMAIN_CLAIM_USEC + 1, all) == 1);
	CHECK(!strcmp(all[0].host, "c.d"));
	teardown(&fx);
}

TEST(who_asks_again_keeps_the_token_and_gets_the_time_anew)
{
	struct domain first, again, all[SPACE_DOMAINS_MAX];
	struct err e = {0};
	struct fixture fx;

	setup(&fx);
	CHECK(domain_claim(fx.store, fx.one.id, "a.b", NOW, &first, &e) == 0);
	CHECK(domain_refuse(fx.store, fx.one.id, "a.b", "no address", &e) == 0);
	CHECK(list(&fx, &fx.one, NOW, all) == 1 && !strcmp(all[0].words, "no address"));
	CHECK(domain_claim(fx.store, fx.one.id, "a.b", NOW + 5, &again, &e) == 0);
	CHECK(!strcmp(first.token, again.token) && again.asked_usec == NOW + 5);
	CHECK(list(&fx, &fx.one, NOW, all) == 1 && !*all[0].words);
	CHECK(domain_by_token(fx.store, "a.b", first.token, &again, &e) == 0);
	CHECK(!strcmp(again.space, fx.one.id));
	CHECK(domain_by_token(fx.store, "a.c", first.token, &again, &e) == -ENOENT);
	CHECK(domain_prove(fx.store, fx.one.id, "a.b", NOW, &e) == 0);
	CHECK(domain_by_token(fx.store, "a.b", first.token, &again, &e) == -ENOENT);
	teardown(&fx);
}

TEST(a_space_has_sixteen_at_most)
{
	struct domain d;
	struct err e = {0};
	struct fixture fx;
	char host[32];

	setup(&fx);
	for (int i = 0; i <= SPACE_DOMAINS_MAX; i++) {
		(void)snprintf(host, sizeof(host), "h%d.example", i);
		CHECK(domain_claim(fx.store, fx.one.id, host, NOW, &d, &e) ==
			(i < SPACE_DOMAINS_MAX ? 0 : -ENOSPC));
	}
	CHECK(e.text[0] && domain_claim(fx.store, fx.two.id, host, NOW, &d, &e) == 0);
	teardown(&fx);
}

TEST(an_owner_has_so_many_at_most_over_all_spaces)
{
	struct hub_repo more;
	struct domain d;
	struct err e = {0};
	struct fixture fx;
	char host[32], name[16];

	setup(&fx);
	for (int i = 0; i < OWNER_DOMAINS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "more%d", i / SPACE_DOMAINS_MAX);
		if (i % SPACE_DOMAINS_MAX == 0)
			CHECK(hub_create(fx.store, REPO_SPACE, "ada", name, false, &more, &e) == 0);
		(void)snprintf(host, sizeof(host), "h%d.example", i);
		CHECK(domain_claim(fx.store, more.id, host, NOW, &d, &e) == 0);
	}
	CHECK(domain_claim(fx.store, fx.one.id, "a.b", NOW, &d, &e) == -ENOSPC);
	CHECK(strstr(e.text, "32") != NULL);
	/* One that is there is looked at again, and others have their own. */
	CHECK(domain_claim(fx.store, more.id, host, NOW, &d, &e) == 0);
	CHECK(domain_claim(fx.store, fx.two.id, "a.b", NOW, &d, &e) == 0);
	/* Claims that are over count no more. */
	CHECK(domain_claim(fx.store, fx.one.id, "a.b", NOW + DOMAIN_CLAIM_USEC + 1, &d, &e) == 0);
	teardown(&fx);
}

TEST(what_is_not_claimed_is_not_proved)
{
	struct err e = {0};
	struct fixture fx;

	setup(&fx);
	CHECK(domain_prove(fx.store, fx.one.id, "a.b", NOW, &e) == -ENOENT && e.text[0]);
	teardown(&fx);
}

TEST(a_deleted_space_keeps_its_host_unless_an_administrator_gives_it_away)
{
	struct domain d, all[SPACE_DOMAINS_MAX];
	struct err e = {0};
	struct fixture fx;

	setup(&fx);
	CHECK(domain_claim(fx.store, fx.one.id, "a.b", NOW, &d, &e) == 0);
	CHECK(domain_claim(fx.store, fx.two.id, "a.b", NOW, &d, &e) == 0);
	CHECK(domain_prove(fx.store, fx.one.id, "a.b", NOW, &e) == 0);
	CHECK(domain_unbind_deleted(fx.store, "a.b", &e) == 0 && list(&fx, &fx.one, NOW, all) == 1);
	CHECK(hub_delete(fx.store, &fx.one, &e) == 0);
	CHECK(domain_prove(fx.store, fx.two.id, "a.b", NOW, &e) == -EEXIST);
	CHECK(list(&fx, &fx.one, NOW, all) == 1);
	CHECK(domain_unbind_deleted(fx.store, "a.b", &e) == 0 && list(&fx, &fx.one, NOW, all) == 0);
	CHECK(domain_prove(fx.store, fx.two.id, "a.b", NOW, &e) == 0);
	teardown(&fx);
}

TEST_MAIN()
