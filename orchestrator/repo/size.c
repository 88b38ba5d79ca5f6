#include "orchestrator/repo/size.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_LONG 4096
#define FOLDERS 256
#define DEPTH_MAX 3 /* quarantine/aa/HASH, quarantine/pack/NAME */

/* Files of a folder, with those of the folders in it, of *left entries at most. */
static uint64_t folder_size(const char *path, int depth, unsigned int *left)
{
	DIR *d = opendir(path);
	const struct dirent *entry;
	uint64_t bytes = 0;

	while (d && *left > 0 && (entry = readdir(d))) {
		char below[PATH_LONG];
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
			snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) >=
				(int)sizeof(below) ||
			lstat(below, &st) < 0)
			continue;
		--*left;
		if (S_ISREG(st.st_mode))
			bytes += (uint64_t)st.st_blocks * 512;
		else if (S_ISDIR(st.st_mode) && depth > 1)
			bytes += folder_size(below, depth - 1, left);
	}
	if (d)
		(void)closedir(d);
	return bytes;
}

uint64_t repo_loose_size(const char *path)
{
	unsigned int left = REPO_LOOSE_COUNTED, i;
	uint64_t bytes = 0;

	for (i = 0; i < FOLDERS && left > 0; i++) {
		char folder[PATH_LONG];

		(void)snprintf(folder, sizeof(folder), "%s/objects/%02x", path, i);
		bytes += folder_size(folder, 1, &left);
	}
	return i == FOLDERS ? bytes : bytes / i * FOLDERS;
}

uint64_t repo_size(const char *path, const char *quarantine)
{
	unsigned int all = UINT_MAX;
	char folder[PATH_LONG];
	uint64_t bytes;

	(void)snprintf(folder, sizeof(folder), "%s/objects/pack", path);
	bytes = folder_size(folder, 1, &all) + repo_loose_size(path);
	if (quarantine && *quarantine)
		bytes += folder_size(quarantine, DEPTH_MAX, &all);
	return bytes;
}
