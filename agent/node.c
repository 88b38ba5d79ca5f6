#include "agent/node.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/boxes.h"
#include "agent/ends.h"
#include "agent/metrics.h"
#include "agent/peers.h"
#include "agent/starts.h"
#include "base/clock.h"
#include "base/log.h"
#include "proto/messages.h"

#define REFILL_AGAIN_USEC USEC_PER_SEC /* after one that boxd refused */
#define FILES_OF_BOX 3                 /* log, app link, the duplicate of its other end */
#define FILES_BESIDE_BOXES 128

static struct slot *running_slot(struct node *n, const char *replica)
{
	for (size_t i = 0; i < n->n_slots; i++)
		if (n->slots[i].state == SLOT_RUNNING && !strcmp(n->slots[i].replica, replica))
			return &n->slots[i];
	return NULL;
}

void node_sleep(struct node *n, const char *replica)
{
	struct slot *s = running_slot(n, replica);

	if (s)
		box_end(s);
}

void node_stop(struct node *n, const char *replica, const char *why)
{
	struct slot *s = running_slot(n, replica);

	if (!s)
		return;
	(void)snprintf(s->fault, sizeof(s->fault), "%s", why);
	box_end(s);
}

void node_note(struct node *n, const char *replica, const char *line)
{
	struct slot *s = running_slot(n, replica);

	if (s)
		box_note(s, "%s", line);
}

/* --- what boxd says --- */

/* Each box holds some of our descriptors. */
static size_t slots_by_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY)
		return BOX_SLOTS_MAX;
	return files.rlim_cur <= FILES_BESIDE_BOXES
		       ? 0
		       : (files.rlim_cur - FILES_BESIDE_BOXES) / FILES_OF_BOX;
}

void node_boxd_up(struct node *n, size_t slots, size_t strangers)
{
	size_t most = slots_by_files();

	if (slots > BOX_SLOTS_MAX)
		slots = BOX_SLOTS_MAX;
	if (slots > most) {
		log_warn("slots=%zu of %zu: RLIMIT_NOFILE allows no more", most, slots);
		slots = most;
	}
	n->n_slots = slots;
	n->strangers = strangers;
	log_info("slots=%zu boxd is there", slots);
	boxes_keep_coming(n);
}

void node_boxd_down(struct node *n)
{
	for (size_t i = 0; i < n->n_slots; i++)
		if (n->slots[i].state != SLOT_FREE)
			box_ended(&n->slots[i], 0, "the sandbox service restarted", false);
	n->n_slots = 0;
	starts_fail(n, NULL, "the sandbox service restarted; try again");
}

static struct slot *slot_by_number(struct node *n, uint32_t number)
{
	return number < n->n_slots ? &n->slots[number] : NULL;
}

/* No news but its pid. */
static void report_running(const struct slot *s)
{
	peers_worker_phase(
		s->node->peers, s, &(struct agent_worker){.phase = "running", .again = true});
}

void node_spawned(struct node *n, uint32_t number, int pid)
{
	struct slot *s = slot_by_number(n, number);

	if (s && s->state != SLOT_FREE) {
		s->pid = pid;
		/* The box may have been sealed, and taken, before boxd's word of it came. */
		if (s->state == SLOT_RUNNING)
			report_running(s);
		return;
	}
	/* A box that an earlier agent left behind: its links ended with that agent. */
	if (s) {
		slot_set_state(s, SLOT_ENDING);
		s->asked_to_end = true;
	}
	peers_kill(n->peers, number);
	if (n->strangers > 0 && --n->strangers == 0)
		boxes_keep_coming(n);
}

