/*
 * How much of the disk a repo's objects take, cheaply enough to be asked at each push. Knows no
 * limit.
 */
#pragma once

#include <stdint.h>

#define REPO_LOOSE_COUNTED 20000 /* git gc --auto leaves a third of it at most */

/*
 * Bytes of the repo at path, and of the quarantine (a folder inside it; NULL or "": none) that a
 * change of it waits in. What cannot be read counts nothing.
 */
uint64_t repo_size(const char *path, const char *quarantine);

/* Bytes of its loose objects alone. Who pushes picks their ids, so every folder is looked into; of
 * more than REPO_LOOSE_COUNTED objects the rest is taken to be as those are. */
uint64_t repo_loose_size(const char *path);
