/* Whose turn it is for pages: who waits for whom, and whose texts give way. inference/schedule
 * decides; here stands what of it belongs together: a payer's, a Space's, and all. */
#include <assert.h>
#include <errno.h>

#include "inference/engine/inside.h"
#include "inference/engine/lost.h"

bool request_shares(const struct request *x, const struct request *q, enum lack lack)
{
	if (lack == LACK_OWN)
		return memory_same_payer(x->party, q->party);
	return lack == LACK_ALL || x->group == q->group;
}

static struct claim claim_of(const struct request *q)
{
	uint64_t pages = (room_tokens(q) + KV_PAGE - 1) / KV_PAGE;

	return (struct claim){q->party, (pages - q->n_pages) * q->lane->page_bytes,
		q->lacks_nsec ? q->lacks_nsec : engine_now_nsec()};
}

bool request_before(const struct request *a, const struct request *b, uint64_t now_nsec)
{
	uint64_t since = a->lacks_nsec ? a->lacks_nsec : UINT64_MAX;
	uint64_t of_b = b->lacks_nsec ? b->lacks_nsec : UINT64_MAX;
	const struct claim x = claim_of(a), y = claim_of(b);

	if (a->party == b->party)
		return since != of_b ? since < of_b : a->serial < b->serial;
	return memory_before(a->engine->schedule, &x, &y, now_nsec);
}

void request_lack(struct request *q, enum lack lack, uint64_t bytes)
{
	struct engine *e = q->engine;

	if (!q->lacks && e->n_lacking < ENGINE_REQUESTS_MAX)
		e->lacking[e->n_lacking++] = q;
	q->lacks = lack;
	q->lacks_bytes = bytes;
	if (!q->lacks_nsec)
		q->lacks_nsec = engine_now_nsec();
}

static void let_in(struct request *q)
{
	const struct claim c = claim_of(q);

	memory_let_in(q->engine->schedule, &c, engine_now_nsec());
	q->lacks = LACK_NOTHING;
	q->lacks_nsec = 0;
}

/* --- who is next --- */

void claims_begin(struct engine *e)
{
	uint64_t now = engine_now_nsec();

	e->n_lacking = 0;
	e->next = NULL;
	for (size_t i = 0; i < e->n_lanes; i++)
		for (struct request *q = e->lanes[i].head; q; q = q->next) {
			/* Who has no place, or no time, cannot come in whatever becomes free. */
			if (!q->lacks || !lane_is_there(&e->lanes[i]) ||
				e->lanes[i].writing >= ENGINE_WRITING_MAX || !engine_may_go(q))
				continue;
			e->lacking[e->n_lacking++] = q;
			if (q->lacks == LACK_ALL && (!e->next || request_before(q, e->next, now)))
				e->next = q;
		}
}

/* Somebody else is next, of all or of those who share a smaller budget with it. */
static bool is_behind(struct request *q)
{
	struct engine *e = q->engine;
	uint64_t now = engine_now_nsec();

	if (e->next && e->next != q && e->next->lacks && request_before(e->next, q, now)) {
		request_lack(q, LACK_ALL, claim_of(q).bytes);
		return true;
	}
	for (size_t i = 0; i < e->n_lacking; i++) {
		struct request *x = e->lacking[i];

		if (x == q || !x->lacks || x->lacks == LACK_ALL ||
			!request_shares(x, q, x->lacks) || !request_before(x, q, now))
			continue;
		request_lack(q, x->lacks, claim_of(q).bytes);
		return true;
	}
	return false;
}

/* --- what is there --- */

static uint64_t idle_bytes(const struct engine *e, const uint32_t *group)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < e->n_lanes; i++)
		if (e->lanes[i].pages)
			sum += pages_idle(e->lanes[i].pages, group) * e->lanes[i].page_bytes;
	return sum;
}

static uint64_t over(uint64_t used, uint64_t more, uint64_t max)
{
	return used + more > max ? used + more - max : 0;
}

