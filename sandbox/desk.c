#include "sandbox/desk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dial.h"
#include "base/link.h"
#include "base/log.h"
#include "proto/constants.h"
#include "proto/messages.h"
#include "sandbox/box.h"

#define AGENTS_MAX 4 /* one, and those that have not noticed yet that they are replaced */
#define QUEUE_MAX (512 * 1024)
#define FILES_OF_SPAWN 3
#define STOCK_USEC (10 * USEC_PER_MSEC)
#define BUILD_USEC (5 * USEC_PER_SEC)
#define REFILL_USEC (10 * USEC_PER_SEC) /* its agent promotes it before */

/*
 * One box. First it is built: source watches box.sync_fd, late is armed, and the agent that asked
 * hears SPAWNED or REFUSED. Then it runs: source watches box.pidfd.
 */
struct occupied {
	struct desk *desk;     /* borrowed */
	struct source *source; /* owned */
	struct source *late;   /* owned; timer, NULL once it runs */
	struct box box;
	uint64_t asked_by;   /* order of that agent */
	uint64_t began_usec; /* monotonic */
};

struct agent {
	struct desk *desk; /* borrowed */
	struct link *link; /* owned */
	uint64_t order;    /* the highest is the newest */
};

struct desk {
	struct loop *loop;         /* borrowed */
	struct host *host;         /* borrowed */
	struct source *stock;      /* owned; timer */
	struct listener *listener; /* owned */
	struct agent agents[AGENTS_MAX];
	uint64_t next_order;
	struct occupied *slots[BOX_SLOTS_MAX]; /* owned; NULL: free */
};

/* --- to agents --- */

static void tell(struct link *l, uint8_t type, unsigned int slot, uint32_t seq, const char *words)
{
	const struct frame f = {.type = type,
		.node = slot,
		.seq = seq,
		.value = (const uint8_t *)words,
		.length = strlen(words)};
	int r = l ? link_send(l, &f) : 0;

	if (r < 0)
		log_warn("slot=%u the agent does not read: %s", slot, strerror(-r));
}

static struct link *newest(const struct desk *d)
{
	const struct agent *best = NULL;

	for (size_t i = 0; i < AGENTS_MAX; i++)
		if (d->agents[i].link && (!best || d->agents[i].order > best->order))
			best = &d->agents[i];
	return best ? best->link : NULL;
}

/* The one that asked, or the newest where that one has left. */
static struct link *asker(const struct occupied *o)
{
	const struct desk *d = o->desk;

	for (size_t i = 0; i < AGENTS_MAX; i++)
		if (d->agents[i].link && d->agents[i].order == o->asked_by)
			return d->agents[i].link;
	return newest(d);
}

/* --- boxes --- */

static void vacate(struct occupied *o)
{
	o->desk->slots[o->box.slot] = NULL;
	source_free(o->source);
	source_free(o->late);
	free(o);
}

static void on_exit_of_box(int fd, uint32_t events, void *data)
{
	struct occupied *o = data;
	struct desk *d = o->desk;
	unsigned int slot = o->box.slot;
	char words[128];
	int status;

	(void)fd;
	(void)events;
	/* The source goes first: it may not outlive the pidfd. */
	o->source = source_free(o->source);
	if (!box_reap(d->host, &o->box, &status, words, sizeof(words))) {
		log_error("slot=%u pid=%d cannot be reaped: %s", slot, o->box.pid, strerror(errno));
		return;
	}
	log_info("slot=%u pid=%d ended status=0x%x %s", slot, o->box.pid, (unsigned int)status,
		words);
	vacate(o);
	tell(newest(d), BOX_EXITED, slot, (uint32_t)status, words);
}

static void refuse(struct occupied *o, const struct err *why)
{
	struct link *l = asker(o);
	unsigned int slot = o->box.slot;

	log_error("slot=%u refused: %s", slot, why->text);
	o->source = source_free(o->source);
	box_discard(o->desk->host, &o->box);
	vacate(o);
	tell(l, BOX_REFUSED, slot, (uint32_t)-why->code, why->text);
}

static void on_late(void *data)
{
	struct occupied *o = data;
	struct err why = {0};

	(void)err_set(&why, -ETIMEDOUT, "the box did not come up within %llu s",
		(unsigned long long)((clock_mono_usec() - o->began_usec) / USEC_PER_SEC));
	refuse(o, &why);
}

