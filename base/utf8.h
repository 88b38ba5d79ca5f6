/* Well-formed UTF-8, RFC 3629 section 4: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#pragma once

#include <stddef.h>

/* Bytes of the well-formed sequence at s (n bytes are there, at least 1); 0: there is none. */
size_t utf8_length(const unsigned char *s, size_t n);

/* Bytes of s (n are there) that are whole characters, max at most: what is left of a text that is
 * cut short, since JSON takes no part of one. Ends where something is not UTF-8. */
size_t utf8_cut(const char *s, size_t n, size_t max);

/* Replaces what is not UTF-8 by '?', control characters but tab, and those that turn the direction
 * of text, by ' '. In place. */
void utf8_scrub(char *s, size_t n);
