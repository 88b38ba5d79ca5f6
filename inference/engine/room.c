/* Pages for texts: taken when they are needed, given back at once, found again by their owner. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inference/engine/inside.h"

#define POOL_PAGES_MAX (1u << 20)

static void drop_page(uint32_t page, void *data)
{
	struct lane *lane = data;
	struct device *d = lane->model->net->device;

	d->ops->kv_drop(d, lane->kv, page);
	lane->engine->kv_bytes -= lane->page_bytes;
}

static uint64_t page_bytes(const struct net *net)
{
	return (uint64_t)net->layers * net->kv_width * KV_PAGE * 2 * sizeof(float);
}

void lane_close_pages(struct lane *lane)
{
	struct device *d;

	if (!lane->kv)
		return;
	d = lane->model->net->device;
	lane->engine->kv_bytes -= pages_held(lane->pages) * lane->page_bytes;
	lane->pages = pages_free(lane->pages);
	d->ops->kv_free(d, lane->kv);
	lane->kv = NULL;
}

/* A device may take a pool's memory at once: those of models that nobody writes with now make room.
 * False: there are none. */
static bool close_idle_pages(const struct lane *for_lane)
{
	struct engine *e = for_lane->engine;
	bool any = false;

	for (size_t i = 0; i < e->n_lanes; i++) {
		struct lane *lane = &e->lanes[i];

		if (!lane->kv || lane->writing > 0 || !lane->model->net ||
			lane->model->net->device != for_lane->model->net->device)
			continue;
		lane_close_pages(lane);
		any = true;
	}
	return any;
}

static int open_pages(struct lane *lane)
{
	const struct net *net = lane->model->net;
	uint64_t n;

	if (lane->kv)
		return 0;
	lane->page_bytes = page_bytes(net);
	n = lane->engine->kv_max / lane->page_bytes;
	n = n < POOL_PAGES_MAX ? n : POOL_PAGES_MAX;
	lane->pages = pages_new((uint32_t)n, drop_page, lane);
	if (!lane->pages)
		return -ENOMEM;
	do
		lane->kv = net->device->ops->kv_new(
			net->device, net->layers, net->kv_width, (uint32_t)n);
	while (!lane->kv && close_idle_pages(lane));
	if (lane->kv)
		return 0;
	lane->pages = pages_free(lane->pages);
	return -ENOMEM;
}

uint64_t lane_tokens_max(const struct engine *e, const struct lane *lane)
{
	uint64_t most = e->kv_max < e->kv_group_max ? e->kv_max : e->kv_group_max;

	return most / page_bytes(lane->model->net) * KV_PAGE;
}

int request_limit_memory(struct request *q, uint64_t bytes, struct err *why)
{
	const struct net *net = q->lane->model->net;
	uint64_t page, need, fits;

	if (!net->family->decoder || bytes == 0)
		return 0;
	q->memory_max = bytes;
	page = page_bytes(net);
	need = ((uint64_t)q->prompt_n + q->sampling.max_tokens + KV_PAGE - 1) / KV_PAGE * page;
	fits = bytes / page * KV_PAGE;
	if (need <= bytes)
		return 0;
	return err_set(why, -EMSGSIZE,
		"max_tokens: a text of %u tokens that writes up to %u more keeps %.4g MiB on the "
		"device, and you may keep %.4g MiB there: %llu tokens together",
		q->prompt_n, q->sampling.max_tokens, (double)need / (1 << 20),
		(double)bytes / (1 << 20), (unsigned long long)fits);
}

/* --- taking pages --- */

uint64_t room_bytes(const struct engine *e, uint32_t group)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < e->n_lanes; i++)
		if (e->lanes[i].pages)
			sum += pages_of(e->lanes[i].pages, group) * e->lanes[i].page_bytes;
	return sum;
}

/* Forgets the kept page that is longest unused, of a group or of all. */
static bool evict(struct engine *e, const uint32_t *of)
{
	struct pages *from = NULL;
	uint64_t oldest = UINT64_MAX;

	for (size_t i = 0; i < e->n_lanes; i++) {
		struct pages *p = e->lanes[i].pages;

		if (p && pages_oldest(p, of) < oldest) {
			oldest = pages_oldest(p, of);
			from = p;
		}
	}
	return from && pages_evict(from, of);
}

