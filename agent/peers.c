#include "agent/peers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/backlog.h"
#include "agent/metrics.h"
#include "base/clock.h"
#include "base/dial.h"
#include "base/link.h"
#include "base/log.h"
#include "base/utf8.h"
#include "proto/box_class.h"
#include "proto/constants.h"
#include "proto/messages.h"

#define QUEUE_MAX (8u << 20)
#define OUTPUT_BYTES 16384
#define LOG_QUEUE_MAX (1u << 20) /* log lines are dropped before anything else suffers */

enum peer_name { PEER_BOXD, PEER_INFERENCE, PEER_ORCHESTRATOR, PEER_GATEWAY, PEERS };

struct peer {
	struct peers *all; /* borrowed */
	enum peer_name name;
	struct dialer *dialer; /* owned; NULL for the gateway, which dials us */
	struct link *link;     /* owned; NULL while away */
};

struct peers {
	struct loop *loop;         /* borrowed */
	struct node *node;         /* borrowed */
	struct listener *listener; /* owned */
	struct peer peers[PEERS];
	struct backlog backlog; /* for the orchestrator, while it is away */
	uint64_t lines_dropped;
};

typedef int (*handler_fn)(
	struct peers *p, const struct frame *f, struct link_files *files, struct err *e);

/* --- frames in --- */

static void words_of(const struct frame *f, char *words, size_t size)
{
	(void)snprintf(
		words, size, "%.*s", (int)f->length, f->length ? (const char *)f->value : "");
	utf8_scrub(words, strlen(words));
}

static int on_host(struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	(void)files;
	(void)e;
	node_boxd_up(p->node, f->node, f->seq);
	return 0;
}

static int on_spawned(
	struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	(void)files;
	(void)e;
	node_spawned(p->node, f->node, (int)f->seq);
	return 0;
}

static int on_exited(
	struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	char words[256];

	(void)files;
	(void)e;
	words_of(f, words, sizeof(words));
	node_exited(p->node, f->node, (int)f->seq, words);
	return 0;
}

static int on_refused(
	struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	char words[256];

	(void)files;
	(void)e;
	words_of(f, words, sizeof(words));
	node_refused(p->node, f->node, (int)f->seq, words);
	return 0;
}

/* CHECK and WAKE name a Space alike, in messages of two links. */
#define FILL_JOB(j, m)                                                                             \
	do {                                                                                       \
		int class_ = box_class_number((m).class, strlen((m).class));                       \
                                                                                                   \
		(j)->class = class_ < 0 ? BOX_SMALL : (uint8_t)class_;                             \
		(void)snprintf((j)->space, sizeof((j)->space), "%s", (m).space);                   \
		(void)snprintf((j)->owner, sizeof((j)->owner), "%s", (m).owner);                   \
		(void)snprintf((j)->name, sizeof((j)->name), "%s", (m).name);                      \
		(void)snprintf((j)->bundle, sizeof((j)->bundle), "%s", (m).bundle);                \
		(void)snprintf((j)->entry, sizeof((j)->entry), "%s", (m).entry);                   \
		(void)snprintf((j)->title, sizeof((j)->title), "%s", (m).title ? (m).title : "");  \
		(j)->settings = (m).settings;                                                      \
	} while (0)

static int on_check(struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	CLEANUP(job_freep) struct job *j = calloc(1, sizeof(*j));
	CLEANUP(closep) int bundle = link_files_take(files, 0);
	struct err why = {0};
	struct agent_check m;
	int r = agent_check_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	if (!j) {
		agent_check_done(&m);
		return -ENOMEM;
	}
	*j = (struct job){.kind = JOB_CHECK, .seq = f->seq};
	FILL_JOB(j, m);
	agent_check_done(&m);

	r = bundle < 0 ? err_set(&why, -EINVAL, "CHECK came without its bundle")
		       : bundle_cache_put(p->node->cache, j->bundle, bundle, &why);
	if (r < 0)
		peers_checked(p, NULL, j, &(struct check_result){.why = why.text});
	else
		node_take_job(p->node, TAKE_PTR(j));
	return 0;
}

static int on_bundle(
	struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	CLEANUP(closep) int bundle = link_files_take(files, 0);
	struct agent_bundle m;
	struct err why = {0};
	int r = agent_bundle_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	r = m.missing || bundle < 0 ? err_set(&why, -ENOENT, "this version's bundle is missing")
				    : bundle_cache_put(p->node->cache, m.bundle, bundle, &why);
	if (r < 0)
		node_bundle_missing(p->node, m.bundle, why.text);
	else
		node_bundle_arrived(p->node, m.bundle);
	agent_bundle_done(&m);
	return 0;
}

