/* Well-formed UTF-8, RFC 3629 section 4: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#pragma once

#include <stddef.h>

/* Bytes of the well-formed sequence at s (n bytes are there, at least 1); 0: there is none. */
size_t utf8_length(const unsigned char *s, size_t n);

/* Replaces what is not UTF-8 by '?', control characters but tab, and those that turn the direction
 * of text, by ' '. In place. */
void utf8_scrub(char *s, size_t n);
