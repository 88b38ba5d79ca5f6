#include "base/offload.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"

#define AT_ONCE 4
#define HASHES_AT_ONCE 2 /* of them: they take minutes, and an fsync must not wait for that */
#define CHUNK 65536
#define RUNNING 1

struct offload {
	struct loop *loop;
	struct source *source;    /* owned */
	int event;                /* owned; a thread has ended */
	struct offload_job *jobs; /* owned; oldest first */
	size_t running, hashing;  /* hashing: of the running ones */
	bool settling;
};

struct offload_job {
	struct offload_job *next;
	struct offload *offload;
	pthread_t thread;
	bool started;
	int fds[OFFLOAD_FDS_MAX]; /* owned */
	size_t n;
	atomic_int outcome;                    /* RUNNING; else 0 or -errno */
	void (*done)(int outcome, void *data); /* NULL: forgotten, or it is a hashing */
	void (*hashed)(int outcome, const char hash[SHA256_HEX + 1], void *data);
	char hash[SHA256_HEX + 1];
	bool hashes;
	atomic_bool given_up; /* nobody waits for the hash any more */
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

/* -ECANCELED: given up on the way. */
static int hash_one(struct offload_job *j)
{
	uint8_t chunk[CHUNK], raw[SHA256_LEN];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	off_t at = 0;
	ssize_t n = 1;
	int r = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;

	while (r == 0 && n != 0) {
		n = pread(j->fds[0], chunk, sizeof(chunk), at);
		if (n < 0 && errno != EINTR)
			r = -errno;
		else if (n > 0 && EVP_DigestUpdate(ctx, chunk, (size_t)n) != 1)
			r = -ENOMEM;
		else if (atomic_load(&j->given_up))
			r = -ECANCELED;
		at += n > 0 ? n : 0;
	}
	if (r == 0 && EVP_DigestFinal_ex(ctx, raw, NULL) != 1)
		r = -ENOMEM;
	EVP_MD_CTX_free(ctx);
	if (r == 0)
		hex_write(raw, sizeof(raw), j->hash);
	return r;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static void *run(void *data)
{
	struct offload_job *j = data;
	const uint64_t one = 1;
	int event = j->offload->event;

	/* Whoever sees the outcome may free the job. */
	atomic_store(&j->outcome, j->hashes ? hash_one(j) : sync_all(j->fds, j->n));
	(void)!write(event, &one, sizeof(one));
	return NULL;
}

static void start_more(struct offload *o)
{
	for (struct offload_job *j = o->jobs; j && o->running < AT_ONCE; j = j->next) {
		if (j->started || atomic_load(&j->outcome) != RUNNING ||
			(j->hashes && o->hashing == HASHES_AT_ONCE))
			continue;
		j->started = pthread_create(&j->thread, NULL, run, j) == 0;
		if (j->started) {
			o->running++;
			o->hashing += j->hashes;
		} else {
			(void)run(j);
		}
	}
}

static void unlink_job(struct offload_job *j)
{
	for (struct offload_job **at = &j->offload->jobs; *at; at = &(*at)->next)
		if (*at == j) {
			*at = j->next;
			return;
		}
}

static void end_job(struct offload_job *j)
{
	struct offload_job copy;
	int outcome;

	if (j->started) {
		(void)pthread_join(j->thread, NULL);
		j->offload->running--;
		j->offload->hashing -= j->hashes;
	}
	outcome = atomic_load(&j->outcome);
	if (outcome < 0 && outcome != -ECANCELED)
		log_error("a file cannot be brought to the disk or read: %s", strerror(-outcome));
	unlink_job(j);
	close_all(j->fds, j->n);
	copy = *j;
	free(j);
	if (copy.done)
		copy.done(outcome, copy.data);
	if (copy.hashed)
		copy.hashed(outcome, outcome == 0 ? copy.hash : "", copy.data);
}

static struct offload_job *an_ended_one(const struct offload *o)
{
	for (struct offload_job *j = o->jobs; j; j = j->next)
		if (atomic_load(&j->outcome) != RUNNING)
			return j;
	return NULL;
}

static void on_event(int fd, uint32_t events, void *data)
{
	struct offload *o = data;
	struct offload_job *j;
	uint64_t count;

	(void)events;
	(void)!read(fd, &count, sizeof(count));
	while ((j = an_ended_one(o)))
		end_job(j);
	start_more(o);
}

int offload_new(struct loop *loop, struct offload **ret)
{
	struct offload *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	o->loop = loop;
	o->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = o->event < 0 ? -errno : loop_add_fd(loop, o->event, EPOLLIN, on_event, o, &o->source);
	if (r < 0) {
		if (o->event >= 0)
			close(o->event);
		free(o);
		return r;
	}
	*ret = o;
	return 0;
}

void offload_settle(struct offload *o)
{
	o->settling = true;
	for (struct offload_job *j = o->jobs; j; j = j->next)
		atomic_store(&j->given_up, j->hashes);
	while (o->jobs) {
		if (!o->jobs->started && atomic_load(&o->jobs->outcome) == RUNNING)
			(void)run(o->jobs); /* a hash at once, given up as it is */
		end_job(o->jobs);
	}
}

static void forget_call(struct offload_job *j)
{
	j->done = NULL;
	j->hashed = NULL;
}

struct offload *offload_free(struct offload *o)
{
	if (!o)
		return NULL;
	for (struct offload_job *j = o->jobs; j; j = j->next)
		forget_call(j);
	offload_settle(o);
	(void)source_free(o->source);
	close(o->event);
	free(o);
	return NULL;
}

static int sync_now(const int *fds, size_t n)
{
	int r = sync_all(fds, n);

	close_all(fds, n);
	return r;
}

static void add_job(struct offload *o, struct offload_job *j)
{
	struct offload_job **last = &o->jobs;

	while (*last)
		last = &(*last)->next;
	*last = j;
	start_more(o);
}

int offload_sync(struct offload *o, const int *fds, size_t n, void (*done)(int outcome, void *data),
	void *data, struct offload_job **ret)
{
	struct offload_job *j = o->settling ? NULL : calloc(1, sizeof(*j));

	if (!j)
		return sync_now(fds, n);
	*j = (struct offload_job){
		.offload = o, .n = n, .outcome = RUNNING, .done = done, .data = data};
	memcpy(j->fds, fds, n * sizeof(*fds));
	*ret = j;
	add_job(o, j);
	return 1;
}

int offload_hash(struct offload *o, int fd,
	void (*done)(int outcome, const char hash[SHA256_HEX + 1], void *data), void *data,
	struct offload_job **ret)
{
	struct offload_job *j = o->settling ? NULL : calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	*j = (struct offload_job){.offload = o,
		.n = 1,
		.fds = {fd},
		.hashes = true,
		.outcome = RUNNING,
		.hashed = done,
		.data = data};
	*ret = j;
	add_job(o, j);
	return 0;
}

struct offload_job *offload_forget(struct offload_job *j)
{
	if (!j)
		return NULL;
	forget_call(j);
	atomic_store(&j->given_up, j->hashes);
	if (j->hashes && !j->started && atomic_load(&j->outcome) == RUNNING) {
		unlink_job(j);
		close_all(j->fds, j->n);
		free(j);
	}
	return NULL;
}
