#include "inference/engine/shelf_look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inference/formats/folder.h"

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void mix(uint64_t *stamp, uint64_t v)
{
	*stamp = (*stamp ^ v) * 0x9e3779b97f4a7c15u;
	*stamp ^= *stamp >> 29;
}

/* Of the folder and each of its files: which it is, how long, and when it was written. */
static uint64_t stamp_of(int dirfd, const char *folder)
{
	int fd = openat(dirfd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), n;
	struct dirent **list;
	struct stat st;
	uint64_t stamp = 1;

	if (fd < 0)
		return 0;
	n = scandirat(fd, ".", &list, is_visible, by_name);
	for (int i = 0; i < n; i++) {
		if (fstatat(fd, list[i]->d_name, &st, 0) == 0) {
			mix(&stamp, st.st_ino);
			mix(&stamp, (uint64_t)st.st_size);
			/* One under several names is a blob: its times are the store's own. */
			mix(&stamp, st.st_nlink > 1 ? 0 : (uint64_t)st.st_mtim.tv_sec);
			mix(&stamp, st.st_nlink > 1 ? 0 : (uint64_t)st.st_mtim.tv_nsec);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	(void)close(fd);
	return stamp;
}

static void put(struct found_all *to, int dirfd, size_t dir, const char *folder, const char *owner,
	const char *name)
{
	struct found *f = &to->list[to->n];

	if (to->n == LOOK_MODELS_MAX)
		return;
	if ((size_t)snprintf(f->id, sizeof(f->id), "%s/%s", owner, name) >= sizeof(f->id) ||
		(size_t)snprintf(f->folder, sizeof(f->folder), "%s", folder) >= sizeof(f->folder))
		return; /* nobody could name it */
	for (size_t i = 0; i < to->n; i++)
		if (!strcmp(to->list[i].id, f->id))
			return;
	f->dir = dir;
	f->stamp = stamp_of(dirfd, folder);
	to->n++;
}

static void look_at_owner(struct found_all *to, int dirfd, size_t dir, const char *owner)
{
	struct dirent **list;
	int n = scandirat(dirfd, owner, &list, is_visible, by_name);

	for (int i = 0; i < n; i++) {
		char folder[LOADING_PATH_MAX];

		if (snprintf(folder, sizeof(folder), "%s/%s", owner, list[i]->d_name) <
				(int)sizeof(folder) &&
			folder_is_model(dirfd, folder))
			put(to, dirfd, dir, folder, owner, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

int look_into(int dirfd, size_t dir, struct found_all *to)
{
	struct dirent **list;
	int n = scandirat(dirfd, ".", &list, is_visible, by_name);

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;

		if (folder_is_model(dirfd, name))
			put(to, dirfd, dir, name, "vitrine", name);
		else
			look_at_owner(to, dirfd, dir, name);
		free(list[i]);
	}
	free(list);
	return 0;
}
