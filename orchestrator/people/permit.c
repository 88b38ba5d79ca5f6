#include "orchestrator/people/permit.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *words;
	bool writes;     /* refused to a token that may only read */
	bool anywhere;   /* a token for single repos may do it elsewhere, too */
	bool may[ROLES]; /* nobody, user, owner, admin */
} rules[ACTIONS] = {
	[ACTION_READ] = {"look at this", false, true, {true, true, true, true}},
	[ACTION_SIGN_IN] = {"sign in", false, true, {true, true, true, true}},
	[ACTION_SEE_SELF] = {"see this account", false, true, {false, true, true, true}},
	[ACTION_CHANGE_SELF] = {"change this account", true, false, {false, true, true, true}},
	[ACTION_SEE_INSIDE] = {"see this Space's logs", false, false, {false, false, true, true}},
	[ACTION_SEE_SETTINGS] = {"see this Space's settings", true, false,
		{false, false, true, true}},
	[ACTION_LIKE] = {"like this", true, false, {false, true, true, true}},
	[ACTION_PUSH] = {"push to this Space", true, false, {false, false, true, true}},
	[ACTION_MANAGE] = {"change this Space", true, false, {false, false, true, true}},
	[ACTION_ADMINISTER] = {"do this; it is for administrators", true, false,
		{false, false, false, true}},
	[ACTION_MEASURE] = {"see this; it is for administrators", false, false,
		{false, false, false, true}},
};

enum role role_of(const struct identity *who, const char *owner)
{
	if (!who->user_id[0])
		return ROLE_NOBODY;
	if (who->admin)
		return ROLE_ADMIN;
	return owner && !strcmp(owner, who->user) ? ROLE_OWNER : ROLE_USER;
}

static bool token_names(const struct identity *who, const char *repo)
{
	for (size_t i = 0; repo && i < who->n_repos; i++)
		if (!strcmp(who->repos[i], repo))
			return true;
	return false;
}

static int permit_role(
	const struct identity *who, enum action action, const char *owner, struct err *e)
{
	enum role role = role_of(who, owner);

	if (!rules[action].may[role])
		return role == ROLE_NOBODY
			       ? err_set(e, -EACCES, "sign in to %s", rules[action].words)
			       : err_set(e, -EPERM, "'%s' may not %s", who->user,
					 rules[action].words);
	if (rules[action].writes && who->read_only)
		return err_set(e, -EPERM, "this token may only read");
	return 0;
}

int permit_repo(
	const struct identity *who, enum action action, const struct about *about, struct err *e)
{
	int r = permit_role(who, action, about->owner, e);

	if (r == 0 && who->narrow && !rules[action].anywhere && !token_names(who, about->repo))
		return err_set(e, -EPERM, "this token is for other repositories");
	return r;
}

int permit(const struct identity *who, enum action action, const char *owner, struct err *e)
{
	return permit_repo(who, action, &(struct about){.owner = owner}, e);
}

int permit_some(const struct identity *who, enum action action, const char *owner, struct err *e)
{
	return owner ? permit_role(who, action, owner, e) : permit(who, action, NULL, e);
}

bool permit_to_know(const struct identity *who, bool private, const struct about *about)
{
	return !private || permit_repo(who, ACTION_SEE_INSIDE, about, &(struct err){0}) == 0;
}

const char *permit_viewer(const struct identity *who)
{
	return who->narrow ? "" : who->user;
}
