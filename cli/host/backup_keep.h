/*
 * Backups in a folder that vitrine backup has named by their time: which are old. Knows names only.
 */
#pragma once

#include "base/err.h"

#define BACKUP_KEEP_MAX 10000

/* How many are to stay, as somebody wrote it: 1 to BACKUP_KEEP_MAX. -EINVAL with words. */
int backup_keep_parse(const char *text, unsigned int *ret, struct err *e);

/*
 * Removes all but the newest so many of dir, each with its key of secrets; files of other names
 * stay, whatever they are. just: the one that was made now, which is the newest even where the
 * clock was set back. What was cut off a day ago or earlier (.part) goes, too. Says each on
 * standard output.
 */
int backup_keep(const char *dir, unsigned int keep, const char *just, const char *key_ending,
	struct err *e);
