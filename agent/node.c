#include "agent/node.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/metrics.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "proto/messages.h"

#define SEAL_DEADLINE_USEC (10 * USEC_PER_SEC)
#define REFILL_PATIENCE_USEC (2 * USEC_PER_SEC) /* without any processor it is promoted */
#define REFILL_AGAIN_USEC USEC_PER_SEC          /* after one that boxd refused */
#define CHECK_DEADLINE_USEC (10 * USEC_PER_SEC)
#define TEST_DEADLINE_USEC (30 * USEC_PER_SEC) /* the worker's own limit is below this */
#define REFILL_DELAY_USEC                                                                          \
	(30 * USEC_PER_MSEC) /* lets the visitor's own start have the processor                    \
			      */
#define COMING_MAX 16
#define POOL_OF_USED_CLASS 2
#define JOBS_MAX 4096
#define ASK_AGAIN_USEC (3 * USEC_PER_SEC) /* an answer comes within milliseconds, or was lost */
#define ASK_AGAIN_MAX 64                  /* jobs at a time: the first ones, as they are served */
#define SETTINGS_RETRY_MS 5000            /* a full disk or a broken database takes its time */
#define OUTPUT_MAX 16000
#define FILES_OF_BOX 3 /* log, app link, the duplicate of its other end */
#define FILES_BESIDE_BOXES 128
#define APP_QUEUE_MAX (1 << 20)

static void serve_jobs(struct node *n);

/* --- blank boxes --- */

static struct slot *find_slot(struct node *n, enum slot_state state, uint8_t class)
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

static void end_box(struct slot *s)
{
	s->asked_to_end = true;
	/* Once: a second KILL could reach boxd when the slot holds the next box. */
	if (s->state == SLOT_ENDING || s->state == SLOT_FREE)
		return;
	slot_set_state(s, SLOT_ENDING);
	s->deadline = source_free(s->deadline);
	peers_kill(s->node->peers, s->number);
}

static void finish_check(struct slot *s, const struct check_result *result)
{
	/* What the app printed is in the pipe before its last message: read it out first. */
	s->log = app_log_free(s->log);
	peers_checked(s->node->peers, s, s->job, result);
	s->job = job_free(s->job);
	slot_drop_hello(s);
}

static void fail_check(struct slot *s, const char *why)
{
	finish_check(s, &(struct check_result){.why = why});
}

/* The ordinary priority, from now on. */
static void promote(struct slot *s)
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
	promote(s);
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
		fail_check(s, s->hello ? "the tests took longer than 30 s"
				       : "loading the app took longer than 10 s");
	else
		log_warn("slot=%u a box was not sealed in time", s->number);
	end_box(s);
}

/* The platform's own words in a Space's log stand in brackets. */
static void __attribute__((format(printf, 2, 3))) note(const struct slot *s, const char *fmt, ...)
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

/* What a build prints has its own limit, OUTPUT_MAX. */
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

static int on_app_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data);
static void on_app_closed(struct link *l, const struct err *reason, void *data);

static long app_value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_APP, PROTO_UP, type);
}

static const struct app_log_ops log_ops = {.may_pass = may_log, .on_line = on_log_line};

static const struct link_ops app_ops = {
	.on_frame = on_app_frame, .on_closed = on_app_closed, .value_max = app_value_max};

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
	buf_init(&s->output, OUTPUT_MAX);

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
	r = link_new(n->loop, pair[0], &app_ops, &limits, s, &s->app);
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
		end_box(spare);
}

