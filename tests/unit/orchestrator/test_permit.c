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
	return who;
}

/* Written out again, cell by cell, so that a change of the rules is made twice or noticed. */
static const struct {
	enum action action;
	const char *may; /* nobody, user, owner, admin */
	const char *may_read_only;
} cells[] = {
	{ACTION_READ, "yyyy", "yyyy"},
	{ACTION_SIGN_IN, "yyyy", "yyyy"},
	{ACTION_SEE_SELF, "nyyy", "nyyy"},
	{ACTION_CHANGE_SELF, "nyyy", "nnnn"},
	{ACTION_SEE_INSIDE, "nnyy", "nnyy"},
	{ACTION_SEE_SETTINGS, "nnyy", "nnnn"},
	{ACTION_LIKE, "nyyy", "nnnn"},
	{ACTION_PUSH, "nnyy", "nnnn"},
	{ACTION_MANAGE, "nnyy", "nnnn"},
	{ACTION_ADMINISTER, "nnny", "nnnn"},
	{ACTION_MEASURE, "nnny", "nnny"},
};

TEST(every_cell_of_the_table_is_as_written_here)
{
	CHECK(sizeof(cells) / sizeof(cells[0]) == ACTIONS);
	for (size_t i = 0; i < ACTIONS; i++)
		for (int role = 0; role < ROLES; role++) {
			struct identity who = someone((enum role)role);

			CHECK((permit(&who, cells[i].action, SPACE_OWNER, NULL) == 0) ==
				(cells[i].may[role] == 'y'));
			who.read_only = true;
			CHECK((permit(&who, cells[i].action, SPACE_OWNER, NULL) == 0) ==
				(cells[i].may_read_only[role] == 'y'));
		}
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

	CHECK(role_of(&owner, SPACE_OWNER) == ROLE_OWNER);
	CHECK(role_of(&owner, "adam") == ROLE_USER);
	CHECK(role_of(&owner, TEMPLATES_OWNER) == ROLE_USER);
	CHECK(role_of(&owner, NULL) == ROLE_USER);
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
