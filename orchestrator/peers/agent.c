#include "orchestrator/peers/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/dial.h"
#include "base/link.h"
#include "base/log.h"
#include "base/random.h"
#include "orchestrator/peers/told.h"

#define QUEUE_MAX (8u << 20)
#define WORKERS_MAX 4096
#define ABSENCE_USEC (3 * USEC_PER_SEC) /* a killed agent is back within milliseconds */
#define CHECK_USEC (60 * USEC_PER_SEC)  /* the agent's own limits are below this */

struct check {
	struct check *next;
	struct agent_peer *agent; /* borrowed */
	uint32_t seq;
	struct buf value;
	int bundle; /* owned */
	bool sent;  /* to the agent that is connected now */
	uint64_t deadline_usec;
	struct source *timer; /* owned */
	check_fn fn;
	void *data;
};

struct worker {
	char replica[33], space[33], bundle[65], phase[17];
	int64_t epoch, pid;
};

struct agent_peer {
	struct agent_peer_config config;
	struct listener *listener; /* owned */
	struct link *link;         /* owned; NULL while away */
	struct check *checks;      /* owned list */
	uint32_t last_seq;
	struct worker *workers; /* owned, n used of cap */
	size_t n_workers, cap_workers;
};

/* --- checks --- */

static void free_check(struct check *c)
{
	for (struct check **p = &c->agent->checks; *p; p = &(*p)->next)
		if (*p == c) {
			*p = c->next;
			break;
		}
	(void)source_free(c->timer);
	buf_done(&c->value);
	if (c->bundle >= 0)
		close(c->bundle);
	free(c);
}

static void finish_check(struct check *c, const struct agent_checked *answer, const char *words)
{
	check_fn fn = c->fn;
	void *data = c->data;

	free_check(c);
	fn(answer, words, data);
}

static void send_check(struct agent_peer *a, struct check *c)
{
	const struct frame f = {
		.type = AGENT_CHECK, .seq = c->seq, .value = c->value.data, .length = c->value.len};
	int r;

	if (!a->link)
		return;
	r = link_send_files(a->link, &f, &c->bundle, 1);
	if (r < 0) {
		log_warn("link=agent a check could not be sent: %s", strerror(-r));
		return;
	}
	c->sent = true;
	timer_arm(c->timer, c->deadline_usec);
}

static void on_late(void *data)
{
	struct check *c = data;

	finish_check(c, NULL,
		c->sent ? "the check of the app did not end in time"
			: "the build box is not available; try again");
}

int agent_peer_check(struct agent_peer *a, const struct agent_check *m, int bundle_fd, check_fn fn,
	void *data, uint32_t *ret_ticket)
{
	struct check *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	*c = (struct check){.agent = a, .fn = fn, .data = data, .next = a->checks, .bundle = -1};
	a->checks = c;
	buf_init(&c->value, 4096);
	c->deadline_usec = clock_mono_usec() + CHECK_USEC;
	r = agent_check_write(m, &c->value);
	if (r == 0) {
		c->bundle = fcntl(bundle_fd, F_DUPFD_CLOEXEC, 3);
		r = c->bundle < 0 ? -errno : loop_add_timer(a->config.loop, on_late, c, &c->timer);
	}
	if (r < 0) {
		free_check(c);
		return r;
	}
	if (++a->last_seq == 0)
		a->last_seq = 1;
	c->seq = *ret_ticket = a->last_seq;
	timer_arm_after(c->timer, ABSENCE_USEC);
	send_check(a, c);
	return 0;
}

void agent_peer_forget(struct agent_peer *a, uint32_t ticket)
{
	for (struct check *c = a->checks; c; c = c->next)
		if (c->seq == ticket) {
			free_check(c);
			return;
		}
}

/* --- messages --- */

static int on_checked(struct agent_peer *a, const struct frame *f, struct err *e)
{
	struct agent_checked m;
	struct check *c = a->checks;
	int r = agent_checked_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	while (c && c->seq != f->seq)
		c = c->next;
	if (c)
		finish_check(c, &m, NULL);
	agent_checked_done(&m);
	return 0;
}

