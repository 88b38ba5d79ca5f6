#include "orchestrator/hub/runs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "orchestrator/hub/likes.h"

#define WRITE_USEC (3600 * USEC_PER_SEC)
#define GO_ON_USEC (100 * USEC_PER_MSEC)
#define RUNS_MAX 100000 /* Spaces; more are not counted */

struct run {
	char space[ID_LEN + 1];
	int64_t told;  /* what the gateway said last */
	int64_t fresh; /* not written yet */
};

struct runs {
	struct store *store;  /* borrowed */
	struct source *timer; /* owned */
	struct run *list;     /* owned; by Space */
	size_t n, cap;
	size_t at; /* where the next write begins */
};

static void on_timer(void *data)
{
	struct runs *r = data;

	timer_arm_after(r->timer, runs_write(r) ? GO_ON_USEC : WRITE_USEC);
}

int runs_new(struct loop *loop, struct store *store, struct runs **ret)
{
	CLEANUP(runs_freep) struct runs *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return -ENOMEM;
	r->store = store;
	code = loop_add_timer(loop, on_timer, r, &r->timer);
	if (code < 0)
		return code;
	timer_arm_after(r->timer, WRITE_USEC);
	*ret = TAKE_PTR(r);
	return 0;
}

struct runs *runs_free(struct runs *r)
{
	if (!r)
		return NULL;
	while (runs_write(r))
		;
	(void)source_free(r->timer);
	free(r->list);
	free(r);
	return NULL;
}

/* Where the Space is, or would be. */
static size_t place_of(const struct runs *r, const char *space_id, bool *found)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(r->list[middle].space, space_id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found = low < r->n && !strcmp(r->list[low].space, space_id);
	return low;
}

static struct run *run_of(struct runs *r, const char *space_id)
{
	bool found;
	size_t at = place_of(r, space_id, &found);

	if (found)
		return &r->list[at];
	if (r->n == RUNS_MAX || strlen(space_id) > ID_LEN)
		return NULL;
	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 64;
		struct run *grown = reallocarray(r->list, cap, sizeof(*grown));

		if (!grown)
			return NULL;
		r->list = grown;
		r->cap = cap;
	}
	memmove(&r->list[at + 1], &r->list[at], (r->n++ - at) * sizeof(*r->list));
	r->list[at] = (struct run){.told = -1};
	(void)snprintf(r->list[at].space, sizeof(r->list[at].space), "%s", space_id);
	return &r->list[at];
}

void runs_told(struct runs *r, const char *space_id, int64_t begun)
{
	struct run *run = begun > 0 ? run_of(r, space_id) : NULL;

	if (!run)
		return;
	if (run->told < 0)
		run->fresh = 1;
	else
		run->fresh +=
			begun < run->told ? begun : begun - run->told; /* less: a new gateway */
	run->told = begun;
}

bool runs_write(struct runs *r)
{
	struct err e = {0};
	size_t written = 0;
	int code = 0;

	for (; r->at < r->n && written < RUNS_AT_ONCE && code >= 0; r->at++) {
		struct run *run = &r->list[r->at];

		if (run->fresh == 0)
			continue;
		if (written++ == 0)
			code = store_begin(r->store, &e);
		if (code >= 0)
			code = hub_ran(r->store, run->space, run->fresh, &e);
		run->fresh = 0;
	}
	if (written && code >= 0)
		code = store_commit(r->store, &e);
	if (written)
		store_rollback(r->store);
	if (code < 0)
		log_warn("how often Spaces were used is not counted: %s", e.text);
	if (r->at < r->n)
		return true;
	r->at = 0;
	return false;
}
