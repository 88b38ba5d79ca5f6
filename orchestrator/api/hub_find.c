/* The repo that a path names: whether it is there for this person, or has another name now. */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/api/routes.h"
#include "orchestrator/disk.h"
#include "orchestrator/hub/takedown.h"
#include "orchestrator/metrics.h"
#include "orchestrator/people/organisations.h"
#include "orchestrator/space/preview.h"

/* What one may do to a preview is what one may do to its Space. parent outlives the answer. */
static struct about about(
	const struct request *r, const struct hub_repo *repo, struct space *parent)
{
	struct about a = {.owner = repo->owner, .repo = repo->id, .maker = repo->maker};

	if (repo->kind == REPO_PREVIEW &&
		space_by_id(r->world->store, repo->id, parent, &(struct err){0}) == 0)
		a.repo = parent->parent;
	return a;
}

static bool knows(const struct request *r, const struct hub_repo *repo)
{
	struct space parent;
	const struct about a = about(r, repo, &parent);

	return permit_to_know(&r->who, repo->private, &a);
}

int request_permit(
	struct request *r, enum action action, const struct hub_repo *repo, struct err *e)
{
	struct space parent;
	const struct about a = about(r, repo, &parent);
	struct takedown t;
	int code = permit_repo(&r->who, action, &a, e);

	if (code < 0 || r->who.admin || (action != ACTION_PUSH && action != ACTION_MANAGE))
		return code;
	code = takedown_get(r->world->store, a.repo, &t, e);
	return code > 0 ? err_set(e, -EPERM, "taken down by an administrator: %s", t.reason) : code;
}

static const char *word_of(enum repo_kind kind)
{
	return kind == REPO_SPACE ? "Space" : hub_kind_name(kind);
}

/*
 * Where the same request goes now: the target with OWNER/NAME put in its old place. Relative,
 * because Python's client follows only such.
 */
static int redirect(struct request *r, const struct hub_repo *repo)
{
	char old[sizeof(r->owner) + sizeof(r->name) + 4], to[9216];
	const char *at;
	size_t n;

	(void)snprintf(old, sizeof(old), "/%s/%s", r->owner, r->name);
	at = strstr(r->target, old);
	if (!at)
		return -ENOENT; /* written with escapes: nobody's link */
	n = strlen(old);
	if (snprintf(to, sizeof(to), "%.*s/%s/%s%s", (int)(at - r->target), r->target, repo->owner,
		    repo->name, at + n) >= (int)sizeof(to))
		return -ENOENT;
	request_hub_error(r, MHD_HTTP_TEMPORARY_REDIRECT, NULL, "it is called %s/%s now",
		repo->owner, repo->name);
	request_add_header(r, MHD_HTTP_HEADER_LOCATION, to);
	return -ESTALE;
}

/* No Space is called like a preview. */
enum repo_kind request_kind(const struct request *r)
{
	bool preview = r->route && r->route->previews && r->kind == REPO_SPACE &&
		       strstr(r->name, PREVIEW_MARK);

	return preview ? REPO_PREVIEW : r->kind;
}

int request_find_repo(struct request *r, struct hub_repo *ret, struct err *e)
{
	struct store *s = r->world->store;
	struct err none = {0};
	bool known =
		owner_check(r->owner, &none) == 0 && hub_name_check(r->kind, r->name, &none) == 0;
	int code = known ? hub_by_name(s, r->kind, r->owner, r->name, ret, &none) : -ENOENT;

	if (request_kind(r) == REPO_PREVIEW)
		code = hub_by_name(s, REPO_PREVIEW, r->owner, r->name, ret, &none);
	if (code == 0 && knows(r, ret))
		return 0;
	if (code == -ENOENT && known &&
		hub_by_former_name(s, r->kind, r->owner, r->name, ret, &none) == 0 &&
		knows(r, ret) && redirect(r, ret) == -ESTALE)
		return -ESTALE;
	if (code < 0 && code != -ENOENT)
		return err_set(e, code, "%s", none.text);
	return err_set(e, -ENOENT, "there is no %s %s/%s", word_of(r->kind), r->owner, r->name);
}

void request_fail_repo(struct request *r, int code, const struct err *e)
{
	if (code == -ESTALE)
		return;
	/* The same whether it is missing or private, and whoever may be somebody is asked who. */
	if (code == -ENOENT)
		request_hub_error(r, r->who.user_id[0] ? MHD_HTTP_NOT_FOUND : MHD_HTTP_UNAUTHORIZED,
			"RepoNotFound", "%s%s", e->text,
			r->who.user_id[0] ? "" : ", or it is private: sign in");
	else
		request_fail(r, code, e);
}

int request_repo(struct request *r, enum action action, struct hub_repo *ret)
{
	struct err e = {0};
	int code = request_find_repo(r, ret, &e);

	if (code < 0) {
		request_fail_repo(r, code, &e);
		return code;
	}
	code = request_permit(r, action, ret, &e);
	if (code < 0)
		request_fail(r, code, &e);
	return code;
}

/* The owner of a repo is a user, an organisation, or the platform itself for its templates. */
int request_check_new(
	struct request *r, enum repo_kind kind, const char *owner, const char *name, struct err *e)
{
	struct identity who;
	int code = owner_check(owner, e);

	if (code == 0)
		code = hub_name_check(kind, name, e);
	if (code < 0 || !strcmp(owner, TEMPLATES_OWNER))
		return code;
	code = people_by_name(r->world->people, owner, &who, NULL, NULL);
	if (code == -ENOENT)
		code = organisation_check(r->world->store, owner, NULL);
	return code < 0 ? err_set(e, code, "owner: there is no user or organisation '%s'", owner)
			: 0;
}

int request_check_room(struct request *r, struct err *e)
{
	const struct disk_view *disk = disk_look(r->world->disk);

	if (disk->state != DISK_FULL)
		return 0;
	orchestrator_count(ORCHESTRATOR_DISK_REFUSED, 1);
	return err_set(e, -ENOSPC, "%s", disk->words);
}

int request_space(struct request *r, struct space *ret)
{
	struct hub_repo repo;
	struct err e = {0};
	int code = request_repo(r, r->route->action, &repo);

	if (code < 0)
		return code;
	code = space_by_id(r->world->store, repo.id, ret, &e);
	if (code < 0)
		request_fail(r, code, &e);
	return code;
}
