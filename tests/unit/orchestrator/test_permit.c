#include <errno.h>

#include "orchestrator/people/permit.h"
#include "tests/support/test.h"

#define SPACE_OWNER "ada"

static struct identity someone(enum role role)
{
	struct identity who = {.via = role == ROLE_NOBODY ? VIA_NOTHING : VIA_TOKEN};

	if (role == ROLE_NOBODY)
		return who;
	memcpy(who.user_id, "id", 3);
	memcpy(who.user, role == ROLE_OWNER ? SPACE_OWNER : "bob", 4);
	who.admin = role == ROLE_ADMIN;
	if (role >= ROLE_READ && role <= ROLE_HEAD) {
		who.n_memberships = 2;
		memcpy(who.memberships[0].organisation, "others", 7);
		who.memberships[0].role = role == ROLE_HEAD ? ROLE_READ : ROLE_HEAD;
		memcpy(who.memberships[1].organisation, SPACE_OWNER, 4);
		who.memberships[1].role = role == ROLE_MAKER ? ROLE_CONTRIBUTOR : role;
	}
	return who;
}

static struct about about_for(enum role role)
{
	return (struct about){SPACE_OWNER, "repo", role == ROLE_MAKER ? "id" : "other"};
}

/* Written out again, cell by cell, so that a change of the rules is made twice or noticed. */
static const struct {
	enum action action;
	/* nobody, user, read, contributor, maker, write, admin of the organisation, owner,
	   administrator */
	const char *may;
	const char *may_read_only;
} cells[] = {
	{ACTION_READ, "yyyyyyyyy", "yyyyyyyyy"},
	{ACTION_SIGN_IN, "yyyyyyyyy", "yyyyyyyyy"},
	{ACTION_SEE_SELF, "nyyyyyyyy", "nyyyyyyyy"},
	{ACTION_SEE_ACCOUNT, "nyyyyyyyy", "nyyyyyyyy"},
	{ACTION_CHANGE_SELF, "nyyyyyyyy", "nnnnnnnnn"},
	{ACTION_SEE_INSIDE, "nnyyyyyyy", "nnyyyyyyy"},
	{ACTION_SEE_SETTINGS, "nnnnyyyyy", "nnnnnnnnn"},
	{ACTION_LIKE, "nyyyyyyyy", "nnnnnnnnn"},
	{ACTION_CREATE, "nnnyyyyyy", "nnnnnnnnn"},
	{ACTION_PUSH, "nnnnyyyyy", "nnnnnnnnn"},
	{ACTION_MANAGE, "nnnnyyyyy", "nnnnnnnnn"},
	{ACTION_LEAD, "nnnnnnyyy", "nnnnnnnnn"},
	{ACTION_ADMINISTER, "nnnnnnnny", "nnnnnnnnn"},
	{ACTION_MEASURE, "nnnnnnnny", "nnnnnnnny"},
};

TEST(every_cell_of_the_table_is_as_written_here)
{
	CHECK(sizeof(cells) / sizeof(cells[0]) == ACTIONS);
	for (size_t i = 0; i < ACTIONS; i++)
		for (int role = 0; role < ROLES; role++) {
			struct identity who = someone((enum role)role);
			const struct about about = about_for((enum role)role);

			CHECK(role_of(&who, &about) == (enum role)role);
			CHECK((permit_repo(&who, cells[i].action, &about, NULL) == 0) ==
				(cells[i].may[role] == 'y'));
			who.read_only = true;
			CHECK((permit_repo(&who, cells[i].action, &about, NULL) == 0) ==
				(cells[i].may_read_only[role] == 'y'));
		}
}

TEST(a_member_is_nothing_special_elsewhere)
{
	struct identity who = someone(ROLE_HEAD);

	CHECK(role_of(&who, &(struct about){.owner = "eve"}) == ROLE_USER);
	CHECK(role_of(&who, &(struct about){.owner = "others"}) == ROLE_READ);
	CHECK(role_of(&who, &(struct about){.owner = NULL}) == ROLE_USER);
}

TEST(a_contributor_may_begin_to_push_and_is_refused_once_the_repo_is_known)
{
	struct identity who = someone(ROLE_CONTRIBUTOR);

	CHECK(permit_some(&who, ACTION_PUSH, SPACE_OWNER, NULL) == 0);
	CHECK(permit_some(&who, ACTION_LEAD, SPACE_OWNER, NULL) == -EPERM);
	CHECK(permit(&who, ACTION_PUSH, SPACE_OWNER, NULL) == -EPERM);
	CHECK(permit(&who, ACTION_CREATE, SPACE_OWNER, NULL) == 0);
}

