#include "orchestrator/moves.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/manage.h"

/* Each opens secrets, which is a row of its own in their audit: a sync of the disk. */
#define STEP_SPACES 4
#define STEP_USEC (20 * USEC_PER_MSEC)

struct moves {
	struct world *world;  /* borrowed */
	struct source *timer; /* owned */
	json_t *waiting;      /* owned; an object: ids are its keys */
};

static void tell_one(struct world *w, const char *id)
{
	struct err e = {0};
	struct space space;
	int r = space_by_id(w->store, id, &space, &e);

	if (r == 0)
		manage_tell(w, &space, "a box of another size");
	else if (r != -ENOENT)
		log_error("space=%s keeps its box: %s", id, e.text);
}

static void step(void *data)
{
	struct moves *m = data;
	void *at;

	for (int i = 0; i < STEP_SPACES && (at = json_object_iter(m->waiting)); i++) {
		tell_one(m->world, json_object_iter_key(at));
		(void)json_object_del(m->waiting, json_object_iter_key(at));
	}
	if (json_object_size(m->waiting) > 0)
		timer_arm_after(m->timer, STEP_USEC);
}

int moves_new(struct world *w, struct moves **ret)
{
	CLEANUP(moves_freep) struct moves *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->world = w;
	m->waiting = json_object();
	if (!m->waiting || loop_add_timer(w->loop, step, m, &m->timer) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(m);
	return 0;
}

struct moves *moves_free(struct moves *m)
{
	if (!m)
		return NULL;
	(void)source_free(m->timer);
	json_decref(m->waiting);
	free(m);
	return NULL;
}

int moves_keep(struct store *s, const json_t *ids, struct err *e)
{
	const json_t *id;
	size_t i;

	json_array_foreach(ids, i, id)
	{
		int r = store_run(
			s, "space_touch_settings", NULL, NULL, e, "s", json_string_value(id));

		if (r < 0)
			return r;
	}
	return 0;
}

void moves_tell(struct moves *m, const json_t *ids)
{
	const json_t *id;
	size_t i;

	json_array_foreach(ids, i, id)
	{
		(void)json_object_set_new(m->waiting, json_string_value(id), json_true());
	}
	timer_arm_after(m->timer, 0);
}
