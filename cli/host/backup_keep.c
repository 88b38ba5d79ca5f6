#include "cli/host/backup_keep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PART_ENDING ".part"
#define CUT_OFF_SEC 86400

/* As strftime made them: 0 stands for a digit. */
static const char form[] = "vitrine-0000-00-00-000000.tar.gz";

static bool has_form(const char *name, const char *ending)
{
	size_t n = sizeof(form) - 1;

	if (strlen(name) < n || strcmp(name + n, ending) != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool digit = name[i] >= '0' && name[i] <= '9';

		if (form[i] == '0' ? !digit : name[i] != form[i])
			return false;
	}
	return true;
}

static int is_whole(const struct dirent *entry)
{
	return has_form(entry->d_name, "");
}

int backup_keep_parse(const char *text, unsigned int *ret, struct err *e)
{
	size_t n = strspn(text, "0123456789");
	unsigned long value = n > 0 && n < 10 && !text[n] ? strtoul(text, NULL, 10) : 0;

	if (value == 0 || value > BACKUP_KEEP_MAX)
		return err_set(e, -EINVAL, "--keep: a number from 1 to %d (got '%.32s')",
			BACKUP_KEEP_MAX, text);
	*ret = (unsigned int)value;
	return 0;
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

/* Another one may be at it at this moment. */
static void remove_cut_off(const char *dir)
{
	const struct dirent *entry;
	DIR *d = opendir(dir);
	struct stat st;

	while (d && (entry = readdir(d)))
		if (has_form(entry->d_name, PART_ENDING) &&
			fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			st.st_mtime < time(NULL) - CUT_OFF_SEC &&
			unlinkat(dirfd(d), entry->d_name, 0) == 0)
			printf("vitrine: %s/%s is removed: it was cut off\n", dir, entry->d_name);
	if (d)
		(void)closedir(d);
}

int backup_keep(
	const char *dir, unsigned int keep, const char *just, const char *key_ending, struct err *e)
{
	struct dirent **names = NULL;
	/* The order of names is that of times. */
	int n = scandir(dir, &names, is_whole, alphasort), r = 0;
	unsigned int kept = 1;

	if (n < 0)
		return err_set(e, -errno, "%s: %s", dir, strerror(errno));
	for (int i = n; i-- > 0;) {
		if (r == 0 && strcmp(names[i]->d_name, just) != 0 && kept++ >= keep)
			r = remove_one(dir, names[i]->d_name, key_ending, e);
		free(names[i]);
	}
	free(names);
	if (r == 0)
		remove_cut_off(dir);
	return r;
}