static void on_outcome(int fd, uint32_t events, void *data)
{
	struct occupied *o = data;
	struct desk *d = o->desk;
	struct err why = {0};
	int r;

	(void)fd;
	(void)events;
	o->source = source_free(o->source);
	o->late = source_free(o->late);
	r = box_finish(d->host, &o->box, &why);
	if (r == 0) {
		r = loop_add_fd(d->loop, o->box.pidfd, EPOLLIN, on_exit_of_box, o, &o->source);
		if (r < 0)
			(void)err_set(&why, r, "cannot watch the box: %s", strerror(-r));
	}
	if (r < 0) {
		refuse(o, &why);
		return;
	}
	log_debug("slot=%u pid=%d class=%s spawned usec=%llu", o->box.slot, o->box.pid,
		box_class_name(o->box.class),
		(unsigned long long)(clock_mono_usec() - o->began_usec));
	tell(asker(o), BOX_SPAWNED, o->box.slot, (uint32_t)o->box.pid, "");
	timer_arm_after(d->stock, STOCK_USEC);
}

static int watch_build(struct occupied *o, bool refill)
{
	struct loop *loop = o->desk->loop;
	int r = loop_add_fd(loop, o->box.sync_fd, EPOLLIN, on_outcome, o, &o->source);

	if (r == 0)
		r = loop_add_timer(loop, on_late, o, &o->late);
	if (r == 0)
		timer_arm_after(o->late, refill ? REFILL_USEC : BUILD_USEC);
	return r;
}

/* Begins a box; the agent hears of it later. REFUSED at once where not even that succeeds. */
static void occupy(struct agent *a, const struct box_plan *plan)
{
	struct occupied *o = calloc(1, sizeof(*o));
	struct desk *d = a->desk;
	struct err why = {0};
	int r;

	if (!o) {
		tell(a->link, BOX_REFUSED, plan->slot, ENOMEM, "boxd is out of memory");
		return;
	}
	o->desk = d;
	o->asked_by = a->order;
	o->began_usec = clock_mono_usec();
	r = box_begin(d->host, plan, &o->box, &why);
	if (r < 0) {
		free(o);
		log_error("slot=%u refused: %s", plan->slot, why.text);
		tell(a->link, BOX_REFUSED, plan->slot, (uint32_t)-r, why.text);
		return;
	}
	d->slots[plan->slot] = o;
	r = watch_build(o, plan->refill);
	if (r < 0) {
		(void)err_set(&why, r, "cannot watch the box: %s", strerror(-r));
		refuse(o, &why);
	}
}

/* --- from agents --- */

static int on_spawn(struct agent *a, const struct frame *f, struct link_files *files, struct err *e)
{
	struct desk *d = a->desk;
	struct box_plan plan = {.slot = f->node, .class = f->op, .refill = f->seq == BOX_REFILL};
	int r;

	if (files->n != FILES_OF_SPAWN)
		return err_set(e, -EPROTO, "SPAWN with %zu files instead of 3", files->n);
	if (f->seq != BOX_NOW && f->seq != BOX_REFILL)
		return err_set(e, -EPROTO, "SPAWN of an unknown kind, %u", f->seq);
	plan.log_fd = files->fd[0];
	plan.app_fd = files->fd[1];
	plan.infer_fd = files->fd[2];
	r = box_plan_check(&plan, d->host->slots, e);
	if (r < 0)
		return r;
	if (d->slots[plan.slot])
		return err_set(e, -EPROTO, "slot %u is not free", plan.slot);
	occupy(a, &plan);
	return 0;
}

/* The box that a message without files names; *ret is NULL for a free slot. */
static int named(struct agent *a, const struct frame *f, const struct link_files *files,
	struct occupied **ret, struct err *e)
{
	if (files->n > 0)
		return err_set(
			e, -EPROTO, "%s with a file", f->type == BOX_KILL ? "KILL" : "PROMOTE");
	if (f->node >= a->desk->host->slots)
		return err_set(
			e, -EPROTO, "slot %u is not below %u", f->node, a->desk->host->slots);
	*ret = a->desk->slots[f->node];
	return 0;
}

static int on_kill(struct agent *a, const struct frame *f, struct link_files *files, struct err *e)
{
	struct occupied *o = NULL;
	int r = named(a, f, files, &o, e);

	if (r == 0 && o)
		box_kill(&o->box);
	return r;
}

