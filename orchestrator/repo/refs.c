#include "orchestrator/repo/refs.h"

#include <errno.h>
#include <git2.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "orchestrator/repo/library.h"
#include "orchestrator/repo/repo.h"

int ref_name(bool tag, const char *name, char ret[REF_NAME_MAX + 16], struct err *e)
{
	const char *what = tag ? "tag" : "branch";
	size_t n = strlen(name);

	if (n == 0 || n > REF_NAME_MAX)
		return err_set(e, -EINVAL, "%s: a name has 1 to %d bytes", what, REF_NAME_MAX);
	(void)snprintf(ret, REF_NAME_MAX + 16, "refs/%s/%s", tag ? "tags" : "heads", name);
	/* What reads like a commit's id would hide it. */
	if (*name == '-' || !git_reference_is_valid_name(ret) ||
		(n == 40 && strspn(name, "0123456789abcdef") == n))
		return err_set(e, -EINVAL, "%s: git takes no such name: '%.80s'", what, name);
	return 0;
}

/* A repo that is worked on: locked, so that no sweep takes our lock files away. */
struct work {
	int lock;             /* owned */
	git_repository *repo; /* owned */
};

static void work_done(struct work *w)
{
	git_repository_free(w->repo);
	closep(&w->lock);
	(void)git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 0);
}

static int work_begin(struct work *w, const char *repo_path, struct err *e)
{
	*w = (struct work){.lock = repo_lock_shared(repo_path)};
	if (w->lock < 0)
		return err_set(
			e, w->lock, "the repository cannot be used now: %s", strerror(-w->lock));
	if (git_repository_open_bare(&w->repo, repo_path) < 0)
		return err_set(e, -EIO, "cannot open the repository: %s", library_words());
	(void)git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	return 0;
}

static int failed(int rc, const char *what, const char *name, struct err *e)
{
	if (rc == GIT_EEXISTS)
		return err_set(e, -EEXIST, "%s: '%s' exists already", what, name);
	if (rc == GIT_ELOCKED)
		return err_set(e, -EAGAIN, "%s: '%s' is being changed; try again", what, name);
	return err_set(e, errno == ENOSPC ? -ENOSPC : -EIO, "%s: %s", what, library_words());
}

/* Where one name is a folder of the other, git's files cannot hold both. */
static bool collides(git_repository *repo, const char *ref_path)
{
	char other[REF_NAME_MAX + 32];
	git_reference_iterator *below = NULL;
	const char *name;
	git_oid oid;
	bool found = false;

	for (const char *slash = strchr(ref_path + strlen("refs/heads/"), '/'); slash && !found;
		slash = strchr(slash + 1, '/')) {
		(void)snprintf(other, sizeof(other), "%.*s", (int)(slash - ref_path), ref_path);
		found = git_reference_name_to_id(&oid, repo, other) == 0;
	}
	(void)snprintf(other, sizeof(other), "%s/*", ref_path);
	if (!found && git_reference_iterator_glob_new(&below, repo, other) == 0)
		found = git_reference_next_name(&name, below) == 0;
	git_reference_iterator_free(below);
	return found;
}