static bool start_box(struct node *n, uint8_t class, bool refill)
{
	struct slot *s = find_slot(n, SLOT_FREE, class);
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
static void keep_boxes_coming(struct node *n)
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

/* --- the pool --- */

static int pool_wanted(const struct node *n, uint8_t class)
{
	if (n->pool.of[class] != BOX_POOL_AUTO)
		return n->pool.of[class];
	return n->used[class] ? POOL_OF_USED_CLASS : 0;
}

static void refill_pool(void *data)
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

/* --- jobs --- */

static void fail_job(struct node *n, const struct job *j, const char *why, int64_t retry_ms)
{
	agent_count(AGENT_REFUSED, 1);
	if (j->kind == JOB_WAKE)
		peers_wake_failed(n->peers, j->seq, why, retry_ms, false);
	else
		peers_checked(n->peers, NULL, j, &(struct check_result){.why = why});
}

static int send_app(struct slot *s, const struct job *j, int bundle_fd, struct err *e)
{
	CLEANUP(closep) int settings = -1;
	CLEANUP(buf_done) struct buf value;
	const struct app_app app = {.space = j->space,
		.owner = j->owner,
		.name = j->name,
		.bundle = j->bundle,
		.entry = j->entry,
		.check = j->kind == JOB_CHECK};
	struct frame f = {.type = APP_APP};
	int r;

	settings = app_settings_file(&s->node->place, j, s->settings, e);
	if (settings < 0)
		return settings;
	buf_init(&value, FRAME_VALUE_MAX);
	r = app_app_write(&app, &value);
	f.value = value.data;
	f.length = value.len;
	if (r == 0)
		r = link_send_files(s->app, &f, (const int[]){bundle_fd, settings}, 2);
	return r < 0 ? err_set(e, r, "the box did not take its app") : 0;
}

/* The worker is the gateway's from here on; we keep the duplicate for the next gateway. */
static void start_running(struct slot *s, const struct job *j)
{
	struct node *n = s->node;

	slot_set_state(s, SLOT_RUNNING);
	s->served = true;
	agent_count(AGENT_STARTED, 1);
	s->app = link_free(s->app);
	peers_hand_over(n->peers, s, j->seq);
	peers_worker_phase(n->peers, s,
		&(struct agent_worker){.phase = "running",
			.box_usec = (int64_t)(s->started_usec - j->asked_usec)});
}

/* Gives a blank box its app. Frees the job or keeps it in the slot. */
static void assign(struct node *n, struct slot *s, struct job *job)
{
	CLEANUP(job_freep) struct job *j = job;
	struct err e = {0};
	int bundle = bundle_cache_open(n->cache, j->bundle, &e);
	int r;

	if (bundle < 0) {
		fail_job(n, j, e.text, 0);
		return;
	}
	memcpy(s->space, j->space, sizeof(s->space));
	memcpy(s->bundle, j->bundle, sizeof(s->bundle));
	s->epoch = j->epoch;
	s->settings = settings_find(n->held, j->space, 0);
	s->started_usec = clock_mono_usec();
	agent_observe(AGENT_BOX_WAIT, s->started_usec - j->asked_usec);
	r = send_app(s, j, bundle, &e);
	if (r < 0) {
		fail_job(n, j, e.text, 0);
		end_box(s);
		return;
	}
	peers_assign_infer(n->peers, s);
	if (j->kind == JOB_WAKE) {
		s->deadline = source_free(s->deadline);
		start_running(s, j);
		return;
	}
	slot_set_state(s, SLOT_CHECKING);
	timer_arm_after(s->deadline, CHECK_DEADLINE_USEC);
	s->job = TAKE_PTR(j);
}

static void unlink_job(struct node *n, struct job **at)
{
	struct job *j = *at;

	*at = j->next;
	j->next = NULL;
	if (!*at)
		n->jobs_tail = at;
}

static bool lacks_settings(struct node *n, const struct job *j)
{
	CLEANUP(settings_unrefp)
	struct settings *s = settings_find(n->held, j->space, j->settings);

	return j->settings > 0 && !s;
}

static bool lacks_bundle(struct node *n, const struct job *j)
{
	return bundle_cache_open(n->cache, j->bundle, &(struct err){0}) == -ENOENT;
}

static bool has_all(struct node *n, const struct job *j)
{
	return !lacks_settings(n, j) && !lacks_bundle(n, j);
}

static void serve_jobs(struct node *n)
{
	struct job **at = &n->jobs;

	while (*at) {
		struct job *j = *at;
		struct slot *s = find_slot(n, SLOT_BLANK, j->class);

		if (!s || !has_all(n, j)) {
			at = &j->next;
			continue;
		}
		unlink_job(n, at);
		assign(n, s, j);
	}
	keep_boxes_coming(n);
}

static bool wake_refused(struct node *n, const struct job *j)
{
	uint64_t left = backoff_left(n->backoff, j->space, j->bundle, clock_mono_usec());
	char words[160];

	if (j->kind != JOB_WAKE || left == 0)
		return false;
	(void)snprintf(words, sizeof(words),
		"This demo has stopped several times in a row. It is started again in %llu s.",
		(unsigned long long)(left / USEC_PER_SEC + 1));
	peers_wake_failed(n->peers, j->seq, words, (int64_t)(left / USEC_PER_MSEC) + 1, true);
	return true;
}

static bool is_full(const struct node *n)
{
	for (size_t i = 0; i < n->n_slots; i++)
		if (n->slots[i].state != SLOT_RUNNING)
			return false;
	return true;
}

static bool ask_for_what_is_missing(struct node *n, const struct job *j)
{
	bool bundle = lacks_bundle(n, j), settings = lacks_settings(n, j);

	if (bundle)
		peers_want_bundle(n->peers, j->bundle);
	if (settings)
		peers_want_settings(n->peers, j);
	return bundle || settings;
}

/* An orchestrator that died, a link that was full, or settings that had to make room for others
 * before a box was there: none of it may leave a start waiting for ever. */
static void ask_again(void *data)
{
	struct node *n = data;
	int asked = 0;

	if (peers_has_orchestrator(n->peers))
		for (const struct job *j = n->jobs; j && asked < ASK_AGAIN_MAX; j = j->next)
			asked += ask_for_what_is_missing(n, j);
	if (n->jobs)
		timer_arm_after(n->ask, ASK_AGAIN_USEC);
}

void node_take_job(struct node *n, struct job *job)
{
	CLEANUP(job_freep) struct job *j = job;
	size_t waiting = 0;

	for (const struct job *other = n->jobs; other; other = other->next)
		waiting++;
	if (n->n_slots == 0) {
		fail_job(n, j, "the sandbox service is not available; try again", 1000);
		return;
	}
	if (is_full(n)) {
		fail_job(n, j, "every box of this node is in use; try again later", 1000);
		return;
	}
	if (waiting >= JOBS_MAX) {
		fail_job(n, j, "too many starts are waiting on this node", 1000);
		return;
	}
	if (wake_refused(n, j))
		return;
	if (j->kind == JOB_WAKE)
		peers_worker_wanted(n->peers, j);
	(void)ask_for_what_is_missing(n, j);
	if (!n->jobs)
		timer_arm_after(n->ask, ASK_AGAIN_USEC);
	j->asked_usec = clock_mono_usec();
	n->used[j->class] = true;
	*n->jobs_tail = j;
	n->jobs_tail = &j->next;
	TAKE_PTR(j);
	serve_jobs(n);
}

static void fail_waiting(struct node *n, const char *bundle, const char *why)
{
	struct job **at = &n->jobs;

	while (*at) {
		struct job *j = *at;

		if (bundle && strcmp(j->bundle, bundle) != 0) {
			at = &j->next;
			continue;
		}
		unlink_job(n, at);
		fail_job(n, j, why, 1000);
		(void)job_free(j);
	}
}

void node_bundle_arrived(struct node *n, const char *hash)
{
	(void)hash;
	serve_jobs(n);
}

void node_bundle_missing(struct node *n, const char *hash, const char *why)
{
	fail_waiting(n, hash, why);
}

static void fail_without_settings(struct node *n, const char *space, const char *why)
{
	struct job **at = &n->jobs;

	while (*at) {
		struct job *j = *at;

		if (strcmp(j->space, space) != 0 || !lacks_settings(n, j)) {
			at = &j->next;
			continue;
		}
		unlink_job(n, at);
		fail_job(n, j, why, SETTINGS_RETRY_MS);
		(void)job_free(j);
	}
}

/* Of a database that was restored, or a Space that is gone: waiting for more would be in vain. */
static void expect_no_newer(struct node *n, const struct agent_settings *m)
{
	for (struct job *j = n->jobs; j; j = j->next)
		if (!strcmp(j->space, m->space) && j->settings > m->version)
			j->settings = m->version;
}

void node_settings_arrived(struct node *n, const struct agent_settings *m)
{
	CLEANUP(settings_unrefp) struct settings *before = settings_find(n->held, m->space, 0);
	struct err e = {0};

	if (m->why) {
		fail_without_settings(n, m->space, m->why);
		return;
	}
	if (before && m->version != before->version)
		backoff_forget(n->backoff, m->space);
	if (settings_put(n->held, m, &e) < 0) {
		log_error("space=%s its settings cannot be kept: %s", m->space, e.text);
		fail_without_settings(n, m->space, "its settings cannot be kept on this node");
	} else if (m->answer || m->version == 0) {
		expect_no_newer(n, m);
	}
	serve_jobs(n);
}

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
		end_box(s);
}