static int on_settings(
	struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	struct agent_settings m;
	int r = agent_settings_read(&m, f->value, f->length, e);

	(void)files;
	if (r < 0)
		return r;
	node_settings_arrived(p->node, &m);
	agent_settings_done(&m);
	return 0;
}

static int on_wake(struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	CLEANUP(job_freep) struct job *j = calloc(1, sizeof(*j));
	struct wake_wake m;
	int r = wake_wake_read(&m, f->value, f->length, e);

	(void)files;
	if (r < 0)
		return r;
	if (!j) {
		wake_wake_done(&m);
		return -ENOMEM;
	}
	*j = (struct job){.kind = JOB_WAKE, .seq = f->seq, .epoch = m.epoch};
	FILL_JOB(j, m);
	wake_wake_done(&m);
	node_take_job(p->node, TAKE_PTR(j));
	return 0;
}

static int on_sleep(struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	struct wake_sleep m;
	int r = wake_sleep_read(&m, f->value, f->length, e);

	(void)files;
	if (r < 0)
		return r;
	node_sleep(p->node, m.replica);
	wake_sleep_done(&m);
	return 0;
}

static int on_stop(struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	struct wake_stop m;
	int r = wake_stop_read(&m, f->value, f->length, e);

	(void)files;
	if (r < 0)
		return r;
	node_stop(p->node, m.replica, m.reason);
	wake_stop_done(&m);
	return 0;
}

static int on_note(struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	struct wake_note m;
	int r = wake_note_read(&m, f->value, f->length, e);

	(void)files;
	if (r < 0)
		return r;
	node_note(p->node, m.replica, m.line);
	wake_note_done(&m);
	return 0;
}

static int on_models(
	struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	(void)p;
	(void)f;
	(void)files;
	(void)e;
	return 0; /* the list of models and the numbers are for the orchestrator */
}

static const struct {
	enum peer_name peer;
	uint8_t type;
	handler_fn handle;
} handlers[] = {
	{PEER_BOXD, BOX_HOST, on_host},
	{PEER_BOXD, BOX_SPAWNED, on_spawned},
	{PEER_BOXD, BOX_EXITED, on_exited},
	{PEER_BOXD, BOX_REFUSED, on_refused},
	{PEER_ORCHESTRATOR, AGENT_CHECK, on_check},
	{PEER_ORCHESTRATOR, AGENT_BUNDLE, on_bundle},
	{PEER_ORCHESTRATOR, AGENT_SETTINGS, on_settings},
	{PEER_GATEWAY, WAKE_WAKE, on_wake},
	{PEER_GATEWAY, WAKE_SLEEP, on_sleep},
	{PEER_GATEWAY, WAKE_STOP, on_stop},
	{PEER_GATEWAY, WAKE_NOTE, on_note},
	{PEER_INFERENCE, MODELS_LIST, on_models},
	{PEER_INFERENCE, MODELS_METRICS, on_models},
};

static const struct {
	const char *name;
	enum proto_link link;
	enum proto_direction incoming;
	bool files;
} kinds[PEERS] = {
	[PEER_BOXD] = {"box", PROTO_BOX, PROTO_DOWN, false},
	[PEER_INFERENCE] = {"infer", PROTO_MODELS, PROTO_DOWN, false},
	[PEER_ORCHESTRATOR] = {"agent", PROTO_AGENT, PROTO_DOWN, true},
	[PEER_GATEWAY] = {"wake", PROTO_WAKE, PROTO_UP, false},
};

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct peer *peer = data;

	(void)l;
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].peer == peer->name && handlers[i].type == f->type)
			return handlers[i].handle(peer->all, f, files, e);
	return err_set(
		e, -EPROTO, "%s has no handler", proto_name(kinds[peer->name].link, f->type));
}

static long value_max(uint8_t type, void *data)
{
	const struct peer *peer = data;

	return proto_value_max(kinds[peer->name].link, kinds[peer->name].incoming, type);
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct peer *peer = data;

	(void)l;
	log_warn("link=%s closed: %s", kinds[peer->name].name,
		reason->code ? reason->text : "the peer is gone");
	peer->link = link_free(peer->link);
	if (peer->name == PEER_BOXD)
		node_boxd_down(peer->all->node);
	if (peer->dialer)
		dialer_again(peer->dialer);
}

static const struct link_ops peer_ops = {
	.on_frame = on_frame, .on_closed = on_closed, .value_max = value_max};

/* --- connections --- */

static void send_sync(struct peers *p);
static void post_backlog(struct peers *p);

