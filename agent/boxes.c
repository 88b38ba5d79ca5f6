#include "agent/boxes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/app_link.h"
#include "agent/peers.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"

#define SEAL_DEADLINE_USEC (10 * USEC_PER_SEC)
#define REFILL_PATIENCE_USEC (2 * USEC_PER_SEC) /* without any processor it is promoted */
#define REFILL_DELAY_USEC                                                                          \
	(30 * USEC_PER_MSEC) /* lets the visitor's own start have the processor                    \
			      */
#define COMING_MAX 16
#define POOL_OF_USED_CLASS 2
#define APP_QUEUE_MAX (1 << 20)

struct slot *box_find(struct node *n, enum slot_state state, uint8_t class)
{
	for (size_t i = 0; i < n->n_slots; i++)
		if (n->slots[i].state == state &&
			(state == SLOT_FREE || n->slots[i].class == class))
			return &n->slots[i];
	return NULL;
}

static size_t count_slots(const struct node *n, enum slot_state state, uint8_t class)
{
	size_t count = 0;

	for (size_t i = 0; i < n->n_slots; i++)
		count += n->slots[i].state == state && n->slots[i].class == class;
	return count;
}

void box_end(struct slot *s)
{
	s->asked_to_end = true;
	/* Once: a second KILL could reach boxd when the slot holds the next box. */
	if (s->state == SLOT_ENDING || s->state == SLOT_FREE)
		return;
	slot_set_state(s, SLOT_ENDING);
	s->deadline = source_free(s->deadline);
	peers_kill(s->node->peers, s->number);
}

/* The ordinary priority, from now on. */
void box_promote(struct slot *s)
{
	if (!s->refill)
		return;
	s->refill = false;
	peers_promote(s->node->peers, s->number);
}

/* A refill under way is wanted now. */
static void hurry(struct slot *s)
{
	if (!s->refill)
		return;
	box_promote(s);
	timer_arm_after(s->deadline, SEAL_DEADLINE_USEC);
}

static void on_deadline(void *data)
{
	struct slot *s = data;

	if (s->state == SLOT_SPAWNING && s->refill) {
		hurry(s);
		return;
	}
	if (s->state == SLOT_CHECKING)
		check_fail(s, s->hello ? "the tests took longer than 30 s"
				       : "loading the app took longer than 10 s");
	else
		log_warn("slot=%u a box was not sealed in time", s->number);
	box_end(s);
}

/* The platform's own words in a Space's log stand in brackets. */
void box_note(const struct slot *s, const char *fmt, ...)
{
	static const struct log_head head = {.stream = "platform", .level = "warn"};
	char words[1400], line[1500];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	utf8_scrub(words, strlen(words));
	(void)snprintf(line, sizeof(line), "[%s]", words);
	peers_log_line(s->node->peers, s, &head, line);
}

/* What a build prints has its own limit, BOX_OUTPUT_MAX. */
static bool may_log(size_t n, void *data)
{
	struct slot *s = data;

	return s->state == SLOT_CHECKING ||
	       log_budget_take(s->node->budget, s->space, n, clock_mono_usec());
}

static void on_log_line(const char *line, size_t len, const struct log_head *head, void *data)
{
	struct slot *s = data;

	if (s->state == SLOT_RUNNING || s->state == SLOT_ENDING) {
		peers_log_line(s->node->peers, s, head, line);
		return;
	}
	if (s->state == SLOT_CHECKING) {
		if (buf_add(&s->output, line, len) == 0)
			(void)buf_add(&s->output, "\n", 1);
		return;
	}
	log_info("slot=%u worker: %s", s->number, line);
}

static const struct app_log_ops log_ops = {.may_pass = may_log, .on_line = on_log_line};

