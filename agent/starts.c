#include "agent/starts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/boxes.h"
#include "agent/metrics.h"
#include "agent/peers.h"
#include "base/clock.h"
#include "base/log.h"
#include "proto/messages.h"

#define CHECK_DEADLINE_USEC (10 * USEC_PER_SEC)
#define JOBS_MAX 4096
#define ASK_AGAIN_USEC (3 * USEC_PER_SEC) /* an answer comes within milliseconds, or was lost */
#define ASK_AGAIN_MAX 64                  /* jobs at a time: the first ones, as they are served */
#define SETTINGS_RETRY_MS 5000            /* a full disk or a broken database takes its time */

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
		box_end(s);
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

void starts_serve(struct node *n)
{
	struct job **at = &n->jobs;

	while (*at) {
		struct job *j = *at;
		struct slot *s = box_find(n, SLOT_BLANK, j->class);

		if (!s || !has_all(n, j)) {
			at = &j->next;
			continue;
		}
		unlink_job(n, at);
		assign(n, s, j);
	}
	boxes_keep_coming(n);
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

bool starts_ask(struct node *n, const struct job *j)
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
void starts_ask_again(void *data)
{
	struct node *n = data;
	int asked = 0;

	if (peers_has_orchestrator(n->peers))
		for (const struct job *j = n->jobs; j && asked < ASK_AGAIN_MAX; j = j->next)
			asked += starts_ask(n, j);
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
	(void)starts_ask(n, j);
	if (!n->jobs)
		timer_arm_after(n->ask, ASK_AGAIN_USEC);
	j->asked_usec = clock_mono_usec();
	n->used[j->class] = true;
	*n->jobs_tail = j;
	n->jobs_tail = &j->next;
	TAKE_PTR(j);
	starts_serve(n);
}

void starts_fail(struct node *n, const char *bundle, const char *why)
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
	starts_serve(n);
}

void node_bundle_missing(struct node *n, const char *hash, const char *why)
{
	starts_fail(n, hash, why);
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
	starts_serve(n);
}
