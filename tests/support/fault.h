/*
 * Memory that runs out where a test wants it to. Linked with --wrap for malloc, calloc, realloc
 * and reallocarray; calls from shared libraries are not seen.
 */
#pragma once

/* The n-th allocation from now fails (0: the next), once. Negative: none. */
void fault_arm(long n);

/* True when the armed failure has happened. */
int fault_hit(void);