/* Makes a box's three links and asks boxd for it. */
static int spawn_box(struct node *n, struct slot *s, uint8_t class)
{
	const struct link_limits limits = {.queue_max = APP_QUEUE_MAX};
	CLEANUP(closep) int log_write = -1;
	CLEANUP(closep) int app_worker = -1;
	CLEANUP(closep) int infer_worker = -1;
	CLEANUP(closep) int infer_ours = -1;
	int pipe_fds[2], pair[2], r;

	s->class = class;
	random_id(s->replica);
	buf_init(&s->output, BOX_OUTPUT_MAX);

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	log_write = pipe_fds[1];
	r = app_log_new(n->loop, pipe_fds[0], &log_ops, s, &s->log);
	if (r < 0)
		return r;
	r = link_pair(pair);
	if (r < 0)
		return r;
	app_worker = pair[1];
	s->app_fd = fcntl(pair[0], F_DUPFD_CLOEXEC, 3);
	r = link_new(n->loop, pair[0], &app_link_ops, &limits, s, &s->app);
	if (r < 0)
		return r;
	r = link_pair(pair);
	if (r < 0)
		return r;
	infer_ours = pair[0];
	infer_worker = pair[1];
	(void)peers_attach_infer(n->peers, s, infer_ours); /* without it calls fail with words */

	r = loop_add_timer(n->loop, on_deadline, s, &s->deadline);
	if (r < 0)
		return r;
	timer_arm_after(s->deadline, s->refill ? REFILL_PATIENCE_USEC : SEAL_DEADLINE_USEC);
	r = peers_spawn(n->peers, s, (const int[]){log_write, app_worker, infer_worker});
	return r;
}

/* A start that somebody waits for is worth more than a box that waits: where every slot is taken,
 * a blank box of another class makes room. */
static void make_room(struct node *n, uint8_t class)
{
	struct slot *spare = NULL;

	for (size_t i = 0; i < n->n_slots; i++) {
		struct slot *s = &n->slots[i];

		if (s->state == SLOT_ENDING)
			return; /* this one will do */
		if (s->state == SLOT_BLANK && s->class != class)
			spare = s;
	}
	if (spare)
		box_end(spare);
}

static bool start_box(struct node *n, uint8_t class, bool refill)
{
	struct slot *s = box_find(n, SLOT_FREE, class);
	int r;

	if (!s)
		return false;
	slot_set_state(s, SLOT_SPAWNING);
	s->refill = refill;
	r = spawn_box(n, s, class);
	if (r < 0) {
		log_error("slot=%u cannot start a box: %s", s->number, strerror(-r));
		slot_reset(s);
	}
	return true;
}

/* Boxes of that class under way; those for the pool are somebody's now. */
static size_t take_coming(struct node *n, uint8_t class, size_t most)
{
	size_t coming = 0;

	for (size_t i = 0; i < n->n_slots && coming < most; i++) {
		struct slot *s = &n->slots[i];

		if (s->state != SLOT_SPAWNING || s->class != class)
			continue;
		hurry(s);
		coming++;
	}
	return coming;
}

/* As many boxes are under way as jobs wait; the pool is refilled only while nobody waits. */
void boxes_keep_coming(struct node *n)
{
	size_t waiting[BOX_CLASSES] = {0};

	if (n->strangers > 0)
		return; /* which slots are free is not known yet */
	for (struct job *j = n->jobs; j; j = j->next)
		waiting[j->class]++;
	for (uint8_t class = BOX_SMALL; class < BOX_CLASSES; class ++) {
		size_t wanted = waiting[class] < COMING_MAX ? waiting[class] : COMING_MAX;
		size_t coming = take_coming(n, class, wanted);

		for (; coming < wanted; coming++)
			if (!start_box(n, class, false)) {
				make_room(n, class);
				break;
			}
	}
	timer_arm_after(n->refill, REFILL_DELAY_USEC);
}

static int pool_wanted(const struct node *n, uint8_t class)
{
	if (n->pool.of[class] != BOX_POOL_AUTO)
		return n->pool.of[class];
	return n->used[class] ? POOL_OF_USED_CLASS : 0;
}

void boxes_refill(void *data)
{
	struct node *n = data;

	if (n->jobs || n->n_slots == 0 || n->strangers > 0)
		return;
	for (uint8_t class = BOX_SMALL; class < BOX_CLASSES; class ++) {
		size_t ready =
			count_slots(n, SLOT_BLANK, class) + count_slots(n, SLOT_SPAWNING, class);

		if (ready >= (size_t)pool_wanted(n, class))
			continue;
		(void)start_box(n, class, true);
		return; /* one at a time: the next follows when this one is sealed */
	}
}
