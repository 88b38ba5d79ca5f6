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
#define BUSY_USEC (10 * USEC_PER_SEC)  /* until another's gc may have ended */
#define AGAIN_SEC (7 * 86400)
#define MARK "vitrine-gc" /* in a repo: written when a whole gc has ended */
#define ENDING ".git"

struct rounds {
	struct loop *loop;         /* borrowed */
	const struct repos *repos; /* borrowed */
	struct source *timer;      /* owned */
	DIR *at;                   /* owned; NULL: between two rounds */
	char path[REPO_PATH_MAX];  /* of the repo that gc runs in */
	bool again;                /* it is to be looked at once more */
	rounds_room_fn *room;
	void *data;
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
	int64_t now = (int64_t)(clock_wall_usec() / USEC_PER_SEC);
	int64_t last = (int64_t)changed_sec(path, MARK);
	uint64_t loose = repo_loose_size(path);

	if (loose >= ROUNDS_BYTES)
		return true; /* a whole gc leaves none: it is not due for that again */
	if (last > now)
		last = 0; /* the clock was ahead */
	if (now - last < AGAIN_SEC)
		return false;
	/* Loose objects come and go without a trace in the time of objects/pack. */
	if (!loose && (int64_t)changed_sec(path, "objects/pack") <= last && !has_garbage(path))
		return false;
	return repo_size(path, NULL) >= ROUNDS_BYTES;
}

/* What is whole is written beside what is there, before that goes. */
static bool has_room(struct rounds *r)
{
	uint64_t size = repo_size(r->path, NULL), room = r->room(r->data);

	if (size <= room)
		return true;
	log_warn("%s is not tidied: it takes %llu MiB and would be copied, and the disk has room "
		 "for %llu",
		r->path, (unsigned long long)(size >> 20), (unsigned long long)(room >> 20));
	return false;
}

static void on_done(const char *words, void *data)
{
	struct rounds *r = data;
	char mark[REPO_PATH_MAX + 64];
	struct err e = {0};

	(void)snprintf(mark, sizeof(mark), "%s/" MARK, r->path);
	if (words)
		log_warn("%s is not tidied: %s", r->path, words);
	else if (repo_exists(r->path) && fs_write_durable(AT_FDCWD, mark, "", 0, 0600, &e) < 0)
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
	if (!r->at || (!r->again && !next_repo(r))) {
		if (r->at)
			(void)closedir(TAKE_PTR(r->at));
		timer_arm_after(r->timer, EVERY_USEC);
		return;
	}
	r->again = false;
	if (is_due(r->path) && has_room(r)) {
		if (git_tidy(r->loop, r->path, true, on_done, r, &e) == 0)
			return;
		r->again = e.code == -EBUSY;
		if (!r->again)
			log_warn("%s is not tidied: %s", r->path, e.text);
	}
	timer_arm_after(r->timer, r->again ? BUSY_USEC : STEP_USEC);
}

int rounds_new(struct loop *loop, const struct repos *repos, uint64_t first_usec,
	rounds_room_fn *room, void *data, struct rounds **ret)
{
	CLEANUP(rounds_freep) struct rounds *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	*r = (struct rounds){.loop = loop, .repos = repos, .room = room, .data = data};
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
