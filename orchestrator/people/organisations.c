#include "orchestrator/people/organisations.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

static int found(const struct store_row *row, void *data)
{
	(void)row;
	(void)data;
	return 1;
}

static int read_count(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

int organisation_check(struct store *s, const char *name, struct err *e)
{
	int r = store_run(s, "organisation_get", found, NULL, e, "s", name);

	if (r < 0)
		return r;
	return r ? 0 : err_set(e, -ENOENT, "there is no organisation '%s'", name);
}

static int check_new(struct store *s, const char *name, const char *fullname, struct err *e)
{
	int r = owner_check(name, e);

	if (r < 0)
		return r;
	if (!strcmp(name, TEMPLATES_OWNER))
		return err_set(e, -EINVAL, "name: '%s' is reserved", name);
	if (strlen(fullname) > FULLNAME_MAX)
		return err_set(e, -EINVAL, "fullname: up to %d bytes", FULLNAME_MAX);
	r = store_run(s, "user_by_name", found, NULL, e, "s", name);
	if (r > 0 || (r == 0 && organisation_check(s, name, NULL) == 0))
		return err_set(e, -EEXIST, "name: '%s' is taken", name);
	return r;
}

static int check_memberships(const struct identity *who, struct err *e)
{
	return who->n_memberships < MEMBERSHIPS_MAX
		       ? 0
		       : err_set(e, -EEXIST, "'%s' is in %d organisations already", who->user,
				 MEMBERSHIPS_MAX);
}

static int set(struct store *s, const char *name, const struct identity *member, enum role role,
	struct err *e)
{
	return store_run(s, "member_set", NULL, NULL, e, "ssii", name, member->user_id,
		(int64_t)role, (int64_t)clock_wall_usec());
}

static int commit(struct store *s, int r, struct err *e)
{
	if (r >= 0)
		r = store_commit(s, e);
	store_rollback(s);
	return r < 0 ? r : 0;
}

int organisation_add(struct store *s, const char *name, const char *fullname,
	const struct identity *head, struct err *e)
{
	int r = check_new(s, name, fullname, e);

	if (r == 0)
		r = check_memberships(head, e);
	if (r == 0)
		r = store_begin(s, e);
	if (r < 0)
		return r;
	r = store_run(s, "organisation_add", NULL, NULL, e, "ssi", name, fullname,
		(int64_t)clock_wall_usec());
	if (r >= 0)
		r = set(s, name, head, ROLE_HEAD, e);
	return commit(s, r, e);
}

int organisation_remove(struct store *s, const char *name, struct err *e)
{
	int64_t repos = 0;
	int r = store_run(s, "organisation_repos", read_count, &repos, e, "s", name);

	if (r >= 0 && repos)
		return err_set(e, -EEXIST,
			"'%s' has repositories, or had some that can still be brought back", name);
	if (r >= 0)
		r = store_run(s, "organisation_delete", NULL, NULL, e, "s", name);
	return r < 0 ? r : 0;
}

/* Inside a transaction, after the change. */
static int check_heads(struct store *s, const char *name, struct err *e)
{
	int64_t heads = 0;
	int r = store_run(s, "member_heads", read_count, &heads, e, "si", name, (int64_t)ROLE_HEAD);

	if (r < 0 || heads)
		return r < 0 ? r : 0;
	return err_set(
		e, -EEXIST, "then nobody would be admin of '%s': make another one first", name);
}

static bool is_member(const struct identity *who, const char *name)
{
	for (size_t i = 0; i < who->n_memberships; i++)
		if (!strcmp(who->memberships[i].organisation, name))
			return true;
	return false;
}

int member_set(struct store *s, const char *name, const struct identity *member, enum role role,
	struct err *e)
{
	int r = is_member(member, name) ? 0 : check_memberships(member, e);

	if (r == 0)
		r = store_begin(s, e);
	if (r < 0)
		return r;
	r = set(s, name, member, role, e);
	if (r >= 0)
		r = check_heads(s, name, e);
	return commit(s, r, e);
}

int member_remove(struct store *s, const char *name, const struct identity *member, struct err *e)
{
	int r = store_begin(s, e);

	if (r < 0)
		return r;
	r = store_run(s, "member_remove", NULL, NULL, e, "ss", name, member->user_id);
	if (r == 0)
		r = err_set(e, -ENOENT, "'%s' is no member of '%s'", member->user, name);
	if (r > 0)
		r = check_heads(s, name, e);
	return commit(s, r, e);
}