static int sign(git_signature **ret, const char *user, struct err *e)
{
	char mail[256];

	(void)snprintf(mail, sizeof(mail), "%s@users.noreply.vitrine", user);
	return git_signature_now(ret, user, mail) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static int write_empty(git_repository *repo, const char *user, git_oid *ret, struct err *e)
{
	git_signature *who = NULL;
	git_treebuilder *builder = NULL;
	git_tree *tree = NULL;
	git_oid oid;
	int r = sign(&who, user, e);

	errno = 0;
	if (r == 0 && (git_treebuilder_new(&builder, repo, NULL) < 0 ||
			      git_treebuilder_write(&oid, builder) < 0 ||
			      git_tree_lookup(&tree, repo, &oid) < 0 ||
			      git_commit_create(ret, repo, NULL, who, who, NULL, "Initial commit\n",
				      tree, 0, NULL) < 0))
		r = failed(-1, "branch", "", e);
	git_tree_free(tree);
	git_treebuilder_free(builder);
	git_signature_free(who);
	return r;
}

int branch_create(const char *repo_path, const char *name, const char *commit, const char *user,
	bool overwrite, struct err *e)
{
	char ref_path[REF_NAME_MAX + 16];
	CLEANUP(work_done) struct work w = {.lock = -1};
	git_reference *ref = NULL;
	git_oid oid, old;
	int r = ref_name(false, name, ref_path, e), rc;

	if (r == 0)
		r = work_begin(&w, repo_path, e);
	if (r == 0 && commit && git_oid_fromstr(&oid, commit) < 0)
		r = err_set(e, -EINVAL, "branch: '%.40s' is no commit", commit);
	if (r < 0)
		return r;
	/* Before anything is written for it. */
	if ((!overwrite && git_reference_name_to_id(&old, w.repo, ref_path) == 0) ||
		collides(w.repo, ref_path))
		return failed(GIT_EEXISTS, "branch", name, e);
	if (!commit)
		r = write_empty(w.repo, user, &oid, e);
	if (r < 0)
		return r;
	errno = 0;
	rc = git_reference_create(&ref, w.repo, ref_path, &oid, overwrite, NULL);
	git_reference_free(ref);
	return rc < 0 ? failed(rc, "branch", name, e) : 0;
}

int branch_advance(
	const char *repo_path, const char *name, const char *old, const char *new, struct err *e)
{
	char ref_path[REF_NAME_MAX + 16];
	CLEANUP(work_done) struct work w = {.lock = -1};
	git_reference *ref = NULL;
	git_oid from, to;
	int r = ref_name(false, name, ref_path, e), rc;

	if (r == 0)
		r = work_begin(&w, repo_path, e);
	if (r == 0 && (git_oid_fromstr(&to, new) < 0 || (*old && git_oid_fromstr(&from, old) < 0)))
		r = err_set(e, -EINVAL, "branch: '%.40s' is no commit", new);
	if (r < 0)
		return r;
	errno = 0;
	rc = *old ? git_reference_create_matching(&ref, w.repo, ref_path, &to, 1, &from, NULL)
		  : git_reference_create(&ref, w.repo, ref_path, &to, 0, NULL);
	git_reference_free(ref);
	if (rc == GIT_EMODIFIED || rc == GIT_EEXISTS)
		return err_set(e, -ESTALE, "branch '%s' has moved meanwhile", name);
	return rc < 0 ? failed(rc, "branch", name, e) : 0;
}

int tag_create(const char *repo_path, const char *name, const char *commit, const char *user,
	const char *message, struct err *e)
{
	char ref_path[REF_NAME_MAX + 16];
	CLEANUP(work_done) struct work w = {.lock = -1};
	git_signature *who = NULL;
	git_object *target = NULL;
	git_oid oid;
	int r = ref_name(true, name, ref_path, e), rc;

	if (r == 0)
		r = work_begin(&w, repo_path, e);
	if (r == 0)
		r = sign(&who, user, e);
	if (r < 0)
		return r;
	errno = 0;
	rc = collides(w.repo, ref_path) ? GIT_EEXISTS : git_oid_fromstr(&oid, commit);
	if (rc == 0)
		rc = git_object_lookup(&target, w.repo, &oid, GIT_OBJECT_COMMIT);
	if (rc == 0)
		rc = message && *message
			     ? git_tag_create(&oid, w.repo, name, target, who, message, 0)
			     : git_tag_create_lightweight(&oid, w.repo, name, target, 0);
	git_object_free(target);
	git_signature_free(who);
	return rc < 0 ? failed(rc, "tag", name, e) : 0;
}

static int delete_ref(const char *repo_path, bool tag, const char *name, struct err *e)
{
	char ref_path[REF_NAME_MAX + 16];
	CLEANUP(work_done) struct work w = {.lock = -1};
	git_reference *ref = NULL;
	int rc;

	if (ref_name(tag, name, ref_path, &(struct err){0}) < 0)
		return err_set(e, -ENOENT, "there is no %s '%.80s'", tag ? "tag" : "branch", name);
	rc = work_begin(&w, repo_path, e);
	if (rc < 0)
		return rc;
	errno = 0;
	rc = git_reference_lookup(&ref, w.repo, ref_path);
	if (rc == 0)
		rc = git_reference_delete(ref);
	git_reference_free(ref);
	if (rc == GIT_ENOTFOUND)
		return err_set(e, -ENOENT, "there is no %s '%.80s'", tag ? "tag" : "branch", name);
	return rc < 0 ? failed(rc, tag ? "tag" : "branch", name, e) : 0;
}

int branch_delete(const char *repo_path, const char *name, struct err *e)
{
	return delete_ref(repo_path, false, name, e);
}

int tag_delete(const char *repo_path, const char *name, struct err *e)
{
	return delete_ref(repo_path, true, name, e);
}
