#include "orchestrator/api/hub_rest.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>

static int digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

int hub_rest(struct request *r, char *ret, size_t size, struct err *e)
{
	size_t out = 0;

	for (size_t i = 0; i < r->rest_n; i++) {
		char c = r->rest[i];

		if (c == '%') {
			if (i + 2 >= r->rest_n || !isxdigit((unsigned char)r->rest[i + 1]) ||
				!isxdigit((unsigned char)r->rest[i + 2]))
				return err_set(e, -EINVAL, "path: is not percent-encoded");
			c = (char)(digit(r->rest[i + 1]) << 4 | digit(r->rest[i + 2]));
			i += 2;
		}
		if (!c || out + 1 >= size)
			return err_set(e, -EINVAL, "path: is longer than any name here");
		ret[out++] = c;
	}
	ret[out] = '\0';
	return 0;
}
