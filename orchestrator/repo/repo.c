#include "orchestrator/repo/repo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/random.h"
#include "orchestrator/repo/library.h"

#define EMPTY "empty" /* no id */

int repos_open(const char *dir, struct repos *ret, struct err *e)
{
	char empty[REPO_PATH_MAX];
	int r;

	library_limit();
	r = library_init(e);
	if (r < 0)
		return r;
	if (snprintf(ret->dir, sizeof(ret->dir), "%s", dir) >= (int)sizeof(ret->dir))
		return err_set(
			e, -ENAMETOOLONG, "path is over %zu bytes: %s", sizeof(ret->dir) - 1, dir);
	r = fs_mkdirs(dir, 0700, e);
	if (r < 0)
		return r;
	repo_empty_path(ret, empty);
	return repo_create(empty, e);
}

void repo_path(const struct repos *r, const char *id, char ret[REPO_PATH_MAX])
{
	(void)snprintf(ret, REPO_PATH_MAX, "%s/%s.git", r->dir, id);
}

void repo_nascent_path(const struct repos *r, const char *id, char ret[REPO_PATH_MAX])
{
	(void)snprintf(ret, REPO_PATH_MAX, "%s/.new-%s.git", r->dir, id);
}

int repo_settle(const struct repos *r, const char *id, struct err *e)
{
	char from[REPO_PATH_MAX], to[REPO_PATH_MAX];

	repo_nascent_path(r, id, from);
	repo_path(r, id, to);
	if (rename(from, to) < 0)
		return err_set(
			e, -errno, "cannot give the repository its place: %s", strerror(errno));
	return 0;
}

void repo_empty_path(const struct repos *r, char ret[REPO_PATH_MAX])
{
	repo_path(r, EMPTY, ret);
}

bool repo_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static int errno_or(int fallback)
{
	return errno ? -errno : fallback;
}

int repo_create(const char *path, struct err *e)
{
	git_repository_init_options o = GIT_REPOSITORY_INIT_OPTIONS_INIT;
	git_repository *repo = NULL;
	char temp[REPO_PATH_MAX + 40], id[ID_LEN + 1];
	int r = 0;

	if (repo_exists(path))
		return 0;
	random_id(id);
	(void)snprintf(
		temp, sizeof(temp), "%.*s/.new-%s", (int)(strrchr(path, '/') - path), path, id);
	o.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH |
		  GIT_REPOSITORY_INIT_NO_REINIT;
	o.initial_head = "main";
	errno = 0;
	if (git_repository_init_ext(&repo, temp, &o) < 0)
		r = err_set(e, errno_or(-EIO), "cannot make the repository: %s", library_words());
	git_repository_free(repo);
	if (r == 0 && rename(temp, path) < 0 && errno != EEXIST && errno != ENOTEMPTY)
		r = err_set(e, -errno, "cannot make the repository: %s", strerror(errno));
	if (!r && !repo_exists(temp))
		return 0;
	(void)fs_remove_tree(temp);
	return r;
}

int repo_remove(const struct repos *r, const char *path, struct err *e)
{
	char gone[REPO_PATH_MAX], id[ID_LEN + 1];

	random_id(id);
	(void)snprintf(gone, sizeof(gone), "%s/.gone-%s", r->dir, id);
	if (rename(path, gone) < 0)
		return errno == ENOENT ? 0
				       : err_set(e, -errno, "cannot remove the repository: %s",
						 strerror(errno));
	(void)fs_remove_tree(gone);
	return 0;
}

/* --- sweeping --- */

/* Without a single ref. git_repository_is_empty means something else: it wants HEAD at the
 * machine's default branch. */
