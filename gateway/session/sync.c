#include "gateway/session/sync.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/metrics.h"

struct log_sync {
	struct session_log *log; /* borrowed */
	struct source *timer;    /* owned */
	pthread_t thread;
	bool started;
	int fds[LOG_DIRTY_MAX]; /* owned while a sync is under way */
	size_t n;
	atomic_int outcome; /* 1: running; else 0 or -errno */
	uint64_t took_usec; /* of the last one; the thread's until outcome is set */
};

static void *run(void *data)
{
	struct log_sync *s = data;
	uint64_t began = clock_mono_usec();
	int outcome = 0;

	for (size_t i = 0; i < s->n; i++)
		if (fsync(s->fds[i]) < 0)
			outcome = -errno;
	s->took_usec = clock_mono_usec() - began;
	atomic_store(&s->outcome, outcome);
	return NULL;
}

static void finish(struct log_sync *s)
{
	int outcome = atomic_load(&s->outcome);

	for (size_t i = 0; i < s->n; i++)
		close(s->fds[i]);
	gateway_observe(GATEWAY_LOG_SYNCS, s->took_usec);
	if (outcome == 0) {
		session_log_synced(s->log);
		return;
	}
	session_log_sync_failed(s->log);
	gateway_count(GATEWAY_LOG_FAILED, 1);
	log_error("the session log cannot be brought to the disk: %s", strerror(-outcome));
}

static void collect(struct log_sync *s)
{
	(void)pthread_join(s->thread, NULL);
	s->started = false;
	finish(s);
}

static void on_timer(void *data)
{
	struct log_sync *s = data;

	timer_arm_after(s->timer, SYNC_USEC);
	if (s->started && atomic_load(&s->outcome) == 1)
		return; /* the disk is slower than we are */
	if (s->started)
		collect(s);
	s->n = session_log_take_dirty(s->log, s->fds);
	if (s->n == 0)
		return;
	atomic_store(&s->outcome, 1);
	s->started = pthread_create(&s->thread, NULL, run, s) == 0;
	if (!s->started) {
		(void)run(s);
		finish(s);
	}
}

int log_sync_new(struct loop *loop, struct session_log *log, struct log_sync **ret)
{
	struct log_sync *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->log = log;
	r = loop_add_timer(loop, on_timer, s, &s->timer);
	if (r < 0) {
		free(s);
		return r;
	}
	timer_arm_after(s->timer, SYNC_USEC);
	*ret = s;
	return 0;
}

struct log_sync *log_sync_free(struct log_sync *s)
{
	if (!s)
		return NULL;
	(void)source_free(s->timer);
	if (s->started)
		collect(s);
	free(s);
	return NULL;
}
