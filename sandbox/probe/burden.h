/* What hostile code can load its host with, by allowed calls alone. Knows no attack. */
#pragma once

#include <stddef.h>

/* Touches that much memory of its own, private or shared (MAP_PRIVATE, MAP_SHARED), and keeps it.
 * 0 or -errno. */
long burden_eat(size_t bytes, int kind);

/* Sends into the infer link and the log pipe until neither takes more. Returns the bytes. */
long burden_fill(void);

/* Makes that kind of call ("futex", "epoll", "poll", "sigaltstack", "mmap", "yield"), or none at
 * all
 * ("spin"), for ever. -EINVAL: there is no such kind. */
long burden_storm(const char *kind);
