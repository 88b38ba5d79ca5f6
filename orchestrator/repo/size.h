/*
 * How much of the disk a repo's objects take, cheaply enough to be asked at each push. Knows no
 * limit.
 */
#pragma once

#include <stdint.h>

/*
 * Bytes of the repo at path, and of the quarantine (a folder inside it; NULL or "": none) that a
 * change of it waits in. Packs are counted; loose objects, of which git gc --auto leaves some
 * thousands, are estimated by those of one folder in 256, as git itself counts them. What cannot be
 * read counts nothing.
 */
uint64_t repo_size(const char *path, const char *quarantine);
