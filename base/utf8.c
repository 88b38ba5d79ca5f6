#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

size_t utf8_length(const unsigned char *s, size_t n)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len = s[0] < 0x80   ? 1
		     : s[0] < 0xc2 ? 0
		     : s[0] < 0xe0 ? 2
		     : s[0] < 0xf0 ? 3
		     : s[0] < 0xf5 ? 4
				   : 0;

	if (len == 0 || len > n)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < len; i++) {
		if (s[i] < low || s[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return len;
}

size_t utf8_cut(const char *s, size_t n, size_t max)
{
	size_t at = 0, len;

	for (; at < n; at += len) {
		len = utf8_length((const unsigned char *)s + at, n - at);
		if (len == 0 || at + len > max)
			break;
	}
	return at;
}

/* What makes a terminal or a page do something or show text in another order: C0, DEL, C1
 * (U+0080 to U+009F), and the directions of Unicode (U+202A to U+202E, U+2066 to U+2069). */
static bool is_control(const unsigned char *s, size_t len)
{
	switch (len) {
	case 1:
		return (s[0] < 0x20 || s[0] == 0x7f) && s[0] != '\t';
	case 2:
		return s[0] == 0xc2 && s[1] < 0xa0;
	case 3:
		return s[0] == 0xe2 && ((s[1] == 0x80 && s[2] >= 0xaa && s[2] <= 0xae) ||
					       (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9));
	default:
		return false;
	}
}

void utf8_scrub(char *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		unsigned char *at = (unsigned char *)s + i;
		size_t len = utf8_length(at, n - i);

		if (len == 0) {
			s[i++] = '?';
			continue;
		}
		if (is_control(at, len))
			memset(at, ' ', len);
		i += len;
	}
}