static int on_promote(
	struct agent *a, const struct frame *f, struct link_files *files, struct err *e)
{
	struct occupied *o = NULL;
	int r = named(a, f, files, &o, e);

	if (r == 0 && o)
		box_promote(a->desk->host, &o->box);
	return r;
}

static const struct {
	uint8_t type;
	int (*take)(
		struct agent *a, const struct frame *f, struct link_files *files, struct err *e);
} messages[] = {
	{BOX_SPAWN, on_spawn},
	{BOX_KILL, on_kill},
	{BOX_PROMOTE, on_promote},
};

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	(void)l;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (messages[i].type == f->type)
			return messages[i].take(data, f, files, e);
	return -EPROTO;
}

/* All messages carry their all in the header. */
static long value_max(uint8_t type, void *data)
{
	(void)data;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (messages[i].type == type)
			return 0;
	return -1;
}

/* Nobody could take up what an agent leaves: the links of its boxes have ended with it. */
static void end_all(struct desk *d)
{
	for (size_t i = 0; i < BOX_SLOTS_MAX; i++)
		if (d->slots[i])
			box_kill(&d->slots[i]->box);
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct agent *a = data;

	(void)l;
	if (reason->code < 0)
		log_warn("agent=%llu closed: %s", (unsigned long long)a->order, reason->text);
	else
		log_info("agent=%llu left", (unsigned long long)a->order);
	a->link = link_free(a->link);
	if (!newest(a->desk))
		end_all(a->desk);
}

static const struct link_ops agent_ops = {
	.on_frame = on_frame, .on_closed = on_closed, .value_max = value_max};

static void greet(struct desk *d, struct link *l)
{
	uint32_t taken = 0;

	for (unsigned int i = 0; i < d->host->slots; i++)
		taken += d->slots[i] != NULL;
	tell(l, BOX_HOST, d->host->slots, taken, buf_str(&d->host->report));
	for (unsigned int i = 0; i < d->host->slots; i++)
		if (d->slots[i])
			tell(l, BOX_SPAWNED, i, (uint32_t)d->slots[i]->box.pid, "");
}

static void on_agent(int fd, uid_t uid, void *data)
{
	const struct link_limits limits = {.queue_max = QUEUE_MAX, .files = true};
	struct desk *d = data;
	struct agent *a = NULL;
	int r;

	for (size_t i = 0; i < AGENTS_MAX && !a; i++)
		if (!d->agents[i].link)
			a = &d->agents[i];
	if (!a) {
		log_warn("peer_uid=%u turned away: %d agents are connected", uid, AGENTS_MAX);
		close(fd);
		return;
	}
	*a = (struct agent){.desk = d, .order = ++d->next_order};
	r = link_new(d->loop, fd, &agent_ops, &limits, a, &a->link);
	if (r < 0) {
		log_error("cannot talk to an agent: %s", strerror(-r));
		return;
	}
	log_info("agent=%llu peer_uid=%u connected", (unsigned long long)a->order, uid);
	greet(d, a->link);
}

/* Once the box that used some is up. */
static void stock(void *data)
{
	struct desk *d = data;

	cgroup_home_stock(&d->host->cgroups);
}

int desk_new(struct loop *loop, int fd, uid_t agent_uid, struct host *host, struct desk **ret)
{
	struct desk *d = calloc(1, sizeof(*d));
	int r;

	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	d->loop = loop;
	d->host = host;
	r = listener_new(loop, fd, &agent_uid, 1, on_agent, d, &d->listener);
	if (r == 0)
		r = loop_add_timer(loop, stock, d, &d->stock);
	if (r < 0) {
		listener_free(d->listener);
		free(d);
		return r;
	}
	stock(d);
	*ret = d;
	return 0;
}

/* They are dying already; waiting makes their cgroups free to remove. */
static void end_box(struct desk *d, struct occupied *o)
{
	o->source = source_free(o->source);
	box_discard(d->host, &o->box);
	vacate(o);
}

struct desk *desk_free(struct desk *d)
{
	if (!d)
		return NULL;
	listener_free(d->listener);
	source_free(d->stock);
	for (size_t i = 0; i < AGENTS_MAX; i++)
		link_free(d->agents[i].link);
	end_all(d);
	for (size_t i = 0; i < BOX_SLOTS_MAX; i++)
		if (d->slots[i])
			end_box(d, d->slots[i]);
	free(d);
	return NULL;
}
