#include "orchestrator/people/people.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/fs.h"
#include "orchestrator/hub/hub.h"
#include "orchestrator/people/organisations.h"
#include "tests/support/test.h"

struct fixture {
	char dir[64];
	struct loop *loop;
	struct store *store;
	struct people *people;
};

static void setup(struct fixture *fx)
{
	char path[128];

	*fx = (struct fixture){.dir = "/tmp/vitrine-people-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	(void)snprintf(path, sizeof(path), "%s/db", fx->dir);
	CHECK(loop_new(&fx->loop) == 0);
	CHECK(store_open(path, &fx->store, NULL) == 0);
	CHECK(people_new(fx->loop, fx->store, &fx->people) == 0);
}

static void teardown(struct fixture *fx)
{
	(void)people_free(fx->people);
	(void)store_close(fx->store);
	(void)loop_free(fx->loop);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static struct identity user(struct fixture *fx, const char *name)
{
	struct identity who;

	CHECK(people_by_name(fx->people, name, &who, NULL, NULL) == 0);
	return who;
}

static int read_text(const struct store_row *row, void *data)
{
	(void)snprintf(data, 128, "%s", store_text(row, 4));
	return 1;
}

TEST(the_first_administrator_is_made_once)
{
	struct fixture fx;
	char password[ID_LEN + 1], hash[PASSWORD_HASH_MAX];
	struct identity who;

	setup(&fx);
	CHECK(people_first_password(fx.people, password, NULL) == 1);
	CHECK(people_first_password(fx.people, password, NULL) == 1); /* asking makes nobody */
	CHECK(strlen(password) >= 16);
	CHECK(people_add_first_admin(fx.people, password, NULL) == 0);
	CHECK(people_by_name(fx.people, "admin", &who, hash, NULL) == 0 && who.admin);
	CHECK(!strncmp(hash, "$argon2id$", 10) && !strstr(hash, password));
	CHECK(people_first_password(fx.people, password, NULL) == 0);
	CHECK(people_first_administrator(fx.people, &who, NULL) == 0 && who.via == VIA_CTL);
	teardown(&fx);
}

TEST(names_are_checked_and_taken_once)
{
	struct fixture fx;
	struct err e = {0};

	setup(&fx);
	CHECK(people_add(fx.people, "ada", "h", false, NULL) == 0);
	CHECK(people_add(fx.people, "ada", "h", false, &e) == -EEXIST && strstr(e.text, "taken"));
	CHECK(people_add(fx.people, "api", "h", false, NULL) == -EINVAL);
	CHECK(people_add(fx.people, "vitrine", "h", false, NULL) == -EINVAL);
	CHECK(people_add(fx.people, "Ada", "h", false, NULL) == -EINVAL);
	teardown(&fx);
}

TEST(a_token_is_good_until_revoked_and_stored_only_as_a_hash)
{
	struct fixture fx;
	char id[ID_LEN + 1], token[TOKEN_LEN + 1], hash[SHA256_HEX + 1], text[128];
	struct identity ada, bob, who = {0};

	setup(&fx);
	CHECK(people_add(fx.people, "ada", "h", false, NULL) == 0);
	CHECK(people_add(fx.people, "bob", "h", false, NULL) == 0);
	ada = user(&fx, "ada");
	bob = user(&fx, "bob");
	CHECK(people_token_add(fx.people, ada.user_id,
		      &(struct token_new){.name = "laptop", .scope = "write"}, id, token,
		      NULL) == 0);
	CHECK(!strncmp(token, "hf_", 3) && strlen(token) >= 37);
	CHECK(strspn(token + 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") ==
		strlen(token) - 3);
	sha256_hex(token, strlen(token), hash);
	CHECK(store_run(fx.store, "token_by_hash", NULL, NULL, NULL, "si", token, (int64_t)0) == 0);
	CHECK(store_run(fx.store, "token_by_hash", read_text, text, NULL, "si", hash, (int64_t)0) ==
		1);
	CHECK(!strcmp(text, "laptop"));

	CHECK(people_by_token(fx.people, token, &who, NULL) == 0);
	CHECK(!strcmp(who.user, "ada") && who.via == VIA_TOKEN && !who.read_only && !who.admin);
	token[10] ^= 1;
	CHECK(people_by_token(fx.people, token, &who, NULL) == -ENOENT);
	token[10] ^= 1;
	CHECK(people_by_token(fx.people, "hf_", &who, NULL) == -ENOENT);
	CHECK(people_by_token(fx.people, "", &who, NULL) == -ENOENT);
	CHECK(people_token_revoke(fx.people, bob.user_id, id, NULL) == -ENOENT);
	CHECK(people_token_revoke(fx.people, ada.user_id, id, NULL) == 0);
	CHECK(people_by_token(fx.people, token, &who, NULL) == -ENOENT);
	teardown(&fx);
}

TEST(a_read_token_says_so_and_an_unknown_scope_is_refused)
{
	struct fixture fx;
	char id[ID_LEN + 1], token[TOKEN_LEN + 1], name[200];
	struct identity ada, who;

	setup(&fx);
	CHECK(people_add(fx.people, "ada", "h", false, NULL) == 0);
	ada = user(&fx, "ada");
	CHECK(people_token_add(fx.people, ada.user_id,
		      &(struct token_new){.name = "ci", .scope = "read"}, id, token, NULL) == 0);
	CHECK(people_by_token(fx.people, token, &who, NULL) == 0 && who.read_only);
	CHECK(people_token_add(fx.people, ada.user_id,
		      &(struct token_new){.name = "ci", .scope = "admin"}, id, token,
		      NULL) == -EINVAL);
	CHECK(people_token_add(fx.people, ada.user_id,
		      &(struct token_new){.name = "", .scope = "read"}, id, token,
		      NULL) == -EINVAL);
	memset(name, 'n', sizeof(name));
	name[TOKEN_NAME_MAX + 1] = '\0';
	CHECK(people_token_add(fx.people, ada.user_id,
		      &(struct token_new){.name = name, .scope = "read"}, id, token,
		      NULL) == -EINVAL);
	teardown(&fx);
}

TEST(a_token_for_one_repo_names_it_until_it_is_gone_and_is_no_administrators)
{
	struct fixture fx;
	char id[ID_LEN + 1], token[TOKEN_LEN + 1];
	struct token_new new = {.name = "ci", .scope = "write", .narrow = true};
	struct hub_repo repo;
	struct identity root, who;

	setup(&fx);
	CHECK(people_add(fx.people, "boss", "h", true, NULL) == 0);
	root = user(&fx, "boss");
	CHECK(hub_create(fx.store, REPO_MODEL, "boss", "m", true, &repo, NULL) == 0);
	CHECK(people_token_add(fx.people, root.user_id, &new, id, token, NULL) == -EINVAL);
	memcpy(new.repos[new.n_repos++], repo.id, sizeof(repo.id));
	CHECK(people_token_add(fx.people, root.user_id, &new, id, token, NULL) == 0);
	CHECK(people_by_token(fx.people, token, &who, NULL) == 0);
	CHECK(who.narrow && !who.admin && who.n_repos == 1 && !strcmp(who.repos[0], repo.id));
	CHECK(hub_purge(fx.store, &repo, NULL) == 0);
	CHECK(people_by_token(fx.people, token, &who, NULL) == 0);
	CHECK(who.narrow && who.n_repos == 0);
	teardown(&fx);
}

TEST(an_organisation_has_a_name_of_its_own_and_never_loses_its_last_admin)
{
	struct fixture fx;
	struct identity ada, bob;
	struct err e = {0};

	setup(&fx);
	CHECK(people_add(fx.people, "ada", "h", false, NULL) == 0);
	CHECK(people_add(fx.people, "bob", "h", false, NULL) == 0);
	ada = user(&fx, "ada");
	bob = user(&fx, "bob");
	CHECK(organisation_add(fx.store, "bob", "", &ada, NULL) == -EEXIST);
	CHECK(organisation_add(fx.store, "api", "", &ada, NULL) == -EINVAL);
	CHECK(organisation_add(fx.store, "lab", "The lab", &ada, NULL) == 0);
	CHECK(organisation_add(fx.store, "lab", "", &bob, NULL) == -EEXIST);
	CHECK(people_add(fx.people, "lab", "h", false, NULL) == -EEXIST);
	ada = user(&fx, "ada");
	CHECK(ada.n_memberships == 1 && ada.memberships[0].role == ROLE_HEAD);
	CHECK(!strcmp(ada.memberships[0].organisation, "lab"));
	CHECK(member_set(fx.store, "lab", &ada, ROLE_WRITE, &e) == -EEXIST &&
		strstr(e.text, "admin"));
	CHECK(member_remove(fx.store, "lab", &ada, NULL) == -EEXIST);
	CHECK(member_remove(fx.store, "lab", &bob, NULL) == -ENOENT);
	CHECK(member_set(fx.store, "lab", &bob, ROLE_HEAD, NULL) == 0);
	CHECK(member_set(fx.store, "lab", &ada, ROLE_READ, NULL) == 0);
	CHECK(user(&fx, "ada").memberships[0].role == ROLE_READ);
	CHECK(member_remove(fx.store, "lab", &ada, NULL) == 0);
	CHECK(user(&fx, "ada").n_memberships == 0);
	CHECK(organisation_remove(fx.store, "lab", NULL) == 0);
	CHECK(user(&fx, "bob").n_memberships == 0);
	teardown(&fx);
}

TEST(an_organisation_with_repos_stays_and_memberships_are_bounded)
{
	struct fixture fx;
	struct hub_repo repo;
	char name[16];

	setup(&fx);
	CHECK(people_add(fx.people, "ada", "h", false, NULL) == 0);
	for (int i = 0; i < MEMBERSHIPS_MAX; i++) {
		struct identity ada = user(&fx, "ada");

		(void)snprintf(name, sizeof(name), "lab-%d", i);
		CHECK(organisation_add(fx.store, name, "", &ada, NULL) == 0);
	}
	struct identity ada = user(&fx, "ada");

	CHECK(organisation_add(fx.store, "one-more", "", &ada, NULL) == -EEXIST);
	CHECK(hub_create(fx.store, REPO_DATASET, "lab-1", "d", true, &repo, NULL) == 0);
	CHECK(organisation_remove(fx.store, "lab-1", NULL) == -EEXIST);
	teardown(&fx);
}

TEST(an_invitation_makes_one_account_and_a_failed_try_does_not_use_it_up)
{
	struct fixture fx;
	char key[COOKIE_LEN + 1];
	struct identity ada;

	setup(&fx);
	CHECK(people_add(fx.people, "ada", "h", true, NULL) == 0);
	ada = user(&fx, "ada");
	CHECK(people_invite(fx.people, &ada, key, NULL) == 0 && strlen(key) == COOKIE_LEN);
	CHECK(people_add_invited(fx.people, "ada", "h", key, NULL) == -EEXIST);
	CHECK(people_add_invited(fx.people, "bob", "h", key, NULL) == 0);
	CHECK(!user(&fx, "bob").admin);
	CHECK(people_add_invited(fx.people, "eve", "h", key, NULL) == -EPERM);
	CHECK(people_add_invited(fx.people, "eve", "h", "", NULL) == -EPERM);
	teardown(&fx);
}

TEST(a_token_ends_on_its_day)
{
	struct fixture fx;
	char id[ID_LEN + 1], token[TOKEN_LEN + 1];
	struct token_new new = {.name = "ci", .scope = "read"};
	struct identity ada, who;

	setup(&fx);
	CHECK(people_add(fx.people, "ada", "h", false, NULL) == 0);
	ada = user(&fx, "ada");
	new.expires_usec = clock_wall_usec() + 3600 * USEC_PER_SEC;
	CHECK(people_token_add(fx.people, ada.user_id, &new, id, token, NULL) == 0);
	CHECK(people_by_token(fx.people, token, &who, NULL) == 0);
	new.expires_usec = clock_wall_usec() - 1;
	CHECK(people_token_add(fx.people, ada.user_id, &new, id, token, NULL) == 0);
	CHECK(people_by_token(fx.people, token, &who, NULL) == -ENOENT);
	teardown(&fx);
}

TEST(replacing_a_token_ends_the_one_of_that_name)
{
	struct fixture fx;
	char first[TOKEN_LEN + 1], second[TOKEN_LEN + 1];
	struct identity ada, who;

	setup(&fx);
	CHECK(people_add(fx.people, "ada", "h", false, NULL) == 0);
	ada = user(&fx, "ada");
	CHECK(people_token_replace(fx.people, ada.user_id, "up", first, NULL) == 0);
	CHECK(people_token_replace(fx.people, ada.user_id, "up", second, NULL) == 0);
	CHECK(people_by_token(fx.people, first, &who, NULL) == -ENOENT);
	CHECK(people_by_token(fx.people, second, &who, NULL) == 0);
	teardown(&fx);
}

TEST(a_sign_in_lasts_until_it_is_ended_or_the_password_changes)
{
	struct fixture fx;
	char one[COOKIE_LEN + 1], two[COOKIE_LEN + 1], hash[PASSWORD_HASH_MAX];
	struct identity ada, who;

	setup(&fx);
	CHECK(people_add(fx.people, "ada", "h", false, NULL) == 0);
	ada = user(&fx, "ada");
	CHECK(people_sign_in(fx.people, &ada, one, NULL) == 0);
	CHECK(people_sign_in(fx.people, &ada, two, NULL) == 0);
	CHECK(people_by_cookie(fx.people, one, &who, NULL) == 0 && who.via == VIA_COOKIE);
	CHECK(strlen(who.csrf) == ID_LEN && strcmp(who.csrf, ada.csrf) != 0);

	CHECK(people_set_password(fx.people, &ada, two, "new", NULL) == 0);
	CHECK(people_by_cookie(fx.people, one, &who, NULL) == -ENOENT);
	CHECK(people_by_cookie(fx.people, two, &who, NULL) == 0);
	CHECK(people_by_name(fx.people, "ada", &who, hash, NULL) == 0 && !strcmp(hash, "new"));
	CHECK(people_sign_out(fx.people, two, NULL) == 0);
	CHECK(people_by_cookie(fx.people, two, &who, NULL) == -ENOENT);
	CHECK(people_by_cookie(fx.people, "short", &who, NULL) == -ENOENT);
	teardown(&fx);
}

TEST(of_more_sign_ins_than_one_may_have_the_oldest_give_way)
{
	struct fixture fx;
	char first[COOKIE_LEN + 1], bobs[COOKIE_LEN + 1], cookie[COOKIE_LEN + 1];
	struct identity ada, bob, who;

	setup(&fx);
	CHECK(people_add(fx.people, "ada", "h", false, NULL) == 0);
	CHECK(people_add(fx.people, "bob", "h", false, NULL) == 0);
	ada = user(&fx, "ada");
	bob = user(&fx, "bob");
	CHECK(people_sign_in(fx.people, &bob, bobs, NULL) == 0);
	CHECK(people_sign_in(fx.people, &ada, first, NULL) == 0);
	CHECK(store_begin(fx.store, NULL) == 0);
	for (int i = 1; i < SIGN_INS_PER_USER_MAX; i++)
		CHECK(people_sign_in(fx.people, &ada, cookie, NULL) == 0);
	CHECK(store_commit(fx.store, NULL) == 0);
	CHECK(people_by_cookie(fx.people, first, &who, NULL) == 0);
	CHECK(people_sign_in(fx.people, &ada, cookie, NULL) == 0);
	CHECK(people_by_cookie(fx.people, first, &who, NULL) == -ENOENT);
	CHECK(people_by_cookie(fx.people, cookie, &who, NULL) == 0);
	CHECK(people_by_cookie(fx.people, bobs, &who, NULL) == 0);
	teardown(&fx);
}

TEST(an_expired_sign_in_is_nobody)
{
	struct fixture fx;
	char cookie[COOKIE_LEN + 1], hash[SHA256_HEX + 1];
	struct identity ada, who;

	setup(&fx);
	CHECK(people_add(fx.people, "ada", "h", false, NULL) == 0);
	ada = user(&fx, "ada");
	memset(cookie, 'c', COOKIE_LEN);
	cookie[COOKIE_LEN] = '\0';
	sha256_hex(cookie, COOKIE_LEN, hash);
	CHECK(store_run(fx.store, "sign_in_add", NULL, NULL, NULL, "sssii", hash, ada.user_id,
		      "csrf", (int64_t)1, (int64_t)clock_wall_usec() - 1) == 1);
	CHECK(people_by_cookie(fx.people, cookie, &who, NULL) == -ENOENT);
	teardown(&fx);
}

struct answers {
	int n, matched;
	char hash[PASSWORD_HASH_MAX];
};

static void on_password(const char *hash, bool matches, void *data)
{
	struct answers *a = data;

	a->n++;
	a->matched += matches;
	(void)snprintf(a->hash, sizeof(a->hash), "%s", hash);
}

static void wait_for(struct loop *loop, const int *n, int want)
{
	while (*n < want)
		CHECK(loop_dispatch(loop, 10000) == 0);
}

TEST(passwords_are_hashed_aside_and_verified)
{
	struct answers a = {0};
	struct passwords *p;
	struct loop *loop;
	char hash[PASSWORD_HASH_MAX];

	CHECK(loop_new(&loop) == 0 && passwords_new(loop, &p) == 0);
	CHECK(password_hash(p, "correct horse", on_password, &a) > 0);
	CHECK(a.n == 0); /* never from inside the call */
	wait_for(loop, &a.n, 1);
	(void)snprintf(hash, sizeof(hash), "%s", a.hash);
	CHECK(!strncmp(hash, "$argon2id$", 10));
	CHECK(password_verify(p, "correct horse", hash, on_password, &a) > 0);
	CHECK(password_verify(p, "wrong horse", hash, on_password, &a) > 0);
	CHECK(password_verify(p, "correct horse", "", on_password, &a) > 0); /* no such user */
	wait_for(loop, &a.n, 4);
	CHECK(a.matched == 1);
	(void)passwords_free(p);
	(void)loop_free(loop);
}

TEST(too_many_passwords_at_once_are_refused_and_forgotten_ones_stay_silent)
{
	struct answers a = {0}, forgotten = {0};
	struct passwords *p;
	struct loop *loop;
	int started = 0, ticket;

	CHECK(loop_new(&loop) == 0 && passwords_new(loop, &p) == 0);
	ticket = password_hash(p, "xxxxxxxx", on_password, &forgotten);
	CHECK(ticket > 0);
	passwords_forget(p, ticket);
	while ((ticket = password_hash(p, "xxxxxxxx", on_password, &a)) > 0 && started < 1000)
		started++;
	CHECK(ticket == -EBUSY && started < 1000);
	wait_for(loop, &a.n, started);
	CHECK(forgotten.n == 0);
	(void)passwords_free(p);
	(void)loop_free(loop);
}

TEST(password_lengths_are_bounded)
{
	char long_one[PASSWORD_MAX + 2];

	memset(long_one, 'x', sizeof(long_one));
	long_one[PASSWORD_MAX + 1] = '\0';
	CHECK(password_check("1234567", NULL) == -EINVAL);
	CHECK(password_check("12345678", NULL) == 0);
	CHECK(password_check(long_one, NULL) == -EINVAL);
	long_one[PASSWORD_MAX] = '\0';
	CHECK(password_check(long_one, NULL) == 0);
}

TEST_MAIN()
