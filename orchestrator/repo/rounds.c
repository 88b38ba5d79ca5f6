#include "orchestrator/repo/rounds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "orchestrator/repo/git.h"
#include "orchestrator/repo/size.h"

#define EVERY_USEC (86400 * USEC_PER_SEC)
#define STEP_USEC (50 * USEC_PER_MSEC) /* between two repos */
#define AGAIN_SEC (7 * 86400)
#define MARK "vitrine-gc" /* in a repo: written when a whole gc has ended */
#define ENDING ".git"

struct rounds {
	struct loop *loop;         /* borrowed */
	const struct repos *repos; /* borrowed */
	struct source *timer;      /* owned */
	DIR *at;                   /* owned; NULL: between two rounds */
	char path[REPO_PATH_MAX];  /* of the repo that gc runs in */
};

/* 0: there is none. */
static time_t changed_sec(const char *path, const char *name)
{
	char full[REPO_PATH_MAX + 64];
	struct stat st;

	(void)snprintf(full, sizeof(full), "%s/%s", path, name);
	return lstat(full, &st) < 0 ? 0 : st.st_mtime;
}

/* Packs of what nothing points to have a file of times beside them. */
static bool has_garbage(const char *path)
{
	char full[REPO_PATH_MAX + 64];
	const struct dirent *entry;
	bool found = false;
	DIR *d;

	(void)snprintf(full, sizeof(full), "%s/objects/pack", path);
	d = opendir(full);
	while (d && !found && (entry = readdir(d))) {
		size_t n = strlen(entry->d_name);

		found = n > 7 && !strcmp(entry->d_name + n - 7, ".mtimes");
	}
	if (d)
		(void)closedir(d);
	return found;
}

static bool is_due(const char *path)
{
	time_t last = changed_sec(path, MARK);

	if ((int64_t)(clock_wall_usec() / USEC_PER_SEC) - (int64_t)last < AGAIN_SEC)
		return false;
	if (changed_sec(path, "objects/pack") <= last && !has_garbage(path))
		return false;
	return repo_size(path, NULL) >= ROUNDS_BYTES;
}

static void on_done(void *data)
{
	struct rounds *r = data;
	char mark[REPO_PATH_MAX + 64];
	struct err e = {0};

	(void)snprintf(mark, sizeof(mark), "%s/" MARK, r->path);
	if (repo_exists(r->path) && fs_write_durable(AT_FDCWD, mark, "", 0, 0600, &e) < 0)
		log_warn("%s", e.text);
	timer_arm_after(r->timer, STEP_USEC);
}

/* The next repo of the round; false: it is over. */
static bool next_repo(struct rounds *r)
{
	const struct dirent *entry;

	while ((entry = readdir(r->at))) {
		size_t n = strlen(entry->d_name);

		if (entry->d_name[0] == '.' || n <= strlen(ENDING) ||
			strcmp(entry->d_name + n - strlen(ENDING), ENDING) != 0)
			continue;
		return snprintf(r->path, sizeof(r->path), "%s/%s", r->repos->dir, entry->d_name) <
		       (int)sizeof(r->path);
	}
	return false;
}

static void step(void *data)
{
	struct rounds *r = data;
	struct err e = {0};

	if (!r->at)
		r->at = opendir(r->repos->dir);
	if (!r->at || !next_repo(r)) {
		if (r->at)
			(void)closedir(TAKE_PTR(r->at));
		timer_arm_after(r->timer, EVERY_USEC);
		return;
	}
	if (is_due(r->path) && git_tidy(r->loop, r->path, true, on_done, r, &e) == 0)
		return;
	if (e.code)
		log_warn("%s is not tidied: %s", r->path, e.text);
	timer_arm_after(r->timer, STEP_USEC);
}

int rounds_new(
	struct loop *loop, const struct repos *repos, uint64_t first_usec, struct rounds **ret)
{
	CLEANUP(rounds_freep) struct rounds *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	*r = (struct rounds){.loop = loop, .repos = repos};
	if (loop_add_timer(loop, step, r, &r->timer) < 0)
		return -ENOMEM;
	timer_arm_after(r->timer, first_usec);
	*ret = TAKE_PTR(r);
	return 0;
}

struct rounds *rounds_free(struct rounds *r)
{
	if (!r)
		return NULL;
	(void)source_free(r->timer);
	if (r->at)
		(void)closedir(r->at);
	free(r);
	return NULL;
}
