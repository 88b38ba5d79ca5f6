#include "cli/host/backup_keep.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* As strftime made them: 0 stands for a digit. */
static const char form[] = "vitrine-0000-00-00-000000.tar.gz";

static int is_ours(const struct dirent *entry)
{
	const char *name = entry->d_name;

	if (strlen(name) != sizeof(form) - 1)
		return 0;
	for (size_t i = 0; i < sizeof(form) - 1; i++) {
		bool digit = name[i] >= '0' && name[i] <= '9';

		if (form[i] == '0' ? !digit : name[i] != form[i])
			return 0;
	}
	return 1;
}

static int remove_one(const char *dir, const char *name, const char *key_ending, struct err *e)
{
	char path[4400];

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path) - 64)
		return err_set(e, -ENAMETOOLONG, "the path is too long");
	if (unlink(path) < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	printf("vitrine: %s is removed: newer ones are kept\n", path);
	(void)strncat(path, key_ending, 63);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

int backup_keep(const char *dir, unsigned int keep, const char *key_ending, struct err *e)
{
	struct dirent **names = NULL;
	/* The order of names is that of times. */
	int n = scandir(dir, &names, is_ours, alphasort), r = 0;

	if (n < 0)
		return err_set(e, -errno, "%s: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		if (r == 0 && (unsigned int)(n - i) > keep)
			r = remove_one(dir, names[i]->d_name, key_ending, e);
		free(names[i]);
	}
	free(names);
	return r;
}