void node_refused(struct node *n, uint32_t number, int code, const char *why)
{
	struct slot *s = slot_by_number(n, number);
	bool refill;

	agent_count(AGENT_BOXES_REFUSED, 1);
	log_error("slot=%u boxd refused a box: %s (%s)", number, why, strerror(code));
	if (!s || s->state == SLOT_FREE)
		return;
	refill = s->refill;
	s->asked_to_end = true;
	slot_reset(s);
	if (refill) {
		timer_arm_after(n->refill, REFILL_AGAIN_USEC);
		return;
	}
	starts_fail(n, NULL, why);
}

void node_exited(struct node *n, uint32_t number, int status, const char *why)
{
	struct slot *s = slot_by_number(n, number);

	if (!s || s->state == SLOT_FREE)
		return;
	box_ended(s, status, why, !s->asked_to_end || s->fault[0]);
	boxes_keep_coming(n);
}

/* --- peers that came back --- */

void node_renew_infer_links(struct node *n)
{
	for (size_t i = 0; i < n->n_slots; i++) {
		struct slot *s = &n->slots[i];
		const struct frame f = {.type = APP_INFER};
		int pair[2];

		if (s->state == SLOT_FREE || s->state == SLOT_ENDING || link_pair(pair) < 0)
			continue;
		if (peers_attach_infer(n->peers, s, pair[0]) == 0) {
			if (s->space[0])
				peers_assign_infer(n->peers, s);
			(void)link_post(s->app_fd, &f, &pair[1], 1);
		}
		close(pair[0]);
		close(pair[1]);
	}
}

void node_report_all(struct node *n)
{
	for (size_t i = 0; i < n->n_slots; i++)
		if (n->slots[i].state == SLOT_RUNNING)
			report_running(&n->slots[i]);
	/* What was wanted while it was away. */
	for (const struct job *j = n->jobs; j; j = j->next)
		(void)starts_ask(n, j);
}

void node_hand_over_all(struct node *n)
{
	for (size_t i = 0; i < n->n_slots; i++)
		if (n->slots[i].state == SLOT_RUNNING)
			peers_hand_over(n->peers, &n->slots[i], 0);
}

/* --- life --- */

int node_new(struct loop *loop, const char *data_dir, const struct box_pool *pool,
	const struct app_place *place, struct node **ret, struct err *e)
{
	CLEANUP(node_freep) struct node *n = calloc(1, sizeof(*n));
	char dir[4096];
	int r;

	if (!n)
		return err_set(e, -ENOMEM, "out of memory");
	n->loop = loop;
	n->pool = *pool;
	n->place = *place;
	n->jobs_tail = &n->jobs;
	n->slots = calloc(BOX_SLOTS_MAX, sizeof(*n->slots));
	if (!n->slots || backoff_new(&n->backoff) < 0 || log_budget_new(&n->budget) < 0 ||
		settings_held_new(&n->held) < 0 ||
		loop_add_timer(loop, boxes_refill, n, &n->refill) < 0 ||
		loop_add_timer(loop, starts_ask_again, n, &n->ask) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < BOX_SLOTS_MAX; i++) {
		n->slots[i] = (struct slot){.node = n, .number = i, .app_fd = -1};
		buf_init(&n->slots[i].output, BOX_OUTPUT_MAX);
	}
	(void)snprintf(dir, sizeof(dir), "%s/bundles", data_dir);
	r = bundle_cache_new(dir, &n->cache, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(n);
	return 0;
}

struct node *node_free(struct node *n)
{
	if (!n)
		return NULL;
	for (size_t i = 0; n->slots && i < BOX_SLOTS_MAX; i++)
		if (n->slots[i].state != SLOT_FREE)
			slot_reset(&n->slots[i]);
	while (n->jobs) {
		struct job *j = n->jobs;

		n->jobs = j->next;
		(void)job_free(j);
	}
	source_free(n->refill);
	source_free(n->ask);
	(void)backoff_free(n->backoff);
	(void)log_budget_free(n->budget);
	(void)settings_held_free(n->held);
	(void)bundle_cache_free(n->cache);
	free(n->slots);
	free(n);
	return NULL;
}
