#include "base/random.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *dest, size_t n)
{
	uint8_t *p = dest;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0)
			continue; /* only EINTR is possible for a valid buffer */
		p += got;
		n -= (size_t)got;
	}
}

void random_id(char ret[ID_LEN + 1])
{
	static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
	uint8_t bytes[ID_LEN];

	random_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < ID_LEN; i++)
		ret[i] = alphabet[bytes[i] & 31];
	ret[ID_LEN] = '\0';
}