TEST(roles_are_found_by_the_words_people_use)
{
	enum role role;

	CHECK(role_find("admin", &role, NULL) == 0 && role == ROLE_HEAD);
	CHECK(role_find("read", &role, NULL) == 0 && role == ROLE_READ);
	CHECK(role_find("owner", &role, NULL) == -EINVAL);
	CHECK(role_find("", &role, NULL) == -EINVAL);
	CHECK(!role_name(ROLE_USER) && !strcmp(role_name(ROLE_CONTRIBUTOR), "contributor"));
}

TEST(nobody_is_asked_to_sign_in_and_somebody_is_refused)
{
	struct identity nobody = someone(ROLE_NOBODY), user = someone(ROLE_USER);
	struct err e = {0}, f = {0};

	CHECK(permit(&nobody, ACTION_PUSH, SPACE_OWNER, &e) == -EACCES &&
		strstr(e.text, "sign in"));
	CHECK(permit(&user, ACTION_PUSH, SPACE_OWNER, &f) == -EPERM &&
		strstr(f.text, "'bob' may not push"));
}

TEST(a_user_owns_only_spaces_under_the_very_same_name)
{
	struct identity owner = someone(ROLE_OWNER);

	CHECK(role_of(&owner, &(struct about){.owner = SPACE_OWNER}) == ROLE_OWNER);
	CHECK(role_of(&owner, &(struct about){.owner = "adam"}) == ROLE_USER);
	CHECK(role_of(&owner, &(struct about){.owner = TEMPLATES_OWNER}) == ROLE_USER);
	CHECK(role_of(&owner, &(struct about){.owner = NULL}) == ROLE_USER);
}

static struct identity narrow(void)
{
	struct identity who = someone(ROLE_OWNER);

	who.narrow = true;
	who.n_repos = 1;
	memcpy(who.repos[0], "repo", 5);
	return who;
}

TEST(a_token_for_one_repo_does_there_what_its_owner_may_and_elsewhere_what_all_may)
{
	struct identity who = narrow();
	const struct about its = {SPACE_OWNER, "repo"}, other = {SPACE_OWNER, "other"};
	const struct about foreign = {"eve", "repo"};

	for (size_t i = 0; i < ACTIONS; i++) {
		enum action a = cells[i].action;
		bool all = a == ACTION_READ || a == ACTION_SIGN_IN || a == ACTION_SEE_SELF;

		CHECK((permit_repo(&who, a, &its, NULL) == 0) == (cells[i].may[ROLE_OWNER] == 'y'));
		CHECK((permit_repo(&who, a, &other, NULL) == 0) == all);
		CHECK((permit(&who, a, SPACE_OWNER, NULL) == 0) == all);
	}
	CHECK(permit_repo(&who, ACTION_PUSH, &foreign, NULL) == -EPERM);
	who.read_only = true;
	CHECK(permit_repo(&who, ACTION_PUSH, &its, NULL) == -EPERM);
	CHECK(permit_repo(&who, ACTION_SEE_INSIDE, &its, NULL) == 0);
}

TEST(a_token_that_expires_changes_no_account)
{
	struct identity who = someone(ROLE_ADMIN);
	struct err e = {0};

	who.expires = true;
	CHECK(permit(&who, ACTION_CHANGE_SELF, NULL, &e) == -EPERM && strstr(e.text, "expires"));
	CHECK(permit(&who, ACTION_SEE_ACCOUNT, NULL, NULL) == 0);
	CHECK(permit(&who, ACTION_ADMINISTER, NULL, NULL) == 0);
}

TEST(to_a_token_for_one_repo_no_other_private_one_exists)
{
	struct identity who = narrow();
	const struct about its = {SPACE_OWNER, "repo"}, other = {SPACE_OWNER, "other"};

	CHECK(permit_to_know(&who, true, &its));
	CHECK(!permit_to_know(&who, true, &other));
	CHECK(permit_to_know(&who, false, &other));
	CHECK(!strcmp(permit_viewer(&who), ""));
	CHECK(permit_some(&who, ACTION_PUSH, SPACE_OWNER, NULL) == 0);
	CHECK(permit_some(&who, ACTION_PUSH, "eve", NULL) == -EPERM);
	CHECK(permit_some(&who, ACTION_CHANGE_SELF, NULL, NULL) == -EPERM);
}

TEST_MAIN()
