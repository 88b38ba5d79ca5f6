#include "base/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

#define FIRST_FD 3
#define ACCEPTS_PER_ROUND 64
#define PAUSE_USEC (100 * USEC_PER_MSEC)

struct entry {
	entry_fn fn;
	void *data;
	struct source *sockets[ENTRY_SOCKETS_MAX]; /* owned */
	int fds[ENTRY_SOCKETS_MAX];                /* owned */
	size_t n;
	struct source *pause; /* owned; timer */
};

size_t entry_inherited(int ret[ENTRY_SOCKETS_MAX])
{
	size_t n = 0;

	for (int fd = FIRST_FD; n < ENTRY_SOCKETS_MAX; fd++) {
		int listening = 0;
		socklen_t length = sizeof(listening);

		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) < 0 ||
			!listening)
			break;
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		ret[n++] = fd;
	}
	return n;
}

void entry_raise_limit(rlim_t most)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < most ? limit.rlim_max : most;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void watch(struct entry *e, uint32_t events)
{
	for (size_t i = 0; i < e->n; i++)
		(void)source_set_events(e->sockets[i], events);
}

static void on_pause_over(void *data)
{
	watch(data, EPOLLIN);
}

static void on_knock(int fd, uint32_t events, void *data)
{
	struct entry *e = data;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
		struct sockaddr_storage peer = {0};
		socklen_t length = sizeof(peer);
		int got = accept4(
			fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (got >= 0) {
			e->fn(got, &peer, length, e->data);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			watch(e, 0);
			timer_arm_after(e->pause, PAUSE_USEC);
		}
		return;
	}
}

int entry_new(
	struct loop *loop, const int *fds, size_t n, entry_fn fn, void *data, struct entry **ret)
{
	struct entry *e;
	int r;

	if (n > ENTRY_SOCKETS_MAX)
		return -E2BIG;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	*e = (struct entry){.fn = fn, .data = data};
	r = loop_add_timer(loop, on_pause_over, e, &e->pause);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = loop_add_fd(loop, fds[i], EPOLLIN, on_knock, e, &e->sockets[i]);
	if (r < 0) {
		/* e->n is 0: the descriptors are the caller's still. */
		for (size_t i = 0; i < n; i++)
			(void)source_free(e->sockets[i]);
		(void)entry_free(e);
		return r;
	}
	for (e->n = 0; e->n < n; e->n++)
		e->fds[e->n] = fds[e->n];
	*ret = e;
	return 0;
}

struct entry *entry_free(struct entry *e)
{
	if (!e)
		return NULL;
	for (size_t i = 0; i < e->n; i++) {
		(void)source_free(e->sockets[i]);
		close(e->fds[i]);
	}
	(void)source_free(e->pause);
	free(e);
	return NULL;
}
