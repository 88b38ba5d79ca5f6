#include <errno.h>
#include <string.h>

#include "agent/metrics.h"
#include "agent/peers_inside.h"
#include "base/clock.h"
#include "base/log.h"
#include "proto/constants.h"

#define OUTPUT_BYTES 16384
#define LOG_QUEUE_MAX (1u << 20) /* log lines are dropped before anything else suffers */

/* Writes the message with its generated function and posts it. */
#define POST(p, peer, type_, seq_, message, write, max, fds, n_fds)                                \
	({                                                                                         \
		CLEANUP(buf_done) struct buf value_;                                               \
		struct frame f_ = {.type = (type_), .seq = (seq_)};                                \
		int r_;                                                                            \
                                                                                                   \
		buf_init(&value_, (max));                                                          \
		r_ = write((message), &value_);                                                    \
		if (r_ == 0)                                                                       \
			r_ = peers_post((p), (peer), &f_, &value_, (fds), (n_fds));                \
		r_;                                                                                \
	})

int peers_spawn(struct peers *p, const struct slot *s, const int fds[3])
{
	struct frame f = {.type = BOX_SPAWN,
		.node = s->number,
		.op = s->class,
		.seq = s->refill ? BOX_REFILL : BOX_NOW};

	return peers_post(p, PEER_BOXD, &f, NULL, fds, 3);
}

void peers_promote(struct peers *p, uint32_t slot)
{
	struct frame f = {.type = BOX_PROMOTE, .node = slot};

	(void)peers_post(p, PEER_BOXD, &f, NULL, NULL, 0);
}

void peers_kill(struct peers *p, uint32_t slot)
{
	struct frame f = {.type = BOX_KILL, .node = slot};

	(void)peers_post(p, PEER_BOXD, &f, NULL, NULL, 0);
}

int peers_attach_infer(struct peers *p, const struct slot *s, int inference_end)
{
	const struct models_attach m = {.replica = s->replica, .space = ""};

	return POST(p, PEER_INFERENCE, MODELS_ATTACH, 0, &m, models_attach_write, 512,
		&inference_end, 1);
}

void peers_assign_infer(struct peers *p, const struct slot *s)
{
	const struct models_assign m = {.replica = s->replica, .space = s->space};

	(void)POST(p, PEER_INFERENCE, MODELS_ASSIGN, 0, &m, models_assign_write, 512, NULL, 0);
}

bool peers_has_orchestrator(const struct peers *p)
{
	return p->peers[PEER_ORCHESTRATOR].link != NULL;
}

void peers_want_bundle(struct peers *p, const char *hash)
{
	const struct agent_want_bundle m = {.bundle = hash};

	if (POST(p, PEER_ORCHESTRATOR, AGENT_WANT_BUNDLE, 0, &m, agent_want_bundle_write, 256, NULL,
		    0) < 0)
		log_warn("bundle=%.12s is not here and the orchestrator is away; its starts wait",
			hash);
}

void peers_want_settings(struct peers *p, const struct job *j)
{
	const struct agent_want_settings m = {.space = j->space, .check = j->kind == JOB_CHECK};

	if (POST(p, PEER_ORCHESTRATOR, AGENT_WANT_SETTINGS, 0, &m, agent_want_settings_write, 256,
		    NULL, 0) < 0)
		log_warn("space=%s its settings are not here and the orchestrator is away; its "
			 "starts wait",
			j->space);
}

/* For the orchestrator, now or when it is back. */
static void post_or_keep(struct peers *p, uint8_t type, const struct buf *value)
{
	struct frame f = {.type = type};

	if (peers_post(p, PEER_ORCHESTRATOR, &f, value, NULL, 0) < 0)
		backlog_add(&p->backlog, type, value->data, value->len);
}

static void post_worker(struct peers *p, const struct agent_worker *m)
{
	CLEANUP(buf_done) struct buf value;

	buf_init(&value, 4096);
	if (agent_worker_write(m, &value) == 0)
		post_or_keep(p, AGENT_WORKER, &value);
}

void peers_worker_phase(struct peers *p, const struct slot *s, const struct agent_worker *more)
{
	struct agent_worker m = *more;

	m.replica = s->replica;
	m.space = s->space;
	m.bundle = s->bundle;
	m.epoch = s->epoch;
	m.pid = s->pid;
	post_worker(p, &m);
}

void peers_worker_wanted(struct peers *p, const struct job *j)
{
	const struct agent_worker m = {.replica = "",
		.space = j->space,
		.bundle = j->bundle,
		.epoch = j->epoch,
		.phase = "waking"};

	post_worker(p, &m);
}

static void post_kept(uint8_t type, const uint8_t *value, size_t n, void *data)
{
	struct frame f = {.type = type, .value = value, .length = n};

	(void)peers_post(data, PEER_ORCHESTRATOR, &f, NULL, NULL, 0);
}

void peers_post_backlog(struct peers *p)
{
	unsigned int dropped = backlog_empty(&p->backlog, post_kept, p);

	if (dropped)
		log_warn("link=agent %u messages were dropped while the orchestrator was away",
			dropped);
}

void peers_log_line(
	struct peers *p, const struct slot *s, const struct log_head *head, const char *line)
{
	CLEANUP(buf_done) struct buf clean;
	struct agent_log m = {.space = s->space,
		.replica = s->replica,
		.bundle = s->bundle,
		.time_usec = (int64_t)clock_wall_usec(),
		.stream = head->stream,
		.level = head->level,
		.session = *head->session ? head->session : NULL,
		.event = head->event,
		.reference = *head->reference ? head->reference : NULL};
	const struct link *l = p->peers[PEER_ORCHESTRATOR].link;
	CLEANUP(buf_done) struct buf value;

