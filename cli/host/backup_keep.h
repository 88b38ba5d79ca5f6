/*
 * Backups in a folder that vitrine backup has named by their time: which are old. Knows names only.
 */
#pragma once

#include "base/err.h"

/*
 * Removes all but the newest so many of dir, each with its key of secrets; files of other names
 * stay, whatever they are. Says each on standard output.
 */
int backup_keep(const char *dir, unsigned int keep, const char *key_ending, struct err *e);
