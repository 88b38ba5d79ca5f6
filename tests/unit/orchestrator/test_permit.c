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

TEST_MAIN()
