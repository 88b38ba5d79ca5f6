#include "gateway/disk.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"

#define AT_ONCE 4
#define RUNNING 1

struct disk {
	struct loop *loop;
	struct source *source; /* owned */
	int event;             /* owned; a thread has ended */
	struct disk_job *jobs; /* owned; oldest first */
	size_t running;
	bool settling;
};

struct disk_job {
	struct disk_job *next;
	struct disk *disk;
	pthread_t thread;
	bool started;
	int fds[DISK_FDS_MAX]; /* owned */
	size_t n;
	atomic_int outcome;                    /* RUNNING; else 0 or -errno */
	void (*done)(int outcome, void *data); /* NULL: forgotten */
	void *data;
};

static int sync_all(const int *fds, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n; i++)
		if (fsync(fds[i]) < 0 && r == 0)
			r = -errno;
	return r;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static void *run(void *data)
{
	struct disk_job *j = data;
	const uint64_t one = 1;
	int event = j->disk->event;

	/* Whoever sees the outcome may free the job. */
	atomic_store(&j->outcome, sync_all(j->fds, j->n));
	(void)!write(event, &one, sizeof(one));
	return NULL;
}

static void start_more(struct disk *d)
{
	for (struct disk_job *j = d->jobs; j && d->running < AT_ONCE; j = j->next) {
		if (j->started || atomic_load(&j->outcome) != RUNNING)
			continue;
		j->started = pthread_create(&j->thread, NULL, run, j) == 0;
		if (j->started)
			d->running++;
		else
			(void)run(j);
	}
}

static void end_job(struct disk_job *j)
{
	void (*done)(int outcome, void *data) = j->done;
	void *data = j->data;
	int outcome;

	if (j->started) {
		(void)pthread_join(j->thread, NULL);
		j->disk->running--;
	}
	outcome = atomic_load(&j->outcome);
	if (outcome < 0)
		log_error("a file cannot be brought to the disk: %s", strerror(-outcome));
	for (struct disk_job **at = &j->disk->jobs; *at; at = &(*at)->next)
		if (*at == j) {
			*at = j->next;
			break;
		}
	close_all(j->fds, j->n);
	free(j);
	if (done)
		done(outcome, data);
}

static struct disk_job *an_ended_one(const struct disk *d)
{
	for (struct disk_job *j = d->jobs; j; j = j->next)
		if (atomic_load(&j->outcome) != RUNNING)
			return j;
	return NULL;
}

static void on_event(int fd, uint32_t events, void *data)
{
	struct disk *d = data;
	struct disk_job *j;
	uint64_t count;

	(void)events;
	(void)!read(fd, &count, sizeof(count));
	while ((j = an_ended_one(d)))
		end_job(j);
	start_more(d);
}

int disk_new(struct loop *loop, struct disk **ret)
{
	struct disk *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->loop = loop;
	d->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = d->event < 0 ? -errno : loop_add_fd(loop, d->event, EPOLLIN, on_event, d, &d->source);
	if (r < 0) {
		if (d->event >= 0)
			close(d->event);
		free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void disk_settle(struct disk *d)
{
	d->settling = true;
	while (d->jobs) {
		if (!d->jobs->started && atomic_load(&d->jobs->outcome) == RUNNING)
			(void)run(d->jobs);
		end_job(d->jobs);
	}
}

struct disk *disk_free(struct disk *d)
{
	if (!d)
		return NULL;
	for (struct disk_job *j = d->jobs; j; j = j->next)
		j->done = NULL;
	disk_settle(d);
	(void)source_free(d->source);
	close(d->event);
	free(d);
	return NULL;
}

static int sync_now(const int *fds, size_t n)
{
	int r = sync_all(fds, n);

	close_all(fds, n);
	return r;
}

int disk_sync(struct disk *d, const int *fds, size_t n, void (*done)(int outcome, void *data),
	void *data, struct disk_job **ret)
{
	struct disk_job *j = d->settling ? NULL : calloc(1, sizeof(*j));
	struct disk_job **last = &d->jobs;

	if (!j)
		return sync_now(fds, n);
	*j = (struct disk_job){.disk = d, .n = n, .outcome = RUNNING, .done = done, .data = data};
	memcpy(j->fds, fds, n * sizeof(*fds));
	while (*last)
		last = &(*last)->next;
	*last = j;
	*ret = j;
	start_more(d);
	return 1;
}

struct disk_job *disk_forget(struct disk_job *j)
{
	if (j)
		j->done = NULL;
	return NULL;
}