void node_stop(struct node *n, const char *replica, const char *why)
{
	struct slot *s = running_slot(n, replica);

	if (!s)
		return;
	(void)snprintf(s->fault, sizeof(s->fault), "%s", why);
	end_box(s);
}

void node_note(struct node *n, const char *replica, const char *line)
{
	struct slot *s = running_slot(n, replica);

	if (s)
		note(s, "%s", line);
}

/* --- what workers say before they are handed over --- */

static int on_sealed(struct slot *s, const struct frame *f, struct err *e)
{
	struct app_sealed m;
	int r = app_sealed_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	app_sealed_done(&m);
	timer_disarm(s->deadline);
	promote(s);
	slot_set_state(s, SLOT_BLANK);
	serve_jobs(s->node);
	return 0;
}

static int on_hello(struct slot *s, const struct frame *f, struct err *e)
{
	struct app_hello m;
	int r = app_hello_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	if (s->hello) { /* it would begin the time for its tests anew */
		app_hello_done(&m);
		return err_set(e, -EPROTO, "HELLO came twice");
	}
	if (!m.tests) {
		finish_check(s, &(struct check_result){.hello = &m});
		app_hello_done(&m);
		end_box(s);
		return 0;
	}
	s->hello = malloc(sizeof(m));
	if (!s->hello) {
		app_hello_done(&m);
		return err_set(e, -ENOMEM, "out of memory");
	}
	*s->hello = m;
	timer_arm_after(s->deadline, TEST_DEADLINE_USEC);
	return 0;
}