static void send_bundle(struct agent_peer *a, const char *hash)
{
	struct agent_bundle m = {.bundle = hash};
	struct frame f = {.type = AGENT_BUNDLE};
	CLEANUP(closep) int fd = -1;
	CLEANUP(buf_done) struct buf b;
	struct err e = {0};
	int r;

	buf_init(&b, 256);
	fd = blob_open(a->config.blobs, hash, &e);
	m.missing = fd < 0;
	if (agent_bundle_write(&m, &b) < 0)
		return;
	f.value = b.data;
	f.length = b.len;
	r = link_send_files(a->link, &f, &fd, fd >= 0);
	if (r < 0)
		log_warn("link=agent a bundle could not be sent: %s", strerror(-r));
}

void agent_peer_offer(struct agent_peer *a, const char *bundle)
{
	if (a->link)
		send_bundle(a, bundle);
}

static int on_want_bundle(struct agent_peer *a, const struct frame *f, struct err *e)
{
	struct agent_want_bundle m;
	int r = agent_want_bundle_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	send_bundle(a, m.bundle);
	agent_want_bundle_done(&m);
	return 0;
}

void agent_peer_settings(struct agent_peer *a, const struct agent_settings *m)
{
	const size_t max = (size_t)proto_value_max(PROTO_AGENT, PROTO_DOWN, AGENT_SETTINGS);
	struct frame f = {.type = AGENT_SETTINGS};
	struct buf b;
	int r;

	if (!a->link)
		return;
	buf_init(&b, max);
	r = agent_settings_write(m, &b);
	f.value = b.data;
	f.length = b.len;
	if (r == 0)
		r = link_send(a->link, &f);
	if (r < 0)
		log_warn("link=agent settings could not be sent: %s", strerror(-r));
	if (b.data)
		explicit_bzero(b.data, b.len);
	buf_done(&b);
}

static int on_want_settings(struct agent_peer *a, const struct frame *f, struct err *e)
{
	struct agent_want_settings m;
	int r = agent_want_settings_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	a->config.on_want_settings(&m, a->config.data);
	agent_want_settings_done(&m);
	return 0;
}

static struct worker *find_worker(struct agent_peer *a, const char *replica)
{
	for (size_t i = 0; i < a->n_workers; i++)
		if (!strcmp(a->workers[i].replica, replica))
			return &a->workers[i];
	return NULL;
}

static struct worker *add_worker(struct agent_peer *a)
{
	if (a->n_workers == WORKERS_MAX)
		return NULL;
	if (a->n_workers == a->cap_workers) {
		size_t cap = a->cap_workers ? 2 * a->cap_workers : 16;
		struct worker *grown = reallocarray(a->workers, cap, sizeof(*grown));

		if (!grown)
			return NULL;
		a->workers = grown;
		a->cap_workers = cap;
	}
	return &a->workers[a->n_workers++];
}

static void note_worker(struct agent_peer *a, const struct agent_worker *m)
{
	struct worker *w = find_worker(a, m->replica);

	if (!strcmp(m->phase, "waking"))
		return; /* there is none yet */
	if (!strcmp(m->phase, "exited")) {
		if (w)
			*w = a->workers[--a->n_workers];
		return;
	}
	if (!w)
		w = add_worker(a);
	if (!w)
		return;
	*w = (struct worker){.epoch = (int64_t)m->epoch, .pid = (int64_t)m->pid};
	(void)snprintf(w->replica, sizeof(w->replica), "%s", m->replica);
	(void)snprintf(w->space, sizeof(w->space), "%s", m->space);
	(void)snprintf(w->bundle, sizeof(w->bundle), "%s", m->bundle);
	(void)snprintf(w->phase, sizeof(w->phase), "%s", m->phase);
}

static size_t count_workers(const struct agent_peer *a, const char *space)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_workers; i++)
		n += !strcmp(a->workers[i].space, space);
	return n;
}