/* What is missing for so much more, where it is missing first. */
static enum lack find_lack(const struct request *q, uint64_t more, uint64_t *ret_bytes)
{
	const struct engine *e = q->engine;
	uint64_t own = q->n_pages * q->lane->page_bytes;
	uint64_t held = q->memory_max ? memory_held(e->schedule, q->party) : 0;
	uint64_t space = room_bytes(e, q->group) - idle_bytes(e, &q->group);

	/* One text alone was measured against it when it came. */
	*ret_bytes = held > own ? over(held, more, q->memory_max) : 0;
	if (*ret_bytes > 0)
		return LACK_OWN;
	*ret_bytes = over(space, more, e->kv_group_max);
	if (*ret_bytes > 0)
		return LACK_SPACE;
	*ret_bytes = over(e->kv_bytes - idle_bytes(e, NULL), more, e->kv_max);
	return *ret_bytes > 0 ? LACK_ALL : LACK_NOTHING;
}

/* --- who gives way --- */

static uint64_t freed_bytes(const struct request *q)
{
	uint64_t pages = 0;

	for (uint32_t i = 0; i < q->n_pages; i++)
		pages += pages_held_once(q->lane->pages, q->pages[i]);
	return pages * q->lane->page_bytes;
}

/* The texts under way that may give way: those that have done so often enough stay. */
static size_t list_holdings(const struct request *q, enum lack lack, bool self)
{
	struct engine *e = q->engine;
	size_t n = 0;

	for (size_t i = 0; i < e->n_lanes; i++)
		for (struct request *x = e->lanes[i].head; x; x = x->next) {
			if (!x->running || x->gave_way >= ENGINE_GIVE_WAYS_MAX ||
				!request_shares(x, q, lack) || (x == q && !self))
				continue;
			e->holders[n] = x;
			e->holdings[n++] = (struct holding){.party = x->party,
				.bytes = freed_bytes(x),
				.again_nsec = (uint64_t)(x->position * x->lane->row_nsec)};
		}
	return n;
}

static void put_back(struct request *x, enum lack lack)
{
	room_leave(x);
	x->gave_way++;
	x->engine->gave_way_step = x->engine->steps;
	request_lack(x, lack, claim_of(x).bytes);
}

/* -EAGAIN: nobody gives way to it. */
static int make_way(struct request *q, enum lack lack, uint64_t bytes)
{
	const struct claim c = claim_of(q);
	struct engine *e = q->engine;
	size_t n = list_holdings(q, lack, false);

	if (memory_make_way(e->schedule, e->holdings, n, &c, bytes, engine_now_nsec()) == 0)
		return -EAGAIN;
	for (size_t i = 0; i < n; i++)
		if (e->holdings[i].yields)
			put_back(e->holders[i], lack);
	return 0;
}

int claim_entry(struct request *q)
{
	enum lack lack;
	uint64_t bytes;
	int r = is_behind(q) ? -EAGAIN : 0;

	while (r == 0 && (lack = find_lack(q, claim_of(q).bytes, &bytes)) != LACK_NOTHING) {
		r = make_way(q, lack, bytes);
		if (r < 0)
			request_lack(q, lack, bytes);
	}
	if (r < 0) {
		if (q->lacks == LACK_ALL &&
			(!q->engine->next || !q->engine->next->lacks ||
				request_before(q, q->engine->next, engine_now_nsec())))
			q->engine->next = q;
		return r;
	}
	let_in(q);
	return 0;
}

bool claim_page(struct request *q)
{
	struct engine *e = q->engine;
	enum lack lack;
	uint64_t bytes;

	while (q->running && (lack = find_lack(q, q->lane->page_bytes, &bytes)) != LACK_NOTHING) {
		size_t n = list_holdings(q, lack, true), most;

		most = memory_most(e->schedule, e->holdings, n);
		assert(most != SCHEDULE_NOBODY); /* at least q: one that stays has all its pages */
		put_back(e->holders[most], lack);
	}
	return q->running;
}