static void adopt(int fd, struct peer *peer)
{
	const struct link_limits limits = {
		.queue_max = QUEUE_MAX, .files = kinds[peer->name].files};
	int r;

	peer->link = link_free(peer->link);
	r = link_new(peer->all->loop, fd, &peer_ops, &limits, peer, &peer->link);
	if (r < 0) {
		log_error("link=%s cannot be used: %s", kinds[peer->name].name, strerror(-r));
		if (peer->dialer)
			dialer_again(peer->dialer);
		return;
	}
	log_info("link=%s connected", kinds[peer->name].name);
	if (peer->name == PEER_INFERENCE)
		node_renew_infer_links(peer->all->node);
	if (peer->name == PEER_ORCHESTRATOR) {
		post_backlog(peer->all);
		node_report_all(peer->all->node);
	}
	if (peer->name == PEER_GATEWAY) {
		node_hand_over_all(peer->all->node);
		send_sync(peer->all);
	}
}

static void on_dialled(int fd, void *data)
{
	adopt(fd, data);
}

static void on_gateway(int fd, uid_t uid, void *data)
{
	struct peers *p = data;

	(void)uid;
	adopt(fd, &p->peers[PEER_GATEWAY]);
}

int peers_new(struct loop *loop, struct node *node, const struct peers_config *config,
	struct peers **ret, struct err *e)
{
	CLEANUP(peers_freep) struct peers *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	p->loop = loop;
	p->node = node;
	backlog_init(&p->backlog);
	for (int i = 0; i < PEERS; i++)
		p->peers[i] = (struct peer){.all = p, .name = i};
	r = listener_new(
		loop, config->wake_fd, &config->gateway_uid, 1, on_gateway, p, &p->listener);
	if (r < 0)
		return err_set(e, r, "cannot listen for the gateway: %s", strerror(-r));
	for (int i = 0; i < PEER_GATEWAY; i++) {
		char path[4096];

		(void)snprintf(path, sizeof(path), "%s/%s.sock", config->run_dir, kinds[i].name);
		r = dialer_new(loop, path, on_dialled, &p->peers[i], &p->peers[i].dialer);
		if (r < 0)
			return err_set(e, r, "cannot dial %s: %s", path, strerror(-r));
	}
	node->peers = p;
	*ret = TAKE_PTR(p);
	return 0;
}

struct peers *peers_free(struct peers *p)
{
	if (!p)
		return NULL;
	for (int i = 0; i < PEERS; i++) {
		(void)link_free(p->peers[i].link);
		(void)dialer_free(p->peers[i].dialer);
	}
	(void)listener_free(p->listener);
	backlog_done(&p->backlog);
	free(p);
	return NULL;
}

/* --- frames out --- */

static int post(struct peers *p, enum peer_name name, struct frame *f, const struct buf *value,
	const int *fds, size_t n_fds)
{
	struct link *l = p->peers[name].link;
	int r;

	if (!l)
		return -ENOTCONN;
	if (value) {
		f->value = value->data;
		f->length = value->len;
	}
	r = link_send_files(l, f, fds, n_fds);
	if (r < 0)
		log_warn("link=%s could not send %s: %s", kinds[name].name,
			proto_name(kinds[name].link, f->type), strerror(-r));
	return r;
}

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
			r_ = post((p), (peer), &f_, &value_, (fds), (n_fds));                      \
		r_;                                                                                \
	})

int peers_spawn(struct peers *p, const struct slot *s, const int fds[3])
{
	struct frame f = {.type = BOX_SPAWN,
		.node = s->number,
		.op = s->class,
		.seq = s->refill ? BOX_REFILL : BOX_NOW};

	return post(p, PEER_BOXD, &f, NULL, fds, 3);
}

void peers_promote(struct peers *p, uint32_t slot)
{
	struct frame f = {.type = BOX_PROMOTE, .node = slot};

	(void)post(p, PEER_BOXD, &f, NULL, NULL, 0);
}

void peers_kill(struct peers *p, uint32_t slot)
{
	struct frame f = {.type = BOX_KILL, .node = slot};

	(void)post(p, PEER_BOXD, &f, NULL, NULL, 0);
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

	if (post(p, PEER_ORCHESTRATOR, &f, value, NULL, 0) < 0)
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

	(void)post(data, PEER_ORCHESTRATOR, &f, NULL, NULL, 0);
}

static void post_backlog(struct peers *p)
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
		(void)post(p, PEER_ORCHESTRATOR, &f, text, NULL, 0);
}

static void send_sync(struct peers *p)
{
	struct frame f = {.type = WAKE_SYNC};

	(void)post(p, PEER_GATEWAY, &f, NULL, NULL, 0);
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
