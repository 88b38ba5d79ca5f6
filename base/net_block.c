#include "base/net_block.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static int read_bits(const char *text, unsigned int max, unsigned int *ret)
{
	unsigned int bits = 0;

	if (!*text || strlen(text) > 3 || strspn(text, "0123456789") != strlen(text))
		return -EINVAL;
	for (; *text; text++)
		bits = bits * 10 + (unsigned int)(*text - '0');
	*ret = bits;
	return bits > max ? -EINVAL : 0;
}

static int read_block(const char *text, struct net_block *ret)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	char address[INET6_ADDRSTRLEN];
	unsigned int all;

	if (n == 0 || n >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, n);
	address[n] = '\0';
	*ret = (struct net_block){.family = strchr(address, ':') ? AF_INET6 : AF_INET};
	all = ret->family == AF_INET6 ? 128 : 32;
	ret->bits = all;
	if (inet_pton(ret->family, address, ret->bytes) != 1 ||
		(slash && read_bits(slash + 1, all, &ret->bits) < 0))
		return -EINVAL;
	for (unsigned int bit = ret->bits; bit < all; bit++)
		if (ret->bytes[bit / 8] & (0x80 >> bit % 8))
			return -EINVAL;
	return 0;
}

int net_block_read(const char *text, struct net_block *ret, struct err *e)
{
	if (read_block(text, ret) < 0)
		return err_set(e, -EINVAL,
			"'%.60s' is no block of addresses; one is written like 10.1.0.0/16, "
			"fd00::/8 or 127.0.0.1",
			text);
	return 0;
}

bool net_block_has(const struct net_block *b, int family, const uint8_t *bytes)
{
	unsigned int whole = b->bits / 8, rest = b->bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	return b->family == family && !memcmp(b->bytes, bytes, whole) &&
	       (rest == 0 || ((b->bytes[whole] ^ bytes[whole]) & mask) == 0);
}
