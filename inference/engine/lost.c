#include "inference/engine/lost.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int lane_outcome(const struct lane *lane, int r)
{
	return device_is_faulty(lane->model->net->device) ? -EIO : r;
}

void lane_fail(const struct lane *lane, struct request *const *of, size_t m, int r)
{
	const struct device *d = lane->model->net->device;
	struct err e = {0};

	if (r == -EIO)
		(void)err_set(&e, r,
			"the device %s failed while it worked on this (%s); nothing else is lost, "
			"and it may be asked again",
			d->ops->name, d->fault);
	else
		(void)err_set(&e, r, "out of memory");
	requests_fail(of, m, r, e.text);
}

bool lane_is_there(const struct lane *lane)
{
	return lane->model && lane->model->net;
}

/* --- a device is taken away --- */

static bool is_on(const struct lane *lane, const struct device *d)
{
	return lane_is_there(lane) && lane->model->net->device == d;
}

/* Whatever of the network it refers to goes with the network. */
static void let_go(struct request *q)
{
	room_leave(q);
	if (!q->adapter)
		return;
	free(q->moved);
	q->moved = strdup(adapter_name(q->adapter));
	q->adapter = NULL;
	q->lane->moved = true;
}

/* Its callbacks may end others too, so the row is begun anew after each. */
static void end_begun(struct lane *lane, const struct err *why)
{
	struct request *q = lane->head;

	while (q) {
		if (!q->begun) {
			q = q->next;
			continue;
		}
		request_fail(q, why->code, why->text);
		q = lane->head;
	}
}

void engine_vacate(struct engine *e, const struct device *d, const struct err *why)
{
	engine_begin_step(e);
	for (size_t i = 0; i < e->n_lanes; i++) {
		struct lane *lane = &e->lanes[i];

		if (!is_on(lane, d))
			continue;
		if (why)
			end_begun(lane, why);
		for (struct request *q = lane->head; q; q = q->next)
			let_go(q);
		lane_close_pages(lane);
	}
	engine_end_step(e);
}

/* --- and its models come back, or not --- */

void lane_settle(struct lane *lane)
{
	struct request *next;

	if (!lane->moved)
		return;
	lane->moved = false;
	for (struct request *q = lane->head; q; q = next) {
		next = q->next;
		if (!q->moved)
			continue;
		q->adapter = adapter_find(lane->model->net, q->moved);
		free(q->moved);
		q->moved = NULL;
		if (!q->adapter) {
			lane->moved = true; /* its callback may have ended others */
			request_fail(q, -EIO, "the model's adapter has gone meanwhile");
			next = lane->head;
		}
	}
}

void engine_strand(struct engine *e, const struct model *m, const struct err *why)
{
	for (size_t i = 0; i < e->n_lanes; i++)
		if (e->lanes[i].model == m && e->lanes[i].head)
			e->lanes[i].stranded = *why;
}

void engine_end_stranded(struct engine *e)
{
	for (size_t i = 0; i < e->n_lanes; i++) {
		struct lane *lane = &e->lanes[i];
		struct err why = lane->stranded;

		if (!why.code)
			continue;
		lane->stranded = (struct err){0};
		while (lane->head)
			request_fail(lane->head, why.code, why.text);
	}
}
