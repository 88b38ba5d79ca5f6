#include "agent/meter.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/peers.h"
#include "base/clock.h"

struct reading {
	char replica[ID_LEN + 1];
	uint64_t usec;
};

struct meter {
	struct node *node;    /* borrowed */
	struct source *timer; /* owned */
	struct reading *last; /* owned; of each slot */
};

int meter_read(pid_t pid, uint64_t *ret_usec)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
		return -ESRCH;
	*ret_usec = (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
	return 0;
}

static void look_at(struct meter *m, const struct slot *s)
{
	struct reading *last = &m->last[s->number];
	uint64_t now, used;

	if (s->pid <= 0 || meter_read(s->pid, &now) < 0)
		return;
	/* A worker seen for the first time has a second behind it that is not known. */
	used = strcmp(last->replica, s->replica) || now < last->usec ? 0 : now - last->usec;
	memcpy(last->replica, s->replica, sizeof(last->replica));
	last->usec = now;
	if (used >= METER_MUCH_USEC)
		peers_cpu(m->node->peers, s, used);
}

static void on_timer(void *data)
{
	struct meter *m = data;

	for (size_t i = 0; i < m->node->n_slots; i++)
		if (m->node->slots[i].state == SLOT_RUNNING)
			look_at(m, &m->node->slots[i]);
	timer_arm_after(m->timer, METER_USEC);
}

int meter_new(struct node *n, struct meter **ret)
{
	CLEANUP(meter_freep) struct meter *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->node = n;
	m->last = calloc(BOX_SLOTS_MAX, sizeof(*m->last));
	if (!m->last || loop_add_timer(n->loop, on_timer, m, &m->timer) < 0)
		return -ENOMEM;
	timer_arm_after(m->timer, METER_USEC);
	*ret = TAKE_PTR(m);
	return 0;
}

struct meter *meter_free(struct meter *m)
{
	if (!m)
		return NULL;
	(void)source_free(m->timer);
	free(m->last);
	free(m);
	return NULL;
}
