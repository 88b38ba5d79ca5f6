/* libgit2, set up once: it reads no configuration of the machine and keeps little in memory. */
#pragma once

#include "base/err.h"

int library_init(struct err *e);

/* The words of its last error. Borrowed until its next call. */
const char *library_words(void);
