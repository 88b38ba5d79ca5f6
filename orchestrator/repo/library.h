/* libgit2, set up once: it reads no configuration of the machine and keeps little in memory. */
#pragma once

#include "base/err.h"

int library_init(struct err *e);

/*
 * Before library_init: it refuses to hold more than LIBRARY_HELD_MAX in one piece. An object of a
 * few bytes may be packed as the difference to one of 512 MiB, which is unpacked to read it; its
 * size says nothing of that. For a process that others wait for: it reads no file over 32 MiB.
 */
#define LIBRARY_HELD_MAX (48u << 20)
void library_limit(void);

/* The words of its last error. Borrowed until its next call. */
const char *library_words(void);