/* Something kept that nobody holds makes room, where there is none. */
static bool make_room(const struct request *q)
{
	struct engine *e = q->engine;
	uint64_t more = q->lane->page_bytes;

	while (room_bytes(e, q->group) + more > e->kv_group_max)
		if (!evict(e, &q->group))
			return false;
	while (e->kv_bytes + more > e->kv_max)
		if (!evict(e, NULL))
			return false;
	return true;
}

static bool take_page(struct request *q)
{
	uint32_t page = make_room(q) ? pages_take(q->lane->pages, q->group) : PAGE_NONE;

	if (page == PAGE_NONE)
		return false;
	q->engine->kv_bytes += q->lane->page_bytes;
	memory_hold(q->party, (int64_t)q->lane->page_bytes);
	q->pages[q->n_pages++] = page;
	return true;
}

/* --- a text's way --- */

/* Takes what its owner has brought before; the last token is always read, for its logits. */
static void find_beginning(struct request *q)
{
	q->chain = chain_root(q->engine->salt, q->lane->model->id, q->group);
	if (q->adapter) {
		/* The same tokens are other keys and values under it. */
		uint32_t of[2];

		memcpy(of, &q->adapter, sizeof(q->adapter));
		q->chain = chain_next(&q->chain, of, sizeof(q->adapter) / sizeof(of[0]));
	}
	q->n_chained = 0;
	while (((uint64_t)q->n_chained + 1) * KV_PAGE < q->ids.n) {
		struct chain next =
			chain_next(&q->chain, q->ids.ids + (size_t)q->n_chained * KV_PAGE, KV_PAGE);
		uint32_t page = pages_find(q->lane->pages, &next);

		if (page == PAGE_NONE)
			break;
		q->pages[q->n_pages++] = page;
		q->chain = next;
		q->n_chained++;
	}
	q->position = q->n_chained * KV_PAGE;
	memory_hold(q->party, (int64_t)(q->n_pages * q->lane->page_bytes));
}

uint64_t room_tokens(const struct request *q)
{
	uint64_t all = (uint64_t)q->prompt_n + q->sampling.max_tokens;

	return q->ids.n + (all - q->ids.n) * q->gave_way / ENGINE_GIVE_WAYS_MAX;
}

int room_enter(struct request *q)
{
	uint64_t most = (uint64_t)q->prompt_n + q->sampling.max_tokens;
	int r = open_pages(q->lane);

	assert(!q->running);
	if (r == 0) {
		q->pages = calloc(most / KV_PAGE + 1, sizeof(*q->pages));
		r = q->pages ? 0 : -ENOMEM;
	}
	if (r < 0)
		return r;
	q->running = true;
	q->lane->writing++;
	q->n_pages = 0;
	find_beginning(q);
	r = claim_entry(q);
	while (r == 0 && (uint64_t)q->n_pages * KV_PAGE < room_tokens(q))
		r = take_page(q) ? 0 : -EAGAIN;
	if (r < 0) {
		room_leave(q);
		return r;
	}
	if (!q->begun)
		q->n_cached = q->position;
	return 0;
}

void room_leave(struct request *q)
{
	if (!q->running)
		return;
	memory_hold(q->party, -(int64_t)(q->n_pages * q->lane->page_bytes));
	pages_tick(q->lane->pages, q->engine->steps);
	/* The end first: of a beginning that is kept the first pages are of most use. */
	while (q->n_pages > 0)
		pages_release(q->lane->pages, q->pages[--q->n_pages]);
	free(q->pages);
	q->pages = NULL;
	if (q->position > q->most)
		q->most = q->position;
	q->position = 0;
	q->running = false;
	q->lane->writing--;
}

bool room_grow(struct request *q)
{
	while (q->running && (uint64_t)q->n_pages * KV_PAGE <= q->position)
		if (!claim_page(q) || !take_page(q))
			room_leave(q);
	return q->running;
}

void room_mark(struct request *q)
{
	while (((uint64_t)q->n_chained + 1) * KV_PAGE <= q->position) {
		q->chain =
			chain_next(&q->chain, q->ids.ids + (size_t)q->n_chained * KV_PAGE, KV_PAGE);
		pages_keep(q->lane->pages, q->pages[q->n_chained++], &q->chain);
	}
}
