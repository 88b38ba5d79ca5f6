#include "orchestrator/repo/quarantine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/random.h"

/* Writes one object's file out, as git's core.fsyncMethod=batch does; one sync behind them all
 * makes the file system's journal hold where they lie. */
static int write_out(const char *path)
{
	CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (sync_file_range(fd, 0, 0,
		    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
			    SYNC_FILE_RANGE_WAIT_AFTER) < 0 &&
		fdatasync(fd) < 0)
		return -errno;
	return 0;
}

static int sync_folder(const char *path)
{
	CLEANUP(closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Calls back with the paths of a folder's entries. */
static int each_entry(
	const char *dir, int (*fn)(const char *path, const char *name, void *data), void *data)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	int r = d ? 0 : -errno;

	while (r == 0 && (entry = readdir(d))) {
		char path[QUARANTINE_PATH_MAX + 300];

		if (entry->d_name[0] == '.')
			continue;
		r = snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) < (int)sizeof(path)
			    ? fn(path, entry->d_name, data)
			    : -ENAMETOOLONG;
	}
	if (d)
		closedir(d);
	return r;
}

static int move_one(const char *path, const char *name, void *data)
{
	char to[2 * QUARANTINE_PATH_MAX];

	(void)snprintf(to, sizeof(to), "%s/%s", (const char *)data, name);
	return rename(path, to) < 0 ? -errno : 0;
}

static int move_folder(const char *path, const char *name, void *data)
{
	char to[QUARANTINE_PATH_MAX + 8];

	(void)snprintf(to, sizeof(to), "%s/%.2s", (const char *)data, name);
	if (mkdir(to, 0755) < 0 && errno != EEXIST)
		return -errno;
	return each_entry(path, move_one, to);
}

int quarantine_make(const char *repo_path, char ret[QUARANTINE_PATH_MAX], struct err *e)
{
	char id[ID_LEN + 1];

	random_id(id);
	(void)snprintf(ret, QUARANTINE_PATH_MAX, "%s/objects/tmp_objdir-api-%s", repo_path, id);
	if (mkdir(ret, 0700) < 0)
		return err_set(
			e, -errno, "cannot make a folder in the repository: %s", strerror(errno));
	return 0;
}

int quarantine_sync_init(struct quarantine_sync *s, const char *quarantine, struct err *e)
{
	*s = (struct quarantine_sync){.top = opendir(quarantine), .top_len = strlen(quarantine)};
	(void)snprintf(s->path, sizeof(s->path), "%s", quarantine);
	return s->top ? 0 : err_set(e, -errno, "cannot keep the commit: %s", strerror(errno));
}

void quarantine_sync_done(struct quarantine_sync *s)
{
	if (s->top)
		(void)closedir(s->top);
	if (s->folder)
		(void)closedir(s->folder);
	s->top = s->folder = NULL;
}

/* The next entry but for those that begin with a dot, at s->path behind a slash at at. */
static bool next_entry(struct quarantine_sync *s, DIR *d, size_t at)
{
	const struct dirent *entry;

	do
		entry = readdir(d);
	while (entry && entry->d_name[0] == '.');
	if (entry)
		(void)snprintf(s->path + at, sizeof(s->path) - at, "/%s", entry->d_name);
	return entry;
}

/* A loose object lies in a folder of two letters: objects/ab/38 more. */
int quarantine_sync_step(struct quarantine_sync *s, struct err *e)
{
	int r = 0;

	if (s->folder && next_entry(s, s->folder, s->top_len + strlen("/ab"))) {
		r = write_out(s->path);
	} else {
		if (s->folder)
			(void)closedir(s->folder);
		s->folder = NULL;
		if (!next_entry(s, s->top, s->top_len))
			return 0;
		s->folder = opendir(s->path);
		r = s->folder ? 0 : -errno;
	}
	return r < 0 ? err_set(e, r, "cannot keep the commit: %s", strerror(-r)) : 1;
}

int quarantine_keep(const char *quarantine, const char *repo_path, struct err *e)
{
	char objects[QUARANTINE_PATH_MAX];
	int r;

	(void)snprintf(objects, sizeof(objects), "%s/objects", repo_path);
	r = each_entry(quarantine, move_folder, objects);
	if (r == 0)
		r = sync_folder(objects);
	return r < 0 ? err_set(e, r, "cannot keep the commit: %s", strerror(-r)) : 0;
}