static bool is_empty(const char *path)
{
	git_repository *repo = NULL;
	git_strarray refs = {0};
	bool empty = git_repository_open_bare(&repo, path) == 0 &&
		     git_reference_list(&refs, repo) == 0 && refs.count == 0;

	git_strarray_dispose(&refs);
	git_repository_free(repo);
	return empty;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

/* "NAME.git" without its end; false: the name is none of a repo. */
static bool take_name(const char *entry, char ret[256])
{
	if (entry[0] == '.' || strlen(entry) < 5 || !ends_with(entry, ".git"))
		return false;
	(void)snprintf(ret, 256, "%.*s", (int)strlen(entry) - 4, entry);
	return true;
}

void repos_sweep(const struct repos *r, bool (*keep)(const char *id, void *data), void *data)
{
	DIR *d = opendir(r->dir);
	const struct dirent *entry;

	while (d && (entry = readdir(d))) {
		char path[REPO_PATH_MAX * 2], id[256];

		(void)snprintf(path, sizeof(path), "%s/%s", r->dir, entry->d_name);
		if (!strncmp(entry->d_name, ".new-", 5) && take_name(entry->d_name + 5, id) &&
			keep(id, data) && repo_settle(r, id, &(struct err){0}) == 0)
			continue;
		if (!strncmp(entry->d_name, ".gone-", 6) || !strncmp(entry->d_name, ".new-", 5))
			(void)fs_remove_tree(path);
		else if (take_name(entry->d_name, id) && strcmp(id, EMPTY) != 0 && is_empty(path) &&
			 !keep(id, data) && repo_is_quiet(path))
			(void)fs_remove_tree(path);
	}
	if (d)
		closedir(d);
}

/* --- the layout before version 6 --- */

static void move_owner(const struct repos *r, const char *owner, repo_move_fn move, void *data)
{
	char dir[REPO_PATH_MAX * 2], from[REPO_PATH_MAX * 3], to[REPO_PATH_MAX], name[256], id[64];
	const struct dirent *entry;
	DIR *d;

	(void)snprintf(dir, sizeof(dir), "%s/%s", r->dir, owner);
	d = opendir(dir);
	while (d && (entry = readdir(d))) {
		enum repo_move fate;

		(void)snprintf(from, sizeof(from), "%s/%s", dir, entry->d_name);
		if (!strncmp(entry->d_name, ".new-", 5))
			(void)fs_remove_tree(from);
		if (!take_name(entry->d_name, name))
			continue;
		fate = move(owner, name, id, data);
		if (fate == REPO_GOES || (fate == REPO_STAYS && is_empty(from))) {
			(void)fs_remove_tree(from);
		} else if (fate == REPO_MOVES) {
			repo_path(r, id, to);
			if (rename(from, to) < 0)
				log_error(
					"%s cannot be moved to %s: %s", from, to, strerror(errno));
		} else {
			log_warn("%s is nobody's; it is left where it is", from);
		}
	}
	if (d)
		closedir(d);
	(void)rmdir(dir); /* unless something stays in it */
}

void repos_migrate(const struct repos *r, repo_move_fn move, void *data)
{
	DIR *d = opendir(r->dir);
	const struct dirent *entry;
	char name[256];

	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.' && !take_name(entry->d_name, name))
			move_owner(r, entry->d_name, move, data);
	if (d)
		closedir(d);
}

/* --- the lock --- */

/* git removes its lock files when it is ended in peace; SIGKILL or a power cut leaves them, and
 * the next push would be told "File exists" for ever. */
static void sweep_locks(const char *dir, int depth)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;

	while (d && (entry = readdir(d))) {
		char path[REPO_PATH_MAX * 2];

		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) >= (int)sizeof(path))
			continue;
		if (entry->d_type == DT_DIR && depth > 0)
			sweep_locks(path, depth - 1);
		else if (entry->d_type == DT_REG && ends_with(entry->d_name, ".lock"))
			(void)unlink(path);
	}
	if (d)
		closedir(d);
}

static void sweep_quarantines(const char *objects)
{
	DIR *d = opendir(objects);
	const struct dirent *entry;

	while (d && (entry = readdir(d))) {
		char path[REPO_PATH_MAX * 2];

		if (strncmp(entry->d_name, "tmp_objdir-", 11) != 0)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", objects, entry->d_name) <
			(int)sizeof(path))
			(void)fs_remove_tree(path);
	}
	if (d)
		closedir(d);
}

#define REFS_DEPTH 16

static void sweep_repo(const char *path)
{
	static const char *const files[] = {
		"HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock"};
	char inside[REPO_PATH_MAX + 32];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(inside, sizeof(inside), "%s/%s", path, files[i]);
		(void)unlink(inside);
	}
	(void)snprintf(inside, sizeof(inside), "%s/refs", path);
	sweep_locks(inside, REFS_DEPTH);
	(void)snprintf(inside, sizeof(inside), "%s/objects", path);
	sweep_quarantines(inside);
}

static int open_lock(const char *path)
{
	char file[REPO_PATH_MAX + 32];
	int fd;

	/* ".lock" at the end is git's. */
	(void)snprintf(file, sizeof(file), "%s/vitrine-in-use", path);
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int repo_lock_shared(const char *path)
{
	CLEANUP(closep) int fd = open_lock(path);

	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		sweep_repo(path);
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return -errno;
	return TAKE_FD(fd);
}

bool repo_is_quiet(const char *path)
{
	CLEANUP(closep) int fd = open_lock(path);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

int repo_branch(const char *path, const char *branch, char ret[41], struct err *e)
{
	char ref[REPO_PATH_MAX];
	git_repository *repo = NULL;
	git_oid oid;
	int rc = git_repository_open_bare(&repo, path);

	ret[0] = '\0';
	(void)snprintf(ref, sizeof(ref), "refs/heads/%s", branch);
	if (rc == 0)
		rc = git_reference_name_to_id(&oid, repo, ref);
	if (rc == 0)
		(void)git_oid_tostr(ret, 41, &oid);
	git_repository_free(repo);
	if (rc < 0 && rc != GIT_ENOTFOUND)
		return err_set(e, -EIO, "cannot read %s: %s", ref, library_words());
	return 0;
}

int repo_main(const char *path, char ret[41], struct err *e)
{
	return repo_branch(path, REPO_MAIN + strlen("refs/heads/"), ret, e);
}
