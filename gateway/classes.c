#include "gateway/classes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int read_one(struct classes *c, const json_t *pair, struct err *e)
{
	const char *text = json_string_value(json_array_get(pair, 0));
	const char *tier = json_string_value(json_array_get(pair, 1));

	if (!text || !tier || strlen(tier) > CLASS_NAME_LEN || c->n == CLASSES_MAX ||
		net_block_read(text, &c->of[c->n].block, NULL) < 0)
		return err_set(
			e, -EINVAL, "networks: must be at most %d of [network, tier]", CLASSES_MAX);
	(void)snprintf(c->of[c->n++].tier, sizeof(c->of[0].tier), "%s", tier);
	return 0;
}

int classes_set(struct classes *c, const json_t *networks, struct err *e)
{
	struct classes *fresh = calloc(1, sizeof(*fresh));
	const json_t *pair;
	size_t i;
	int r = fresh ? 0 : err_set(e, -ENOMEM, "out of memory");

	json_array_foreach(networks, i, pair)
	{
		if (r == 0)
			r = read_one(fresh, pair, e);
	}
	if (r == 0)
		*c = *fresh;
	free(fresh);
	return r;
}

const char *classes_find(const struct classes *c, const uint8_t *address, size_t n)
{
	int family = n == 4 ? AF_INET : AF_INET6;
	const char *best = "";
	unsigned int bits = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct net_block *b = &c->of[i].block;

		if (b->bits > n * 8 || !net_block_has(b, family, address))
			continue;
		if (!*best || b->bits > bits) {
			best = c->of[i].tier;
			bits = b->bits;
		}
	}
	return best;
}