static int on_tested(struct slot *s, const struct frame *f, struct err *e)
{
	struct app_tested m;
	int r;

	if (!s->hello)
		return err_set(e, -EPROTO, "TESTED came before HELLO");
	r = app_tested_read(&m, f->value, f->length, e);
	if (r < 0)
		return r;
	finish_check(s, &(struct check_result){.hello = s->hello, .tested = &m});
	app_tested_done(&m);
	end_box(s);
	return 0;
}

static int on_load_failed(struct slot *s, const struct frame *f, struct err *e)
{
	struct app_load_failed m;
	int r = app_load_failed_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	finish_check(s, &(struct check_result){.failed = &m});
	app_load_failed_done(&m);
	end_box(s);
	return 0;
}

static const struct {
	uint8_t type;
	enum slot_state when;
	int (*handle)(struct slot *s, const struct frame *f, struct err *e);
} app_messages[] = {
	{APP_SEALED, SLOT_SPAWNING, on_sealed},
	{APP_HELLO, SLOT_CHECKING, on_hello},
	{APP_TESTED, SLOT_CHECKING, on_tested},
	{APP_LOAD_FAILED, SLOT_CHECKING, on_load_failed},
};

static int on_app_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct slot *s = data;

	(void)l;
	(void)files;
	if (s->state == SLOT_ENDING)
		return 0;
	for (size_t i = 0; i < sizeof(app_messages) / sizeof(app_messages[0]); i++)
		if (app_messages[i].type == f->type && app_messages[i].when == s->state)
			return app_messages[i].handle(s, f, e);
	return err_set(e, -EPROTO, "%s is out of turn while %s", proto_name(PROTO_APP, f->type),
		slot_state_name(s->state));
}

