#include "orchestrator/peers/places.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "orchestrator/usage/flavours.h"
#include "proto/messages.h"

#define PAGE 200 /* of one message: ids, pools and devices are short */

static int send_pools(struct link *link, json_t *pools, json_t *spaces, struct err *e)
{
	const struct models_pools m = {.pools = pools, .spaces = spaces};
	struct frame f = {.type = MODELS_POOLS};
	CLEANUP(buf_done) struct buf value;
	int r;

	buf_init(&value, (size_t)proto_models_pools.value_max);
	r = models_pools_write(&m, &value);
	f.value = value.data;
	f.length = value.len;
	if (r == 0)
		r = link_send(link, &f);
	return r < 0 ? err_set(e, r, "pools: %s", strerror(-r)) : 0;
}

static json_t *list_pools(const struct usage_policy *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->n_pools; i++)
		(void)json_array_append_new(
			list, json_pack("{s:s, s:I, s:b, s:b}", "name", p->pools[i].name, "percent",
				      (json_int_t)p->pools[i].percent, "lend", p->pools[i].lend,
				      "borrow", p->pools[i].borrow));
	return list;
}

struct page {
	struct store *store;
	const struct usage_policy *policy;
	json_t *spaces; /* owned */
	char cursor[33];
	bool all; /* those too of which nothing is said */
	struct err *e;
};

static int take_space(const struct store_row *row, void *data)
{
	struct page *p = data;
	const struct space_wish w = {.owner = store_text(row, 1),
		.name = store_text(row, 2),
		.flavour = store_text(row, 3),
		.class = store_text(row, 4)};
	struct space_flavour f;
	int r = flavours_of(p->store, p->policy, &w, &f, p->e);

	(void)snprintf(p->cursor, sizeof(p->cursor), "%s", store_text(row, 0));
	if (r < 0)
		return r;
	if (!p->all && !f.pool[0] && !f.device[0])
		return 0;
	return json_array_append_new(
		       p->spaces, json_pack("[s, s, s]", store_text(row, 0), f.pool, f.device)) < 0
		       ? -ENOMEM
		       : 0;
}

static bool says_anything(const struct usage_policy *p)
{
	for (size_t i = 0; i < p->n_flavours; i++)
		if (p->flavours[i].device[0] || p->flavours[i].pool != POLICY_NONE)
			return true;
	return false;
}

int places_begin(
	const struct usage_policy *p, struct link *link, struct places_tour *tour, struct err *e)
{
	CLEANUP(json_unrefp) json_t *pools = list_pools(p);

	*tour = (struct places_tour){.going = says_anything(p)};
	return send_pools(link, pools, NULL, e);
}

int places_go_on(struct store *s, const struct usage_policy *p, struct link *link,
	struct places_tour *tour, struct err *e)
{
	struct page page = {.store = s, .policy = p, .e = e};
	int n, r;

	(void)snprintf(page.cursor, sizeof(page.cursor), "%s", tour->cursor);
	page.spaces = json_array();
	n = store_run(s, "space_flavours", take_space, &page, e, "si", tour->cursor, (int64_t)PAGE);
	r = n < 0 ? n : 0;
	if (r == 0 && json_array_size(page.spaces) > 0)
		r = send_pools(link, NULL, page.spaces, e);
	json_decref(page.spaces);
	(void)snprintf(tour->cursor, sizeof(tour->cursor), "%s", page.cursor);
	tour->going = r == 0 && n == PAGE;
	return r;
}

int places_tell_one(struct store *s, const struct usage_policy *p, struct link *link,
	const char *space_id, struct err *e)
{
	struct page page = {.store = s, .policy = p, .all = true, .e = e};
	int r;

	if (!says_anything(p))
		return 0;
	page.spaces = json_array();
	r = store_run(s, "space_flavour", take_space, &page, e, "s", space_id);
	if (r >= 0)
		r = send_pools(link, NULL, page.spaces, e);
	json_decref(page.spaces);
	return r;
}
