/*
 * The list of a data folder's files that travels in its backup, as text: a first line with the
 * version and the SHA-256 of the key of secrets, then for each file SHA-256, size and path below
 * the folder. What is made anew at each start is left out: run/, the links of git's hooks, SQLite's
 * shared memory, and the models of repos as inference reads them; and that key, which is kept apart
 * from what it opens.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#define MANIFEST_NAME "vitrine-backup.txt"
#define MANIFEST_MAX (256u << 20)

/* Paths below the folder that are left out, with all below them. */
#define MANIFEST_RUN "run"
#define MANIFEST_HOOKS "orchestrator/hooks"
#define MANIFEST_SHM "orchestrator/vitrine.db-shm"
#define MANIFEST_SERVED "served"
#define MANIFEST_SERVED_UNITS "orchestrator/served" /* where systemd starts the services */
#define MANIFEST_SNAPSHOT "snapshot"                /* of a backup that was killed */
#define MANIFEST_KEY "orchestrator/secrets.key"

struct manifest_sum {
	size_t files;
	uint64_t bytes;
};

/*
 * Appends the list of dir, an absolute path as realpath gives it. -EINVAL: a path with a newline.
 * -EBADMSG: a link, a device, a program that would run as somebody else.
 */
int manifest_write(const char *dir, struct buf *b, struct manifest_sum *ret, struct err *e);

/* What the first line says of the key: "" there is none, or its SHA-256. -EBADMSG. */
int manifest_key(const char *list, size_t n, char ret[SHA256_HEX + 1], struct err *e);

/*
 * Compares dir with the list of n bytes. -EBADMSG with words: the list is none, a file is missing,
 * is another one, or is not in the list; or as above.
 */
int manifest_check(
	const char *dir, const char *list, size_t n, struct manifest_sum *ret, struct err *e);
