#include "inference/engine/loading.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NICENESS 10

struct loading {
	struct loading_ops ops;
	void *data;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int event;             /* owned */
	struct source *source; /* owned */
	bool busy;             /* the loop's: a job has been begun and on_loaded not been called */

	/* Under the lock. */
	struct loading_job job;
	bool waiting, loaded, looked, stop;
	struct model *model; /* owned, where loaded */

	struct weights_progress progress;
};

static void tell_loop(const struct loading *l)
{
	const uint64_t one = 1;
	ssize_t ignored = write(l->event, &one, sizeof(one));

	(void)ignored; /* a full counter is readable as well */
}

/* Until there is something to do; false: the end. *ret_job false: time for a look. */
static bool wait_for_work(struct loading *l, struct loading_job *job, bool *ret_job)
{
	struct timespec until;
	bool go_on;
	int r = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LOADING_LOOK_USEC / 1000000;
	pthread_mutex_lock(&l->lock);
	while (!l->stop && !l->waiting && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&l->wake, &l->lock, &until);
	*ret_job = l->waiting;
	if (l->waiting)
		*job = l->job;
	l->waiting = false;
	go_on = !l->stop;
	pthread_mutex_unlock(&l->lock);
	return go_on;
}

static void *run(void *data)
{
	struct loading *l = data;
	struct loading_job job;
	bool is_job;

	(void)setpriority(PRIO_PROCESS, 0, NICENESS); /* of this thread, setpriority(2) */
	while (wait_for_work(l, &job, &is_job)) {
		struct model *m = NULL;
		bool looked, pending;

		if (is_job) {
			job.limits.progress = &l->progress;
			m = model_load(job.dirfd, job.folder, job.id, job.device, &job.limits);
		}
		pthread_mutex_lock(&l->lock);
		pending = l->looked;
		pthread_mutex_unlock(&l->lock);
		/* The look's results are the loop's until it has taken them. */
		looked = !is_job && !pending && l->ops.look(l->data);
		pthread_mutex_lock(&l->lock);
		if (is_job) {
			l->model = m;
			l->loaded = true;
		}
		l->looked = l->looked || looked;
		pthread_mutex_unlock(&l->lock);
		if (is_job || looked)
			tell_loop(l);
	}
	return NULL;
}

static void on_event(int fd, uint32_t events, void *data)
{
	struct loading *l = data;
	struct model *m;
	uint64_t count;
	bool loaded, looked;
	ssize_t ignored = read(fd, &count, sizeof(count));

	(void)ignored;
	(void)events;
	pthread_mutex_lock(&l->lock);
	loaded = l->loaded;
	looked = l->looked;
	m = l->model;
	l->loaded = false;
	l->model = NULL;
	pthread_mutex_unlock(&l->lock);
	if (looked) {
		l->ops.look_done(l->data);
		pthread_mutex_lock(&l->lock);
		l->looked = false;
		pthread_mutex_unlock(&l->lock);
	}
	if (loaded) {
		l->busy = false;
		l->ops.on_loaded(m, l->data);
	}
}

static int start(struct loading *l, struct loop *loop)
{
	pthread_condattr_t attr;
	sigset_t all, before;
	int r;

	l->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->event < 0)
		return -errno;
	r = loop_add_fd(loop, l->event, EPOLLIN, on_event, l, &l->source);
	if (r < 0)
		return r;
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&l->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	(void)pthread_mutex_init(&l->lock, NULL);
	/* Signals are the loop's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	r = -pthread_create(&l->thread, NULL, run, l);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

int loading_new(struct loop *loop, const struct loading_ops *ops, void *data, struct loading **ret)
{
	struct loading *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	*l = (struct loading){.ops = *ops, .data = data, .event = -1};
	r = start(l, loop);
	if (r < 0) {
		(void)source_free(l->source);
		if (l->event >= 0)
			(void)close(l->event);
		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

struct loading *loading_free(struct loading *l)
{
	if (!l)
		return NULL;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
	atomic_store(&l->progress.stop, true);
	(void)pthread_join(l->thread, NULL);
	(void)model_free(l->model);
	(void)source_free(l->source);
	(void)close(l->event);
	(void)pthread_cond_destroy(&l->wake);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
	return NULL;
}

bool loading_begin(struct loading *l, const struct loading_job *job)
{
	if (l->busy)
		return false;
	l->busy = true;
	atomic_store(&l->progress.done, 0);
	pthread_mutex_lock(&l->lock);
	l->job = *job;
	l->waiting = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
	return true;
}

uint64_t loading_done_bytes(const struct loading *l)
{
	return atomic_load(&l->progress.done);
}