	buf_init(&value, 64 << 10);
	buf_init(&clean, LOG_LINE_BYTES);
	m.line = redact(s->settings ? s->settings->redaction : NULL, line, &clean);
	agent_count(AGENT_LOG_LINES, 1);
	if ((l ? link_queued(l) : p->backlog.records.len) > LOG_QUEUE_MAX) {
		agent_count(AGENT_LOG_LINES_DROPPED, 1);
		if (p->lines_dropped++ % 1000 == 0)
			log_warn(
				"dropped=%llu log lines of apps: the orchestrator does not keep up",
				(unsigned long long)p->lines_dropped);
		return;
	}
	if (agent_log_write(&m, &value) == 0)
		post_or_keep(p, AGENT_LOG, &value);
}

void peers_hand_over(struct peers *p, const struct slot *s, uint32_t seq)
{
	const struct wake_link m = {.replica = s->replica,
		.space = s->space,
		.bundle = s->bundle,
		.epoch = s->epoch,
		.settings = s->settings ? s->settings->version : 0};

	(void)POST(p, PEER_GATEWAY, WAKE_LINK, seq, &m, wake_link_write, 4096, &s->app_fd, 1);
}

void peers_wake_failed(
	struct peers *p, uint32_t seq, const char *why, int64_t retry_ms, bool crashing)
{
	const struct wake_wake_failed m = {
		.message = why, .retry_ms = retry_ms, .crashing = crashing};

	(void)POST(
		p, PEER_GATEWAY, WAKE_WAKE_FAILED, seq, &m, wake_wake_failed_write, 4096, NULL, 0);
}

void peers_gone(struct peers *p, const struct slot *s, const char *reason)
{
	const struct wake_gone m = {.replica = s->replica, .space = s->space, .reason = reason};

	(void)POST(p, PEER_GATEWAY, WAKE_GONE, 0, &m, wake_gone_write, 4096, NULL, 0);
}

void peers_cpu(struct peers *p, const struct slot *s, uint64_t usec)
{
	const struct wake_cpu m = {.replica = s->replica, .usec = (int64_t)usec};

	agent_count(AGENT_CPU, usec);
	(void)POST(p, PEER_GATEWAY, WAKE_CPU, 0, &m, wake_cpu_write, 256, NULL, 0);
}

void peers_metrics(struct peers *p, const struct buf *text)
{
	struct frame f = {.type = AGENT_METRICS};

	if (p->peers[PEER_ORCHESTRATOR].link)
		(void)peers_post(p, PEER_ORCHESTRATOR, &f, text, NULL, 0);
}

void peers_send_sync(struct peers *p)
{
	struct frame f = {.type = WAKE_SYNC};

	(void)peers_post(p, PEER_GATEWAY, &f, NULL, NULL, 0);
}

static void fill_tested(struct agent_checked *m, const struct app_tested *t)
{
	m->ok = t->ok;
	m->test_usec = t->usec;
	m->tests = t->tests;
	m->message = t->message;
	m->file = t->file;
	m->line = t->line;
	m->traceback = t->traceback;
}

/* What a build says, without the Space's secrets. */
struct clean {
	struct buf message, traceback, output;
	json_t *tests; /* owned */
};

static void clean_done(struct clean *c)
{
	buf_done(&c->message);
	buf_done(&c->traceback);
	buf_done(&c->output);
	json_decref(c->tests);
}

static void clean_checked(const struct slot *s, struct agent_checked *m, struct clean *c)
{
	const struct redaction *r = s && s->settings ? s->settings->redaction : NULL;

	buf_init(&c->message, 4096);
	buf_init(&c->traceback, OUTPUT_BYTES);
	buf_init(&c->output, OUTPUT_BYTES);
	m->message = redact(r, m->message, &c->message);
	m->traceback = redact(r, m->traceback, &c->traceback);
	m->output = redact(r, m->output, &c->output);
	if (r && m->tests)
		m->tests = c->tests = redact_json(r, m->tests);
}

void peers_checked(struct peers *p, const struct slot *s, const struct job *j,
	const struct check_result *result)
{
	CLEANUP(clean_done) struct clean clean = {0};
	const struct app_hello *hello = result->hello;
	const struct app_load_failed *failed = result->failed;
	struct agent_checked m = {.ok = hello != NULL, .message = result->why};
	const size_t max = (size_t)proto_value_max(PROTO_AGENT, PROTO_UP, AGENT_CHECKED);

	if (s) {
		m.box_usec = (int64_t)(s->started_usec - j->asked_usec);
		m.output = s->output.len ? buf_str(&s->output) : NULL;
	}
	if (hello) {
		m.title = json_string_value(json_object_get(hello->tree, "title"));
		m.tree = hello->tree;
		m.api = hello->api;
		m.load_usec = hello->load_usec;
	}
	if (result->tested)
		fill_tested(&m, result->tested);
	if (failed) {
		m.message = failed->message;
		m.file = failed->file;
		m.line = failed->line;
		m.traceback = failed->traceback;
	}
	clean_checked(s, &m, &clean);
	if (m.title && strlen(m.title) > TITLE_MAX)
		m = (struct agent_checked){
			.message = "the page's title is over its limit of 200 bytes"};
	/* Written again the worker's JSON may be longer than it came. */
	if (POST(p, PEER_ORCHESTRATOR, AGENT_CHECKED, j->seq, &m, agent_checked_write, max, NULL,
		    0) != -ENOSPC)
		return;
	m = (struct agent_checked){.message = "the page with what its tests say is too large"};
	(void)POST(
		p, PEER_ORCHESTRATOR, AGENT_CHECKED, j->seq, &m, agent_checked_write, max, NULL, 0);
}
