#include "base/utf8.h"

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

void utf8_scrub(char *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t len = utf8_length((const unsigned char *)s + i, n - i);

		if (len == 0)
			s[i++] = '?';
		else if (len == 1 && ((unsigned char)s[i] < 0x20 || s[i] == 0x7f) && s[i] != '\t')
			s[i++] = ' ';
		else
			i += len;
	}
}
