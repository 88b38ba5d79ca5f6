#include "tls/door.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define LISTENERS_MAX 16
#define ACCEPTS_PER_ROUND 32
#define PAUSE_USEC (100 * USEC_PER_MSEC)
#define REPORT_USEC (60 * USEC_PER_SEC)
/* A client that is gone without a word, or takes nothing any more. */
#define KEEPALIVE_SEC 30
#define KEEPALIVE_EVERY_SEC 10
#define KEEPALIVE_TIMES 3
#define UNTAKEN_MSEC 60000

struct door {
	struct streams *streams;                 /* borrowed */
	struct source *listeners[LISTENERS_MAX]; /* owned */
	int fds[LISTENERS_MAX];                  /* owned */
	size_t n;
	struct source *pause, *report; /* owned; timers */
	uint64_t refused, reported;
};

static void watch(struct door *d, uint32_t events)
{
	for (size_t i = 0; i < d->n; i++)
		(void)source_set_events(d->listeners[i], events);
}

static void on_pause_over(void *data)
{
	watch(data, EPOLLIN);
}

static void on_report(void *data)
{
	struct door *d = data;

	if (d->refused != d->reported)
		log_warn("%llu connections refused: too many from one address, or in all",
			(unsigned long long)(d->refused - d->reported));
	d->reported = d->refused;
	timer_arm_after(d->report, REPORT_USEC);
}

static void set_option(int fd, int level, int option, int value)
{
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

static void set_habits(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_SEC);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY_SEC);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_TIMES);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNTAKEN_MSEC);
}

static void take(struct door *d, int fd, const struct sockaddr_storage *peer)
{
	struct address *a = limits_enter(d->streams->limits, (const struct sockaddr *)peer);

	if (a && !limits_take(a, LIMIT_HANDSHAKE, clock_mono_usec())) {
		limits_leave(d->streams->limits, a);
		a = NULL;
	}
	if (!a) {
		d->refused++;
		close(fd);
		return;
	}
	set_habits(fd);
	(void)stream_new(d->streams, fd, (const struct sockaddr *)peer, a);
}

static void on_knock(int fd, uint32_t events, void *data)
{
	struct door *d = data;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
		struct sockaddr_storage peer = {0};
		socklen_t length = sizeof(peer);
		int got = accept4(
			fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (got >= 0) {
			take(d, got, &peer);
			continue;
		}
		/* Out of descriptors: whoever knocks waits, and we do not spin. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			watch(d, 0);
			timer_arm_after(d->pause, PAUSE_USEC);
		}
		return;
	}
}

int door_new(struct streams *streams, const int *fds, size_t n, struct door **ret)
{
	CLEANUP(door_freep) struct door *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	if (n > LISTENERS_MAX)
		return -E2BIG;
	d->streams = streams;
	r = loop_add_timer(streams->loop, on_pause_over, d, &d->pause);
	if (r == 0)
		r = loop_add_timer(streams->loop, on_report, d, &d->report);
	for (size_t i = 0; r == 0 && i < n; i++) {
		d->fds[d->n] = fds[i];
		r = loop_add_fd(streams->loop, fds[i], EPOLLIN, on_knock, d, &d->listeners[d->n]);
		if (r == 0)
			d->n++;
	}
	if (r < 0)
		return r;
	timer_arm_after(d->report, REPORT_USEC);
	*ret = TAKE_PTR(d);
	return 0;
}

struct door *door_free(struct door *d)
{
	if (!d)
		return NULL;
	for (size_t i = 0; i < d->n; i++) {
		(void)source_free(d->listeners[i]);
		close(d->fds[i]);
	}
	(void)source_free(d->pause);
	(void)source_free(d->report);
	free(d);
	return NULL;
}