static void on_app_closed(struct link *l, const struct err *reason, void *data)
{
	struct slot *s = data;

	(void)l;
	if (reason->code)
		log_warn("slot=%u app link ended: %s", s->number, reason->text);
	if (s->state == SLOT_CHECKING && s->job && reason->code)
		fail_check(s, reason->text);
	s->app = link_free(s->app);
	end_box(s);
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
	keep_boxes_coming(n);
}

static void describe_end(
	const struct slot *s, int status, const char *why, char *words, size_t size)
{
	/* Who was asked to end for a fault may have ended by itself a moment before. */
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;

	if (s->asked_to_end && !s->fault[0])
		(void)snprintf(words, size, "stopped");
	else if (why && *why)
		(void)snprintf(words, size, "%s", why);
	else if (s->fault[0] && killed)
		(void)snprintf(words, size, "%s", s->fault);
	else if (WIFSIGNALED(status))
		(void)snprintf(words, size, "ended by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		(void)snprintf(words, size, "exited with status %d", WEXITSTATUS(status));
}

/* Counts it and tells the owner, also how long visitors have to wait. Returns that in µs. */
static uint64_t note_crash(struct slot *s, const char *words)
{
	struct backoff *b = s->node->backoff;
	uint64_t now = clock_mono_usec(), left;

	agent_count(AGENT_CRASHED, 1);
	backoff_died(b, s->space, s->bundle, now - s->started_usec, now);
	left = backoff_left(b, s->space, s->bundle, now);
	if (left == 0)
		note(s, "the worker ended: %s", words);
	else
		note(s,
			"the worker ended: %s. It keeps crashing, so the next start is not before "
			"%llu s from now",
			words, (unsigned long long)(left / USEC_PER_SEC));
	return left;
}

/* What the orchestrator is told of a worker's end. */
static void report_end(struct slot *s, int status, const char *words, bool crash, uint64_t left)
{
	const struct agent_worker m = {.phase = "exited",
		.reason = words,
		.cause = s->fault[0]       ? "killed"
			 : crash           ? "crashed"
			 : s->asked_to_end ? "asleep"
					   : "lost",
		.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
		.retry_ms = (int64_t)(left / USEC_PER_MSEC)};

	peers_worker_phase(s->node->peers, s, &m);
}

/* crash: by itself or for a fault, as far as the Space is concerned. */
static void box_ended(struct slot *s, int status, const char *why, bool crash)
{
	struct node *n = s->node;
	char words[256];

	describe_end(s, status, why, words, sizeof(words));
	if (s->state == SLOT_CHECKING && s->job) {
		char failed[300];

		(void)snprintf(failed, sizeof(failed), "%s: its box %s",
			s->hello ? "the tests did not end" : "the app did not load", words);
		fail_check(s, failed);
	}
	if (s->served) {
		s->log = app_log_free(s->log); /* its last words before the news of its end */
		report_end(s, status, words, crash, crash ? note_crash(s, words) : 0);
		peers_gone(n->peers, s, words);
	} else if (!s->asked_to_end && !s->space[0]) {
		log_warn("slot=%u a blank box ended: %s", s->number, words);
	}
	slot_reset(s);
}

void node_boxd_down(struct node *n)
{
	for (size_t i = 0; i < n->n_slots; i++)
		if (n->slots[i].state != SLOT_FREE)
			box_ended(&n->slots[i], 0, "the sandbox service restarted", false);
	n->n_slots = 0;
	fail_waiting(n, NULL, "the sandbox service restarted; try again");
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
		keep_boxes_coming(n);
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
	fail_waiting(n, NULL, why);
}

void node_exited(struct node *n, uint32_t number, int status, const char *why)
{
	struct slot *s = slot_by_number(n, number);

	if (!s || s->state == SLOT_FREE)
		return;
	box_ended(s, status, why, !s->asked_to_end || s->fault[0]);
	keep_boxes_coming(n);
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
		(void)ask_for_what_is_missing(n, j);
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
		loop_add_timer(loop, refill_pool, n, &n->refill) < 0 ||
		loop_add_timer(loop, ask_again, n, &n->ask) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < BOX_SLOTS_MAX; i++) {
		n->slots[i] = (struct slot){.node = n, .number = i, .app_fd = -1};
		buf_init(&n->slots[i].output, OUTPUT_MAX);
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
