#include "base/range.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Digits only, as the grammar has it; larger than any file is as large as can be. False: none. */
static bool take_number(const char **text, uint64_t *ret)
{
	const char *c = *text;
	uint64_t n = 0;

	for (; *c >= '0' && *c <= '9'; c++)
		n = n > (UINT64_MAX - 9) / 10 ? UINT64_MAX : n * 10 + (uint64_t)(*c - '0');
	if (c == *text)
		return false;
	*text = c;
	*ret = n;
	return true;
}

/* The last n bytes. */
static int suffix(uint64_t n, uint64_t size, struct range *ret)
{
	if (n == 0 || size == 0)
		return -ERANGE;
	if (n > size)
		n = size;
	*ret = (struct range){size - n, n, true};
	return 0;
}

int range_parse(const char *text, uint64_t size, struct range *ret)
{
	uint64_t first, last = UINT64_MAX;

	*ret = (struct range){0, size, false};
	if (!text || strncasecmp(text, "bytes=", 6) != 0)
		return 0;
	text += 6;
	text += strspn(text, " \t");
	if (*text == '-') {
		text++;
		return take_number(&text, &first) && !text[strspn(text, " \t")]
			       ? suffix(first, size, ret)
			       : 0;
	}
	if (!take_number(&text, &first) || *text++ != '-')
		return 0;
	if (*text >= '0' && *text <= '9' && (!take_number(&text, &last) || last < first))
		return 0;
	if (text[strspn(text, " \t")])
		return 0;
	if (first >= size)
		return -ERANGE;
	if (last >= size)
		last = size - 1;
	*ret = (struct range){first, last - first + 1, true};
	return 0;
}