static int on_worker(struct agent_peer *a, const struct frame *f, struct err *e)
{
	struct agent_worker m;
	int r = agent_worker_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	note_worker(a, &m);
	if (!m.again)
		a->config.on_worker(&m, count_workers(a, m.space), a->config.data);
	agent_worker_done(&m);
	return 0;
}

static int on_log_line(struct agent_peer *a, const struct frame *f, struct err *e)
{
	struct agent_log m;
	int r = agent_log_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	a->config.on_log(&m, a->config.data);
	agent_log_done(&m);
	return 0;
}

static int on_metrics(struct agent_peer *a, const struct frame *f, struct err *e)
{
	(void)a;
	return told_take(TOLD_AGENT, f->value, f->length, e);
}

static const struct {
	uint8_t type;
	int (*handle)(struct agent_peer *a, const struct frame *f, struct err *e);
} handlers[] = {
	{AGENT_CHECKED, on_checked},
	{AGENT_WANT_BUNDLE, on_want_bundle},
	{AGENT_WANT_SETTINGS, on_want_settings},
	{AGENT_WORKER, on_worker},
	{AGENT_LOG, on_log_line},
	{AGENT_METRICS, on_metrics},
};

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	(void)l;
	(void)files;
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == f->type)
			return handlers[i].handle(data, f, e);
	return err_set(e, -EPROTO, "%s has no handler", proto_name(PROTO_AGENT, f->type));
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_AGENT, PROTO_UP, type);
}

/* --- life --- */

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct agent_peer *a = data;

	(void)l;
	log_warn("link=agent closed: %s", reason->code ? reason->text : "the peer is gone");
	a->link = link_free(a->link);
	a->n_workers = 0; /* it names the living ones when it is back */
	for (struct check *c = a->checks; c; c = c->next) {
		c->sent = false;
		timer_arm_after(c->timer, ABSENCE_USEC);
	}
}

static const struct link_ops ops = {
	.on_frame = on_frame, .on_closed = on_closed, .value_max = value_max};

static void on_connected(int fd, uid_t uid, void *data)
{
	const struct link_limits limits = {.queue_max = QUEUE_MAX};
	struct agent_peer *a = data;
	int r;

	(void)uid;
	a->link = link_free(a->link);
	a->n_workers = 0;
	r = link_new(a->config.loop, fd, &ops, &limits, a, &a->link);
	if (r < 0) {
		log_error("link=agent cannot be used: %s", strerror(-r));
		return;
	}
	log_info("link=agent connected");
	for (struct check *c = a->checks; c; c = c->next)
		send_check(a, c);
}

int agent_peer_new(const struct agent_peer_config *config, struct agent_peer **ret)
{
	CLEANUP(agent_peer_freep) struct agent_peer *a = calloc(1, sizeof(*a));
	int r;

	if (!a) {
		close(config->listen_fd);
		return -ENOMEM;
	}
	a->config = *config;
	r = listener_new(
		config->loop, config->listen_fd, &config->uid, 1, on_connected, a, &a->listener);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(a);
	return 0;
}

struct agent_peer *agent_peer_free(struct agent_peer *a)
{
	if (!a)
		return NULL;
	while (a->checks)
		free_check(a->checks);
	(void)link_free(a->link);
	(void)listener_free(a->listener);
	free(a->workers);
	free(a);
	return NULL;
}

bool agent_peer_is_connected(const struct agent_peer *a)
{
	return a->link != NULL;
}

bool agent_peer_has_worker(const struct agent_peer *a, const char *replica)
{
	for (size_t i = 0; i < a->n_workers; i++)
		if (!strcmp(a->workers[i].replica, replica))
			return true;
	return false;
}

json_t *agent_peer_workers(const struct agent_peer *a)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < a->n_workers; i++) {
		const struct worker *w = &a->workers[i];

		(void)json_array_append_new(list,
			json_pack("{s:s, s:s, s:s, s:I, s:s, s:I}", "replica", w->replica, "space",
				w->space, "bundle", w->bundle, "epoch", (json_int_t)w->epoch,
				"phase", w->phase, "pid", (json_int_t)w->pid));
	}
	return list;
}
