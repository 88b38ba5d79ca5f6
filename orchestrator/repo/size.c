#include "orchestrator/repo/size.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_LONG 4096
#define FOLDERS 256
#define SAMPLED "objects/17" /* builtin/gc.c of git looks into the same */
#define DEPTH_MAX 3          /* quarantine/aa/HASH, quarantine/pack/NAME */

/* Files of a folder, with those of the folders in it. */
static uint64_t folder_size(const char *path, int depth)
{
	DIR *d = opendir(path);
	const struct dirent *entry;
	uint64_t bytes = 0;

	while (d && (entry = readdir(d))) {
		char below[PATH_LONG];
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
			snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) >=
				(int)sizeof(below) ||
			lstat(below, &st) < 0)
			continue;
		if (S_ISREG(st.st_mode))
			bytes += (uint64_t)st.st_blocks * 512;
		else if (S_ISDIR(st.st_mode) && depth > 1)
			bytes += folder_size(below, depth - 1);
	}
	if (d)
		(void)closedir(d);
	return bytes;
}

uint64_t repo_size(const char *path, const char *quarantine)
{
	char folder[PATH_LONG];
	uint64_t bytes;

	(void)snprintf(folder, sizeof(folder), "%s/objects/pack", path);
	bytes = folder_size(folder, 1);
	(void)snprintf(folder, sizeof(folder), "%s/" SAMPLED, path);
	bytes += FOLDERS * folder_size(folder, 1);
	if (quarantine && *quarantine)
		bytes += folder_size(quarantine, DEPTH_MAX);
	return bytes;
}
