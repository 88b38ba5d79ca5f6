#include "inference/peers/places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/json.h"

#define BUCKETS 4096

struct places {
	struct space_place *buckets[BUCKETS];
	size_t n;
};

int places_new(struct places **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

static void clear(struct places *p)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (p->buckets[i]) {
			struct space_place *gone = p->buckets[i];

			p->buckets[i] = gone->next;
			free(gone);
		}
	p->n = 0;
}

struct places *places_free(struct places *p)
{
	if (p)
		clear(p);
	free(p);
	return NULL;
}

static struct space_place **find(const struct places *p, const char *space)
{
	struct space_place *const *at = &p->buckets[crc32c(0, space, strlen(space)) % BUCKETS];

	while (*at && strcmp((*at)->space, space) != 0)
		at = &(*at)->next;
	return (struct space_place **)at;
}

const struct space_place *places_find(const struct places *p, const char *space)
{
	return *find(p, space);
}

static int put(struct places *p, const char *space, const char *pool, const char *device)
{
	struct space_place **at = find(p, space), *own = *at;

	if (!own && p->n >= PLACES_MAX)
		return 0; /* it is served as one of which nothing is said */
	if (!own) {
		own = calloc(1, sizeof(*own));
		if (!own)
			return -ENOMEM;
		*at = own;
		p->n++;
	}
	(void)snprintf(own->space, sizeof(own->space), "%s", space);
	(void)snprintf(own->pool, sizeof(own->pool), "%s", pool);
	(void)snprintf(own->device, sizeof(own->device), "%s", device);
	return 0;
}

static int take_spaces(struct places *p, const json_t *spaces, struct err *e)
{
	const json_t *row;
	size_t i;

	json_array_foreach(spaces, i, row)
	{
		const char *space = json_string_value(json_array_get(row, 0));
		const char *pool = json_string_value(json_array_get(row, 1));
		const char *device = json_string_value(json_array_get(row, 2));

		if (!space || !pool || !device || !space[0] || strlen(space) > PLACE_SPACE_MAX)
			return err_set(
				e, -EBADMSG, "POOLS: spaces: must be [Space id, pool, device]");
		if (put(p, space, pool, device) < 0)
			return err_set(e, -ENOMEM, "out of memory");
	}
	return 0;
}

static int take_pool(const json_t *o, int64_t *left, struct pool_terms *ret, struct err *e)
{
	const char *name;
	int64_t percent;
	int r = json_get_str(o, "name", POOL_NAME_MAX, &name, e);

	if (r == 0)
		r = json_get_int(o, "percent", 1, *left, &percent, e);
	if (r < 0)
		return r;
	*left -= percent;
	*ret = (struct pool_terms){.percent = (uint32_t)percent,
		.lend = json_is_true(json_object_get(o, "lend")),
		.borrow = json_is_true(json_object_get(o, "borrow"))};
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	return 0;
}

int places_take(struct places *p, const struct models_pools *m, struct pool_terms ret[POOLS_MAX],
	int *ret_n, struct err *e)
{
	size_t n = json_array_size(m->pools);
	int64_t left = POOL_WHOLE;
	int r = 0;

	*ret_n = -1;
	if (n > POOLS_MAX)
		return err_set(e, -EBADMSG, "POOLS: more than %d", POOLS_MAX);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = take_pool(json_array_get(m->pools, i), &left, &ret[i], e);
	if (r < 0)
		return r;
	if (m->pools) {
		clear(p);
		*ret_n = (int)n;
	}
	return take_spaces(p, m->spaces, e);
}
