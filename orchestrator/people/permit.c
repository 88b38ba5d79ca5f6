#include "orchestrator/people/permit.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *words;
	bool writes;   /* refused to a token that may only read */
	bool anywhere; /* a token for single repos may do it elsewhere, too */
	/* nobody, user, read, contributor, maker, write, head, owner, administrator */
	char may[ROLES + 1];
} rules[ACTIONS] = {
	[ACTION_READ] = {"look at this", false, true, "yyyyyyyyy"},
	[ACTION_SIGN_IN] = {"sign in", false, true, "yyyyyyyyy"},
	[ACTION_SEE_SELF] = {"see this account", false, true, "-yyyyyyyy"},
	[ACTION_SEE_ACCOUNT] = {"see this account's tokens", false, false, "-yyyyyyyy"},
	[ACTION_CHANGE_SELF] = {"change this account", true, false, "-yyyyyyyy"},
	[ACTION_SEE_INSIDE] = {"see this Space's logs", false, false, "--yyyyyyy"},
	[ACTION_SEE_SETTINGS] = {"see this Space's settings", true, false, "----yyyyy"},
	[ACTION_LIKE] = {"like this", true, false, "-yyyyyyyy"},
	[ACTION_CREATE] = {"make a repository in this name", true, false, "---yyyyyy"},
	[ACTION_PUSH] = {"push to this repository", true, false, "----yyyyy"},
	[ACTION_MANAGE] = {"change this repository", true, false, "----yyyyy"},
	[ACTION_LEAD] = {"change who is a member", true, false, "------yyy"},
	[ACTION_ADMINISTER] = {"do this; it is for administrators", true, false, "--------y"},
	[ACTION_MEASURE] = {"see this; it is for administrators", false, false, "--------y"},
};

static const char *const role_names[ROLES] = {
	[ROLE_READ] = "read",
	[ROLE_CONTRIBUTOR] = "contributor",
	[ROLE_WRITE] = "write",
	[ROLE_HEAD] = "admin",
};

const char *role_name(enum role role)
{
	return role_names[role];
}

int role_find(const char *name, enum role *ret, struct err *e)
{
	for (int i = 0; i < ROLES; i++)
		if (role_names[i] && !strcmp(role_names[i], name)) {
			*ret = (enum role)i;
			return 0;
		}
	return err_set(e, -EINVAL, "role: 'admin', 'write', 'contributor' or 'read'");
}

static enum role role_in(const struct identity *who, const struct about *about)
{
	for (size_t i = 0; i < who->n_memberships; i++) {
		const struct membership *m = &who->memberships[i];

		if (strcmp(m->organisation, about->owner) != 0)
			continue;
		if (m->role == ROLE_CONTRIBUTOR && about->maker &&
			!strcmp(about->maker, who->user_id))
			return ROLE_MAKER;
		return m->role;
	}
	return ROLE_USER;
}

enum role role_of(const struct identity *who, const struct about *about)
{
	if (!who->user_id[0])
		return ROLE_NOBODY;
	if (who->admin)
		return ROLE_ADMIN;
	if (!about->owner)
		return ROLE_USER;
	return strcmp(about->owner, who->user) != 0 ? role_in(who, about) : ROLE_OWNER;
}

static bool token_names(const struct identity *who, const char *repo)
{
	for (size_t i = 0; repo && i < who->n_repos; i++)
		if (!strcmp(who->repos[i], repo))
			return true;
	return false;
}

static int permit_role(
	const struct identity *who, enum action action, enum role role, struct err *e)
{
	if (rules[action].may[role] != 'y')
		return role == ROLE_NOBODY
			       ? err_set(e, -EACCES, "sign in to %s", rules[action].words)
			       : err_set(e, -EPERM, "'%s' may not %s", who->user,
					 rules[action].words);
	if (rules[action].writes && who->read_only)
		return err_set(e, -EPERM, "this token may only read");
	if (action == ACTION_CHANGE_SELF && who->expires)
		return err_set(e, -EPERM,
			"a token that expires may not change this account; sign in, or use one "
			"that does not expire");
	return 0;
}

int permit_repo(
	const struct identity *who, enum action action, const struct about *about, struct err *e)
{
	int r = permit_role(who, action, role_of(who, about), e);

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
	enum role role;

	if (!owner)
		return permit(who, action, NULL, e);
	role = role_of(who, &(struct about){.owner = owner});
	return permit_role(who, action, role == ROLE_CONTRIBUTOR ? ROLE_MAKER : role, e);
}

bool permit_to_know(const struct identity *who, bool private, const struct about *about)
{
	return !private || permit_repo(who, ACTION_SEE_INSIDE, about, &(struct err){0}) == 0;
}

const char *permit_viewer(const struct identity *who)
{
	return who->narrow ? "" : who->user;
}
