#include "tls/door.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/entry.h"
#include "base/log.h"
#include "tls/metrics.h"

#define REPORT_USEC (60 * USEC_PER_SEC)
/* A client that is gone without a word, or takes nothing any more. */
#define KEEPALIVE_SEC 30
#define KEEPALIVE_EVERY_SEC 10
#define KEEPALIVE_TIMES 3
#define UNTAKEN_MSEC 60000

struct door {
	struct streams *streams; /* borrowed */
	struct entry *entry;     /* owned */
	struct source *report;   /* owned; timer */
	uint64_t refused, reported;
};

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

static void take(int fd, const struct sockaddr_storage *peer, socklen_t length, void *data)
{
	struct door *d = data;
	struct address *a = limits_enter(d->streams->limits, (const struct sockaddr *)peer);

	(void)length;
	if (a && !limits_take(a, LIMIT_HANDSHAKE, clock_mono_usec())) {
		limits_leave(d->streams->limits, a);
		a = NULL;
	}
	if (!a) {
		d->refused++;
		tls_count(TLS_REFUSED, 1);
		close(fd);
		return;
	}
	set_habits(fd);
	(void)stream_new(d->streams, fd, (const struct sockaddr *)peer, a);
}

int door_new(struct streams *streams, const int *fds, size_t n, struct door **ret)
{
	CLEANUP(door_freep) struct door *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->streams = streams;
	r = loop_add_timer(streams->loop, on_report, d, &d->report);
	if (r == 0)
		r = entry_new(streams->loop, fds, n, take, d, &d->entry);
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
	(void)entry_free(d->entry);
	(void)source_free(d->report);
	free(d);
	return NULL;
}
