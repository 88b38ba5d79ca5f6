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
	int fd;             /* owned while a sync is under way */
	atomic_int outcome; /* 1: running; else 0 or -errno */
	uint64_t took_usec; /* of the last one; the thread's until outcome is set */
};

static void *run(void *data)
{
	struct log_sync *s = data;
	uint64_t began = clock_mono_usec();
	int outcome = fdatasync(s->fd) < 0 ? -errno : 0;

	s->took_usec = clock_mono_usec() - began;
	atomic_store(&s->outcome, outcome);
	return NULL;
}

static void collect(struct log_sync *s)
{
	int outcome;

	(void)pthread_join(s->thread, NULL);
	s->started = false;
	close(s->fd);
	outcome = atomic_load(&s->outcome);
	gateway_observe(GATEWAY_LOG_SYNCS, s->took_usec);
	if (outcome < 0)
		gateway_count(GATEWAY_LOG_FAILED, 1);
	if (outcome < 0)
		log_error("the session log cannot be brought to the disk: %s", strerror(-outcome));
}

static void on_timer(void *data)
{
	struct log_sync *s = data;

	timer_arm_after(s->timer, SYNC_USEC);
	if (s->started && atomic_load(&s->outcome) == 1)
		return; /* the disk is slower than we are */
	if (s->started)
		collect(s);
	s->fd = session_log_take_dirty(s->log);
	if (s->fd < 0)
		return;
	atomic_store(&s->outcome, 1);
	s->started = pthread_create(&s->thread, NULL, run, s) == 0;
	if (!s->started) {
		(void)fdatasync(s->fd);
		close(s->fd);
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
